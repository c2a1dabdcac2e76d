"""Report: the whole story of a run, a study or a comparison, from artifacts, on one page."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from lineament.artifacts import audit as audits
from lineament.artifacts.audit import read_audit
from lineament.artifacts.dataset import Dataset
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.report import PREDICTIONS, EvaluationReport, read_report
from lineament.artifacts.run import GRAPH
from lineament.artifacts.story import DOCUMENT, PARTS, write_story
from lineament.artifacts.verdicts import write_comparison
from lineament.core.config import Config, option
from lineament.core.errors import DataError, UsageError
from lineament.core.executor import Executor
from lineament.core.extras import require_all
from lineament.core.files import atomic_folder, require_free, sha256_file
from lineament.core.progress import QUIET, Progress
from lineament.explanation.methods import CLASS_ACTIVATION, METHODS
from lineament.reporting.chapters.summary import summary
from lineament.reporting.story import Chapter, Part, Story
from lineament.reporting.story_page import story_page
from lineament.reporting.trainings import read_trainings
from lineament.reporting.verdict_page import verdict_page
from lineament.runtime.predictor import Predictor
from lineament.training.recipe import TrainConfig
from lineament.workflow.commands import changed, commands
from lineament.workflow.evaluating import EvaluateConfig, measure, write_evaluation
from lineament.workflow.explaining import ExplainDatasetConfig, Looker
from lineament.workflow.subjects import Subject, subjects_of

MEGABYTE = 1_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportConfig(Config):
    """What `report` can be told."""

    description: str = option("", help="what it is for, in your words")
    explain: bool = option(True, help="whether it is shown where the model looks")
    method: str = option(CLASS_ACTIVATION, help="how maps are made", choices=METHODS)
    faithfulness: int = option(
        48, help="on how many photos it is measured whether maps are faithful; 0: none", minimum=0
    )
    hiding: int = option(
        500, help="of how many photos centre and background are hidden; 0: none", minimum=0
    )
    regions: str | None = option(None, help="boxes or masks: how much of the maps lies inside")
    sanity: int = option(
        0, help="on how many photos weights are made random (needs torch); 0: none", minimum=0
    )
    robustness: int = option(
        0, help="how many photos are spoilt on purpose, each in 40 ways; 0: none", minimum=0
    )
    inflation: bool = option(
        False, help="whether it is measured what a random split would have claimed"
    )
    unknown: str | None = option(None, help="a folder of photos that show none of the classes")
    cost: bool = option(True, help="whether it is measured what compared models cost")
    photos_mb: float = option(
        4.0, help="how much of the page photos may take, in megabytes", minimum=0.0, maximum=100.0
    )
    seed: int = option(0, help="of everything random", minimum=0)


def report(
    source: Path,
    out: Path,
    *,
    data: Path | Dataset | None = None,
    evaluation: Path | None = None,
    config: ReportConfig | None = None,
    overwrite: bool = False,
    progress: Progress = QUIET,
    executor: Executor | None = None,
) -> dict[str, object]:
    """Tell the whole story on one page: data, leaks, recipe, figures, mistakes, maps, cost, limits.

    Of several models the one that the validation photos chose is told in full; the test photos
    only say how good it is.

    Args:
        source: A run, a study, or a comparison.
        out: The report's folder, made whole or not at all.
        data: Of a run: the dataset, or its folder; ``None`` is the one that it was trained on,
            where it still lies as it was.
        evaluation: Of a run: its report, if it was evaluated before; ``None`` measures it now.
        config: What is measured and shown.
        overwrite: Replace what stands at ``out``.
        progress: Who listens.
        executor: Where photos are decoded and run; ``None`` is one thread per core.

    Returns:
        What ``report.json`` holds, without the hashes of files.

    Raises:
        ArtifactError: The source is none of these, or an artifact is absent or damaged, or ``out``
            is in the way.
        DataError: Models have no finished runs, or were measured on other photos than are there.
        UsageError: A method does not fit the model, or an argument does not fit the source.
        MissingExtraError: What draws the page, or a method, is not installed.
    """
    settings = config or ReportConfig()
    require_all("report", purpose="A report")
    require_free(out, overwrite=overwrite, marker=DOCUMENT)
    asked = _asked(settings)
    if evaluation is not None and asked:
        raise UsageError(
            f"`{'`, `'.join(asked)}` cannot be added to a report that stands already.",
            fix="Leave `--evaluation` out, so that the run is evaluated again.",
        )
    title, description, subjects = subjects_of(
        source,
        data,
        evaluation,
        cost=settings.cost,
        seed=settings.seed,
        progress=progress,
        executor=executor,
    )
    with atomic_folder(out, overwrite=overwrite, marker=DOCUMENT) as folder:
        parts = tuple(
            _told(
                subject,
                folder / PARTS / subject.name,
                out / PARTS / subject.name,
                settings,
                progress,
                executor,
            )
            for subject in subjects
        )
        story = Story(title=title, description=settings.description or description, parts=parts)
        page = story_page(story, photo_bytes=round(settings.photos_mb * MEGABYTE))
        document = _document(story)
        write_story(folder, document, page=page)
    return document


def _asked(settings: ReportConfig) -> list[str]:
    """What was asked for that an evaluation measures only where somebody asks."""
    return [name for name in ("robustness", "inflation", "unknown") if getattr(settings, name)]


def _told(
    subject: Subject,
    folder: Path,
    out: Path,
    settings: ReportConfig,
    progress: Progress,
    executor: Executor | None,
) -> Part:
    """Measure what is missing of a part, and write it below the report."""
    predictor = Predictor(subject.run, executor=executor)
    looker = _looker(predictor, subject, settings)  # what does not fit is refused before the work
    (training,) = read_trainings([subject.run])
    evaluation, predictions = _evaluated(subject, out, settings, progress, executor)
    folder.mkdir(parents=True)
    (folder / "evaluation").mkdir()
    write_evaluation(folder / "evaluation", evaluation, predictions)
    explanation = None
    if looker is not None:
        (folder / "explanation").mkdir()
        explanation = looker.explain(predictions, folder / "explanation", progress=progress)
    comparison = None
    if subject.comparison is not None:
        comparison = subject.comparison(out / "comparison")
        (folder / "comparison").mkdir()
        write_comparison(folder / "comparison", comparison, page=verdict_page(comparison))
    card = training.run.card
    audit = (
        read_audit(subject.data.root)[1] if (subject.data.root / audits.DOCUMENT).is_file() else {}
    )
    return Part(
        name=subject.name,
        dataset=subject.data,
        audit=audit,
        chapter=Chapter(
            name=subject.title,
            training=training,
            evaluation=evaluation,
            predictions=predictions,
            changed=changed(TrainConfig, card.recipe),
            explanation=explanation,
            explanation_root=folder / "explanation" if explanation else None,
        ),
        comparison=comparison,
        commands=commands(subject.data, card),
    )


def _looker(predictor: Predictor, subject: Subject, settings: ReportConfig) -> Looker | None:
    if not settings.explain:
        return None
    look = ExplainDatasetConfig(
        method=settings.method,
        faithfulness=settings.faithfulness,
        hiding=settings.hiding,
        regions=settings.regions,
        sanity=settings.sanity,
        seed=settings.seed,
    )
    return Looker(predictor, subject.run, subject.data, look)


def _evaluated(
    subject: Subject,
    out: Path,
    settings: ReportConfig,
    progress: Progress,
    executor: Executor | None,
) -> tuple[EvaluationReport, Predictions]:
    """What was measured of the run: before, or now where that is not there or not enough."""
    if subject.evaluation is None or _asked(settings):
        return measure(
            subject.run,
            subject.data,
            out / "evaluation",
            settings=EvaluateConfig(
                robustness=settings.robustness,
                inflation=settings.inflation,
                unknown=settings.unknown,
                seed=settings.seed,
            ),
            progress=progress,
            executor=executor,
        )
    found = read_report(subject.evaluation)
    graph = sha256_file(subject.run / GRAPH)
    wrong = []
    if found.dataset.get("fingerprint") != subject.data.fingerprint:
        wrong.append("it is of other photos")
    # Reports of before bundles were told from their runs state one hash alone.
    if found.subject.get("graph_sha256", found.subject.get("sha256")) != graph:
        wrong.append("it is of another model")
    if found.split != "test":
        wrong.append(f"it is of the {found.split} split")
    if wrong:
        raise DataError(
            f"{subject.evaluation} cannot stand in the report of {subject.run}.",
            at=wrong,
            fix="Name the report of this run on the test photos of this dataset, or none.",
        )
    subject.data.verify(found.split)  # their photos are shown beside the answers of then
    return found, Predictions.read_parquet(subject.evaluation / PREDICTIONS)


def _document(story: Story) -> dict[str, object]:
    """What ``report.json`` holds: every figure, and the sentences of the summary."""
    return {
        "title": story.title,
        "description": story.description,
        "parts": [_part_document(part) for part in story.parts],
    }


def _part_document(part: Part) -> dict[str, object]:
    chapter = part.chapter
    answers = summary(part)["answers"]
    assert isinstance(answers, Sequence)
    return {
        "name": part.name,
        "summary": {str(question): str(answer) for question, answer in answers},
        "dataset": {
            "path": str(part.dataset.root),
            "fingerprint": part.dataset.fingerprint,
            **{
                key: part.dataset.document.get(key)
                for key in ("source", "counts", "checks", "split")
            },
        },
        "run": {
            **chapter.training.as_dict(),
            "name": chapter.name,
            "card": chapter.training.run.card.as_dict(),
        },
        "evaluation": chapter.evaluation.as_dict(),
        "explanation": chapter.explanation and chapter.explanation.as_dict(),
        "comparison": part.comparison and part.comparison.as_dict(),
        "commands": list(part.commands),
    }
