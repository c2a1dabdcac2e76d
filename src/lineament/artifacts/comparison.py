"""Comparison: the runs of a study side by side, configuration by configuration, over their seeds.

Validation chooses and test reports: the winner is the configuration with the highest validation
accuracy, the mean over its seeds; of equal ones the one with the lower validation loss. No figure
of test has a say in it. Of a search only what it chose competes: the luckiest of many trials, each
with one seed, would win too often.
"""

import dataclasses
import math
from collections.abc import Sequence

from lineament.artifacts.study_row import BROKEN, DONE, PRUNED, TRIAL, WAITING, StudyRow
from lineament.measure.intervals import Interval

COLUMNS = (
    *("configuration", "role", "dataset", "backbone", "mode", "status", "seeds", "seeds_done"),
    *("validation_accuracy", "validation_accuracy_low", "validation_accuracy_high"),
    *("validation_loss", "validation_loss_low", "validation_loss_high", "validation_photos"),
    *("test_accuracy", "test_accuracy_low", "test_accuracy_high"),
    *("test_balanced_accuracy", "test_photos"),
    *("best_run", "best_run_test_accuracy", "best_run_interval_low", "best_run_interval_high"),
    *("multiply_adds", "seconds"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spread:
    """A figure over the seeds of a configuration.

    Attributes:
        mean: Over the seeds.
        low: The lowest of them.
        high: The highest.
        n: How many seeds there are.

    Example:
        >>> Spread.of([0.5, 0.75])
        Spread(mean=0.625, low=0.5, high=0.75, n=2)
    """

    mean: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value."""
        # fsum: the mean is the same in whatever order the runs were done.
        mean = math.fsum(values) / len(values)
        return cls(mean=mean, low=min(values), high=max(values), n=len(values))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """One configuration.

    Attributes:
        configuration: Its name.
        rows: Its runs, seed by seed.
    """

    configuration: str
    rows: tuple[StudyRow, ...]

    @property
    def dataset(self) -> str:
        """The study's name of its dataset."""
        return self.rows[0].dataset

    @property
    def role(self) -> str:
        """Whether the grid, a trial of a search, or what a search chose."""
        return self.rows[0].role

    @property
    def done(self) -> tuple[StudyRow, ...]:
        """The runs that have figures."""
        return tuple(row for row in self.rows if row.status == DONE)

    @property
    def status(self) -> str:
        """``done`` where every run is; else what became of the others, and of how many."""
        counts = [
            (status, sum(row.status == status for row in self.rows))
            for status in (BROKEN, PRUNED, WAITING)
        ]
        said = ", ".join(f"{n} {status}" for status, n in counts if n)
        return said or DONE

    @property
    def best(self) -> StudyRow | None:
        """The run that validation prefers: what to ship of this configuration."""
        return max(self.done, key=_merit, default=None)

    @property
    def validation_accuracy(self) -> Spread | None:
        """Over the seeds; ``None`` while no run is done."""
        return _spread([row.validation_accuracy for row in self.done])

    @property
    def validation_loss(self) -> Spread | None:
        """Over the seeds, after calibration."""
        return _spread([row.validation_loss for row in self.done])

    @property
    def test_accuracy(self) -> Spread | None:
        """Over the seeds; ``None`` where nothing was judged."""
        return _spread([_value(row.test_accuracy) for row in self.done])

    @property
    def test_balanced_accuracy(self) -> Spread | None:
        """Over the seeds."""
        return _spread([_value(row.test_balanced_accuracy) for row in self.done])

    @property
    def seconds(self) -> Spread | None:
        """What a run took."""
        return _spread([row.seconds for row in self.done])

    def cells(self) -> tuple[object, ...]:
        """In the order of `COLUMNS`; ``None`` where there is nothing to say."""
        best = self.best
        accuracy, loss = self.validation_accuracy, self.validation_loss
        test, balanced, seconds = self.test_accuracy, self.test_balanced_accuracy, self.seconds
        interval = best.test_accuracy if best else None
        return (
            *(self.configuration, self.role, self.dataset),
            *(self.rows[0].recipe["backbone"], self.rows[0].recipe["mode"]),
            *(self.status, len(self.rows), len(self.done)),
            *_three(accuracy),
            *_three(loss),
            best.validation_photos if best else None,
            *_three(test),
            balanced.mean if balanced else None,
            interval.n if interval else None,
            best.name if best else None,
            *((interval.value, interval.low, interval.high) if interval else (None,) * 3),
            best.multiply_adds if best else None,
            round(seconds.mean, 1) if seconds else None,
        )


def compared(rows: Sequence[StudyRow]) -> tuple[Line, ...]:
    """One line per configuration, in the order of the rows, the rows of each in theirs."""
    names = list(dict.fromkeys(row.configuration for row in rows))
    return tuple(
        Line(configuration=name, rows=tuple(row for row in rows if row.configuration == name))
        for name in names
    )


def winners(lines: Sequence[Line]) -> dict[str, Line]:
    """The winner on each dataset, by validation alone; datasets without a finished run have none.

    Accuracies on two datasets are answers to two questions, so each has a winner of its own.
    """
    found: dict[str, Line] = {}
    for line in lines:
        if not line.done or line.role == TRIAL:
            continue
        leader = found.get(line.dataset)
        if leader is None or _standing(line) > _standing(leader):  # of equals the first stays
            found[line.dataset] = line
    return found


def sentence(winner: Line, lines: Sequence[Line]) -> str:
    """Say what won on a dataset, what its test photos say of it, and what they leave open.

    Args:
        winner: As `winners` found it.
        lines: All of them.
    """
    accuracy, best = winner.validation_accuracy, winner.best
    assert accuracy is not None  # a winner has runs that are done
    assert best is not None
    seeds = f"mean of {accuracy.n} seeds" if accuracy.n > 1 else "one seed"
    said = (
        f"{winner.dataset}: {winner.configuration} has the highest accuracy on the validation "
        f"photos, which choose ({accuracy.mean:.1%}, {seeds})."
    )
    test, interval = winner.test_accuracy, best.test_accuracy
    if test is None or interval is None:
        return f"{said} It was not judged on test photos."
    if test.n > 1:
        said += f" On test it has {test.mean:.1%} ({test.low:.1%} to {test.high:.1%} by seed)."
    said += (
        f" {best.name}, the run of it to ship, has {interval.value:.1%} on {interval.n} test "
        f"photos, {interval.level:.0%} interval {interval.low:.1%} to {interval.high:.1%}."
    )
    others = [
        line.best.test_accuracy
        for line in lines
        if line.dataset == winner.dataset and line != winner and line.role != TRIAL
        if line.best and line.best.test_accuracy
    ]
    if not others:
        return said
    near = sum(each.low <= interval.high and interval.low <= each.high for each in others)
    said += (
        f" Of the {len(others)} other configuration{'s' * (len(others) > 1)} on {winner.dataset}"
    )
    if near == 0:
        return f"{said} none has an interval that overlaps this one."
    has = "has an interval that overlaps" if near == 1 else "have intervals that overlap"
    return f"{said} {near} {has} this one: these test photos do not tell them apart."


def _merit(row: StudyRow) -> tuple[float, float]:
    """The higher the better, by validation alone."""
    loss = math.inf if row.validation_loss is None else row.validation_loss
    return (row.validation_accuracy or 0.0, -loss)


def _standing(line: Line) -> tuple[float, float]:
    accuracy, loss = line.validation_accuracy, line.validation_loss
    return (accuracy.mean if accuracy else 0.0, -loss.mean if loss else -math.inf)


def _spread(values: Sequence[float | None]) -> Spread | None:
    """Over the values that are there."""
    there = [value for value in values if value is not None]
    return Spread.of(there) if there else None


def _value(interval: Interval | None) -> float | None:
    return None if interval is None else interval.value


def _three(spread: Spread | None) -> tuple[float | None, float | None, float | None]:
    return (None,) * 3 if spread is None else (spread.mean, spread.low, spread.high)
