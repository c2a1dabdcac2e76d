"""Pixels: the nodes from an image of any size to the model's input.

The rule is `lineament.imaging.preprocess`'s. A sample is made of the few pixels around it, so the
samples of an axis are made in blocks: the pixels under a block are gathered and multiplied with the
block's weights alone. Written as one product with all weights of an axis, most of them zero, the
same sums take far longer.
"""

import numpy as np
from onnx import TensorProto

from lineament.imaging.preprocess import CUBIC_A, TIE, TOUCH, Preprocessing
from lineament.models.nodes import Nodes

BLOCK = 16  # samples: fewer gather more pixels twice, more multiply more zeros
REACHES = {"bilinear": 1.0, "bicubic": 2.0}  # of the kernels, in samples or in pixels
# Where a block begins is rounded down and how many pixels it takes is rounded up; two more than
# that cover what rounding in float32 may take off either.
SPARE = 2.0


def write_pixels(nodes: Nodes, spec: Preprocessing, output: str = "") -> str:
    """Write `lineament.imaging.preprocess.preprocess`, from ``image`` on.

    Args:
        nodes: Where to write.
        spec: The preprocessing.
        output: What to call the result; empty is any name.

    Returns:
        The result's name: ``float32 (N, 3, size_px, size_px)``.
    """
    shape = nodes.node("Shape", ["image"])
    lengths = [
        nodes.node("Cast", [nodes.node("Gather", [shape, nodes.constant(np.int64(axis))])], to=1)
        for axis in (1, 2)
    ]
    extents = lengths
    if spec.fit != "squash":
        extents = [nodes.node("Min" if spec.fit == "crop" else "Max", lengths)] * 2
    if spec.crop_fraction != 1:
        part = nodes.number(spec.crop_fraction)
        extents = [nodes.node("Mul", [extent, part]) for extent in extents]
    axes = [
        _Axis(nodes, spec, length, extent) for length, extent in zip(lengths, extents, strict=True)
    ]
    # Bytes are turned and gathered: a quarter of what floats would be.
    channels = nodes.node("Transpose", ["image"], perm=[0, 3, 1, 2])
    tall = axes[0].samples(channels, are_bytes=True)
    resized = axes[1].samples(tall, are_bytes=False)
    filled = nodes.node("Clip", [resized, nodes.number(0.0), nodes.number(255.0)])
    scale = np.float32(255.0)
    mean = nodes.constant(np.asarray(spec.mean, np.float32).reshape(1, 3, 1, 1) * scale)
    std = nodes.constant(np.asarray(spec.std, np.float32).reshape(1, 3, 1, 1) * scale)
    if spec.fit == "letterbox":  # only a letterbox has padding, which gets the mean colour
        down = nodes.node("Unsqueeze", [axes[0].inside(), nodes.ints([1])])
        inside = nodes.node(
            "Mul", [down, nodes.node("Unsqueeze", [axes[1].inside(), nodes.ints([0])])]
        )
        outside = nodes.node("Sub", [nodes.number(1.0), inside])
        seen = nodes.node("Mul", [filled, inside])
        filled = nodes.node("Add", [seen, nodes.node("Mul", [mean, outside])])
    if spec.rounded:
        filled = nodes.node("Round", [nodes.node("Sub", [filled, nodes.number(TIE)])])
    return nodes.node("Div", [nodes.node("Sub", [filled, mean]), std], output)


