"""Laying on: a head on the backbone that it was trained on, and on no other."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.bundle import FAMILIARITY, BundleCard
from lineament.artifacts.head import INPUT, OUTPUTS, WANTED, HeadCard, read_head
from lineament.core.errors import ArtifactError
from lineament.runtime.engines import ERRORS_ONLY
from lineament.runtime.onnx_runtime import onnxruntime
from lineament.runtime.opened import OpenedModel, open_model

SHOWN_DIGITS = 12  # of a hash: enough to see that two are not one


class HeadEngine:
    """ONNX Runtime on a head's graph; may be shared by threads.

    Args:
        graph: The graph.
        name: What to call it in an error.

    Attributes:
        n_features: Width of the embedding, ``D``.
        n_classes: How many classes, ``C``.
        outputs: Names of what the graph computes.

    Raises:
        ArtifactError: It is no graph from an embedding to probabilities and logits.
    """

    def __init__(self, graph: bytes, *, name: str) -> None:
        self._name = name
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a product of one row: nothing to share among threads
        options.inter_op_num_threads = 1
        options.log_severity_level = ERRORS_ONLY
        try:
            self._session = onnxruntime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            )
        # ONNX Runtime raises classes of its own for each kind of damage, under no common base.
        except Exception as error:
            raise ArtifactError(
                f"{name} is not an ONNX model that can be run ({type(error).__name__}).", fix=WANTED
            ) from error
        inputs = self._session.get_inputs()
        shapes = {each.name: each.shape for each in self._session.get_outputs()}
        widths = {tuple(shapes.get(output, ())[1:]) for output in OUTPUTS}
        if [(each.name, each.type, len(each.shape)) for each in inputs] != [
            (INPUT, "tensor(float)", 2)
        ] or len(widths) != 1:
            raise ArtifactError(
                f"{name} is an ONNX model, but not one that makes {' and '.join(OUTPUTS)} of an "
                f"{INPUT}.",
                fix=WANTED,
            )
        self.n_features = inputs[0].shape[1]
        self.n_classes = shapes[OUTPUTS[0]][-1] if shapes.get(OUTPUTS[0]) else 0
        self.outputs = tuple(shapes)

    def run(self, embeddings: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Answer embeddings.

        Args:
            embeddings: ``float32 (N, D)``.

        Returns:
            ``probabilities`` and ``logits``, ``float32 (N, C)``, and, where the head says it,
            ``familiarity (N,)``.

        Raises:
            ArtifactError: The head takes embeddings of another width.
        """
        if embeddings.shape[1] != self.n_features:
            raise ArtifactError(
                f"{self._name} takes embeddings of {self.n_features} features, and its backbone "
                f"gives {embeddings.shape[1]}.",
                fix="The head is damaged; export it again.",
            )
        results = self._session.run(list(self.outputs), {INPUT: embeddings})
        return dict(zip(self.outputs, results, strict=True))


@dataclasses.dataclass(frozen=True, kw_only=True)
class LaidHead:
    """A head with the engine that runs it.

    Attributes:
        name: Its file, as it was given.
        graph: Its graph, without metadata.
        card: What it says about itself.
        engine: What answers embeddings.
    """

    name: str
    graph: bytes
    card: HeadCard
    engine: HeadEngine

    @classmethod
    def open(cls, path: Path) -> "LaidHead":
        """Open a head's file.

        Raises:
            ArtifactError: It is absent, damaged, or no head.
        """
        graph, card = read_head(path)
        engine = HeadEngine(graph, name=str(path))
        if engine.n_classes != len(card.classes):
            raise ArtifactError(
                f"{path} names {len(card.classes)} classes, and its graph tells "
                f"{engine.n_classes} apart.",
                fix="The head is damaged; export it again.",
            )
        return cls(name=str(path), graph=graph, card=card, engine=engine)

    @property
    def unknown_threshold(self) -> float | None:
        """The least familiarity of a photo that is known; ``None`` where all photos are."""
        return self.card.unknown_threshold if FAMILIARITY in self.engine.outputs else None


def open_backbone(path: Path, heads: Mapping[str, HeadCard]) -> OpenedModel:
    """Open the bundle that computes what heads answer.

    Args:
        path: A bundle; what its own head says is not asked.
        heads: By name, what is to be laid on it.

    Raises:
        ArtifactError: It is no bundle, is damaged, or a head was trained on another backbone or on
            other pixels.
    """
    if path.is_dir():
        raise ArtifactError(
            f"{path} is a folder; a head is laid on a bundle.",
            fix=f"Export the run: `lineament export {path} --out backbone.onnx`.",
        )
    opened = open_model(path)
    card = opened.card
    if not isinstance(card, BundleCard) or not card.backbone_sha256:
        raise ArtifactError(
            f"{path} does not say which backbone it holds: it was exported before heads were.",
            fix="Export its run again.",
        )
    strange = [
        f"{name} (trained on {_backbone(head.provenance)}, {_short(head.backbone_sha256)})"
        for name, head in heads.items()
        if head.backbone_sha256 != card.backbone_sha256
    ]
    if strange:
        raise ArtifactError(
            f"{path} holds another backbone ({_backbone(card.provenance)}, "
            f"{_short(card.backbone_sha256)}) than a head was trained on, or shows it other "
            "pixels; nothing was answered.",
            at=strange,
            fix="Lay the head on a bundle of its own run, or of any run with the same frozen "
            "backbone, weights and preprocessing in the same precision.",
        )
    return opened


def lay(heads: Sequence[Path], backbone: Path) -> tuple[tuple[LaidHead, ...], OpenedModel]:
    """Open heads and their backbone; errors as `LaidHead.open` and `open_backbone`."""
    laid = tuple(LaidHead.open(path) for path in heads)
    return laid, open_backbone(backbone, {each.name: each.card for each in laid})


def _backbone(provenance: Mapping[str, object]) -> str:
    stated = provenance.get("backbone")
    return str(stated.get("name", "no name")) if isinstance(stated, dict) else "no name"


def _short(sha256: str) -> str:
    return f"sha256 {sha256[:SHOWN_DIGITS]}"
