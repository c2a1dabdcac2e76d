"""Quantiles of the normal and of Student's t distribution, and what few units cost a bootstrap."""

from functools import lru_cache
from math import exp, lgamma, log, log1p, sqrt
from statistics import NormalDist

from lineament.core.errors import UsageError

NORMAL_FROM = 1e7  # degrees of freedom: the quantiles agree to 1e-6 with the normal ones
TINY = 1e-300  # keeps a vanishing denominator of the continued fraction from dividing by zero
PRECISION = 1e-14


def two_sided_z(level: float) -> float:
    """Give the normal quantile of a two-sided interval.

    Raises:
        UsageError: ``level`` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise UsageError(
            f"`level` must lie between 0 and 1, got {level}.", fix="Give 0.95 for 95 %."
        )
    return NormalDist().inv_cdf((1 + level) / 2)


def score_limits(value: float, trials: float, quantile: float) -> tuple[float, float]:
    """Give Wilson's limits of a fraction for any number of trials, whole or not.

    Args:
        value: The fraction, 0 to 1.
        trials: How many independent trials it is worth, above 0.
        quantile: Of the normal or Student's distribution, above 0.

    Returns:
        Both inside 0 to 1 and exact at these ends.

    Example:
        >>> low, high = score_limits(1.0, 50, 1.959964)
        >>> round(low, 3), high
        (0.929, 1.0)
    """
    shrink = 1 + quantile**2 / trials
    centre = (value + quantile**2 / (2 * trials)) / shrink
    half = quantile / shrink * sqrt(value * (1 - value) / trials + quantile**2 / (4 * trials**2))
    low = 0.0 if value == 0 else min(value, max(0.0, centre - half))
    return low, 1.0 if value == 1 else max(value, min(1.0, centre + half))


def t_p_value(t: float, freedom: float) -> float:
    """Give the two-sided p-value of a t statistic.

    Args:
        t: The statistic.
        freedom: Degrees of freedom, above 0, whole or not.

    Returns:
        0 to 1.

    Raises:
        UsageError: ``freedom`` is not above 0.

    Example:
        >>> round(t_p_value(12.706, 1), 4)
        0.05
    """
    if not freedom > 0:
        raise UsageError(f"`freedom` must be above 0, got {freedom}.")
    freedom = min(freedom, NORMAL_FROM)
    return _incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)


@lru_cache(maxsize=4096)  # a comparison or a table of slices asks for the same few again and again
def two_sided_t(level: float, freedom: float) -> float:
    """Give the quantile of a two-sided interval, as `two_sided_z` does of the normal distribution.

    Args:
        level: Confidence level, between 0 and 1.
        freedom: Degrees of freedom, above 0, whole or not.

    Raises:
        UsageError: ``level`` is not between 0 and 1, or ``freedom`` is not above 0.

    Example:
        >>> round(two_sided_t(0.95, 2), 3)
        4.303
    """
    low = two_sided_z(level)  # tails of t are heavier
    if freedom >= NORMAL_FROM:
        return low
    high = 2 * low
    while t_p_value(high, freedom) > 1 - level:
        high *= 2
    for _ in range(50):  # halves to float64 precision
        middle = (low + high) / 2
        if t_p_value(middle, freedom) > 1 - level:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def expanded_level(level: float, n_units: int) -> float:
    """Give the level whose percentiles make a bootstrap of few units as wide as Student's interval.

    Source: Hesterberg 2015, "What teachers should know about the bootstrap", section 4.1.3
    (expanded percentile interval). The spread of resamples lacks a factor of ``n / (n - 1)`` of the
    variance and the doubt about the variance itself. Both are made good for a mean of normal
    values; other statistics gain as much as they resemble one.

    Args:
        level: Confidence level that is wanted, between 0 and 1.
        n_units: Number of units (samples or groups) that were drawn from, 2 or more.

    Returns:
        A level above ``level``, and close to it for hundreds of units.

    Raises:
        UsageError: ``level`` is not between 0 and 1, or there are fewer than two units.

    Example:
        >>> round(expanded_level(0.95, 10), 4), round(expanded_level(0.95, 1000), 4)
        (0.9829, 0.9504)
    """
    if n_units < 2:
        raise UsageError(f"A bootstrap needs two units or more, got {n_units}.")
    wide = sqrt(n_units / (n_units - 1)) * two_sided_t(level, n_units - 1)
    return 1 - 2 * NormalDist().cdf(-wide)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function by its continued fraction (NIST DLMF 8.17.22)."""
    if x >= 1:
        return 1.0
    if x <= 0:
        return 0.0
    if x > (a + 1) / (a + b + 2):  # there the fraction of the other tail converges
        return 1 - _incomplete_beta(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    # Lentz's algorithm: `above` and `below` are ratios of successive numerators and denominators.
    value, above, below = 1.0, 1.0, 0.0
    for step in range(10_000):
        m = step // 2
        if step == 0:
            term = 1.0
        elif step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        below = 1 / _not_zero(1 + term * below)
        above = _not_zero(1 + term / above)
        value *= above * below
        if abs(1 - above * below) < PRECISION:
            break
    return min(1.0, front * (value - 1))


def _not_zero(number: float) -> float:
    return number if abs(number) > TINY else TINY
