"""Parts: one part of the samples against the others, where samples of a group are alike.

Everything here is closed: no resampling, so a hundred parts of a hundred thousand samples take
seconds, and a part of twenty samples that are all right still has an interval. What groups cost is
one number, the correlation of two samples of a group, taken from all samples at once because one
part has too few groups to know it; each figure then counts for as many independent samples as have
its variance under that correlation (Rao and Scott 1992, "A simple method for the analysis of
clustered binary data"). This assumes that groups are independent of each other and equally
correlated within; below some thirty groups the correlation itself is rough.
"""

from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.intervals import Interval, two_sided_z

SAME = 1 + 1e-7  # tables that are equally probable differ in their last digits
LEAST_P = 1e-300  # its normal deviate is still a number
MOST_LOG = 690.0  # of a ratio of probabilities: beyond it the p-value is below `LEAST_P`

Booleans = NDArray[np.bool_]
Weights = NDArray[np.float64]


def group_correlation(right: Booleans | Weights, units: NDArray[np.int64] | None) -> float:
    """Estimate how alike two samples of a group are: the intraclass correlation.

    The analysis-of-variance estimator (Donner 1986, "A review of inference procedures for the
    intraclass correlation coefficient"), kept inside 0 to 1.

    Args:
        right: Whether each sample was answered rightly, ``bool (N,)``, or any other number of it.
        units: Group of each sample, numbered from 0, ``int64 (N,)``; ``None`` where samples are
            independent.

    Returns:
        0 (as if independent) to 1 (a group says the same as one of its samples). 0 where all
        samples are one group or each is its own; 1 where all are the same, such as all right, as
        nothing then shows that samples of a group differ.

    Example:
        >>> group_correlation(np.array([1, 1, 0, 0], dtype=bool), np.array([0, 0, 1, 1]))
        1.0
    """
    if units is None:
        return 0.0
    n = len(right)
    sizes = np.bincount(units).astype(np.float64)
    sizes_left = sizes[sizes > 0]
    n_groups = len(sizes_left)
    if n_groups < 2 or n_groups == n:
        return 0.0
    if right.min() == right.max():
        return 1.0
    means = np.bincount(units, right)[sizes > 0] / sizes_left
    squares = float(right @ right.astype(np.float64))
    between = float(sizes_left @ (means - right.mean()) ** 2) / (n_groups - 1)
    within = (squares - float(sizes_left @ means**2)) / (n - n_groups)
    typical = (n - float(sizes_left @ sizes_left) / n) / (n_groups - 1)
    correlation = (between - within) / (between + (typical - 1) * within)
    return min(1.0, max(0.0, correlation))


def independent_samples(
    inside: Booleans, *, units: NDArray[np.int64] | None, correlation: float
) -> float:
    """Say how many independent samples a part is worth.

    Args:
        inside: Which samples the part has, ``bool (N,)``, one or more.
        units: As for `group_correlation`.
        correlation: What `group_correlation` gave.

    Returns:
        Its number of samples where they are independent, less where groups are alike.

    Example:
        >>> pair = np.array([0, 0, 1, 1])
        >>> independent_samples(np.ones(4, dtype=bool), units=pair, correlation=0.5)
        2.6666666666666665
    """
    n = int(inside.sum())
    return n / _design_effect(inside / n, units, correlation)


def part_accuracy(
    right: Booleans,
    inside: Booleans,
    *,
    units: NDArray[np.int64] | None,
    correlation: float,
    level: float = 0.95,
) -> Interval:
    """Give the accuracy on a part, with Wilson's interval for its number of independent samples.

    Args:
        right: Whether each sample was answered rightly, ``bool (N,)``.
        inside: Which samples the part has, ``bool (N,)``, one or more.
        units: As for `group_correlation`.
        correlation: What `group_correlation` gave.
        level: Confidence level, between 0 and 1.

    Returns:
        Its ``method`` is ``wilson`` or ``group-wilson``; without groups it equals `wilson`.

    Raises:
        UsageError: The part is empty, or ``level`` is not between 0 and 1.
    """
    z = two_sided_z(level)
    n = int(inside.sum())
    if not n:
        raise UsageError("A part must have samples; this one has none.")
    value = float(right[inside].mean())
    effective = independent_samples(inside, units=units, correlation=correlation)
    low, high = _wilson(value, effective, z)
    return Interval(
        value=value,
        low=low,
        high=high,
        level=level,
        method="wilson" if units is None else "group-wilson",
        n=n,
        n_groups=None if units is None else len(np.unique(units[inside])),
    )


