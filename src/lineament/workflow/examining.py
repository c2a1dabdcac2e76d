"""Examine: what is asked of a model beyond its answers to the measured photos."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

from lineament.artifacts.dataset import Dataset, decode_photo
from lineament.artifacts.findings.gap import Gap
from lineament.artifacts.findings.openings import Openings
from lineament.artifacts.findings.slices import Slices
from lineament.artifacts.findings.unknowns import Unknowns
from lineament.artifacts.ledger import Opening, read_ledger, record
from lineament.artifacts.metadata import metadata
from lineament.artifacts.origins import origins
from lineament.artifacts.plain import optional
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.report import EvaluationReport
from lineament.artifacts.run import Run, ValidationFigures
from lineament.core.errors import ArtifactError, DataError
from lineament.core.executor import Executor
from lineament.core.progress import Progress, tracked
from lineament.core.version import __version__
from lineament.evaluation.columns import automatic_columns, chosen_columns
from lineament.evaluation.evidence import evidence_of, looks_of
from lineament.evaluation.gap import gap
from lineament.evaluation.openings import opened
from lineament.evaluation.score import Thumbnail
from lineament.evaluation.slices import slices
from lineament.evaluation.unknowns import unknowns
from lineament.imaging.look import Look, look
from lineament.runtime.predictor import Predictor

KEPT_PX = 256  # shorter side at which `prepare` looks at photos, too


def of_unknowns(
    predictor: Predictor,
    known: Predictions,
    folder: Path,
    files: Sequence[Path],
    *,
    units: Sequence[int] | None,
    thumbnail: Thumbnail,
    seed: int,
    progress: Progress,
) -> Unknowns:
    """Answer photos that show none of the classes, and set them against the measured ones.

    Args:
        predictor: The model.
        known: Its answers to the measured photos.
        folder: Where the others are.
        files: Which these are.
        units: A group per measured photo.
        thumbnail: Gives a small JPEG of a file.
        seed: Of the resampling.
        progress: Who listens.

    Raises:
        DataError: No photo of the folder can be read.
    """
    answered, unreadable = predictor.predict_files(files, progress=progress)
    if not answered.samples:
        raise DataError(
            f"{folder} has no photo that can be read.",
            at=[f"{each.source}: {each.error}" for each in unreadable],
            fix="Name a folder of photos that show none of the classes.",
        )
    return unknowns(
        known,
        answered,
        predictor.decisions,
        source=str(folder),
        unreadable=len(unreadable),
        units=units,
        thumbnail=thumbnail,
        seed=seed,
    )


def of_slices(
    predictions: Predictions,
    data: Dataset,
    columns: Sequence[str],
    *,
    units: Sequence[int] | None,
    progress: Progress,
    executor: Executor,
) -> Slices:
    """Look at the measured photos, and divide them by how they look and by what is known of them.

    Args:
        predictions: The answers to photos of ``data``.
        data: The dataset.
        columns: By which columns; none for all.
        units: A group per photo.
        progress: Who listens.
        executor: Where photos are looked at.
    """
    paths = [data.root / sample for sample in predictions.samples]
    seen = tracked(executor.map(_look, paths), progress, "looking at the photos", len(paths))
    known = {origin.filename: origin for origin in origins(data.root)}
    told = metadata(data.root)
    automatic = automatic_columns(list(seen), [known[sample] for sample in predictions.samples])
    rows = [told.get(sample, {}) for sample in predictions.samples]
    return slices(predictions, chosen_columns(automatic, rows, columns), units=units)


def _look(path: Path) -> Look:
    return look(decode_photo(path, short_side_px=KEPT_PX))


def of_gap(
    predictor: Predictor, model: Path, data: Dataset, report: EvaluationReport, *, seed: int
) -> Gap | None:
    """Set the test figure against the validation figure that the model states."""
    stated, name = predictor.provenance, str(model)
    validation = optional(ValidationFigures, stated, "validation", name=name)
    if validation is None:
        return None
    recipe, trained_on = stated.get("recipe"), report.subject.get("trained_on")
    fold = recipe.get("fold") if isinstance(recipe, Mapping) else None
    seen = data if fold is None or trained_on != data.fingerprint else data.fold(fold)
    evidence = evidence_of(
        data,
        trained_on=None if trained_on is None else str(trained_on),
        candidates=_candidates(model),
        fold=fold,
        measured={split: looks_of(seen, split, seed=seed) for split in ("validation", "test")},
    )
    return gap(validation, report.headline["accuracy"], evidence=evidence)


def _candidates(model: Path) -> int | None:
    """How many states of the model validation chose from; a bundle does not say."""
    return len(Run.open(model).history()) if model.is_dir() else None


def enter(data: Dataset, report: EvaluationReport, out: Path, *, progress: Progress) -> Openings:
    """Write an evaluation into the dataset's ledger, and say what stands in it with this one.

    Where it cannot be written a note says so.
    """
    accuracy = report.headline["accuracy"]
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    opening = Opening(
        time=now,
        fingerprint=data.fingerprint,
        split=report.split,
        kind=str(report.subject["kind"]),
        path=str(report.subject["path"]),
        sha256=str(report.subject["graph_sha256"]),
        report=str(out),
        photos=report.n_images,
        accuracy=accuracy.value,
        low=accuracy.low,
        high=accuracy.high,
        lineament=__version__,
    )
    before: tuple[Opening, ...] = ()
    damaged = 0
    try:
        ledger = read_ledger(data.root)
        before, damaged = ledger.of(data.fingerprint, report.split), len(ledger.damaged)
        record(data.root, opening)
    except ArtifactError as error:
        progress.note(f"{error.what} {error.fix}")
    return opened([*before, opening], damaged=damaged)
