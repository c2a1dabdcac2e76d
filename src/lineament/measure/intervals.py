"""How sure one can be of a figure: intervals of proportions, a bootstrap of samples or groups."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.quantiles import expanded_level, score_limits, two_sided_t
from lineament.measure.quantiles import two_sided_z as two_sided_z

Groups = Sequence[str] | Sequence[int] | NDArray[np.str_] | NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A figure with the range that the data leave open.

    Args:
        value: The figure on all samples.
        low: Lower limit, at most ``value``.
        high: Upper limit, at least ``value``.
        level: Confidence level, between 0 and 1.
        method: How the limits were found, such as ``wilson`` or ``group-bootstrap``.
        n: Number of samples.
        n_groups: Number of groups where samples of one group were kept together, else ``None``.
    """

    value: float
    low: float
    high: float
    level: float = 0.95
    method: str
    n: int
    n_groups: int | None = None

    def as_dict(self) -> dict[str, float | int | str | None]:
        """Give the fields for a JSON file, in the order they are declared.

        Example:
            >>> wilson(9, 10).as_dict()["method"]
            'wilson'
        """
        return asdict(self)


def wilson(successes: int, n: int, *, level: float = 0.95) -> Interval:
    """Give the Wilson score interval of one proportion.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference". It
    keeps a width where all or none succeed. Coverage is close to ``level`` on average and, as for
    every interval of a count, oscillates around it: 95 % is 91.1 % for p = 0.99 and n = 50
    (Brown, Cai and DasGupta 2001, "Interval estimation for a binomial proportion").

    Args:
        successes: Number of successes, 0 to ``n``.
        n: Number of independent trials, 1 or more.
        level: Confidence level, between 0 and 1.

    Returns:
        The interval of the fraction ``successes / n``, inside 0 to 1.

    Raises:
        UsageError: ``n`` is below 1, ``successes`` is out of range, or ``level`` is not inside 0 to
            1.

    Example:
        >>> interval = wilson(50, 50)
        >>> interval.value, round(interval.low, 3), interval.high
        (1.0, 0.929, 1.0)
    """
    z = two_sided_z(level)
    _check_counts(np.array([successes]), np.array([n]))
    value = successes / n
    low, high = score_limits(value, n, z)
    return Interval(value=value, low=low, high=high, level=level, method="wilson", n=int(n))


def mean_of_proportions(
    successes: NDArray[np.int64], totals: NDArray[np.int64], *, level: float = 0.95
) -> Interval:
    """Give the score interval of a mean of independent proportions, such as balanced accuracy.

    The limits are the means whose squared distance from the observed mean is ``z**2`` variances,
    the variance being taken at the most likely proportions that have this mean. With one proportion
    this is Wilson's interval, and it keeps a width where all succeed.

    Source: Martín Andrés, Herranz Tejedor and Álvarez Hernández 2012, "The optimal method to make
    inferences about a linear combination of proportions", who prefer it to MOVER on Wilson limits
    (Zou, Huang and Zhang 2009). So does our simulation: at p = 0.99, n = 50 in each of 10 classes,
    MOVER's 95 % covers 87 %, the score interval 96 %; a test repeats it.

    Args:
        successes: Successes of each proportion, ``int64 (K,)``.
        totals: Independent trials of each proportion, ``int64 (K,)``, 1 or more.
        level: Confidence level, between 0 and 1.

    Returns:
        The interval of the unweighted mean, inside 0 to 1; ``n`` is the sum of ``totals``.

    Raises:
        UsageError: The arrays are empty, not integers or differ in shape, a total is below 1, a
            count of successes is out of range, or ``level`` is not inside 0 to 1.

    Example:
        >>> import numpy as np
        >>> interval = mean_of_proportions(np.array([10, 40]), np.array([10, 40]))
        >>> interval.value, round(interval.low, 3), interval.high
        (1.0, 0.861, 1.0)
    """
    z = two_sided_z(level)
    _check_counts(successes, totals)
    trials = totals.astype(np.float64)
    value = float((successes / trials).mean())
    return Interval(
        value=value,
        low=min(value, _score_limit(successes.astype(np.float64), trials, z)),
        # The upper limit of successes mirrors the lower limit of failures.
        high=max(value, 1 - _score_limit(trials - successes, trials, z)),
        level=level,
        method="score",
        n=int(totals.sum()),
    )


