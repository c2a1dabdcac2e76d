"""Nodes: a graph written node by node, in plain arithmetic, which every engine runs alike."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lineament.core.version import __version__

OPSET = 18
PIXELS = "pixels"
FEATURES = "features"
EMBEDDING = "embedding"
NAMED = "lineament/"  # what the names of our own constants and tensors begin with


class Nodes:
    """Collects nodes and constants, in the order in which they are to be computed."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._count = 0

    def node(
        self,
        kind: str,
        inputs: Sequence[str],
        output: str = "",
        **attributes: int | float | Sequence[int],
    ) -> str:
        """Add a node and name its only output."""
        name = output or self._name(kind.lower())
        # Called as what it gives, so that who looks at the graph can tell one from another.
        self._nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, values: NDArray[np.generic] | np.generic, name: str = "") -> str:
        """Add a constant."""
        label = f"{NAMED}{name}" if name else self._name("constant")
        self._constants.append(numpy_helper.from_array(np.asarray(values), label))
        return label

    def ints(self, values: list[int]) -> str:
        """Add a list of integers, as axes and indices are given."""
        return self.constant(np.asarray(values, dtype=np.int64))

    def number(self, value: float) -> str:
        """Add a scalar ``float32``."""
        return self.constant(np.asarray(value, dtype=np.float32))

    def joined(
        self,
        given: onnx.ValueInfoProto,
        outputs: Mapping[str, Sequence[str | int]],
        *,
        ir_version: int,
        nodes: Sequence[onnx.NodeProto] = (),
        constants: Sequence[onnx.TensorProto] = (),
    ) -> bytes:
        """Make one checked model of everything that was collected.

        Args:
            given: The only input.
            outputs: Shape of each output, all ``float32``, by name.
            ir_version: Of the file format.
            nodes: What is computed before.
            constants: Of those nodes.
        """
        results = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
            for name, shape in outputs.items()
        ]
        graph = helper.make_graph(
            [*nodes, *self._nodes],
            "lineament",
            [given],
            results,
            initializer=[*constants, *self._constants],
        )
        model = helper.make_model(
            graph,
            producer_name="lineament",
            producer_version=__version__,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=ir_version,
        )
        onnx.checker.check_model(model)
        serialised: bytes = model.SerializeToString()
        return serialised

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{NAMED}{kind}_{self._count}"
