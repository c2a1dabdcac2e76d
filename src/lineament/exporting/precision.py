"""Precision: a bundle in a faster arithmetic, if it costs little accuracy on validation photos."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray

from lineament.artifacts.bundle import BundleCard, GoldenPhoto
from lineament.artifacts.onnx_file import content_sha256
from lineament.artifacts.precision import BF16, INT8, Precision
from lineament.artifacts.run import Run
from lineament.core.progress import Progress
from lineament.exporting.certificate import engines_here
from lineament.exporting.config import ExportConfig
from lineament.exporting.gains import TIMED, note_gains
from lineament.exporting.quantising import Harm, Quantiser
from lineament.exporting.refusing import require_accuracy, require_agreement, require_share
from lineament.exporting.validating import Validation
from lineament.models.identity import backbone_sha256
from lineament.runtime.engines import Engine
from lineament.runtime.openvino_engine import OpenVinoEngine
from lineament.runtime.proving import Proof, golden_answer, prove

# Engines round products of few bits each in its own way, and golden photos are drawn: nothing that
# a model was trained on, and so the less sure. A graph that is another one moves some further.
MAX_DIFFERENCE = 0.25
CALIBRATION_PHOTOS = 128  # of which a few hundred values of each flow choose its grid
# A layer that alone moves embeddings by more than this part stays in float32 from the beginning.
HARMFUL = 0.05
# Beyond half of the layers there is no speed left to gain.
MOST_KEPT = 0.5


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Trial:
    """A choice of layers, written and measured.

    Attributes:
        graph: The quantised graph.
        card: Its card, with the golden photos as ONNX Runtime answers them.
        found: What it costs by the engine that loses the most.
        proofs: What the other engines answered to the golden photos.
        between: How far each of them is from ONNX Runtime on validation photos.
        unable: Engines that cannot run it, and why.
        share: Part of all multiplications that is between integers.
    """

    graph: bytes
    card: BundleCard
    found: Precision
    proofs: tuple[Proof, ...]
    between: Mapping[str, Mapping[str, float]]
    unable: Mapping[str, str]
    share: float

    @property
    def wrong(self) -> list[str]:
        """Golden photos that engines answer differently."""
        return _wrong(self.proofs)

    @property
    def passes(self) -> bool:
        """Whether little enough is lost and all engines agree."""
        return self.found.drop <= self.found.max_drop and not self.wrong


def in_precision(
    run: Run, graph: bytes, card: BundleCard, config: ExportConfig, *, progress: Progress
) -> tuple[bytes, BundleCard]:
    """Give a bundle's graph and card in another arithmetic than float32.

    Args:
        run: What is exported.
        graph: Its graph, in float32.
        card: Its card, proved in float32.
        config: The precision, and how much accuracy it may cost.
        progress: Who listens.

    Raises:
        ArtifactError: The dataset that validates is gone or another one.
        GateError: It costs more accuracy than it may, two engines differ too much, or too little
            would be in it to call it by its name.
        MissingExtraError: bf16 is asked for and OpenVINO is not installed.
        UsageError: int8 is asked for and the backbone has no layer for it.
    """
    validation = Validation(run, config.dataset, graph, card, progress=progress)
    if config.precision == BF16:
        engine = OpenVinoEngine(graph, name="the graph", precision=BF16)
        found = validation.measured(validation.answers(engine), engine.title, BF16, config, kept=())
        require_accuracy(found, blamed=())
        card = _in(card, found)
        proofs = (prove(card, engine),)
        require_agreement(_wrong(proofs), found, allowed=MAX_DIFFERENCE, blamed=())
        return graph, _proved(card, proofs)
    quantiser = Quantiser(graph, validation.sample(CALIBRATION_PHOTOS), progress=progress)
    trial = _int8(validation, quantiser, card, config, progress=progress)
    note_gains(graph, trial.graph, validation.sample(TIMED), progress=progress)
    return trial.graph, _proved(
        trial.card, trial.proofs, between=trial.between, unable=trial.unable
    )


def _int8(
    validation: Validation,
    quantiser: Quantiser,
    card: BundleCard,
    config: ExportConfig,
    *,
    progress: Progress,
) -> _Trial:
    """Keep ever more of the most harmful layers in float32, until little is lost and all agree.

    Engines differ because each rounds in its own way, and a rounding that falls otherwise is noise
    to all layers behind it: the layers that harm the most are those that part engines. Where
    engines disagree, harm is measured in the others too, so that a layer is found that one of them
    alone computes otherwise.
    """
    harms = quantiser.harms(progress=progress)
    most = int(len(harms) * MOST_KEPT)
    n_kept = sum(harm.difference > HARMFUL for harm in harms)
    has_asked_others = False
    while True:
        kept = tuple(harm.layer for harm in harms[:n_kept])
        require_share(quantiser.share(kept=kept), harms, n_kept)
        trial = _tried(validation, quantiser, card, config, kept)
        progress.note(_outcome(trial, len(harms)))
        if trial.passes:
            return trial
        if n_kept >= most:
            require_accuracy(trial.found, blamed=harms)
            require_agreement(trial.wrong, trial.found, allowed=MAX_DIFFERENCE, blamed=harms)
        if trial.wrong and not has_asked_others:
            has_asked_others = True
            harms = _worst(harms, quantiser.harms(opened=_openvino, progress=progress))
        n_kept = min(most, max(1, 2 * n_kept))


def _tried(
    validation: Validation,
    quantiser: Quantiser,
    card: BundleCard,
    config: ExportConfig,
    kept: tuple[str, ...],
) -> _Trial:
    quantised = quantiser.graph(kept=kept)
    engines = engines_here(quantised, arithmetic=INT8)
    answers = [validation.answers(engine) for engine in engines.able]
    found = [
        validation.measured(each, engine.title, INT8, config, kept=kept)
        for each, engine in zip(answers, engines.able, strict=True)
    ]
    mark, share = content_sha256(quantised), quantiser.share(kept=kept)
    worst = max(found, key=lambda each: each.drop)
    changed = dataclasses.replace(
        card,
        content_sha256=mark,
        provenance={**card.provenance, "graph_sha256": mark, "int8_share": round(share, 4)},
        backbone_sha256=backbone_sha256(onnx.load_model_from_string(quantised)),
        golden=tuple(_answered(photo, card, engines.reference) for photo in card.golden),
        parity={"against": engines.reference.title, "exact": dict(card.parity)},
    )
    changed = _in(changed, worst)
    return _Trial(
        graph=quantised,
        card=changed,
        found=worst,
        proofs=tuple(prove(changed, engine) for engine in engines.able[1:]),
        between={
            engine.title: _between(each, answers[0])
            for each, engine in zip(answers[1:], engines.able[1:], strict=True)
        },
        unable=engines.unable,
        share=share,
    )


def _between(one: NDArray[np.float32], other: NDArray[np.float32]) -> dict[str, float]:
    return {
        "agreement": float((one.argmax(axis=1) == other.argmax(axis=1)).mean()),
        "largest_difference": float(np.abs(one - other).max()),
    }


def _openvino(graph: bytes) -> Engine:
    return OpenVinoEngine(graph, name="the graph", precision=INT8, outputs=("embedding",))


def _worst(one: Sequence[Harm], other: Sequence[Harm]) -> list[Harm]:
    """Of two engines' harms of each layer the greater one, most harmful first."""
    found: dict[str, Harm] = {harm.layer: harm for harm in one}
    for harm in other:
        found[harm.layer] = max(found[harm.layer], harm, key=lambda each: each.difference)
    return sorted(found.values(), key=lambda harm: -harm.difference)