def bootstrap(
    statistic: Callable[[NDArray[np.float64]], float],
    n: int,
    *,
    groups: Groups | None = None,
    seed: int,
    level: float = 0.95,
    resamples: int = 1000,
) -> Interval:
    """Give the percentile bootstrap interval of any statistic of weighted samples.

    Source: Efron and Tibshirani 1993, "An introduction to the bootstrap", chapter 13; whole groups
    are drawn as in Davison and Hinkley 1997, section 3.8; the percentiles are those of
    `expanded_level`, further apart the fewer units are drawn from. A resample is handed over as how
    often each sample was drawn, not as indices, so a statistic can prepare everything per sample
    once (the calibration error need not sort again).

    It sees no uncertainty where no resample can differ (every answer right), and too little where
    the figure hangs on a few samples (a mean of losses with two large ones).

    Args:
        statistic: Takes multiplicities, whole numbers as ``float64 (n,)``, 0 or more, not all 0
            (with groups their sum varies); returns the figure. All ones must give the figure
            itself.
        n: Number of samples.
        groups: Group of each sample, length ``n``; samples of one group are drawn together.
        seed: Seed of the NumPy generator; the same seed gives the same interval.
        level: Confidence level, between 0 and 1.
        resamples: Number of resamples, 1 or more.

    Returns:
        The interval, widened to hold the value where the percentiles do not. ``method`` is
        ``bootstrap`` or ``group-bootstrap``.

    Raises:
        UsageError: There are fewer than two samples or groups, ``groups`` has another length,
            ``level`` or ``resamples`` is out of range, or the statistic is not finite.

    Example:
        >>> import numpy as np
        >>> right = np.array([1.0, 1.0, 1.0, 0.0])
        >>> interval = bootstrap(lambda weights: float(weights @ right / weights.sum()), 4, seed=0)
        >>> interval.low, interval.value, interval.high
        (0.0, 0.75, 1.0)
    """
    two_sided_z(level)
    unit = resampling_units(groups, n)
    values, drawn = resampled(lambda weights: (statistic(weights),), unit, seed, resamples)
    low, high = percentiles(drawn[:, 0], expanded_level(level, int(unit.max()) + 1))
    return Interval(
        value=values[0],
        low=min(values[0], low),
        high=max(values[0], high),
        level=level,
        method="bootstrap" if groups is None else "group-bootstrap",
        n=n,
        n_groups=None if groups is None else int(unit.max()) + 1,
    )


def resampled(
    statistic: Callable[[NDArray[np.float64]], tuple[float, ...]],
    unit: NDArray[np.int64],
    seed: int,
    resamples: int,
) -> tuple[tuple[float, ...], NDArray[np.float64]]:
    """Give the figures on all samples, and on each resample of units ``(resamples, K)``."""
    if resamples < 1:
        raise UsageError(f"`resamples` must be 1 or more, got {resamples}.")
    n_units = int(unit.max()) + 1
    rng = np.random.default_rng(seed)
    values = statistic(np.ones(len(unit)))
    drawn = np.empty((resamples, len(values)))
    for row in drawn:
        times = np.bincount(rng.integers(0, n_units, n_units), minlength=n_units)
        row[:] = statistic(times[unit].astype(np.float64))
    broken = int((~np.isfinite(drawn)).any(axis=1).sum())
    if broken or not np.isfinite(values).all():
        raise UsageError(
            f"The statistic is not a finite number on {broken} of {resamples} resamples.",
            fix="Let it return a number for every set of samples, however uneven.",
        )
    return values, drawn


def resampling_units(groups: Groups | None, n: int) -> NDArray[np.int64]:
    """Number the units of resampling from 0; each sample is its own where there are no groups."""
    if groups is None:
        if n < 2:
            raise UsageError(
                f"An interval needs two samples or more, got {n}.",
                fix="Measure on more samples.",
            )
        return np.arange(n, dtype=np.int64)
    of_sample = np.asarray(groups)
    if of_sample.shape != (n,):
        raise UsageError(f"`groups` must hold one entry per sample ({n},), got {of_sample.shape}.")
    names, unit = np.unique(of_sample, return_inverse=True)
    if len(names) < 2:
        raise UsageError(
            f"An interval over groups needs two groups or more, got {len(names)}.",
            fix="Measure on samples of more groups; one group says nothing about the next.",
        )
    return unit.astype(np.int64)


