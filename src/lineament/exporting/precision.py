"""Precision: a bundle in a faster arithmetic, if it costs little accuracy on validation photos."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from lineament.artifacts.bundle import BundleCard, GoldenPhoto
from lineament.artifacts.dataset import Dataset, decode_photo
from lineament.artifacts.onnx_file import content_sha256
from lineament.artifacts.precision import BF16, INT8, Precision
from lineament.artifacts.run import Run
from lineament.core.errors import ArtifactError, GateError
from lineament.core.executor import LocalExecutor
from lineament.core.progress import Progress, tracked
from lineament.exporting.certificate import engines_here
from lineament.exporting.config import ExportConfig
from lineament.exporting.quantising import Harm, Quantiser
from lineament.measure.calibration import expected_calibration_error
from lineament.measure.classification import log_loss
from lineament.models.identity import backbone_sha256
from lineament.runtime.engines import Engine, OnnxRuntimeEngine
from lineament.runtime.openvino_engine import OpenVinoEngine
from lineament.runtime.proving import golden_answer, prove

# Engines round products of few bits each in its own way, and golden photos are drawn: nothing that
# a model was trained on, and so the less sure. A graph that is another one moves some further.
MAX_DIFFERENCE = 0.25
CALIBRATION_PHOTOS = 128  # of which a few hundred values of each flow choose its grid
# A layer that alone moves embeddings by more than this part stays in float32 from the beginning.
HARMFUL = 0.05
# Beyond half of the layers there is no speed left to gain.
MOST_KEPT = 0.5
BLAMED = 5  # layers that a refusal names


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
        GateError: It costs more accuracy than it may, or two engines differ too much.
        MissingExtraError: bf16 is asked for and OpenVINO is not installed.
    """
    validation = _Validation(run, config.dataset, graph, card, progress=progress)
    if config.precision == BF16:
        engine = OpenVinoEngine(graph, name="the graph", precision=BF16)
        found = validation.measure([engine], BF16, config, kept=())
        _require(found, config, blamed=())
        return graph, _proved(card, found, engine)
    quantised, found = _int8(validation, graph, config, progress=progress)
    reference, *others = engines_here(quantised, arithmetic=INT8)
    mark = content_sha256(quantised)
    changed = dataclasses.replace(
        card,
        content_sha256=mark,
        provenance={**card.provenance, "graph_sha256": mark},
        backbone_sha256=backbone_sha256(onnx.load_model_from_string(quantised)),
        golden=tuple(_answered(photo, card, reference) for photo in card.golden),
        parity={"against": reference.title, "exact": dict(card.parity)},
    )
    return quantised, _proved(changed, found, *others)


def _int8(
    validation: "_Validation", graph: bytes, config: ExportConfig, *, progress: Progress
) -> tuple[bytes, Precision]:
    """Keep ever more of the most harmful layers in float32, until little enough is lost."""
    quantiser = Quantiser(graph, validation.sample(CALIBRATION_PHOTOS), progress=progress)
    harms = quantiser.harms(progress=progress)
    n_kept = sum(harm.difference > HARMFUL for harm in harms)
    while True:
        kept = tuple(harm.layer for harm in harms[:n_kept])
        quantised = quantiser.graph(kept=kept)
        found = validation.measure(
            engines_here(quantised, arithmetic=INT8), INT8, config, kept=kept
        )
        progress.note(
            f"int8 with {n_kept} of {len(harms)} layers in float32: {found.drop:+.2f} points of "
            f"accuracy lost on {found.photos:,} validation photos"
        )
        most = int(len(harms) * MOST_KEPT)
        if found.drop <= config.max_drop or n_kept >= most:
            _require(found, config, blamed=harms[:BLAMED])
            return quantised, found
        n_kept = min(most, max(1, 2 * n_kept))


