"""Robustness: what is lost on photos that were spoilt on purpose, from answers already given."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.findings.robustness import Robustness, Spoilt
from lineament.core.errors import UsageError
from lineament.measure.intervals import Groups, Interval
from lineament.measure.paired import compare_paired
from lineament.measure.shares import mean_interval, share_interval
from lineament.measure.units import independent_units

Right = NDArray[np.bool_]

WORDS = {
    "noise": "noise",
    "blur": "blur",
    "darker": "darkness",
    "brighter": "too much light",
    "contrast": "low contrast",
    "jpeg": "JPEG compression",
    "occlusion": "a hidden square",
    "pixelate": "coarse pixels",
}
FINE = 10.0  # points: wider intervals have no use for a decimal


def robustness(
    clean_right: Right,
    spoilt_right: Mapping[tuple[str, int], Right],
    *,
    units: Groups | None,
    examples: Mapping[str, str],
    level: float = 0.95,
) -> Robustness:
    """Judge answers to photos as they are and to the same photos spoilt.

    A loss is paired (`compare_paired`): the same photos are on both sides, so its interval is
    narrower than those of the two accuracies. The mean accuracy is one score per photo, with
    Student's interval, over groups where there are any. All intervals are for one figure at a time;
    none is corrected for how many there are.

    Args:
        clean_right: Whether each photo was answered rightly as it is, ``bool (N,)``, two or more.
        spoilt_right: The same, by corruption and severity.
        units: Group of each photo; ``None`` where photos are independent, as they are taken to be
            where all are of one group.
        examples: By corruption, a picture of one photo at all severities as a JPEG in base64.
        level: Confidence level of the intervals, between 0 and 1.

    Returns:
        Corruptions in the order they were given, severities rising.

    Raises:
        UsageError: There are fewer than two photos or no corruption, an array or ``units`` has
            another length, or ``level`` cannot be.
    """
    n = len(clean_right)
    if n < 2 or not spoilt_right:
        raise UsageError(
            f"Robustness needs two photos or more and one corruption or more, got {n} and "
            f"{len(spoilt_right)}."
        )
    wrong = [
        f"{name} {severity}" for (name, severity), r in spoilt_right.items() if r.shape != (n,)
    ]
    if wrong:
        raise UsageError(f"Each corruption must have one answer per photo ({n}).", at=wrong)
    unit = None if units is None else independent_units(units, n)
    if unit is not None and unit.max() == 0:
        unit = None
    names = list(dict.fromkeys(name for name, _ in spoilt_right))
    keys = sorted(spoilt_right, key=lambda key: (names.index(key[0]), key[1]))
    spoilt = tuple(
        Spoilt(
            corruption=name,
            severity=severity,
            accuracy=share_interval(spoilt_right[name, severity], groups=unit, level=level),
            loss=compare_paired(
                clean_right[None], spoilt_right[name, severity][None], units=unit, level=level
            ).difference,
        )
        for name, severity in keys
    )
    clean = share_interval(clean_right, groups=unit, level=level)
    mean = _mean(np.mean([spoilt_right[key] for key in keys], axis=0), unit, level)
    return Robustness(
        photos=n,
        clean=clean,
        spoilt=spoilt,
        mean_accuracy=mean,
        sentences=tuple(_sentences(clean, mean, spoilt, names)),
        examples=tuple((name, examples[name]) for name in names if name in examples),
    )


def _mean(scores: NDArray[np.float64], unit: NDArray[np.int64] | None, level: float) -> Interval:
    """The mean over photos of how many of a photo's spoilt copies are answered rightly."""
    if scores.min() < scores.max():
        found = mean_interval(scores, groups=unit, level=level)
        return dataclasses.replace(found, low=max(0.0, found.low), high=min(1.0, found.high))
    # Nothing varies here. A score varies at most as much as a right or wrong of its mean does.
    n, value = len(scores), float(scores[0])
    alike = share_interval(np.arange(n) < round(value * n), groups=unit, level=level)
    return dataclasses.replace(
        alike,
        value=value,
        low=min(value, alike.low),
        high=max(value, alike.high),
        method=f"{alike.method} (all photos alike)",
    )


def _sentences(
    clean: Interval, mean: Interval, spoilt: Sequence[Spoilt], names: Sequence[str]
) -> list[str]:
    by_name = {name: [each for each in spoilt if each.corruption == name] for name in names}
    lost = {
        name: float(np.mean([each.loss.value for each in group])) for name, group in by_name.items()
    }
    ways = "one way" if len(spoilt) == 1 else f"{len(spoilt)} ways"
    told = [
        f"Of {clean.n} photos, drawn evenly over the classes, {_interval(clean)} are right as they "
        f"are, and {_interval(mean)} on average over {ways} of spoiling them."
    ]
    ranked = sorted(names, key=lambda name: (-lost[name], names.index(name)))
    worst = ranked[0]
    if lost[worst] <= 0:
        return [*told, "No corruption lowers the accuracy on average."]
    told.append(_most(worst, lost[worst], by_name[worst]))
    unhurt = [name for name in names if all(each.loss.low <= 0 for each in by_name[name])]
    if unhurt:
        least = max(each.loss.high for name in unhurt for each in by_name[name])
        told.append(
            f"No loss can be told for {_joined([WORDS.get(name, name) for name in unhurt])}, at "
            f"any severity; up to {least * 100:.0f} points are not excluded."
        )
    elif len(ranked) > 1:
        mildest = ranked[-1]
        told.append(
            f"Least is lost to {WORDS.get(mildest, mildest)}: {lost[mildest] * 100:.1f} points on "
            "average over its severities."
        )
    return told


def _most(name: str, lost: float, severities: Sequence[Spoilt]) -> str:
    told = (
        f"Most is lost to {WORDS.get(name, name)}: {lost * 100:.1f} points on average over its "
        "severities"
    )
    first = next((each for each in severities if each.loss.low > 0), None)
    if first is None:
        return f"{told}; at no single severity can a loss be told."
    loss = first.loss
    decimals = _decimals(loss)
    low, high = (f"{each * 100:.{decimals}f}" for each in (loss.low, loss.high))
    return (
        f"{told}; from severity {first.severity} on it can be told "
        f"({loss.value * 100:.{decimals}f} points there, {low} to {high})."
    )


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _interval(interval: Interval) -> str:
    decimals = _decimals(interval)
    value, low, high = (
        f"{each * 100:.{decimals}f}" for each in (interval.value, interval.low, interval.high)
    )
    return f"{value} % ({low} to {high})"


def _decimals(interval: Interval) -> int:
    return 1 if (interval.high - interval.low) * 100 < FINE else 0
