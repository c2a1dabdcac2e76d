"""Slices: on which parts of the photos the model is worse, and whether that is more than chance.

A slice may be worse for two reasons: what divides it (dark photos are hard), or the classes that it
happens to show (a hard class is often dark). Both look the same in a table, so each slice is also
compared with the others within classes, and the sentence says which of the two it is.
"""

import dataclasses
from collections.abc import Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.findings.slices import Slice, Slices
from lineament.artifacts.predictions import Predictions
from lineament.core.errors import DataError, UsageError
from lineament.evaluation.columns import Columns, Part, divide
from lineament.measure.intervals import Groups, Interval
from lineament.measure.multiple import holm
from lineament.measure.parts import (
    group_correlation,
    independent_samples,
    noticeable_loss,
    part_accuracy,
    part_difference,
    part_p_value,
)
from lineament.measure.units import independent_units

CHANCE = 0.05  # of one false alarm or more among all slices
NAMED = 5  # slices in sentences of their own; all are in the table
MOSTLY = 0.75  # part of a difference that must be left within classes to be no matter of classes
FINE = 10.0  # points: wider intervals have no use for a decimal


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Judged:
    """A part with its figures."""

    part: Part
    accuracy: Interval
    difference: Interval
    within: Interval | None
    p_value: float


def slices(
    predictions: Predictions,
    columns: Columns,
    *,
    units: Groups | None,
    level: float = 0.95,
) -> Slices:
    """Compare each part of the photos with the photos of the same column's other parts.

    Without groups, accuracies have Wilson's intervals, differences Newcombe's, and p-values are
    Fisher's; with groups each of them counts only the independent photos that the groups are worth
    (`lineament.measure.parts`). P-values are corrected by Holm over all slices, whatever their
    column; intervals are not.

    Args:
        predictions: The answers, every label known, one or more.
        columns: By name, a text, a number or nothing for each photo, in the order of
            ``predictions.samples``. One that says the same as the class is skipped: there is a
            table of classes.
        units: Group of each photo; ``None`` where photos are independent.
        level: Confidence level of the intervals, between 0 and 1.

    Returns:
        The slices, weakest first, and what they say.

    Raises:
        UsageError: A column or ``units`` has another length, or ``level`` cannot be.
        DataError: A label is not known.
    """
    labels = predictions.labels
    if (labels < 0).any():
        raise DataError(
            f"{int((labels < 0).sum())} of {len(labels)} photos have no known class.",
            fix="Compare slices of photos whose every class is one of the model's.",
        )
    right = predictions.answers == labels
    unit = None if units is None else independent_units(units, len(labels))
    parts, skipped = _parts(columns, predictions)
    correlation = group_correlation(right, unit)
    judged = _judge(parts, right, labels, unit, correlation, level)
    return Slices(
        slices=tuple(_slice(each) for each in judged),
        skipped=tuple(skipped),
        sentences=tuple(_sentences(judged, right, predictions, unit, correlation)),
    )


def _parts(columns: Columns, predictions: Predictions) -> tuple[list[Part], list[str]]:
    n = len(predictions.labels)
    parts, skipped = [], []
    for column, cells in columns.items():
        if len(cells) != n:
            raise UsageError(f"Column `{column}` must have one entry per photo ({n}).")
        found = divide(column, cells)
        if isinstance(found, str):
            skipped.append(found)
        elif _is_class(cells, predictions.labels):
            shortcut = " and may have been learnt instead" if _is_measured(cells) else ""
            skipped.append(f"{column}: says the same as the class{shortcut}.")
        else:
            parts += found
    return parts, skipped


def _is_class(cells: Sequence[object], labels: NDArray[np.int64]) -> bool:
    pairs = set(zip(cells, labels.tolist(), strict=True))
    return len(pairs) == len({cell for cell, _ in pairs}) == len({label for _, label in pairs})


def _is_measured(cells: Sequence[object]) -> bool:
    return not any(isinstance(cell, str) for cell in cells)


def _judge(
    parts: Sequence[Part],
    right: NDArray[np.bool_],
    labels: NDArray[np.int64],
    unit: NDArray[np.int64] | None,
    correlation: float,
    level: float,
) -> list[_Judged]:
    raw = [
        part_p_value(right, each.inside, each.outside, units=unit, correlation=correlation)
        for each in parts
    ]
    judged = []
    for part, p_value in zip(parts, holm(raw), strict=True):
        sides = (right, part.inside, part.outside)
        difference, within = (
            part_difference(*sides, units=unit, correlation=correlation, strata=each, level=level)
            for each in (None, labels)
        )
        assert difference is not None, "both sides of a part have photos"
        accuracy = part_accuracy(
            right, part.inside, units=unit, correlation=correlation, level=level
        )
        judged.append(
            _Judged(
                part=part,
                accuracy=accuracy,
                difference=difference,
                within=within,
                p_value=float(p_value),
            )
        )
    return sorted(judged, key=lambda each: (each.accuracy.value, each.part.column, each.part.value))


def _slice(each: _Judged) -> Slice:
    return Slice(
        column=each.part.column,
        value=each.part.value,
        photos=each.accuracy.n,
        groups=each.accuracy.n_groups,
        accuracy=each.accuracy,
        difference=each.difference,
        p_value=each.p_value,
        within_classes=each.within,
    )


