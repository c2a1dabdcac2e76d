"""Nodes: a graph written node by node around an exported backbone, beginning with its pixels.

Resize and normalisation are computed from the image's own height and width by plain arithmetic,
which every engine runs alike.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lineament.core.version import __version__
from lineament.imaging.preprocess import CUBIC_A, TIE, TOUCH, Preprocessing

OPSET = 18
PIXELS = "pixels"
FEATURES = "features"


class Writer:
    """Collects nodes before and after an exported backbone."""

    def __init__(self, backbone: onnx.ModelProto) -> None:
        self._backbone = backbone
        self._before: list[onnx.NodeProto] = []
        self._after: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._nodes = self._before
        self._count = 0

    def node(
        self, kind: str, inputs: Sequence[str], output: str = "", **attributes: int | float
    ) -> str:
        """Add a node and name its only output."""
        name = output or self._name(kind.lower())
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: NDArray[np.generic] | np.generic, name: str = "") -> str:
        """Add a constant."""
        label = f"lineament/{name}" if name else self._name("constant")
        self._constants.append(numpy_helper.from_array(np.asarray(values), label))
        return label

    def ints(self, values: list[int]) -> str:
        """Add a list of integers, as axes and indices are given."""
        return self.constant(np.asarray(values, dtype=np.int64))

    def number(self, value: float) -> str:
        """Add a scalar ``float32``."""
        return self.constant(np.asarray(value, dtype=np.float32))

    def pixels(self, spec: Preprocessing, *, mirrored_view: bool) -> None:
        """Write what stands before the backbone, from ``image`` to ``pixels``."""
        if mirrored_view:
            straight = self._preprocess(spec)
            self.node("Concat", [straight, self._mirror(straight)], PIXELS, axis=0)
        else:
            self._preprocess(spec, PIXELS)
        self._nodes = self._after

    def features(self, *, mirrored_view: bool) -> str:
        """Write what makes one map of features of both views, and name it."""
        if not mirrored_view:
            return FEATURES
        halves = [self._name("half"), self._name("half")]
        self._nodes.append(helper.make_node("Split", [FEATURES], halves, axis=0, num_outputs=2))
        both = self.node("Add", [halves[0], self._mirror(halves[1])])
        return self.node("Mul", [both, self.number(0.5)])

    def _mirror(self, name: str) -> str:
        """Turn ``(N, C, H, W)`` left to right."""
        from_last, back_to_first = self.ints([-1]), self.ints([np.iinfo(np.int32).min])
        return self.node("Slice", [name, from_last, back_to_first, self.ints([3]), self.ints([-1])])

    def _preprocess(self, spec: Preprocessing, output: str = "") -> str:
        """Write `lineament.imaging.preprocess.preprocess`."""
        shape = self.node("Shape", ["image"])
        sizes = [
            self.node("Cast", [self.node("Gather", [shape, self.constant(np.int64(axis))])], to=1)
            for axis in (1, 2)
        ]
        extents = sizes
        if spec.fit != "squash":
            extents = [self.node("Min" if spec.fit == "crop" else "Max", sizes)] * 2
        if spec.crop_fraction != 1:
            part = self.number(spec.crop_fraction)
            extents = [self.node("Mul", [extent, part]) for extent in extents]
        rows, inside_rows = self._resize(sizes[0], extents[0], spec)
        columns, inside_columns = self._resize(sizes[1], extents[1], spec)
        channels = helper.make_node("Transpose", ["image"], ["channels"], perm=[0, 3, 1, 2])
        self._nodes.append(channels)
        tall = self.node("MatMul", [rows, self.node("Cast", ["channels"], to=1)])
        turned = self.node("Transpose", [columns])
        resized = self.node("MatMul", [tall, turned])
        bounded = self.node("Clip", [resized, self.number(0.0), self.number(255.0)])
        scale = np.float32(255.0)
        mean = self.constant(np.asarray(spec.mean, np.float32).reshape(1, 3, 1, 1) * scale)
        std = self.constant(np.asarray(spec.std, np.float32).reshape(1, 3, 1, 1) * scale)
        filled = bounded
        if spec.fit == "letterbox":  # only a letterbox has padding, which gets the mean colour
            inside = self.node(
                "Mul",
                [
                    self.node("Unsqueeze", [inside_rows, self.ints([1])]),
                    self.node("Unsqueeze", [inside_columns, self.ints([0])]),
                ],
            )
            outside = self.node("Sub", [self.number(1.0), inside])
            seen = self.node("Mul", [bounded, inside])
            filled = self.node("Add", [seen, self.node("Mul", [mean, outside])])
        if spec.rounded:
            filled = self.node("Round", [self.node("Sub", [filled, self.number(TIE)])])
        return self.node("Div", [self.node("Sub", [filled, mean]), std], output)

    def _resize(self, length: str, extent: str, spec: Preprocessing) -> tuple[str, str]:
        """Write `lineament.imaging.preprocess.resize_matrix` for one axis."""
        if length == extent:
            start = self.number(0.0)
        else:
            start = self.node("Div", [self.node("Sub", [length, extent]), self.number(2.0)])
        scale = self.node("Div", [extent, self.number(float(spec.size_px))])
        stretch = self.node("Max", [scale, self.number(1.0)])
        half_steps = np.arange(spec.size_px, dtype=np.float32) + np.float32(0.5)
        steps = self.node("Mul", [self.constant(half_steps), scale])
        centres = self.node("Add", [start, steps])
        counted = self.node("Range", [self.number(0.0), length, self.number(1.0)])
        pixels = self.node("Add", [counted, self.number(0.5)])
        across = self.node("Unsqueeze", [pixels, self.ints([0])])
        down = self.node("Unsqueeze", [centres, self.ints([1])])
        apart = self.node("Abs", [self.node("Sub", [across, down])])
        distance = self.node("Div", [apart, stretch])
        weights = self._kernel(distance, spec.interpolation)
        sums = self.node("ReduceSum", [weights, self.ints([1])], keepdims=1)
        solid = self.node("Greater", [self.node("Abs", [sums]), self.number(1e-6)])
        safe = self.node("Where", [solid, sums, self.number(1.0)])
        reach = self.node("Mul", [scale, self.number(TOUCH)])
        after_start = self.node("Greater", [self.node("Add", [centres, reach]), self.number(0.0)])
        before_end = self.node("Less", [self.node("Sub", [centres, reach]), length])
        inside = self.node("Cast", [self.node("And", [after_start, before_end])], to=1)
        return self.node("Div", [weights, safe]), inside

    def _kernel(self, distance: str, interpolation: str) -> str:
        if interpolation == "bilinear":
            return self.node("Relu", [self.node("Sub", [self.number(1.0), distance])])
        a = CUBIC_A
        near = self._polynomial(distance, [a + 2, -(a + 3), 0.0, 1.0])
        far = self._polynomial(distance, [a, -5 * a, 8 * a, -4 * a])
        is_far = self.node("Less", [distance, self.number(2.0)])
        outer = self.node("Where", [is_far, far, self.number(0.0)])
        is_near = self.node("Less", [distance, self.number(1.0)])
        return self.node("Where", [is_near, near, outer])

    def _polynomial(self, x: str, coefficients: list[float]) -> str:
        """Horner's rule, highest power first."""
        value = self.number(coefficients[0])
        for coefficient in coefficients[1:]:
            product = self.node("Mul", [value, x])
            value = self.node("Add", [product, self.number(coefficient)])
        return value

    def model(self, outputs: Mapping[str, Sequence[str | int]]) -> bytes:
        """Join everything to one checked model."""
        graph = self._backbone.graph
        image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])
        results = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
            for name, shape in outputs.items()
        ]
        joined = helper.make_graph(
            [*self._before, *graph.node, *self._after],
            "lineament",
            [image],
            results,
            initializer=[*graph.initializer, *self._constants],
        )
        model = helper.make_model(
            joined,
            producer_name="lineament",
            producer_version=__version__,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=self._backbone.ir_version,
        )
        onnx.checker.check_model(model)
        serialised: bytes = model.SerializeToString()
        return serialised

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"lineament/{kind}_{self._count}"
