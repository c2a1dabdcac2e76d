"""Quantised graph: a graph written anew, some of its layers between integers of 8 bits.

Integers stand in it as pairs of QuantizeLinear and DequantizeLinear, which every engine understands
and fuses with the layer between them.
"""

from collections.abc import Collection, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from lineament.exporting.flows import Flow
from lineament.exporting.grids import Grid
from lineament.exporting.integers import layer_in_integers
from lineament.exporting.wiring import Wiring, attribute
from lineament.models.nodes import FEATURES


def quantised_graph(
    model: onnx.ModelProto, wiring: Wiring, flows: Mapping[str, Flow], layers: Collection[str]
) -> bytes:
    """Write a graph with some of its layers quantised.

    Args:
        model: The graph in float32, which is not changed.
        wiring: Of it.
        flows: What was measured of each of ``wiring.flows``.
        layers: Names of the layers to quantise.

    Returns:
        The serialised graph, with the inputs and outputs that it had.
    """
    writer = _Writer(model, wiring, flows, layers)
    for node in model.graph.node:
        writer.add(node)
    return writer.serialised()


class _Writer:
    def __init__(
        self,
        model: onnx.ModelProto,
        wiring: Wiring,
        flows: Mapping[str, Flow],
        layers: Collection[str],
    ) -> None:
        self._model, self._wiring, self._flows = model, wiring, flows
        self._layers = frozenset(layers)
        self._integers = wiring.integers(layers)
        self._given = {node.input[0] for name, node in wiring.layers.items() if name in layers}
        self._weights = {each.name: each for each in model.graph.initializer}
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def add(self, node: onnx.NodeProto) -> None:
        """Add a node as it is or quantised, and write what it gives as integers where wanted."""
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        del copy.input[:]
        if node.name in self._layers:
            copy.input.extend([_float(node.input[0]), *self._in_integers(node)])
        else:
            copy.input.extend(self._read(name, node) for name in node.input)
        self._nodes.append(copy)
        for place, name in enumerate(node.output):
            if name == FEATURES and name in self._integers:
                # The head reads the features by their name, and so does whoever cuts the graph.
                copy.output[place] = f"{FEATURES}/exact"
                self._write_integers(name, copy.output[place], name)
            elif name in self._integers or name in self._given:
                self._write_integers(name, name, _float(name))

    def serialised(self) -> bytes:
        """Join everything to one checked model, without the weights that nothing reads any more."""
        changed = onnx.ModelProto()
        changed.CopyFrom(self._model)
        graph = changed.graph
        del graph.node[:], graph.initializer[:]
        graph.node.extend(self._nodes)
        read = {name for node in self._nodes for name in node.input}
        stored = [*self._model.graph.initializer, *self._constants.values()]
        graph.initializer.extend(each for each in stored if each.name in read)
        onnx.checker.check_model(changed)
        content: bytes = changed.SerializeToString()
        return content

    def _read(self, name: str, node: onnx.NodeProto) -> str:
        """Name what a node that is not quantised reads of a flow."""
        if name not in self._integers or name == FEATURES:
            return name
        return self._apart(name) if node.name in self._wiring.layers else _float(name)

    def _apart(self, name: str) -> str:
        """Give a layer that stays in float32 what it reads with a step for each channel.

        They are all the same. But ONNX Runtime (``WeightBiasQuantization``, from 1.21) quantises
        any layer that it finds between integers, with one step for all of its weights; it passes
        over those whose input has more than one step.
        """
        output = f"{name}/float_by_channel"
        if all(output not in node.output for node in self._nodes):
            grid, channels = self._grid(name), len(self._flows[name].means)
            steps = self._constant(f"{name}/steps", np.full(channels, grid.step))
            zeros = self._constant(f"{name}/zeros", np.full(channels, grid.zero))
            self._dequantise(f"{name}/bytes", steps, zeros, output, axis=self._wiring.axis(name))
        return output

    def _write_integers(self, name: str, source: str, output: str) -> None:
        grid = self._grid(name)
        step = self._constant(f"{name}/step", np.asarray(grid.step))
        zero = self._constant(f"{name}/zero", np.asarray(grid.zero))
        self._nodes.append(
            helper.make_node(
                "QuantizeLinear", [source, step, zero], [f"{name}/bytes"], f"{name}/quantise"
            )
        )
        self._dequantise(f"{name}/bytes", step, zero, output)

    def _in_integers(self, node: onnx.NodeProto) -> list[str]:
        """Write a layer's weights and bias, and name what they are read as."""
        weights, *bias = (numpy_helper.to_array(self._weights[name]) for name in node.input[1:])
        is_conv, is_turned = node.op_type == "Conv", attribute(node, "transB", default=0)
        axis = 0 if is_conv or is_turned else 1  # where the output channels are
        layer = layer_in_integers(
            weights,
            bias[0] if bias else None,
            given=self._grid(node.input[0]),
            means=self._flows[node.input[0]].means,
            groups=attribute(node, "group", default=1),
            axis=axis,
        )
        written: list[tuple[str, NDArray[np.signedinteger], NDArray[np.float32], int]]
        written = [("weights", layer.weights, layer.steps, axis)]
        if node.op_type != "MatMul":  # it has none: the mean of what it gives is moved a little
            written.append(("bias", layer.bias, layer.bias_steps, 0))
        names = []
        for kind, values, steps, along in written:
            own = f"{node.name}/{kind}"
            self._dequantise(
                self._constant(f"{own}/integers", values),
                self._constant(f"{own}/steps", steps),
                self._constant(f"{own}/zeros", np.zeros(len(steps), values.dtype)),
                own,
                axis=along,
            )
            names.append(own)
        return names

    def _grid(self, name: str) -> Grid:
        return self._flows[self._integers.get(name, name)].grid

    def _constant(self, name: str, values: NDArray[np.generic]) -> str:
        self._constants[name] = numpy_helper.from_array(values, name)
        return name

    def _dequantise(
        self, integers: str, steps: str, zeros: str, output: str, *, axis: int | None = None
    ) -> None:
        self._nodes.append(
            helper.make_node(
                "DequantizeLinear",
                [integers, steps, zeros],
                [output],
                f"{output}/dequantise",
                **({} if axis is None else {"axis": axis}),
            )
        )


def _float(name: str) -> str:
    return f"{name}/float"
