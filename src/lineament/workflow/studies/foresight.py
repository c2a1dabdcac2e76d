"""Foresight: before a study starts, whether its recipes can be and what its runs will take."""

import dataclasses
import os
from collections.abc import Mapping

from lineament.artifacts.study_row import StudyRow
from lineament.core.config import resolve
from lineament.core.errors import ArtifactError, UsageError
from lineament.core.progress import Progress
from lineament.training.pace import Kind, Pace, features_of, kind_of
from lineament.training.recipe import TrainConfig
from lineament.workflow.studies.conductor import Conductor


def require_possible(conductor: Conductor, places: Mapping[str, str]) -> None:
    """Check that the fields of every recipe fit together, before any run is begun.

    Args:
        conductor: The study.
        places: Where the study file asks for a run, by its name.

    Raises:
        UsageError: Some do not; all of them are named.
        ArtifactError: The worker does not come up.
    """
    rows = conductor.study.waiting
    if not rows:
        return

    def refuse(reason: str) -> None:
        raise ArtifactError(
            f"The study's worker could not do anything: {reason}.",
            fix="`lineament doctor` says what is installed.",
        )

    order = {"do": "check", "recipes": [dict(row.recipe) for row in rows], "log": os.devnull}
    problems = conductor.asked(order, refuse)
    assert isinstance(problems, list)  # our own worker
    first: dict[str, tuple[StudyRow, str]] = {}  # the seeds of a configuration share its problem
    for row, problem in zip(rows, problems, strict=True):
        if problem is not None:
            first.setdefault(f"{row.configuration}: {problem['what']}", (row, problem["fix"]))
    if first:
        fixes = dict.fromkeys(fix for _, fix in first.values())
        places_of = {row.name: places.get(row.name, "") for row, _ in first.values()}
        raise UsageError(
            "Runs of the study ask for what cannot be; nothing was trained.",
            at=[
                f"{text} ({places_of[row.name]})" if places_of[row.name] else text
                for text, (row, _) in first.items()
            ],
            fix=" ".join([*fixes, "Fields that suit some runs only go into a block of their own."]),
        )


def foresee(
    conductor: Conductor, progress: Progress, *, judged: bool, log: str = os.devnull
) -> None:
    """Measure each kind of run once and write into every row that waits what it will take.

    A run that cannot be measured keeps ``None`` and tells itself why.

    Args:
        conductor: The study.
        progress: Who listens.
        judged: Whether runs are judged on the test photos.
        log: Where what is said on the way is kept.
    """
    paces: dict[tuple[str, Kind], Pace | None] = {}
    shared: set[tuple[str, Kind]] = set()
    for row in conductor.study.waiting:
        if row.estimate_s is not None:
            continue
        config = resolve(TrainConfig, row.recipe, {})
        key = (row.dataset, kind_of(config))
        if key not in paces:
            paces[key] = _measured(conductor, row, progress, log)
        pace = paces[key]
        if pace is None:
            continue
        splits = conductor.datasets[row.dataset].splits
        photos = {name: len(samples) for name, samples in splits.items()}
        total = pace.own_s(config, photos, tested=judged)
        features = features_of(config)
        # Kept features are counted once, for the first run that wants them; a time budget has
        # them in it.
        if features is not None and (row.dataset, features) not in shared:
            shared.add((row.dataset, features))
            total += 0.0 if config.time_budget else pace.shared_s(config, photos)
        conductor.put(dataclasses.replace(row, estimate_s=round(total, 1)))


def _measured(conductor: Conductor, row: StudyRow, progress: Progress, log: str) -> Pace | None:
    progress.note(f"measuring {row.configuration}")
    order = {
        "do": "measure",
        "dataset": str(conductor.datasets[row.dataset].root.absolute()),
        "recipe": dict(row.recipe),
        "log": log,
    }
    result = conductor.asked(
        order,
        lambda reason: progress.note(f"{row.configuration} could not be measured: {reason}"),
    )
    return Pace(**result) if isinstance(result, dict) else None
