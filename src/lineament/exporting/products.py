"""Products: how many multiplications each node of a backbone does on one photo."""

import math
from collections.abc import Collection

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from lineament.exporting.wiring import Wiring
from lineament.runtime.engines import OnnxRuntimeEngine


def products(model: onnx.ModelProto, wiring: Wiring, photo: NDArray[np.uint8]) -> dict[str, int]:
    """Count the multiplications of convolutions and matrix products, constant or not.

    Args:
        model: The graph in float32, from ``image``.
        wiring: Of it.
        photo: A decoded photo, ``uint8 (H, W, 3)``.

    Returns:
        How many there are by the name of each node of the backbone that does any.
    """
    stored = {each.name: tuple(each.dims) for each in model.graph.initializer}
    nodes = wiring.multiplying.values()
    wanted = dict.fromkeys(
        name for node in nodes for name in (*node.input[:2], node.output[0]) if name not in stored
    )
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    del opened.graph.output[:]
    opened.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in wanted
    )
    engine = OnnxRuntimeEngine(opened.SerializeToString(), name="the graph with its products")
    found = zip(wanted, engine.run(photo[None], list(wanted)), strict=True)
    shapes = {**stored, **{name: values.shape for name, values in found}}
    return {node.name: math.prod(shapes[node.output[0]]) * _summed(node, shapes) for node in nodes}


def share(products: dict[str, int], chosen: Collection[str]) -> float:
    """Say what part of all multiplications some nodes do, 0 to 1.

    Example:
        >>> share({"a": 30, "b": 10}, ["a"])
        0.75
    """
    return sum(products[name] for name in chosen) / sum(products.values())


def _summed(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    """Count the products in the sum that is one number of what a node gives."""
    if node.op_type == "Conv":
        return math.prod(shapes[node.input[1]][1:])
    is_turned = any(each.name == "transA" and each.i for each in node.attribute)
    return shapes[node.input[0]][0 if is_turned else -1]