class _Validation:
    """The validation split, answered in float32 once and in other arithmetics as often as asked."""

    def __init__(
        self,
        run: Run,
        named: str | None,
        graph: bytes,
        card: BundleCard,
        *,
        progress: Progress,
    ) -> None:
        dataset = _dataset(run, named)
        samples = dataset.samples("validation")
        self._short_side_px = card.preprocessing.needed_short_side_px
        self._paths = [dataset.path(sample) for sample in samples]
        self._labels = np.array([card.classes.index(each.class_name) for each in samples], np.int64)
        self._progress = progress
        self._exact = self._answers(OnnxRuntimeEngine(graph, name=str(run.graph_path)))

    def sample(self, most: int) -> list[NDArray[np.uint8]]:
        """Decode photos that are spread evenly over the split."""
        step = max(1, len(self._paths) // most)
        chosen = self._paths[::step][:most]
        return [decode_photo(path, short_side_px=self._short_side_px) for path in chosen]

    def measure(
        self,
        engines: Sequence[Engine],
        arithmetic: str,
        config: ExportConfig,
        *,
        kept: tuple[str, ...],
    ) -> Precision:
        """Measure by several engines, and give what the worst of them reached."""
        found = [self._measured(engine, arithmetic, config, kept) for engine in engines]
        return max(found, key=lambda each: each.drop)

    def _measured(
        self, engine: Engine, arithmetic: str, config: ExportConfig, kept: tuple[str, ...]
    ) -> Precision:
        answers, exact, labels = self._answers(engine), self._exact, self._labels
        return Precision(
            arithmetic=arithmetic,
            engine=engine.title,
            photos=len(labels),
            accuracy=float((answers.argmax(axis=1) == labels).mean()),
            exact_accuracy=float((exact.argmax(axis=1) == labels).mean()),
            agreement=float((answers.argmax(axis=1) == exact.argmax(axis=1)).mean()),
            largest_difference=float(np.abs(answers - exact).max()),
            log_loss=log_loss(answers, labels),
            exact_log_loss=log_loss(exact, labels),
            calibration_error=expected_calibration_error(answers, labels),
            exact_calibration_error=expected_calibration_error(exact, labels),
            max_drop=config.max_drop,
            kept=kept,
        )

    def _answers(self, engine: Engine) -> NDArray[np.float32]:
        one = functools.partial(_probabilities, engine, self._short_side_px)
        rows = LocalExecutor().map(one, self._paths)
        task = f"answering validation photos ({engine.title})"
        return np.stack(list(tracked(rows, self._progress, task, len(self._paths))))


def _probabilities(engine: Engine, short_side_px: int, path: Path) -> NDArray[np.float32]:
    image = decode_photo(path, short_side_px=short_side_px)
    row: NDArray[np.float32] = engine.run(image[None], ["probabilities"])[0][0]
    return row


def _dataset(run: Run, named: str | None) -> Dataset:
    stated = Path(named or str(run.card.dataset.get("path")))
    fix = "Name the dataset that the run was trained on with `--dataset DATASET`."
    if not stated.is_dir():
        raise ArtifactError(
            f"{run.root} was trained on {stated}, which is gone; its validation photos are wanted.",
            fix=fix,
        )
    found = Dataset.open(stated)
    if found.fingerprint != run.card.dataset.get("fingerprint"):
        raise ArtifactError(f"{stated} is not what {run.root} was trained on.", fix=fix)
    return found


def _answered(photo: GoldenPhoto, card: BundleCard, engine: Engine) -> GoldenPhoto:
    """A golden photo with the answer of another graph."""
    probabilities, familiarity = golden_answer(photo, card, engine)
    return dataclasses.replace(
        photo,
        probabilities=tuple(float(value) for value in probabilities),
        familiarity=familiarity,
    )


def _proved(card: BundleCard, found: Precision, *engines: Engine) -> BundleCard:
    """Say in the card what a precision costs, and by how much engines differ in it."""
    card = dataclasses.replace(
        card, precision=found, parity={**card.parity, "allowed": MAX_DIFFERENCE}
    )
    proofs = [prove(card, engine) for engine in engines]
    wrong = [f"{photo} by {proof.engine}" for proof in proofs for photo in proof.wrong]
    if wrong:
        raise GateError(
            f"The bundle was not exported in {found.arithmetic}: engines answer the golden photos "
            f"differently, by more than {MAX_DIFFERENCE:g} in a probability.",
            at=wrong,
            fix="Export it in fp32.",
        )
    stated = {proof.engine: proof.as_dict() for proof in proofs}
    before = card.parity.get("engines")
    engines_before = before if isinstance(before, dict) else {}
    return dataclasses.replace(
        card, parity={**card.parity, "engines": {**engines_before, **stated}}
    )


def _require(found: Precision, config: ExportConfig, *, blamed: Sequence[Harm]) -> None:
    if found.drop <= config.max_drop:
        return
    raise GateError(
        f"The bundle was not exported in {found.arithmetic}: that costs {found.drop:.2f} points of "
        f"accuracy on {found.photos:,} validation photos (from {100 * found.exact_accuracy:.2f} to "
        f"{100 * found.accuracy:.2f} %), more than `max_drop` allows ({config.max_drop:g}).",
        at=[f"{harm.layer} (moves embeddings by {100 * harm.difference:.0f} %)" for harm in blamed],
        fix="Export it in fp32, or allow more with `--max-drop`.",
    )
