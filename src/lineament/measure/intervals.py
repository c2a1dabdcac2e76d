"""How sure one can be of a figure: intervals of proportions, a bootstrap of samples or groups."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.calibration import RankedConfidences
from lineament.measure.classification import FloatArray, log_loss_per_sample

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
    z = _two_sided_z(level)
    _check_counts(np.array([successes]), np.array([n]))
    value = successes / n
    centre = (value + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * sqrt(value * (1 - value) / n + z**2 / (4 * n**2))
    # Exact at the ends, where rounding would otherwise leave 1e-17 or put a limit past the value.
    low = 0.0 if successes == 0 else min(value, centre - half)
    high = 1.0 if successes == n else max(value, centre + half)
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
    z = _two_sided_z(level)
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
    are drawn as in Davison and Hinkley 1997, section 3.8. A resample is handed over as how often
    each sample was drawn, not as indices, so a statistic can prepare everything per sample once
    (the calibration error need not sort again).

    It sees no uncertainty where no resample can differ (every answer right), and it is too narrow
    for a handful of groups.

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
        (0.25, 0.75, 1.0)
    """
    _two_sided_z(level)
    unit = _units(groups, n)
    values, drawn = _resampled(lambda weights: (statistic(weights),), unit, seed, resamples)
    low, high = _percentiles(drawn[:, 0], level)
    return Interval(
        value=values[0],
        low=min(values[0], low),
        high=max(values[0], high),
        level=level,
        method="bootstrap" if groups is None else "group-bootstrap",
        n=n,
        n_groups=None if groups is None else int(unit.max()) + 1,
    )


def headline_intervals(
    probabilities: FloatArray,
    labels: NDArray[np.int64],
    *,
    groups: Groups | None = None,
    seed: int = 0,
    level: float = 0.95,
    resamples: int = 1000,
    n_bins: int = 15,
) -> dict[str, Interval]:
    """Give the figures that a report leads with, each with its interval.

    Without groups, accuracy has Wilson's interval and balanced accuracy the score interval of
    ``mean_of_proportions``; the rest is the bootstrap over samples. With groups, all of it is the
    bootstrap over groups (photos of one person or recording stand and fall together).

    A bootstrap sees no uncertainty where every answer is right (or every one wrong). Then the other
    limit of accuracy is Wilson's for as many trials as there are groups (or samples), and that of
    balanced accuracy and macro F1 is the score interval for as many trials per class as the class
    has groups (or samples), which is Wilson's again where classes are even; ``method`` says so.

    The expected calibration error is biased upwards and each resample adds bias again, so its
    percentiles lie too high and may miss the value. Its lower limit is therefore the basic
    bootstrap's (Davison and Hinkley 1997, section 5.2), ``2 * value`` minus the upper percentile
    and not below 0, which takes the bias off; its upper limit is the upper percentile less the mean
    shift of the resamples. Both are widened to hold the value. Near perfect calibration the lower
    limit is still too high: there a low limit above 0 does not prove an error.

    Args:
        probabilities: Class probabilities, ``float32`` or ``float64`` ``(N, C)``, rows sum to 1.
        labels: True class indices, ``int64 (N,)``.
        groups: Group of each sample, length ``N``, or ``None`` where samples are independent.
        seed: Seed of the resampling.
        level: Confidence level, between 0 and 1.
        resamples: Number of resamples, 1 or more.
        n_bins: Bins of the expected calibration error.

    Returns:
        ``accuracy``, ``balanced_accuracy``, ``macro_f1`` (fractions), ``log_loss`` (nats) and
        ``expected_calibration_error`` (fraction), in this order. ``low <= value <= high`` holds.

    Raises:
        UsageError: ``check_probabilities`` refuses the arrays; there are fewer than two samples or
            groups; ``groups`` has another length; ``level``, ``resamples`` or ``n_bins`` is out of
            range.

    Example:
        >>> import numpy as np
        >>> sure = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])
        >>> figures = headline_intervals(sure, np.array([0, 1, 0, 1]))
        >>> figures["accuracy"].method, round(figures["accuracy"].low, 2)
        ('wilson', 0.51)
        >>> figures["macro_f1"].method, round(figures["macro_f1"].low, 2)
        ('score (no error seen)', 0.51)
    """
    _two_sided_z(level)
    score = _WeightedScores(probabilities, labels, n_bins=n_bins)
    unit = _units(groups, len(labels))
    values, drawn = _resampled(score, unit, seed, resamples)
    method = "bootstrap" if groups is None else "group-bootstrap"
    limits = {
        name: (*_percentiles(drawn[:, column], level), method)
        for column, name in enumerate(_HEADLINES)
    }

    error = _HEADLINES.index("expected_calibration_error")
    _, high = _percentiles(drawn[:, error], level)
    shift = float(drawn[:, error].mean()) - values[error]
    limits["expected_calibration_error"] = (
        max(0.0, 2 * values[error] - high),
        min(1.0, high - shift),
        f"basic-{method}",
    )
    if score.right.all() or not score.right.any():
        limits |= _limits_without_contrast(labels, unit, bool(score.right[0]), level)
    if groups is None:
        present, classes, totals = np.unique(labels, return_inverse=True, return_counts=True)
        found = np.bincount(classes, score.right, len(present)).astype(np.int64)
        plain = wilson(int(found.sum()), len(labels), level=level)
        even = mean_of_proportions(found, totals, level=level)
        limits["accuracy"] = (plain.low, plain.high, plain.method)
        limits["balanced_accuracy"] = (even.low, even.high, even.method)

    return {
        name: Interval(
            value=value,
            low=min(value, limits[name][0]),
            high=max(value, limits[name][1]),
            level=level,
            method=limits[name][2],
            n=len(labels),
            n_groups=None if groups is None else int(unit.max()) + 1,
        )
        for name, value in zip(_HEADLINES, values, strict=True)
    }


