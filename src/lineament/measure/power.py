"""Power: how many photos it takes to tell two models apart on the same photos."""

from math import ceil, sqrt
from statistics import NormalDist

from lineament.core.errors import UsageError
from lineament.measure.intervals import two_sided_z


def photos_needed(
    only_first: float,
    only_second: float,
    *,
    power: float = 0.8,
    level: float = 0.95,
    design_effect: float = 1.0,
    seed_variance: float = 0.0,
) -> int | None:
    """Say how many photos would tell a difference of this size, if it were the true one.

    Of the exact test of McNemar, two-sided at 1 less ``level``. The number solves ``n d = 1 + z
    sqrt(n s) + z' sqrt(n (s - d^2))`` for the fractions that only one model answers rightly, with
    ``d`` their difference, ``s`` their sum and ``z``, ``z'`` the normal quantiles of level and
    power (Connor 1987, "Sample size for testing differences in proportions for the paired-sample
    design", after Miettinen 1968, "The matched pairs design in the case of all-or-none responses").
    The 1 is the continuity that an exact test costs (Edwards 1948). In simulation the power is 0.79
    to 0.84, and up to 0.93 where one of the models is hardly ever right alone: there the number is
    rather too large.

    It is a number for planning, not a finding: the observed difference is itself uncertain.

    Args:
        only_first: The fraction of photos that the first model alone answers rightly.
        only_second: The same of the second.
        power: How often the difference is to be told, 0.5 to below 1.
        level: Confidence level of the test, between 0 and 1.
        design_effect: Variance of the difference over that of independent photos, above 0.
        seed_variance: Variance of the difference that no number of photos takes away.

    Returns:
        How many photos; ``None`` where there is no difference, or where the seeds alone are too
        uncertain for any number of photos.

    Raises:
        UsageError: A fraction is not from 0 to 1, or their sum is above 1; ``power``, ``level`` or
            ``design_effect`` is out of range.

    Example:
        >>> photos_needed(0.2, 0.1), photos_needed(0.1, 0.1)
        (253, None)
    """
    different, difference = only_first + only_second, abs(only_first - only_second)
    if min(only_first, only_second) < 0 or different > 1 + 1e-9:
        raise UsageError(
            "The photos that one model alone answers rightly must be fractions of all photos, got "
            f"{only_first} and {only_second}."
        )
    if not 0.5 <= power < 1 or not design_effect > 0:
        raise UsageError(
            "`power` must lie from 0.5 to below 1 and `design_effect` above 0, got "
            f"{power} and {design_effect}."
        )
    of_level, of_power = two_sided_z(level), NormalDist().inv_cdf(power)
    left = difference**2 - (of_level + of_power) ** 2 * seed_variance
    if difference < 1e-12 or left <= 0:
        return None
    # What the seeds use up, photos must make good: the same number with a smaller difference.
    told = sqrt(left)
    spread = of_level * sqrt(different) + of_power * sqrt(max(0.0, different - difference**2))
    root = (spread + sqrt(spread**2 + 4 * told)) / (2 * told)
    return ceil(root**2 * design_effect)
