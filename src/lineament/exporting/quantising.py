"""Quantising: a graph whose backbone multiplies integers of 8 bits, and which layers bear that.

Weights are quantised per channel, symmetrically; what flows between layers, per tensor, by the
least and greatest values that calibration photos give. Both stand in the graph as pairs of
QuantizeLinear and DequantizeLinear, which every engine understands and fuses with the convolution
beside them (Jacob et al. 2018, "Quantization and training of neural networks for efficient
integer-arithmetic-only inference"). Resize, head and all that follows stay in float32.
"""

import contextlib
import dataclasses
import logging
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime import quantization

from lineament.artifacts.onnx_file import split
from lineament.core.progress import QUIET, Progress, tracked
from lineament.runtime.engines import PIXELS, OnnxRuntimeEngine

FEATURES = "features"
# What flows through these stays in integers between two convolutions; the rest is computed as it
# was. A clip and a ReLU fold into the convolution before them.
KINDS = ("Conv", "Add", "MaxPool", "GlobalAveragePool", "AveragePool", "Relu", "Clip", "Gemm")
LAYERS = ("Conv", "Gemm")  # those that multiply weights: what can be kept in float32
PROBES = 24  # photos on which the harm of a single layer is measured


@dataclasses.dataclass(frozen=True, kw_only=True)
class Harm:
    """What quantising a single layer does.

    Attributes:
        layer: The node's name.
        difference: Mean absolute difference of the embedding, as a part of its mean absolute value.
    """

    layer: str
    difference: float


class Quantiser:
    """Writes a graph with any choice of its layers quantised; ranges are measured once.

    Args:
        graph: The serialised graph, from ``image``.
        photos: Decoded photos to calibrate on, ``uint8 (H, W, 3)`` each.
        progress: Who listens.
    """

    def __init__(
        self, graph: bytes, photos: Sequence[NDArray[np.uint8]], *, progress: Progress = QUIET
    ) -> None:
        self.exact = graph
        self._photos = photos
        self._model = onnx.load_model_from_string(graph)
        for number, node in enumerate(self._model.graph.node):
            node.name = node.name or f"{node.op_type}_{number}"
        inside = _backbone(self._model)
        self._inside = [node for node in self._model.graph.node if node.name in inside]
        self.layers = tuple(node.name for node in self._inside if node.op_type in LAYERS)
        self._ranges = ""
        progress.note(f"measuring the ranges of {len(self.layers)} layers on {len(photos)} photos")

    def graph(self, *, kept: Collection[str] = ()) -> bytes:
        """Quantise all layers but some.

        Args:
            kept: Names of layers that stay in float32.
        """
        others = [
            node.name
            for node in self._inside
            if node.op_type in KINDS and node.op_type not in LAYERS
        ]
        return self._quantised([*(name for name in self.layers if name not in kept), *others])

    def harms(self, *, progress: Progress = QUIET) -> list[Harm]:
        """Measure what each layer does when it alone is quantised, most harmful first."""
        photos = self._photos[:PROBES]
        exact = _embeddings(self.exact, photos)
        usual = float(np.abs(exact).mean())
        found = []
        for name in tracked(
            self.layers, progress, "looking for sensitive layers", len(self.layers)
        ):
            changed = _embeddings(self._quantised([name]), photos)
            found.append(Harm(layer=name, difference=float(np.abs(changed - exact).mean()) / usual))
        return sorted(found, key=lambda harm: -harm.difference)

    def _quantised(self, nodes: Sequence[str]) -> bytes:
        copy = onnx.ModelProto()
        copy.CopyFrom(self._model)
        with tempfile.TemporaryDirectory(prefix="lineament.") as folder, _silent():
            ranges, out = Path(folder) / "ranges.json", Path(folder) / "quantised.onnx"
            if self._ranges:
                ranges.write_text(self._ranges, encoding="utf-8")
            quantization.quantize_static(
                copy,
                out,
                _Reader(self._photos),
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=list(KINDS),
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                nodes_to_quantize=list(nodes),
                calibrate_method=quantization.CalibrationMethod.MinMax,
                extra_options={"WeightSymmetric": True},
                calibration_cache_path=ranges,
            )
            self._ranges = ranges.read_text(encoding="utf-8")
            model, _ = split(out.read_bytes(), name="the quantised graph")  # with its maker's notes
            return model


class _Reader(quantization.CalibrationDataReader):  # type: ignore[misc]  # it ships no types
    """Gives photos one at a time, as the quantiser asks for them."""

    def __init__(self, photos: Sequence[NDArray[np.uint8]]) -> None:
        self._left: Iterator[NDArray[np.uint8]] = iter(photos)

    def get_next(self) -> Mapping[str, NDArray[np.uint8]] | None:
        photo = next(self._left, None)
        return None if photo is None else {"image": photo[None]}


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


def _embeddings(graph: bytes, photos: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    engine = OnnxRuntimeEngine(graph, name="the quantised graph")
    return np.concatenate([engine.run(photo[None], ["embedding"])[0] for photo in photos])


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep the quantiser's advice about its own examples from the reader of a terminal."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