def part_difference(
    right: Booleans,
    inside: Booleans,
    outside: Booleans,
    *,
    units: NDArray[np.int64] | None,
    correlation: float,
    strata: NDArray[np.int64] | None = None,
    level: float = 0.95,
) -> Interval | None:
    """Give the accuracy on a part less that on the others, as they are or within strata.

    Newcombe's interval from two Wilson intervals (method 10 of Newcombe 1998, "Interval estimation
    for the difference between independent proportions"). Within strata, such as classes, it is the
    difference of Mantel and Haenszel: the mean of the strata's differences, each weighing
    ``n_inside * n_outside / n``, which is what a comparison is worth there (Greenland and Robins
    1985, "Estimation of a common effect parameter from sparse follow-up data"). Either side is then
    a weighted fraction, and counts for the number of samples that unequal weights leave (Kish 1965,
    "Survey sampling"). Where samples of one group are on both sides the two are alike and the
    difference is surer; that is only used to undo what groups cost, never to gain, and the less so
    the further the two accuracies lie apart.

    Args:
        right: Whether each sample was answered rightly, ``bool (N,)``.
        inside: Which samples the part has, ``bool (N,)``.
        outside: Which samples it is compared with, ``bool (N,)``.
        units: As for `group_correlation`.
        correlation: What `group_correlation` gave.
        strata: Stratum of each sample, ``int64 (N,)``; ``None`` to compare as they are.
        level: Confidence level, between 0 and 1.

    Returns:
        The difference, -1 to 1; its ``n`` is that of the part. ``None`` where there is nothing to
        compare: one side is empty, or no stratum has samples on both.

    Raises:
        UsageError: ``level`` is not between 0 and 1.
    """
    z = two_sided_z(level)
    weights = _weights(inside, outside, strata)
    if weights is None:
        return None
    contrast = np.where(inside, weights, -weights)
    # Divided by their sum, which is 1 but for its last digit, so that all right is exactly 1.
    rates = [
        float(weights[side] @ right[side]) / float(weights[side] @ np.ones(int(side.sum())))
        for side in (inside, outside)
    ]
    alike = _alike(min(rates), max(rates))
    costs = max(1.0, _design_effect(contrast, units, correlation, alike=alike))
    limits = []
    for side, rate in zip((inside, outside), rates, strict=True):
        effective = 1 / float(weights[side] @ weights[side]) / costs
        limits.append((rate, *_wilson(rate, effective, z)))
    (first, first_low, first_high), (second, second_low, second_high) = limits
    difference = first - second
    down = sqrt((first - first_low) ** 2 + (second_high - second) ** 2)
    up = sqrt((first_high - first) ** 2 + (second - second_low) ** 2)
    return Interval(
        value=difference,
        low=max(-1.0, difference - down),
        high=min(1.0, difference + up),
        level=level,
        method="newcombe" if units is None else "group-newcombe",
        n=int(inside.sum()),
        n_groups=None if units is None else len(np.unique(units[inside])),
    )


def part_p_value(
    right: Booleans,
    inside: Booleans,
    outside: Booleans,
    *,
    units: NDArray[np.int64] | None,
    correlation: float,
) -> float:
    """Give the two-sided p-value that a part is as often right as the others.

    Fisher's exact test. Its probabilities hold for rare mistakes, where a normal approximation
    invents differences. With groups, its normal deviate is divided by the root of the design effect
    of the difference (1 at least).

    Args:
        right: As for `part_difference`, and so are the other arguments.
        inside: One sample or more.
        outside: One sample or more.
        units: As for `group_correlation`.
        correlation: What `group_correlation` gave.

    Returns:
        Above 0, at most 1.
    """
    weights = _weights(inside, outside, None)
    if weights is None:
        return 1.0
    exact = fisher_exact(
        int(right[inside].sum()),
        int(inside.sum()),
        int(right[outside].sum()),
        int(outside.sum()),
    )
    contrast = np.where(inside, weights, -weights)
    costs = max(1.0, _design_effect(contrast, units, correlation))
    if costs == 1 or exact == 1:
        return exact
    normal = NormalDist()
    deviate = normal.inv_cdf(max(exact, LEAST_P) / 2) / sqrt(costs)
    return min(1.0, 2 * normal.cdf(deviate))


