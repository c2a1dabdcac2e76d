"""ONNX folding: turn a model whose weights are stored as blocks of integers into a plain one.

OpenCV Zoo's small files (``*_int8bq.onnx``) keep each weight as 8-bit integers with a scale per
block, followed by a reshape, and list the weights among the model's inputs. ONNX Runtime 1.32
refuses such a file, and so does half of OpenCV's releases. Folded, the same numbers are 32-bit
constants, and every engine runs it.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lineament.core.extras import require

if TYPE_CHECKING:
    import onnx

Constants = dict[str, NDArray[Any]]  # of any type that ONNX has


def folded(model: bytes, *, free_axes: Mapping[str, tuple[int, ...]] | None = None) -> bytes:
    """Fold blocked integers and reshapes of constants into constants.

    Args:
        model: The ONNX file.
        free_axes: Axes of inputs, by name, that are to take any length; outputs are then of the
            length that follows.

    Returns:
        The same graph, its inputs only what is not constant.

    Raises:
        MissingExtraError: The package `onnx` is not installed.
    """
    onnx = require("onnx", extra="faces", purpose="Reading a model of OpenCV Zoo")
    proto = onnx.load_from_string(model)
    graph = proto.graph
    constants: Constants = {
        each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer
    }
    kept = []
    for node in graph.node:
        if not all(name in constants for name in node.input):
            kept.append(node)
            continue
        value = _computed(onnx, node, constants)
        if value is None:
            kept.append(node)
        else:
            constants[node.output[0]] = value
    _replace(graph.node, kept)
    _keep_used(onnx, graph, constants)
    used = {name for node in graph.node for name in node.input} - constants.keys()
    _replace(graph.input, [each for each in graph.input if each.name in used])
    if free_axes:
        _free(graph, free_axes)
    onnx.checker.check_model(proto)
    stored: bytes = proto.SerializeToString(deterministic=True)
    return stored


def dequantised(
    integers: NDArray[np.int8],
    scales: NDArray[np.float32],
    zeros: NDArray[np.int8],
    *,
    axis: int,
    block: int,
) -> NDArray[np.float32]:
    """Undo ONNX's blocked quantisation (operator DequantizeLinear, opset 21).

    Args:
        integers: What is stored.
        scales: One per block along ``axis``.
        zeros: The integer that means 0, one per block.
        axis: Along which the blocks lie.
        block: Length of a block; the last one may be shorter.

    Returns:
        ``float32`` of the shape of ``integers``.

    Example:
        >>> whole = np.array([[2, 4, 6]], dtype=np.int8)
        >>> parts = np.array([[0.5, 10.0]], dtype=np.float32)
        >>> dequantised(whole, parts, np.zeros((1, 2), np.int8), axis=1, block=2).tolist()
        [[1.0, 2.0, 60.0]]
    """
    kept = range(integers.shape[axis])
    scale = np.repeat(scales, block, axis).take(kept, axis)
    zero = np.repeat(zeros, block, axis).take(kept, axis)
    return np.asarray((integers.astype(np.float32) - zero) * scale, dtype=np.float32)


def _computed(
    onnx: ModuleType, node: "onnx.NodeProto", constants: Constants
) -> NDArray[Any] | None:
    """What a node makes of constants; ``None`` where it is not of those to be folded."""
    given = [constants[name] for name in node.input]
    attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    if node.op_type == "Reshape":
        return given[0].reshape([int(each) for each in given[1]])
    if node.op_type != "DequantizeLinear":
        return None
    integers, scales, zeros = given  # OpenCV Zoo states all three
    axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)
    if scales.ndim == 0 or scales.size == 1:
        # A scale for all: a bias. Its block, where one is stated, spans it whole.
        numbers = (integers.astype(np.float32) - zeros.reshape(())) * scales.reshape(())
        return np.asarray(numbers, dtype=np.float32)
    return dequantised(
        integers.astype(np.int8), np.asarray(scales, np.float32), zeros, axis=axis, block=block
    )


def _keep_used(onnx: ModuleType, graph: "onnx.GraphProto", constants: Constants) -> None:
    used = {name for node in graph.node for name in node.input}
    _replace(
        graph.initializer,
        [
            onnx.numpy_helper.from_array(np.ascontiguousarray(value), name)
            for name, value in constants.items()
            if name in used
        ],
    )


def _free(graph: "onnx.GraphProto", free_axes: Mapping[str, tuple[int, ...]]) -> None:
    """Let axes be of any length, and forget what was inferred from the lengths they had."""
    for stated in graph.input:
        for axis in free_axes.get(stated.name, ()):
            stated.type.tensor_type.shape.dim[axis].dim_param = f"{stated.name}_{axis}"
    for stated in graph.output:
        for axis, length in enumerate(stated.type.tensor_type.shape.dim):
            length.dim_param = f"{stated.name}_{axis}"
    del graph.value_info[:]


def _replace(repeated: object, parts: list[object]) -> None:
    """Put other parts into a repeated field of a protobuf message."""
    del repeated[:]  # type: ignore[attr-defined]  # protobuf states no type for its containers
    repeated.extend(parts)  # type: ignore[attr-defined]
