"""Wiring: which nodes of a graph are its backbone's, and what flows from one to the next."""

from collections.abc import Collection

import onnx
from onnx import helper

from lineament.models.nodes import FEATURES, PIXELS

FOLDED = ("Relu", "Clip")  # engines fold them into the node before: what flows is what they give
MULTIPLY = ("Conv", "Gemm", "MatMul")
CHANNELS, LAST = 1, -1  # axes of the channels: of photos and maps, and of rows of tokens


class Wiring:
    """The nodes between pixels and features.

    Args:
        model: The graph. A node without a name is given one.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        for number, node in enumerate(model.graph.node):
            node.name = node.name or f"{node.op_type}_{number}"
        self._constants = {each.name: tuple(each.dims) for each in model.graph.initializer}
        self._readers: dict[str, list[onnx.NodeProto]] = {}
        for node in model.graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        names = _backbone(model)
        inside = [node for node in model.graph.node if node.name in names]
        self.multiplying = {node.name: node for node in inside if node.op_type in MULTIPLY}
        self.layers = {
            name: node for name, node in self.multiplying.items() if self._is_layer(node)
        }
        # What a matrix product gives goes on to a sum, a norm or a softmax: these stay in float32,
        # and so does what they read.
        self._nodes = [
            node
            for node in inside
            if (node.name in self.layers and node.op_type != "MatMul")
            or node.op_type in ("Add", "MaxPool")
        ]

    @property
    def flows(self) -> dict[str, int]:
        """All that may have to be written as integers, each with the axis of its channels."""
        given = [node.input[0] for node in self.layers.values()]
        names = dict.fromkeys([*given, *self.integers(self.layers)])
        return {name: self.axis(name) for name in names}

    def axis(self, flow: str) -> int:
        """Tell on which axis of a flow its channels are."""
        readers = self._readers.get(flow, [])
        return LAST if any(each.op_type == "MatMul" for each in readers) else CHANNELS

    def after(self, node: onnx.NodeProto) -> str:
        """Name what flows out of a node, or out of the activation that is folded into it."""
        output: str = node.output[0]
        readers = self._readers.get(output, [])
        folds = len(readers) == 1 and readers[0].op_type in FOLDED and output != FEATURES
        return str(readers[0].output[0]) if folds else output

    def integers(self, quantised: Collection[str]) -> dict[str, str]:
        """Find what flows as integers to all that read it.

        That is what quantised layers give, and what is added or pooled of nothing else: then no
        number between two layers need be a float.

        Args:
            quantised: Names of layers.

        Returns:
            By the name of each flow, that of the flow whose values it has: another one after a
            pool, which gives nothing that was not given to it.
        """
        found: dict[str, str] = {}
        for node in self._nodes:
            after = self.after(node)
            if node.name in self.layers:
                if node.name in quantised:
                    found[after] = after
            elif all(name in found for name in node.input):
                found[after] = found[node.input[0]] if node.op_type == "MaxPool" else after
        return found

    def _is_layer(self, node: onnx.NodeProto) -> bool:
        """Whether a node multiplies what flows by constant weights, and does no more than that."""
        if (
            not all(name in self._constants for name in node.input[1:])
            or node.input[0] in self._constants
        ):
            return False
        if node.op_type == "MatMul":
            # Of one step for all tokens, and so of what nothing but matrix products reads as bytes.
            readers = {each.op_type for each in self._readers[node.input[0]]}
            return len(self._constants[node.input[1]]) == 2 and not readers & {"Conv", "Gemm"}
        plain = {"alpha": 1.0, "beta": 1.0, "transA": 0}
        return all(
            each.name not in plain or helper.get_attribute_value(each) == plain[each.name]
            for each in node.attribute
        )


def attribute(node: onnx.NodeProto, name: str, *, default: int) -> int:
    """Read a number that a node may state."""
    for each in node.attribute:
        if each.name == name:
            return int(each.i)
    return default


def _backbone(model: onnx.ModelProto) -> frozenset[str]:
    """Names of the nodes between the pixels and the features."""
    made_by = {name: node for node in model.graph.node for name in node.output}
    found: set[str] = set()
    waiting = [FEATURES]
    while waiting:
        node = made_by.get(waiting.pop())
        if node is None or PIXELS in node.output or node.name in found:
            continue
        found.add(node.name)
        waiting += node.input
    return frozenset(found)