def fisher_exact(successes: int, n: int, other_successes: int, other_n: int) -> float:
    """Give the two-sided p-value of Fisher's exact test for two independent proportions.

    The sum of the probabilities of all tables with these margins that are no more probable than the
    observed one. Source: Fisher 1934, "Statistical methods for research workers", section 21.02.

    Args:
        successes: Of the first ``n``.
        n: Trials of the first.
        other_successes: Of the second ``other_n``.
        other_n: Trials of the second.

    Returns:
        Above 0, at most 1.

    Raises:
        UsageError: A count is negative, or there are more successes than trials.

    Example:
        >>> round(fisher_exact(3, 4, 1, 4), 4)  # the lady tasting tea
        0.4857
    """
    if not (0 <= successes <= n and 0 <= other_successes <= other_n):
        raise UsageError(
            "Successes must lie in 0 to their number of trials, got "
            f"{successes} of {n} and {other_successes} of {other_n}."
        )
    margin = successes + other_successes
    first = np.arange(max(0, margin - other_n), min(n, margin) + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + other_n + 1)))])

    def choices(of: int, taken: NDArray[np.int64]) -> Weights:
        found: Weights = logs[of] - logs[taken] - logs[of - taken]
        return found

    log_weights = choices(n, first) + choices(other_n, margin - first)
    # Against the observed table: whether one is as probable must not hang on a large sum.
    log_ratios = log_weights - log_weights[successes - first[0]]
    if log_ratios.max() > MOST_LOG:
        return LEAST_P
    ratios = np.exp(log_ratios)
    return min(1.0, max(LEAST_P, float(ratios[ratios <= SAME].sum() / ratios.sum())))


def noticeable_loss(
    accuracy: float, n: float, other_n: float, *, p_value: float, power: float = 0.8
) -> float:
    """Say how much worse a part would have to be to be noticed, in ``power`` of all draws.

    The normal approximation for two proportions (Fleiss, Levin and Paik 2003, "Statistical methods
    for rates and proportions", section 4.2).

    Args:
        accuracy: Of all samples, 0 to 1.
        n: Independent samples of the part.
        other_n: Independent samples that it is compared with.
        p_value: Up to which a difference is noticed.
        power: How often it is to be noticed, 0.5 to 1.

    Returns:
        The difference of the two accuracies, 0 to ``accuracy``; the latter where none is large
        enough.

    Example:
        >>> round(noticeable_loss(0.9, 200, 800, p_value=0.002), 2)
        0.1
    """
    normal = NormalDist()
    first_z, second_z = -normal.inv_cdf(p_value / 2), normal.inv_cdf(power)
    alike = sqrt(accuracy * (1 - accuracy) * (1 / n + 1 / other_n))
    low, high = 0.0, accuracy
    for _ in range(60):  # halves 1 to float64 precision
        loss = (low + high) / 2
        # The accuracy of all stays: the others gain what the part loses.
        worse = accuracy - loss * other_n / (n + other_n)
        better = min(1.0, worse + loss)
        spread = sqrt(max(0.0, worse * (1 - worse) / n + better * (1 - better) / other_n))
        low, high = (low, loss) if loss >= first_z * alike + second_z * spread else (loss, high)
    return high


def _weights(
    inside: Booleans, outside: Booleans, strata: NDArray[np.int64] | None
) -> Weights | None:
    """Weigh the samples so that either side sums to 1 and has the same share of each stratum."""
    stratum = np.zeros(len(inside), np.int64) if strata is None else strata
    count = int(stratum.max(initial=0)) + 1
    first = np.bincount(stratum[inside], minlength=count).astype(np.float64)
    second = np.bincount(stratum[outside], minlength=count).astype(np.float64)
    both = np.maximum(first + second, 1)
    total = float((first * second / both).sum())
    if total == 0:
        return None
    weights: Weights = np.where(inside, (second / both)[stratum], 0.0)
    weights += np.where(outside, (first / both)[stratum], 0.0)
    return weights / total


def _design_effect(
    contrast: Weights,
    units: NDArray[np.int64] | None,
    correlation: float,
    *,
    alike: float = 1.0,
) -> float:
    """Variance of a weighted sum of correlated samples over that of independent ones.

    Samples of opposite sign are correlated ``alike`` times as much as those of one sign.
    """
    if units is None or correlation == 0:
        return 1.0
    plus, minus = (np.bincount(units, np.maximum(sign * contrast, 0)) for sign in (1, -1))
    shared = float(plus @ plus + minus @ minus - 2 * alike * (plus @ minus))
    return 1 + correlation * (shared / float(contrast @ contrast) - 1)


def _alike(least: float, most: float) -> float:
    """The highest correlation that two yes-or-no figures of these means can have."""
    odds = most * (1 - least)
    return sqrt(max(0.0, least * (1 - most)) / odds) if odds > 0 else 1.0


def _wilson(value: float, n: float, z: float) -> tuple[float, float]:
    """Limits as of `wilson`, for a number of samples that need not be whole."""
    centre = (value + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * sqrt(value * (1 - value) / n + z**2 / (4 * n**2))
    low = 0.0 if value == 0 else min(value, centre - half)
    high = 1.0 if value == 1 else max(value, centre + half)
    return low, high
