"""Wiring: which nodes of a graph are its backbone's, and what flows from one to the next."""

from collections.abc import Collection

import onnx
from onnx import helper

from lineament.models.nodes import FEATURES, PIXELS

FOLDED = ("Relu", "Clip")  # engines fold them into the node before: what flows is what they give


class Wiring:
    """The nodes between pixels and features.

    Args:
        model: The graph. A node without a name is given one.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        for number, node in enumerate(model.graph.node):
            node.name = node.name or f"{node.op_type}_{number}"
        self._constants = {each.name for each in model.graph.initializer}
        self._readers: dict[str, list[onnx.NodeProto]] = {}
        for node in model.graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        names = _backbone(model)
        inside = [node for node in model.graph.node if node.name in names]
        self.layers = {node.name: node for node in inside if self._is_layer(node)}
        self._nodes = [
            node
            for node in inside
            if node.name in self.layers or node.op_type in ("Add", "MaxPool")
        ]

    @property
    def flows(self) -> list[str]:
        """Names of all that may have to be written as integers."""
        given = [node.input[0] for node in self.layers.values()]
        return list(dict.fromkeys([*given, *(self.after(node) for node in self._nodes)]))

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
        if node.op_type not in ("Conv", "Gemm") or not self._constants.issuperset(node.input[1:]):
            return False
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
