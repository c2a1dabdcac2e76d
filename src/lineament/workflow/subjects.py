"""Subjects: what a full report is of, found in a run, a study or a comparison."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from lineament.artifacts import run as runs
from lineament.artifacts import study as studies
from lineament.artifacts import verdicts
from lineament.artifacts.dataset import DOCUMENT as DATASET
from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import Run
from lineament.artifacts.study import Study
from lineament.artifacts.verdicts import ComparisonReport, read_comparison
from lineament.core.errors import ArtifactError, DataError, UsageError
from lineament.core.executor import Executor
from lineament.core.progress import Progress
from lineament.reporting.trainings import read_trainings
from lineament.workflow.comparing import CompareConfig, judge


@dataclasses.dataclass(frozen=True, kw_only=True)
class Subject:
    """One run on one dataset, before anything is measured.

    Attributes:
        name: Of its dataset.
        data: The dataset.
        run: The run that is told in full.
        title: What it is called.
        evaluation: A report of it that stands already; ``None`` where it is measured now.
        comparison: What compares it with others, called with where it will stand; ``None`` of one
            run alone.
    """

    name: str
    data: Dataset
    run: Path
    title: str
    evaluation: Path | None = None
    comparison: Callable[[Path], ComparisonReport] | None = None


def subjects_of(
    source: Path,
    data: Path | Dataset | None,
    evaluation: Path | None,
    *,
    cost: bool,
    seed: int,
    progress: Progress,
    executor: Executor | None,
) -> tuple[str, str, list[Subject]]:
    """Say what a report is of.

    Args:
        source: A run, a study or a comparison.
        data: Of a run or a comparison: the dataset; ``None`` is the one that it states.
        evaluation: Of a run: its report, if there is one.
        cost: Whether it is measured what compared models cost.
        seed: Of the comparison.
        progress: Who listens.
        executor: Where photos are decoded and run.

    Returns:
        Its title, its description, and one subject per dataset.

    Raises:
        ArtifactError: The source is none of these, or damaged.
        DataError: Models have no finished runs, or were measured on other photos than are there.
        UsageError: ``data`` or ``evaluation`` does not fit the source.
    """
    if (source / runs.DOCUMENT).is_file():
        opened = Run.open(source)
        dataset = _dataset(data, opened)
        return (
            f"run {source}",
            "",
            [
                Subject(
                    name=dataset.root.resolve().name,
                    data=dataset,
                    run=source,
                    title=source.resolve().name,
                    evaluation=evaluation,
                )
            ],
        )
    if evaluation is not None:
        raise UsageError(
            f"`--evaluation` is a report of a run, and {source} is none.",
            fix="Leave it out: a study and a comparison have their own.",
        )
    if (source / studies.DOCUMENT).is_file():
        if data is not None:
            raise UsageError(
                f"`--data` names one dataset, and {source} states its own.",
                fix="Leave it out; put the study's datasets where they were.",
            )
        study = Study.open(source)
        subjects = _of_study(study, cost=cost, seed=seed, progress=progress, executor=executor)
        return f"study {source}", study.description, subjects
    if (source / verdicts.DOCUMENT).is_file():
        found = read_comparison(source)
        return f"comparison {source}", "", [_of_comparison(source, found, data)]
    raise ArtifactError(
        f"{source} is neither a run nor a study nor a comparison.",
        fix="Name a folder that `train`, `study` or `compare` wrote.",
    )


def _dataset(data: Path | Dataset | None, run: Run) -> Dataset:
    """The one that was named, or the one that the run was trained on, where it still is that."""
    if data is not None:
        return data if isinstance(data, Dataset) else Dataset.open(data)
    stated = Path(str(run.card.dataset.get("path")))
    mark = run.card.dataset.get("fingerprint")
    found = Dataset.open(stated) if (stated / DATASET).is_file() else None
    if found is None or found.fingerprint != mark:
        raise DataError(
            f"{run.root} was trained on {stated}, which is gone or is not what it was.",
            fix="Name the dataset with `--data DATASET`.",
        )
    return found


def _of_study(
    study: Study, *, cost: bool, seed: int, progress: Progress, executor: Executor | None
) -> list[Subject]:
    """One part per dataset that has a winner by validation."""
    subjects = []
    for name, winner in study.winning.items():
        best = winner.best
        if best is None:
            continue
        run = study.run_path(best)
        reported = study.report_path(best)
        several = sum(line.dataset == name and bool(line.done) for line in study.lines) > 1

        def compared(out: Path, name: str = name) -> ComparisonReport:
            return judge(
                [study.root],
                out,
                data=None,
                settings=CompareConfig(study_dataset=name, cost=cost, seed=seed),
                progress=progress,
                executor=executor,
            )

        subjects.append(
            Subject(
                name=name,
                data=_dataset(None, Run.open(run)),
                run=run,
                title=best.name,
                evaluation=reported if reported.is_dir() else None,
                comparison=compared if several else None,
            )
        )
    if not subjects:
        raise DataError(
            f"{study.root} has no finished run.",
            fix="Go on with `lineament study ... --resume`.",
        )
    return subjects


def _of_comparison(source: Path, found: ComparisonReport, data: Path | Dataset | None) -> Subject:
    """The part of a comparison: of its runs the one with the least validation loss is told."""
    folders = [
        (Path(path), each.name)
        for each in found.contenders
        for path in each.runs
        if (Path(path) / runs.DOCUMENT).is_file()
    ]
    if not folders:
        raise DataError(
            f"{source} compares no runs that are still there.",
            fix="Report a run, or compare again where the runs are.",
        )
    trainings = read_trainings([path for path, _ in folders])
    losses = [float("inf") if each.loss is None else each.loss for each in trainings]
    place = losses.index(min(losses))
    run, name = folders[place]
    stated = Path(str(found.dataset.get("path")))
    dataset = Dataset.open(stated) if data is None else data
    opened = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    if opened.fingerprint != found.dataset.get("fingerprint"):
        raise DataError(
            f"{opened.root} is not the dataset that {source} was measured on.",
            fix="Name that dataset with `--data DATASET`, or compare again.",
        )
    return Subject(
        name=opened.root.resolve().name,
        data=opened,
        run=run,
        title=name,
        comparison=lambda _: found,
    )
