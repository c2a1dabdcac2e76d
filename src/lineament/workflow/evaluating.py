"""Evaluate: a run or a bundle measured on a dataset, from stages that do not know each other."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

from lineament.artifacts.dataset import SPLITS, Dataset
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.report import DOCUMENT, PREDICTIONS, EvaluationReport, write_report
from lineament.artifacts.run import GRAPH
from lineament.artifacts.schema import field
from lineament.core.config import Config, option
from lineament.core.errors import ImageError, UsageError
from lineament.core.executor import Executor
from lineament.core.extras import require_all
from lineament.core.files import atomic_folder, require_free, sha256_file
from lineament.core.progress import QUIET, Progress
from lineament.evaluation.score import score
from lineament.imaging.decode import decode
from lineament.imaging.render import thumbnail_jpeg
from lineament.measure.intervals import known_groups
from lineament.reporting.page import page
from lineament.runtime.predictor import Predictor
from lineament.runtime.sources import photo_files
from lineament.workflow.examining import enter, of_gap, of_slices, of_unknowns
from lineament.workflow.spoiling import spoil


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Config):
    """What `evaluate` can be told."""

    split: str = option("test", help="which split is measured", choices=SPLITS)
    seed: int = option(0, help="of the resampling behind the intervals", minimum=0)
    n_mistakes: int = option(
        24, help="how many of the most confident mistakes are shown", minimum=0
    )
    inflation: bool = option(
        False,
        help="whether the same head is also trained on random splits, to see what they would claim",
    )
    unknown: str | None = option(
        None, help="a folder of photos that show none of the classes, to see what is said to them"
    )
    slices: bool = option(
        True, help="whether parts of the photos (dark, blurred, by metadata) are compared"
    )
    slice_by: tuple[str, ...] = option(
        (), help="the columns that divide the photos; none given: all that are known"
    )
    robustness: int = option(
        0, help="how many photos are spoilt on purpose, each in 40 ways; 0 for none", minimum=0
    )


def evaluate(
    model: Path,
    dataset: Path | Dataset,
    out: Path,
    *,
    config: EvaluateConfig | None = None,
    overwrite: bool = False,
    progress: Progress = QUIET,
    executor: Executor | None = None,
) -> EvaluationReport:
    """Measure a run or a bundle on a dataset's split; both go through the graph that ships.

    Args:
        model: A run or a bundle.
        dataset: A dataset, or its folder.
        out: The report's folder, made whole or not at all.
        config: Which split, and what is shown.
        overwrite: Replace what stands at ``out``.
        progress: Who listens.
        executor: Where photos are decoded and run; ``None`` is one thread per core.

    Returns:
        Every figure of the report.

    Raises:
        UsageError: The inflation of another split than ``test`` was asked for, or a folder or
            column that is not there.
        ArtifactError: Model or dataset is absent or damaged, a photo is not the one that was
            prepared, or ``out`` is in the way.
        DataError: The dataset has classes that the model does not know, a photo cannot be read, or
            the split is empty.
        MissingExtraError: What draws the report is not installed.
    """
    require_all("report", purpose="Evaluation")
    require_free(out, overwrite=overwrite, marker=DOCUMENT)
    report, predictions = measure(
        model,
        dataset,
        out,
        settings=config or EvaluateConfig(),
        progress=progress,
        executor=executor,
    )
    with atomic_folder(out, overwrite=overwrite, marker=DOCUMENT) as folder:
        write_evaluation(folder, report, predictions)
    return report


def write_evaluation(folder: Path, report: EvaluationReport, predictions: Predictions) -> None:
    """Write what `measure` gave, and its page, into a folder that is being made."""
    predictions.write_parquet(folder / PREDICTIONS)
    write_report(folder, report, page=page(report))


def measure(
    model: Path,
    dataset: Path | Dataset,
    out: Path,
    *,
    settings: EvaluateConfig,
    progress: Progress = QUIET,
    executor: Executor | None = None,
) -> tuple[EvaluationReport, Predictions]:
    """Measure a model and write nothing but the line in the dataset's ledger.

    Args:
        model: A run or a bundle.
        dataset: A dataset, or its folder.
        out: Where the report will stand, for the ledger.
        settings: Which split, and what is shown.
        progress: Who listens.
        executor: Where photos are decoded and run; ``None`` is one thread per core.

    Returns:
        Every figure, and the answers that were judged; errors as `evaluate`.
    """
    if settings.inflation:
        require_all("train", purpose="`--inflation`")
        if settings.split != "test":
            raise UsageError(
                f"`inflation` is about the test split, but `split` is {settings.split}.",
                fix="Leave one of the two out.",
            )
    others = _others(settings.unknown)
    predictor = Predictor(model, executor=executor)
    data = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    subject = _subject(model, predictor)
    data.samples(settings.split)  # an empty split is said before its photos are looked for
    data.verify(settings.split)
    predictions = predictor.predict_split(data, settings.split, progress=progress)
    progress.note("computing intervals")

    report = score(
        predictions,
        split=settings.split,
        subject=subject,
        dataset={
            "path": str(data.root),
            "fingerprint": data.fingerprint,
            "photos": {split: len(samples) for split, samples in data.splits.items()},
        },
        thumbnail=functools.partial(_thumbnail, data.root),
        temperature=predictor.temperature,
        decisions=predictor.decisions,
        seed=settings.seed,
        n_mistakes=settings.n_mistakes,
    )
    report = _examined(report, predictor, predictions, model, data, settings, others, progress)
    report = dataclasses.replace(report, openings=enter(data, report, out, progress=progress))
    return report, predictions


def _examined(
    report: EvaluationReport,
    predictor: Predictor,
    predictions: Predictions,
    model: Path,
    data: Dataset,
    settings: EvaluateConfig,
    others: Sequence[Path],
    progress: Progress,
) -> EvaluationReport:
    """Add what was asked for beyond the answers."""
    units = known_groups(predictions.groups)
    executor, seed = predictor.executor, settings.seed
    if settings.split == "test":
        report = dataclasses.replace(report, gap=of_gap(predictor, model, data, report, seed=seed))
    if settings.slices:
        found = of_slices(
            predictions, data, settings.slice_by, units=units, progress=progress, executor=executor
        )
        report = dataclasses.replace(report, slices=found)
    if settings.unknown is not None:
        against = of_unknowns(
            predictor,
            predictions,
            Path(settings.unknown),
            others,
            units=units,
            thumbnail=functools.partial(_thumbnail, Path()),
            seed=seed,
            progress=progress,
        )
        report = dataclasses.replace(report, unknowns=against)
    if settings.robustness:
        spoilt = spoil(
            predictor,
            data,
            settings.split,
            photos=settings.robustness,
            seed=seed,
            progress=progress,
            executor=executor,
        )
        report = dataclasses.replace(report, robustness=spoilt)
    if settings.inflation:
        from lineament.workflow.inflation import inflation  # needs the extra `train`

        claimed = inflation(model, data, seed=seed, progress=progress, executor=executor)
        report = dataclasses.replace(report, inflation=claimed.as_dict())
    return report


def _others(folder: str | None) -> list[Path]:
    """The photos that show none of the classes; a folder that is not there is said at once."""
    if folder is None:
        return []
    if not Path(folder).is_dir():
        raise UsageError(
            f"`unknown` must be a folder, got {folder}.",
            fix="Name a folder of photos that show none of the classes.",
        )
    return photo_files([Path(folder)])


def _thumbnail(root: Path, sample: str) -> bytes | None:
    try:
        return thumbnail_jpeg(decode(root / sample))
    except ImageError:
        return None


def _subject(model: Path, predictor: Predictor) -> dict[str, object]:
    """What was measured, from what the artifact states."""
    stated, name = predictor.provenance, str(model)
    backbone = field(stated, "backbone", dict, name=name)
    digest = sha256_file(model / GRAPH if model.is_dir() else model)
    return {
        "kind": "run" if model.is_dir() else "bundle",
        "path": name,
        "sha256": digest,
        "graph_sha256": stated.get("graph_sha256", digest),  # the same of a run and its bundle
        "mode": field(stated, "mode", str, name=name),
        "backbone": field(backbone, "name", str, name=name),
        "weights": field(backbone, "tag", str, name=name),
        "weights_sha256": backbone.get("sha256"),
        "licence": backbone.get("licence"),
        "trained_on": field(
            field(stated, "dataset", dict, name=name), "fingerprint", str, name=name
        ),
        "temperature": predictor.temperature,
        "decisions": predictor.decisions and dataclasses.asdict(predictor.decisions),
        "seed": field(stated, "seed", int, name=name),
        "preprocessing": predictor.preprocessing.as_dict(),
    }