def _answered(photo: GoldenPhoto, card: BundleCard, engine: Engine) -> GoldenPhoto:
    """A golden photo with the answer of another graph."""
    probabilities, familiarity = golden_answer(photo, card, engine)
    return dataclasses.replace(
        photo,
        probabilities=tuple(float(value) for value in probabilities),
        familiarity=familiarity,
    )


def _in(card: BundleCard, found: Precision) -> BundleCard:
    return dataclasses.replace(
        card, precision=found, parity={**card.parity, "allowed": MAX_DIFFERENCE}
    )


def _proved(
    card: BundleCard,
    proofs: Sequence[Proof],
    *,
    between: Mapping[str, Mapping[str, float]] | None = None,
    unable: Mapping[str, str] | None = None,
) -> BundleCard:
    """Say in the card by how much engines differ, on golden photos and on validation photos."""
    before = card.parity.get("engines")
    engines: dict[str, object] = dict(before) if isinstance(before, dict) else {}
    for proof in proofs:
        measured = {"validation": dict(between[proof.engine])} if between else {}
        engines[proof.engine] = {**proof.as_dict(), **measured}
    parity: dict[str, object] = {**card.parity, "engines": engines}
    if unable:
        parity["unable"] = dict(unable)
    return dataclasses.replace(card, parity=parity)


def _wrong(proofs: Sequence[Proof]) -> list[str]:
    return [f"{photo} by {proof.engine}" for proof in proofs for photo in proof.wrong]


def _outcome(trial: _Trial, layers: int) -> str:
    differing = "".join(
        f"; {proof.engine} differs by {proof.largest:.2f} on the golden photos and by "
        f"{trial.between[proof.engine]['largest_difference']:.2f} on validation photos"
        for proof in trial.proofs
    )
    return (
        f"int8 with {len(trial.found.kept)} of {layers} layers in float32: "
        f"{trial.found.drop:+.2f} points of accuracy lost on {trial.found.photos:,} validation "
        f"photos; {100 * trial.share:.0f} % of the multiplications are between integers{differing}"
    )
