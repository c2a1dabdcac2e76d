"""Trials: what a search proposes, trained as runs of the study that it belongs to."""

import dataclasses
from collections.abc import Mapping, Sequence

from lineament.artifacts.study_row import (
    BROKEN,
    CHOSEN,
    DONE,
    GRID,
    PRUNED,
    TRIAL,
    StudyRow,
)
from lineament.core.errors import UsageError
from lineament.core.progress import Progress
from lineament.training.recipes import read_recipe
from lineament.workflow.studies.conductor import Conductor
from lineament.workflow.studies.configuration import StudyConfig
from lineament.workflow.studies.journal import FAILED, Trial
from lineament.workflow.studies.plan import laid
from lineament.workflow.studies.search import Pruned, Reporter, Search

PREFIX = "search"


def search(
    conductor: Conductor, settings: StudyConfig, proposer: Search, progress: Progress
) -> None:
    """Try what a search proposes; then train what it chose with every seed, and judge that.

    Args:
        conductor: The study.
        settings: What it was told.
        proposer: Proposes, and remembers across interruptions.
        progress: Who listens.
    """

    def attempt(values: Mapping[str, object], reporter: Reporter) -> float:
        row = _row(conductor, settings, values, reporter.number, settings.seeds[0])
        known = conductor.study.find(row.name)
        if known is not None and known.identity == row.identity and known.status == DONE:
            return _value(known, proposer.metric)  # done when the study ended, and not yet told
        try:
            ended = conductor.attempt(row, judged=False, watcher=reporter)
        except Pruned as order:
            if reporter.is_cut:  # the time is used up: it will be tried again
                conductor.drop(row)
            else:
                conductor.put(dataclasses.replace(row, status=PRUNED, reason=str(order)))
                conductor.save()
            raise
        except KeyboardInterrupt:
            conductor.drop(row)
            raise
        if ended.status == BROKEN:
            raise UsageError(ended.reason)
        return _value(ended, proposer.metric)

    trials = proposer.run(attempt, progress)
    _complete(conductor, settings, trials)
    best = proposer.best(trials)
    if best is None:
        progress.note("the search has no complete trial to choose from")
        return
    _choose(conductor, settings, best, progress)


def searched_dataset(settings: StudyConfig) -> str:
    """The dataset on which a search tries its settings.

    Raises:
        UsageError: It is not clear which, or there is none of that name.
    """
    assert settings.search is not None  # the caller has looked
    named = settings.search.get("dataset")
    if named is None and len(settings.datasets) == 1:
        return next(iter(settings.datasets))
    if named not in settings.datasets:
        what = "names none" if named is None else f"names `{named}`"
        raise UsageError(
            f"The search is on one of the study's datasets, and {what}.",
            fix=f"Write `dataset:` under `search:`, one of {', '.join(settings.datasets)}.",
        )
    return str(named)


def _row(
    conductor: Conductor,
    settings: StudyConfig,
    values: Mapping[str, object],
    number: int,
    seed: int,
) -> StudyRow:
    """The row of a trial, or of what was chosen with another seed."""
    told = settings.search or {}
    dataset, fixed = searched_dataset(settings), told.get("fixed") or {}
    assert isinstance(fixed, Mapping)  # read so
    recipe = str(told.get("recipe") or settings.recipe)
    run = laid(
        {**fixed, **values},
        read_recipe(recipe),
        recipe=recipe,
        seed=seed,
        dataset=dataset,
        fingerprint=conductor.datasets[dataset].fingerprint,
        place="search",
    )
    name = f"{PREFIX}-{number:03d}"
    return StudyRow(
        name=f"{name}-s{seed}",
        configuration=name,
        dataset=dataset,
        recipe=run.config.as_dict(),
        identity=run.identity,
        role=TRIAL,
    )


def _value(row: StudyRow, metric: str) -> float:
    """What a search goes by: of what validation chose, as the table has it."""
    value = row.validation_loss if metric == "validation_loss" else row.validation_accuracy
    assert value is not None  # it is done
    return value


def _complete(conductor: Conductor, settings: StudyConfig, trials: Sequence[Trial]) -> None:
    """Give a row to trials that failed without one: those during which the study died twice."""
    for trial in trials:
        row = _row(conductor, settings, trial.values, trial.number, settings.seeds[0])
        if trial.state == FAILED and conductor.study.find(row.name) is None:
            conductor.put(dataclasses.replace(row, status=BROKEN, reason=trial.reason))
    order = {row.name: row for row in conductor.study.rows if row.role != GRID}
    grid = tuple(row for row in conductor.study.rows if row.role == GRID)
    proposed = tuple(order[name] for name in sorted(order))
    conductor.study = dataclasses.replace(conductor.study, rows=(*grid, *proposed))
    conductor.save()


def _choose(conductor: Conductor, settings: StudyConfig, best: Trial, progress: Progress) -> None:
    """Train what was chosen with the other seeds, too, and judge it as the grid is judged."""
    first = _row(conductor, settings, best.values, best.number, settings.seeds[0])
    for row in conductor.study.rows:  # with more trials another one may be better
        if row.role == CHOSEN and row.configuration != first.configuration:
            conductor.put(dataclasses.replace(row, role=TRIAL))
    waiting: list[StudyRow] = []
    for seed in settings.seeds:
        row = _row(conductor, settings, best.values, best.number, seed)
        known = conductor.study.find(row.name) or row
        chosen = dataclasses.replace(known, role=CHOSEN)
        conductor.put(chosen)
        unjudged = settings.evaluate and chosen.test_accuracy is None
        if chosen.status != BROKEN and (chosen.status != DONE or unjudged):
            waiting.append(chosen)
    conductor.conduct(waiting, progress, judged=settings.evaluate)