def _sentences(
    judged: Sequence[_Judged],
    right: NDArray[np.bool_],
    predictions: Predictions,
    unit: NDArray[np.int64] | None,
    correlation: float,
) -> list[str]:
    if not judged:
        return ["No column divides these photos into parts that are large enough to compare."]
    if right.all() or not right.any():
        least = min((each.accuracy for each in judged), key=lambda each: each.n)
        limit = (
            f"as low as {_percent(least.low, 0)}"
            if right.all()
            else f"as high as {_percent(least.high, 0)}"
        )
        return [
            f"Every photo was answered {'rightly' if right.all() else 'wrongly'}, so no slice "
            f"differs from another; the {least.n} photos of the smallest slice leave an accuracy "
            f"{limit} possible."
        ]
    telling = [each for each in judged if each.p_value < CHANCE]
    if not telling:
        return [_nothing(judged, right, unit, correlation)]
    weak = [each for each in telling if each.difference.value < 0]
    ranked = sorted(weak, key=lambda each: (each.p_value, each.difference.value))
    told = [_capital(_stands_out(each, len(judged), right, predictions)) for each in ranked[:NAMED]]
    if len(ranked) > NAMED:
        told.append(f"{len(ranked) - NAMED} further slices are weaker than chance explains.")
    if not told:
        strongest = max(telling, key=lambda each: each.difference.value)
        told.append(
            "No slice is weaker than chance explains, but at least one is stronger: "
            + _stands_out(strongest, len(judged), right, predictions)
        )
    return told


def _stands_out(
    each: _Judged, looks: int, right: NDArray[np.bool_], predictions: Predictions
) -> str:
    difference = each.difference
    better = difference.value > 0
    words = f"{_points(difference, better)} {'above' if better else 'below'} the others"
    return (
        f"{_name(each)}: {_interval(each.accuracy)}, {words}, {_p_text(each.p_value)} after "
        f"correction for {looks} slices. {_reason(each, right, predictions)}"
    )


def _reason(each: _Judged, right: NDArray[np.bool_], predictions: Predictions) -> str:
    """Say whether it is the slice or its classes."""
    if len(np.unique(predictions.labels)) == 1:
        return "All photos are of one class, so it is not a matter of classes."
    if each.within is None:
        return (
            "None of its classes has photos among the others, so whether it is the slice or its "
            "classes cannot be told."
        )
    difference, within = each.difference, each.within
    better = difference.value > 0
    same_sign = within.value * difference.value > 0
    excludes = within.low > 0 or within.high < 0
    points = _points(within, better)
    if same_sign and excludes and abs(within.value) >= MOSTLY * abs(difference.value):
        return f"Within classes as well: {points}, so it is not a matter of classes."
    common = _common_class(each, right, predictions)
    if same_sign and excludes:
        return (
            f"Within classes it is {points}: in part it is its classes ({common}), in part the "
            "slice itself."
        )
    if not within.low <= difference.value <= within.high:
        return f"It is mostly a matter of classes: {common}; within classes it is {points}."
    return (
        f"Whether it is the slice or its classes cannot be told: within classes it is {points}; "
        f"{common}."
    )


def _common_class(each: _Judged, right: NDArray[np.bool_], predictions: Predictions) -> str:
    """Name the class whose other share on the two sides explains most of the difference."""
    labels, classes = predictions.labels, predictions.classes
    count = len(classes)
    photos = np.bincount(labels, minlength=count)
    accuracy = np.bincount(labels, right, minlength=count) / np.maximum(photos, 1)
    inside, outside = (
        np.bincount(labels[side], minlength=count) / side.sum()
        for side in (each.part.inside, each.part.outside)
    )
    explained = (inside - outside) * (accuracy - right.mean())
    place = int(np.argmax(explained * np.sign(each.difference.value)))
    return (
        f"{classes[place]}, where {_percent(accuracy[place], 0)} are right, makes "
        f"{_percent(inside[place], 0)} of it and {_percent(outside[place], 0)} of the others"
    )


def _nothing(
    judged: Sequence[_Judged],
    right: NDArray[np.bool_],
    unit: NDArray[np.int64] | None,
    correlation: float,
) -> str:
    accuracy = float(right.mean())

    def hidden(each: _Judged) -> float:
        n, other_n = (
            independent_samples(side, units=unit, correlation=correlation)
            for side in (each.part.inside, each.part.outside)
        )
        return noticeable_loss(accuracy, n, other_n, p_value=CHANCE / len(judged))

    typical = median(hidden(each) for each in judged)
    least = min(each.p_value for each in judged)
    differs = (
        f"None of the {len(judged)} slices differs from the others by more than chance explains"
    )
    size = f"{typical * 100:.0f} points" if typical >= 0.015 else f"{typical * 100:.1f} points"
    return (
        f"{differs} (smallest {_p_text(least)} after correction). That rules out large differences "
        f"alone: a slice of the usual size would be noticed in four of five draws of photos only "
        f"if it were {size} or more worse."
    )


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _name(each: _Judged) -> str:
    return f"{each.part.column}, {each.part.value}"


def _interval(interval: Interval) -> str:
    decimals = _decimals(interval)
    low, high = (f"{each * 100:.{decimals}f}" for each in (interval.low, interval.high))
    return f"{_percent(interval.value, decimals)} ({low} to {high})"


def _points(interval: Interval, better: bool) -> str:
    """A difference as so many points better, or so many worse, with its limits in rising order."""
    sign = 100 if better else -100
    decimals = _decimals(interval)
    low, high = sorted((interval.low * sign, interval.high * sign))
    return (
        f"{_plain(interval.value * sign, decimals)} points ({_plain(low, decimals)} to "
        f"{_plain(high, decimals)})"
    )


def _plain(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def _decimals(interval: Interval) -> int:
    return 1 if (interval.high - interval.low) * 100 < FINE else 0


def _percent(fraction: float, decimals: int) -> str:
    return f"{fraction * 100:.{decimals}f} %"


def _p_text(p_value: float) -> str:
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.{3 if p_value < 0.1 else 2}f}"
