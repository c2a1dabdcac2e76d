"""Evaluate: a run or a bundle measured on a dataset, from stages that do not know each other."""

import dataclasses
from pathlib import Path

from lineament.artifacts.dataset import SPLITS, Dataset
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
from lineament.reporting.page import page
from lineament.runtime.predictor import Predictor


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
        UsageError: The inflation of another split than ``test`` was asked for.
        ArtifactError: Model or dataset is absent or damaged, a photo is not the one that was
            prepared, or ``out`` is in the way.
        DataError: The dataset has classes that the model does not know, a photo cannot be read, or
            the split is empty.
        MissingExtraError: What draws the report is not installed.
    """
    settings = config or EvaluateConfig()
    require_all("report", purpose="Evaluation")
    if settings.inflation:
        require_all("train", purpose="`--inflation`")
        if settings.split != "test":
            raise UsageError(
                f"`inflation` is about the test split, but `split` is {settings.split}.",
                fix="Leave one of the two out.",
            )
    require_free(out, overwrite=overwrite, marker=DOCUMENT)
    predictor = Predictor(model, executor=executor)
    data = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    subject = _subject(model, predictor)
    data.samples(settings.split)  # an empty split is said before its photos are looked for
    data.verify(settings.split)
    predictions = predictor.predict_split(data, settings.split, progress=progress)
    progress.note("computing intervals")

    def thumbnail(sample: str) -> bytes | None:
        try:
            return thumbnail_jpeg(decode(data.root / sample))
        except ImageError:
            return None

    report = score(
        predictions,
        split=settings.split,
        subject=subject,
        dataset={
            "path": str(data.root),
            "fingerprint": data.fingerprint,
            "photos": {split: len(samples) for split, samples in data.splits.items()},
        },
        thumbnail=thumbnail,
        seed=settings.seed,
        n_mistakes=settings.n_mistakes,
    )
    if settings.inflation:
        from lineament.workflow.inflation import inflation  # needs the extra `train`

        found = inflation(model, data, seed=settings.seed, progress=progress, executor=executor)
        report = dataclasses.replace(report, inflation=found.as_dict())
    with atomic_folder(out, overwrite=overwrite, marker=DOCUMENT) as folder:
        predictions.write_parquet(folder / PREDICTIONS)
        write_report(folder, report, page=page(report))
    return report


def _subject(model: Path, predictor: Predictor) -> dict[str, object]:
    """What was measured, from what the artifact states."""
    stated, name = predictor.provenance, str(model)
    backbone = field(stated, "backbone", dict, name=name)
    return {
        "kind": "run" if model.is_dir() else "bundle",
        "path": name,
        "sha256": sha256_file(model / GRAPH if model.is_dir() else model),
        "mode": field(stated, "mode", str, name=name),
        "backbone": field(backbone, "name", str, name=name),
        "weights": field(backbone, "tag", str, name=name),
        "weights_sha256": backbone.get("sha256"),
        "licence": backbone.get("licence"),
        "trained_on": field(
            field(stated, "dataset", dict, name=name), "fingerprint", str, name=name
        ),
        "temperature": predictor.temperature,
        "seed": field(stated, "seed", int, name=name),
        "preprocessing": predictor.preprocessing.as_dict(),
    }