class _Axis:
    """One axis of the resize: `lineament.imaging.preprocess.resize_matrix`, block by block."""

    def __init__(self, nodes: Nodes, spec: Preprocessing, length: str, extent: str) -> None:
        self._nodes, self._length = nodes, length
        self._size_px, self._interpolation = spec.size_px, spec.interpolation
        self._n_blocks = -(-spec.size_px // BLOCK)
        if length == extent:
            self._start = nodes.number(0.0)
        else:
            apart = nodes.node("Sub", [length, extent])
            self._start = nodes.node("Div", [apart, nodes.number(2.0)])
        self._scale = nodes.node("Div", [extent, nodes.number(float(spec.size_px))])
        self._stretch = nodes.node("Max", [self._scale, nodes.number(1.0)])

    def samples(self, image: str, *, are_bytes: bool) -> str:
        """Resize the last axis but one of ``(N, 3, length, K)`` to ``(N, 3, K, size_px)``."""
        nodes = self._nodes
        taken, at = self._taken()
        weights = self._weights(taken, at)
        under = nodes.node(
            "Gather", [image, nodes.node("Cast", [at], to=TensorProto.INT32)], axis=2
        )
        if are_bytes:
            under = nodes.node("Cast", [under], to=TensorProto.FLOAT)
        blocks = nodes.node("MatMul", [weights, under])
        n_samples = self._n_blocks * BLOCK
        made = nodes.node("Reshape", [blocks, nodes.ints([0, 0, n_samples, -1])])
        if n_samples != self._size_px:  # the last block makes more samples than are wanted
            ends = [nodes.ints([each]) for each in (0, self._size_px, 2)]
            made = nodes.node("Slice", [made, *ends])
        return nodes.node("Transpose", [made], perm=[0, 1, 3, 2])

    def inside(self) -> str:
        """Whether a sample's cell touches the image: 1 or 0, ``float32 (size_px,)``."""
        nodes = self._nodes
        centres = self._centres(np.arange(self._size_px, dtype=np.float32))
        reach = nodes.node("Mul", [self._scale, nodes.number(TOUCH)])
        after = nodes.node("Greater", [nodes.node("Add", [centres, reach]), nodes.number(0.0)])
        before = nodes.node("Less", [nodes.node("Sub", [centres, reach]), self._length])
        return nodes.node("Cast", [nodes.node("And", [after, before])], to=TensorProto.FLOAT)

    def _centres(self, samples: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]") -> str:
        steps = self._nodes.constant(samples + np.float32(0.5))
        return self._nodes.node("Add", [self._start, self._nodes.node("Mul", [steps, self._scale])])

    def _taken(self) -> tuple[str, str]:
        """Numbers of the pixels under each block ``(blocks, L)``, and the same within the image."""
        nodes = self._nodes
        reach = nodes.node("Mul", [self._stretch, nodes.number(REACHES[self._interpolation])])
        steps = nodes.node("Mul", [self._scale, nodes.number(BLOCK - 1.0)])
        both_sides = nodes.node("Mul", [reach, nodes.number(2.0)])
        span = nodes.node("Ceil", [nodes.node("Add", [steps, both_sides])])
        counted = nodes.node(
            "Range",
            [nodes.number(0.0), nodes.node("Add", [span, nodes.number(SPARE)]), nodes.number(1.0)],
        )
        firsts = self._centres(np.arange(self._n_blocks, dtype=np.float32) * BLOCK)
        left = nodes.node("Sub", [nodes.node("Sub", [firsts, reach]), nodes.number(0.5)])
        begins = nodes.node("Unsqueeze", [nodes.node("Floor", [left]), nodes.ints([1])])
        taken = nodes.node("Add", [begins, nodes.node("Unsqueeze", [counted, nodes.ints([0])])])
        last = nodes.node("Sub", [self._length, nodes.number(1.0)])
        at = nodes.node("Max", [nodes.node("Min", [taken, last]), nodes.number(0.0)])
        return taken, at

    def _weights(self, taken: str, at: str) -> str:
        """Weights of the pixels for each sample of a block, ``(blocks, BLOCK, L)``."""
        nodes = self._nodes
        shape = (self._n_blocks, BLOCK)
        samples = np.arange(self._n_blocks * BLOCK, dtype=np.float32).reshape(shape)
        down = nodes.node("Unsqueeze", [self._centres(samples), nodes.ints([2])])
        pixels = nodes.node("Add", [taken, nodes.number(0.5)])
        across = nodes.node("Unsqueeze", [pixels, nodes.ints([1])])
        apart = nodes.node("Abs", [nodes.node("Sub", [across, down])])
        kernel = self._kernel(nodes.node("Div", [apart, self._stretch]))
        exists = nodes.node("Unsqueeze", [nodes.node("Equal", [at, taken]), nodes.ints([1])])
        weights = nodes.node("Where", [exists, kernel, nodes.number(0.0)])
        sums = nodes.node("ReduceSum", [weights, nodes.ints([2])], keepdims=1)
        solid = nodes.node("Greater", [nodes.node("Abs", [sums]), nodes.number(1e-6)])
        return nodes.node("Div", [weights, nodes.node("Where", [solid, sums, nodes.number(1.0)])])

    def _kernel(self, distance: str) -> str:
        nodes = self._nodes
        if self._interpolation == "bilinear":
            return nodes.node("Relu", [nodes.node("Sub", [nodes.number(1.0), distance])])
        a = CUBIC_A
        near = self._polynomial(distance, [a + 2, -(a + 3), 0.0, 1.0])
        far = self._polynomial(distance, [a, -5 * a, 8 * a, -4 * a])
        is_far = nodes.node("Less", [distance, nodes.number(2.0)])
        outer = nodes.node("Where", [is_far, far, nodes.number(0.0)])
        is_near = nodes.node("Less", [distance, nodes.number(1.0)])
        return nodes.node("Where", [is_near, near, outer])

    def _polynomial(self, x: str, coefficients: list[float]) -> str:
        """Horner's rule, highest power first."""
        value = self._nodes.number(coefficients[0])
        for coefficient in coefficients[1:]:
            product = self._nodes.node("Mul", [value, x])
            value = self._nodes.node("Add", [product, self._nodes.number(coefficient)])
        return value
