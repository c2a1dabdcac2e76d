"""Opened model: a bundle or a run, checked, and the engines that run its graph."""

import dataclasses
from pathlib import Path

from lineament.artifacts.bundle import FAMILIARITY, OUTPUTS, BundleCard, read_bundle
from lineament.artifacts.precision import FP32
from lineament.artifacts.run import Run, RunCard
from lineament.core.errors import ArtifactError
from lineament.runtime.choosing import OPENVINO, arithmetic_here, is_installed
from lineament.runtime.engines import Engine, OnnxRuntimeEngine
from lineament.runtime.openvino_engine import OpenVinoEngine
from lineament.runtime.proving import prove, require_proof


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpenedModel:
    """What answers photos.

    Attributes:
        name: What to call it in an error.
        graph: The ONNX graph, without metadata.
        card: What it says about itself.
        provenance: Where its answers come from.
    """

    name: str
    graph: bytes
    card: RunCard | BundleCard
    provenance: dict[str, object]

    def engine(self, engine: str, *, threads: int | None = None) -> Engine:
        """Open the engine of that name; ``auto`` is ONNX Runtime, which starts fastest.

        Raises:
            ArtifactError: The graph is not one of ours.
            GateError: OpenVINO answers the bundle's golden photos otherwise.
            MissingExtraError: OpenVINO is not installed.
        """
        if engine != OPENVINO:
            written = self.card.written if isinstance(self.card, BundleCard) else FP32
            made: Engine = OnnxRuntimeEngine(self.graph, name=self.name, arithmetic=written)
        else:
            made = self._openvino(threads, outputs=None)
            if isinstance(self.card, BundleCard):
                require_proof(prove(self.card, made), name=self.name)
        missing = [name for name in OUTPUTS if name not in made.outputs]
        if missing:
            raise ArtifactError(
                f"{self.name} has a graph that does not compute {', '.join(missing)}.",
                fix="Name a bundle made by `lineament export`.",
            )
        return made

    def stream_engine(self, *, threads: int | None = None) -> Engine | None:
        """Open OpenVINO for probabilities alone, where it is installed and proved right.

        Only a bundle holds the golden photos that prove it. Of a run ``None`` is returned: a run is
        answered as it is judged, by ONNX Runtime.
        """
        if not isinstance(self.card, BundleCard) or not is_installed(OPENVINO):
            return None
        try:
            made = self._openvino(threads, outputs=("probabilities", FAMILIARITY))
        except ArtifactError:
            return None  # an operator that it lacks
        return None if prove(self.card, made).wrong else made

    def _openvino(self, threads: int | None, *, outputs: tuple[str, ...] | None) -> Engine:
        meant = self.card.arithmetic if isinstance(self.card, BundleCard) else FP32
        return OpenVinoEngine(
            self.graph,
            name=self.name,
            precision=arithmetic_here(meant),
            threads=threads,
            outputs=outputs,
        )


def open_model(path: Path) -> OpenedModel:
    """Open a bundle (a file) or a run (a folder).

    Raises:
        ArtifactError: It is absent, damaged, or neither.
    """
    if path.is_dir():
        run = Run.open(path)
        return OpenedModel(
            name=str(run.graph_path),
            graph=run.graph_path.read_bytes(),
            card=run.card,
            provenance=run.card.provenance(),
        )
    graph, card = read_bundle(path)
    return OpenedModel(name=str(path), graph=graph, card=card, provenance=dict(card.provenance))