def fraction_limits(
    value: float, drawn: NDArray[np.float64], *, most: int, n_units: int, degrees: int, level: float
) -> tuple[float, float]:
    """Give Wilson's limits of a fraction for as many trials as would vary like its resamples.

    Near 1 percentiles of a bootstrap are lopsided the wrong way and too near; Wilson's limits know
    that a fraction ends there.

    Args:
        value: The figure, 0 to 1.
        drawn: The figure of each resample, ``float64 (resamples,)``.
        most: The number of samples: no figure is worth more trials.
        n_units: How many units were drawn from, 2 or more.
        degrees: Degrees of freedom of Student's quantile.
        level: Confidence level, between 0 and 1.

    Returns:
        Both inside 0 to 1 and on either side of ``value``.

    Example:
        >>> low, high = fraction_limits(
        ...     0.9, np.array([0.8, 0.9, 1.0]), most=50, n_units=10, degrees=9, level=0.95
        ... )
        >>> round(low, 2), round(high, 2)
        (0.58, 0.98)
    """
    # Resamples vary too little by the factor that a variance divided by n does.
    variance = float(drawn.var()) * n_units / (n_units - 1)
    trials = min(most, value * (1 - value) / variance) if variance > 0 else most
    return score_limits(value, trials, two_sided_t(level, degrees)) if trials else (0.0, 1.0)


def percentiles(drawn: NDArray[np.float64], level: float) -> tuple[float, float]:
    """Give the limits that leave the same share of resamples on either side."""
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _check_counts(successes: NDArray[np.int64], totals: NDArray[np.int64]) -> None:
    if successes.ndim != 1 or successes.shape != totals.shape or not totals.size:
        raise UsageError(
            "`successes` and `totals` must be one-dimensional, of one length and not empty, "
            f"got {successes.shape} and {totals.shape}."
        )
    for name, counts in (("successes", successes), ("totals", totals)):
        if not np.issubdtype(counts.dtype, np.integer):
            raise UsageError(f"`{name}` must be whole numbers, got {counts.dtype}.")
    bad = np.flatnonzero((totals < 1) | (successes < 0) | (successes > totals))
    if bad.size:
        raise UsageError(
            "Successes must lie in 0 to their number of trials, and trials be 1 or more.",
            at=[f"{successes[i]} of {totals[i]}" for i in bad],
        )


def _score_limit(successes: NDArray[np.float64], totals: NDArray[np.float64], z: float) -> float:
    """Find the smallest mean that is within ``z`` standard deviations of the observed one.

    Under the constraint of a mean, the most likely proportions solve ``x - n p = pull * p (1 - p)``
    with one ``pull`` for all; it is 0 at the observed mean and grows as the mean falls, so the
    limit is found by bisection on its logarithm.
    """
    observed = (successes / totals).mean()
    weakest, strongest = -50.0, 50.0  # of log(pull); both ends are beyond float64's resolution
    mean = observed
    for _ in range(100):  # halves 100 nats to float64 precision with steps to spare
        pull = np.exp((weakest + strongest) / 2)
        # (n + pull)^2 - 4 pull x, written so that rounding cannot turn it negative.
        root = np.sqrt((totals - pull) ** 2 + 4 * pull * (totals - successes))
        p = 2 * successes / (totals + pull + root)
        mean = p.mean()
        variance = (p * (1 - p) / totals).sum() / len(totals) ** 2
        if (observed - mean) ** 2 <= z**2 * variance:
            weakest = np.log(pull)
        else:
            strongest = np.log(pull)
    return float(mean)


def group_numbers(groups: Sequence[str]) -> list[int]:
    """Number groups for a bootstrap over them.

    Args:
        groups: The group of each photo, an empty text for none.

    Returns:
        A number per photo; a photo without a group is its own.

    Example:
        >>> group_numbers(["anna", "", "anna", ""])
        [0, 1, 0, 2]
    """
    numbers: dict[str | int, int] = {}  # the key of a photo without a group is its position
    return [numbers.setdefault(group or index, len(numbers)) for index, group in enumerate(groups)]


def known_groups(groups: Sequence[str]) -> list[int] | None:
    """Give `group_numbers`, or ``None`` where no photo names a group.

    Example:
        >>> known_groups(["anna", ""]), known_groups(["", ""])
        ([0, 1], None)
    """
    return group_numbers(groups) if any(groups) else None
