"""Choosing: how much better than it is the best of several looks, if it is chosen by its figure."""

import math

import numpy as np

from lineament.core.errors import UsageError
from lineament.measure.intervals import Interval, two_sided_z

_FAR = 12.0  # standard deviations: the normal density beyond is below float64's resolution
_STEPS = 4801  # of 0.005: the trapezoid rule is then exact to 1e-12 for so smooth a function


def expected_best(candidates: int) -> float:
    """Give the mean of the greatest of several independent standard normal numbers.

    Args:
        candidates: How many there are, 1 or more.

    Returns:
        In standard deviations; 0 for one candidate.

    Raises:
        UsageError: ``candidates`` is below 1.

    Example:
        >>> round(expected_best(1), 6), round(expected_best(2), 6), round(expected_best(10), 4)
        (0.0, 0.56419, 1.5388)
    """
    if candidates < 1:
        raise UsageError(f"`candidates` must be 1 or more, got {candidates}.")
    if candidates == 1:
        return 0.0
    x = np.linspace(-_FAR, _FAR, _STEPS)
    of_best = np.array([math.erfc(-each / math.sqrt(2)) / 2 for each in x]) ** candidates
    # The mean is the area above the distribution right of 0, less the area below it left of 0; at 0
    # itself, where the one gives way to the other, stands the mean of both.
    area = np.where(x > 0, 1 - of_best, -of_best)
    area[_STEPS // 2] = 0.5 - of_best[_STEPS // 2]
    return float(area.sum() * (x[1] - x[0]))  # the trapezoid rule: nothing is left at the ends


def optimism(interval: Interval, *, candidates: int) -> float:
    """Bound how much too good the figure of the best of several candidates is, on average.

    The best is ahead by luck as well as by merit. If all were equally good and their errors
    independent, its luck would be the mean of the greatest of so many errors. Errors on the same
    photos go together and candidates differ, and both make it less: this is an upper bound
    (for errors that are nearly normal and correlated at 0 or above, by Slepian 1962, "The one-sided
    barrier problem for Gaussian noise"; the inequality for means is Fernique's 1975).

    Args:
        interval: The figure and its interval, from whose width the standard error is taken.
        candidates: How many were compared, 1 or more.

    Returns:
        In the unit of the figure, 0 or more.

    Raises:
        UsageError: ``candidates`` is below 1.

    Example:
        >>> from lineament.measure.intervals import wilson
        >>> round(optimism(wilson(180, 200), candidates=5), 3)
        0.025
    """
    error = (interval.high - interval.low) / (2 * two_sided_z(interval.level))
    return error * expected_best(candidates)