_HEADLINES = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "log_loss",
    "expected_calibration_error",
)


class _WeightedScores:
    """The headline figures as a function of sample weights; all per-sample work is done once."""

    def __init__(
        self, probabilities: FloatArray, labels: NDArray[np.int64], *, n_bins: int
    ) -> None:
        self._losses = log_loss_per_sample(probabilities, labels)
        self._ranked = RankedConfidences(probabilities, labels, n_bins=n_bins)
        self._labels = labels.astype(np.int64)  # bincount takes no unsigned 64-bit integers
        self._predicted = probabilities.argmax(axis=1)
        self._n_classes = probabilities.shape[1]
        self.right = (self._predicted == labels).astype(np.float64)

    def __call__(self, weights: NDArray[np.float64]) -> tuple[float, ...]:
        # Three counts per class instead of the matrix: 7,000 people would make 49 million cells.
        right = np.bincount(self._labels, weights * self.right, self._n_classes)
        support = np.bincount(self._labels, weights, self._n_classes)
        answered = np.bincount(self._predicted, weights, self._n_classes)
        total = weights.sum()
        present, occurring = support > 0, support + answered > 0
        return (
            float(right.sum() / total),
            float((right[present] / support[present]).mean()),
            float((2 * right[occurring] / (support + answered)[occurring]).mean()),
            float(weights @ self._losses / total),
            self._ranked.expected_error(weights),
        )


def _limits_without_contrast(
    labels: NDArray[np.int64], unit: NDArray[np.int64], all_right: bool, level: float
) -> dict[str, tuple[float, float, str]]:
    """Count units as trials where all samples share one outcome and no resample can differ."""
    seen = "no error seen" if all_right else "nothing right"
    n_units = int(unit.max()) + 1
    plain = wilson(n_units * all_right, n_units, level=level)
    # A group with samples of two classes is one trial of each.
    of_class = np.unique(np.stack([labels, unit]), axis=1)[0]
    trials = np.unique(of_class, return_counts=True)[1]
    even = mean_of_proportions(trials * all_right, trials, level=level)
    return {
        "accuracy": (plain.low, plain.high, f"{plain.method} ({seen})"),
        "balanced_accuracy": (even.low, even.high, f"{even.method} ({seen})"),
        "macro_f1": (even.low, even.high, f"{even.method} ({seen})"),
    }


def _resampled(
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


def _units(groups: Groups | None, n: int) -> NDArray[np.int64]:
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


def _percentiles(drawn: NDArray[np.float64], level: float) -> tuple[float, float]:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _two_sided_z(level: float) -> float:
    if not 0 < level < 1:
        raise UsageError(
            f"`level` must lie between 0 and 1, got {level}.", fix="Give 0.95 for 95 %."
        )
    return NormalDist().inv_cdf((1 + level) / 2)


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
