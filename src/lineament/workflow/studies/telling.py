"""Telling: what a study says to the person who waits, and the table at its end."""

from collections.abc import Mapping, Sequence

from lineament.artifacts.comparison import Line, Spread
from lineament.artifacts.study import Study
from lineament.artifacts.study_row import DONE, STATUSES, TRIAL, StudyRow
from lineament.core.progress import duration

UNKNOWN = "?"


def lasting(seconds: float | None) -> str:
    """Write a duration that may not be known.

    Example:
        >>> lasting(150), lasting(None)
        ('2.5 min', '?')
    """
    return UNKNOWN if seconds is None else duration(seconds)


def plan_text(rows: Sequence[StudyRow]) -> str:
    """The runs that will be done, in their order, with what each is expected to take."""
    cells = [(row.name, row.dataset, lasting(row.estimate_s)) for row in rows]
    table = _aligned(("run", "dataset", "expected"), cells, right=(2,))
    known = [row.estimate_s for row in rows if row.estimate_s is not None]
    unknown = len(rows) - len(known)
    total = f"{len(rows)} run{'s' * (len(rows) != 1)}, about {lasting(sum(known))} in all"
    if unknown:
        total += f", without {unknown} that could not be measured"
    return "\n".join([*table, total])


def search_text(told: Mapping[str, object]) -> str:
    """What a search comes to, of what a study file says of it.

    Example:
        >>> search_text({"trials": 30, "budget": "40m"})
        'then a search, up to 30 trials and 40m, and the settings that it chooses with every seed'
    """
    trials, budget = told.get("trials"), told.get("budget")
    limits = [f"{trials} trials"] if trials is not None else []
    limits += [str(budget)] if budget is not None else []
    return (
        f"then a search, up to {' and '.join(limits)}, and the settings that it chooses with every "
        "seed"
    )


def finished_text(row: StudyRow, waiting: Sequence[StudyRow], *, pace: float) -> str:
    """One line on a run that has ended, and what is left.

    Args:
        row: The run.
        waiting: The runs that are to come.
        pace: What runs took so far, as a part of what was expected.
    """
    if row.status == DONE:
        said = f"validation {_percent(row.validation_accuracy)}"
        if row.test_accuracy is not None:
            test = row.test_accuracy
            said += f", test {_percent(test.value)} ({_percent(test.low)} to {_percent(test.high)})"
    else:
        said = f"{row.status}: {row.reason.removesuffix('.')}"
    took = "" if row.seconds is None else f", {lasting(row.seconds)}"
    if not waiting:
        return f"{row.name}: {said}{took}"
    known = [each.estimate_s for each in waiting if each.estimate_s is not None]
    left = f", about {lasting(sum(known) * pace)}" if known else ""
    return f"{row.name}: {said}{took}; {len(waiting)} run{'s' * (len(waiting) != 1)} left{left}"


def study_text(study: Study) -> str:
    """The table over seeds, dataset by dataset and best first; what won; what broke."""
    lines = study.lines
    best = study.winning
    parts: list[str] = []
    for dataset in dict.fromkeys(line.dataset for line in lines):
        some = sorted(
            (line for line in lines if line.dataset == dataset and line.role != TRIAL),
            # Of equals the order of the plan: sorting is stable.
            key=lambda line: -line.validation_accuracy.mean if line.validation_accuracy else 1.0,
        )
        header = (dataset, "validation", "test", "seeds", "takes")
        cells = [
            (
                ("* " if line == best.get(dataset) else "  ") + line.configuration,
                *_figures(line),
            )
            for line in some
        ]
        parts += [*_aligned(header, cells, right=(3, 4)), ""] if cells else []
    parts += study.sentences
    trials = [row.status for row in study.rows if row.role == TRIAL]
    if trials:
        counts = {status: trials.count(status) for status in STATUSES if status in trials}
        said = ", ".join(f"{n} {status}" for status, n in counts.items())
        parts.append(f"further trials of the search, in table.csv: {said}")
    parts += [f"broken: {row.name}: {row.reason}" for row in study.broken]
    return "\n".join(parts)


def _figures(line: Line) -> tuple[str, str, str, str]:
    if not line.done:
        return (line.status, "", f"0 of {len(line.rows)}", "")
    n_seeds, n_done = len(line.rows), len(line.done)
    return (
        _range(line.validation_accuracy),
        _range(line.test_accuracy),
        str(n_seeds) if n_done == n_seeds else f"{n_done} of {n_seeds}",
        lasting(line.seconds.mean) if line.seconds else "",
    )


def _range(spread: Spread | None) -> str:
    """Mean, lowest and highest; of one seed the figure alone."""
    if spread is None:
        return "not judged"
    if spread.n == 1:
        return _percent(spread.mean)
    return f"{_percent(spread.mean)} ({_percent(spread.low)} to {_percent(spread.high)})"


def _percent(fraction: float | None) -> str:
    return UNKNOWN if fraction is None else f"{fraction:.1%}"


def _aligned(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int]
) -> list[str]:
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    return [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (header, *rows)
    ]
