"""Quantising: a backbone that multiplies integers of 8 bits, and which of its layers bear that."""

import dataclasses
from collections.abc import Callable, Collection, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.core.progress import QUIET, Progress, tracked
from lineament.exporting.flows import measured_flows
from lineament.exporting.products import products, share
from lineament.exporting.quantised_graph import quantised_graph
from lineament.exporting.wiring import Wiring
from lineament.runtime.engines import Engine, OnnxRuntimeEngine

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


def _onnx_runtime(graph: bytes) -> Engine:
    return OnnxRuntimeEngine(graph, name="the quantised graph")


class Quantiser:
    """Writes a graph with any choice of its layers quantised; flows are measured once.

    Resize, head and all that follows stay in float32.

    Args:
        graph: The serialised graph, from ``image``.
        photos: Decoded photos to calibrate on, ``uint8 (H, W, 3)`` each; one or more.
        progress: Who listens.

    Raises:
        UsageError: The graph has no layer that could be quantised.
    """

    def __init__(
        self, graph: bytes, photos: Sequence[NDArray[np.uint8]], *, progress: Progress = QUIET
    ) -> None:
        self.exact = graph
        self._photos = photos
        self._model = onnx.load_model_from_string(graph)
        self._wiring = Wiring(self._model)
        self.layers = tuple(self._wiring.layers)
        if not self.layers:
            raise UsageError(
                "The backbone has no layer that int8 would make faster: no convolution and no "
                "matrix product of constant weights.",
                fix="Export it in fp32 or bf16.",
            )
        self._products = products(self._model, self._wiring, photos[0])
        self._flows = measured_flows(self._model, self._wiring.flows, photos, progress=progress)

    def graph(self, *, kept: Collection[str] = ()) -> bytes:
        """Quantise all layers but some.

        Args:
            kept: Names of layers that stay in float32.
        """
        return self._quantised([name for name in self.layers if name not in kept])

    def share(self, *, kept: Collection[str] = ()) -> float:
        """Say what part of all multiplications is between integers, 0 to 1.

        Args:
            kept: Names of layers that stay in float32.
        """
        return share(self._products, [name for name in self.layers if name not in kept])

    def harms(
        self, *, opened: Callable[[bytes], Engine] = _onnx_runtime, progress: Progress = QUIET
    ) -> list[Harm]:
        """Measure what each layer does when it alone is quantised, most harmful first.

        Args:
            opened: Opens a graph in the engine that is to be looked at.
            progress: Who listens.
        """
        photos = self._photos[:PROBES]
        exact = _embeddings(_onnx_runtime(self.exact), photos)
        usual = float(np.abs(exact).mean())
        found = []
        for name in tracked(
            self.layers, progress, "looking for sensitive layers", len(self.layers)
        ):
            changed = _embeddings(opened(self._quantised([name])), photos)
            found.append(Harm(layer=name, difference=float(np.abs(changed - exact).mean()) / usual))
        return sorted(found, key=lambda harm: -harm.difference)

    def _quantised(self, layers: Collection[str]) -> bytes:
        return quantised_graph(self._model, self._wiring, self._flows, layers)


def _embeddings(engine: Engine, photos: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    return np.concatenate([engine.run(photo[None], ["embedding"])[0] for photo in photos])
