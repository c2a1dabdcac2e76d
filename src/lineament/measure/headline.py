"""The headline figures of an evaluation, each with its interval."""

import numpy as np
from numpy.typing import NDArray

from lineament.measure.calibration import RankedConfidences
from lineament.measure.classification import log_loss_per_sample
from lineament.measure.inputs import FloatArray
from lineament.measure.intervals import (
    Groups,
    Interval,
    mean_of_proportions,
    percentiles,
    resampled,
    resampling_units,
    two_sided_z,
    wilson,
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
    two_sided_z(level)
    score = _WeightedScores(probabilities, labels, n_bins=n_bins)
    unit = resampling_units(groups, len(labels))
    values, drawn = resampled(score, unit, seed, resamples)
    method = "bootstrap" if groups is None else "group-bootstrap"
    limits = {
        name: (*percentiles(drawn[:, column], level), method)
        for column, name in enumerate(_HEADLINES)
    }

    error = _HEADLINES.index("expected_calibration_error")
    _, high = percentiles(drawn[:, error], level)
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
