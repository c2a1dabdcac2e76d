"""How far stated confidence agrees with how often it is right, and one temperature to mend it."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.inputs import (
    FloatArray,
    check_probabilities,
    check_scores,
    row_chunks,
)
from lineament.measure.intervals import percentiles

MIN_TEMPERATURE = 0.05
PRIOR_SPREAD = 0.5  # of log(temperature): temperatures of 0.4 to 2.7 surprise nobody
MAX_TEMPERATURE = 20.0  # beyond 1/20 to 20 the logits carry no usable confidence at all
_TEMPERATURE_TOLERANCE = 1e-10  # relative; far finer than any validation split can tell
_MAX_STEPS = 200  # bisection alone needs 50 to reach float precision on this range


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """Samples of similar confidence, and how often they were right.

    Args:
        confidence: Mean probability of the answered class, 0 to 1.
        accuracy: Fraction answered rightly, 0 to 1.
        count: Number of samples.
        low: Smallest confidence in the bin.
        high: Greatest confidence in the bin.
    """

    confidence: float
    accuracy: float
    count: int
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Temperature:
    """One divisor of all logits, and what it changed on the data it was fitted on.

    Args:
        value: The temperature; above 1 softens, below 1 sharpens, exactly 1.0 when nothing helped.
        nll_before: Mean negative log-likelihood of the true labels at temperature 1, in nats.
        nll_after: The same at ``value``; never above ``nll_before``.
    """

    value: float
    nll_before: float
    nll_after: float


class RankedConfidences:
    """Answers sorted by confidence once, so that many weightings can be binned cheaply.

    Args:
        probabilities: Class probabilities, ``float32`` or ``float64`` ``(N, C)``, rows sum to 1.
        labels: True class indices, ``int64 (N,)``.
        n_bins: Number of bins of equal mass, 1 or more.

    Raises:
        UsageError: ``check_probabilities`` refuses the arrays, or ``n_bins`` is below 1.

    Example:
        >>> import numpy as np
        >>> probabilities = np.array([[0.8, 0.2], [0.6, 0.4]])
        >>> ranked = RankedConfidences(probabilities, np.array([0, 1]), n_bins=1)
        >>> round(ranked.expected_error(np.ones(2)), 4)
        0.2
    """

    def __init__(
        self, probabilities: FloatArray, labels: NDArray[np.int64], *, n_bins: int
    ) -> None:
        check_probabilities(probabilities, labels)
        if n_bins < 1:
            raise UsageError(f"`n_bins` must be 1 or more, got {n_bins}.")
        self.n_bins = n_bins
        confidence = probabilities.max(axis=1).astype(np.float64)
        right = probabilities.argmax(axis=1) == labels
        # The second key makes even the rounding of the sums independent of the samples' order.
        self.order = np.lexsort((right, confidence))
        self.confidence = confidence[self.order]
        self.right = right[self.order]
        new = np.append(True, np.diff(self.confidence) > 0)
        self._first_of_tie = np.flatnonzero(new)
        self._gap = self.confidence - self.right

    def edges(self, weights: NDArray[np.float64]) -> NDArray[np.int64]:
        """Cut the sorted samples into bins of equal weight, never inside a tie.

        Args:
            weights: Multiplicity of each sample in sorted order, ``float64 (N,)``, 0 or more.

        Returns:
            Positions in sorted order, ``int64 (n_bins + 1,)``; bin ``b`` runs from entry ``b``
            up to entry ``b + 1`` and may be empty. Samples of equal confidence share the bin that
            the middle of their rank range falls in.
        """
        if len(self._first_of_tie) == len(weights):
            mass = weights
        else:
            mass = np.add.reduceat(weights, self._first_of_tie)
        reached = np.cumsum(mass)
        # Twice the middle rank and everything multiplied out: exact for whole weights.
        twice_middle = (2 * reached - mass) * self.n_bins
        wanted = 2 * reached[-1] * np.arange(1, self.n_bins)
        inner = np.append(self._first_of_tie, len(weights))[np.searchsorted(twice_middle, wanted)]
        return np.concatenate(([0], inner, [len(weights)])).astype(np.int64)

    def expected_error(self, weights: NDArray[np.float64]) -> float:
        """Give the expected calibration error of weighted samples.

        Args:
            weights: Multiplicity of each sample in the order given to the constructor,
                ``float64 (N,)``, not all 0.

        Returns:
            A fraction, 0 to 1.
        """
        weights = weights[self.order]
        total = np.append(0.0, np.cumsum(weights * self._gap))
        return float(np.abs(np.diff(total[self.edges(weights)])).sum() / weights.sum())


def softmax(logits: FloatArray, *, temperature: float = 1.0) -> NDArray[np.float32]:
    """Turn logits into class probabilities.

    Args:
        logits: Unnormalised scores, ``float32`` or ``float64`` ``(N, C)``, finite.
        temperature: Divisor of the logits, above 0.

    Returns:
        Probabilities, ``float32 (N, C)``, computed in ``float64`` with each row's maximum taken off
        first, so no size of logit overflows.

    Raises:
        UsageError: ``logits`` is not a float array ``(N, C)`` or holds NaN or infinity, or
            ``temperature`` is not a positive number.

    Example:
        >>> import numpy as np
        >>> softmax(np.array([[1000.0, 1000.0]]))
        array([[0.5, 0.5]], dtype=float32)
    """
    if not 0 < temperature < np.inf:
        raise UsageError(f"`temperature` must be a positive number, got {temperature}.")
    check_scores(logits, np.zeros(len(logits), dtype=np.int64), name="logits")
    probabilities = np.empty(logits.shape, dtype=np.float32)
    for rows in row_chunks(*logits.shape):
        scores = logits[rows].astype(np.float64) / temperature
        probabilities[rows] = np.exp(_log_softmax(scores))
    return probabilities


def reliability_bins(
    probabilities: FloatArray, labels: NDArray[np.int64], *, n_bins: int = 15
) -> list[ReliabilityBin]:
    """Group samples by the confidence of their answer and see how often each group was right.

    Bins hold equal numbers of samples (Nguyen and O'Connor 2015, "Posterior calibration and
    exploratory analysis for natural language processing models"): bins of equal width would leave
    nearly all samples of a good classifier in the last one. Equal confidences stay together, so the
    result does not depend on the order of the samples.

    Args:
        probabilities: Class probabilities, ``float32`` or ``float64`` ``(N, C)``, rows sum to 1.
        labels: True class indices, ``int64 (N,)``.
        n_bins: Number of bins, 1 or more.

    Returns:
        At most ``n_bins`` bins, lowest confidence first; bins that ties or a small ``N`` leave
        empty are left out. The counts add up to ``N``.

    Raises:
        UsageError: ``check_probabilities`` refuses the arrays, or ``n_bins`` is below 1.

    Example:
        >>> import numpy as np
        >>> reliability_bins(np.array([[0.75, 0.25], [0.75, 0.25]]), np.array([0, 1]), n_bins=2)
        [ReliabilityBin(confidence=0.75, accuracy=0.5, count=2, low=0.75, high=0.75)]
    """
    ranked = RankedConfidences(probabilities, labels, n_bins=n_bins)
    edges = ranked.edges(np.ones(len(labels)))
    return [
        ReliabilityBin(
            confidence=float(ranked.confidence[start:stop].mean()),
            accuracy=float(ranked.right[start:stop].mean()),
            count=stop - start,
            low=float(ranked.confidence[start]),
            high=float(ranked.confidence[stop - 1]),
        )
        for start, stop in pairwise(edges.tolist())
        if stop > start
    ]


def expected_calibration_error(
    probabilities: FloatArray, labels: NDArray[np.int64], *, n_bins: int = 15
) -> float:
    """Give the mean distance between confidence and accuracy over bins of equal mass.

    Source: Naeini et al. 2015, "Obtaining well calibrated probabilities using Bayesian binning",
    with the equal-mass bins of ``reliability_bins``. The estimate is biased upwards: even a
    perfectly calibrated classifier scores above 0 on finitely many samples (about 0.045 on 1,000,
    10 classes, 15 bins), the more so with more bins.

    Args:
        probabilities: Class probabilities, ``float32`` or ``float64`` ``(N, C)``, rows sum to 1.
        labels: True class indices, ``int64 (N,)``.
        n_bins: Number of bins, 1 or more.

    Returns:
        A fraction, 0 (calibrated) to 1.

    Raises:
        UsageError: ``check_probabilities`` refuses the arrays, or ``n_bins`` is below 1.

    Example:
        >>> import numpy as np
        >>> expected_calibration_error(np.array([[0.75, 0.25], [0.75, 0.25]]), np.array([0, 1]))
        0.25
    """
    ranked = RankedConfidences(probabilities, labels, n_bins=n_bins)
    return ranked.expected_error(np.ones(len(labels)))


def brier_score(probabilities: FloatArray, labels: NDArray[np.int64]) -> float:
    """Give the mean squared distance between the probabilities and the truth.

    Source: Brier 1950, "Verification of forecasts expressed in terms of probability", the original
    form that sums over all classes (scikit-learn's ``brier_score_loss(scale_by_half=False)``).

    Args:
        probabilities: Class probabilities, ``float32`` or ``float64`` ``(N, C)``, rows sum to 1.
        labels: True class indices, ``int64 (N,)``.

    Returns:
        0 (certain and right) to 2 (certain and wrong).

    Raises:
        UsageError: ``check_probabilities`` refuses the arrays.

    Example:
        >>> import numpy as np
        >>> brier_score(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([0, 0]))
        0.25
    """
    return float(brier_per_sample(probabilities, labels).mean())


def brier_per_sample(probabilities: FloatArray, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give what each sample adds to `brier_score`, ``float64 (N,)``; errors as there."""
    check_probabilities(probabilities, labels)
    distance = probabilities.astype(np.float64)
    distance[np.arange(len(labels)), labels] -= 1.0
    squares: NDArray[np.float64] = (distance**2).sum(axis=1)
    return squares


def unbiased_limits(
    value: float, drawn: NDArray[np.float64], *, level: float
) -> tuple[float, float]:
    """Give limits of a calibration error from resamples, which are biased upwards.

    The error of finitely many samples lies above the true one, and each resample adds as much
    again. So the lower limit is the basic bootstrap's (Davison and Hinkley 1997, section 5.2),
    ``2 * value`` less the upper percentile, and the upper limit the upper percentile less the mean
    shift of the resamples. Near perfect calibration the lower limit is still too high: there a
    low limit above 0 does not prove an error.

    Args:
        value: The error of the samples.
        drawn: That of each resample.
        level: Confidence level, between 0 and 1.

    Returns:
        Both inside 0 to 1, the lower at most ``value`` and the upper at least.

    Example:
        >>> import numpy as np
        >>> low, high = unbiased_limits(0.05, np.array([0.05, 0.06, 0.07, 0.08]), level=0.95)
        >>> round(low, 3), round(high, 3)
        (0.021, 0.064)
    """
    _, high = percentiles(drawn, level)
    shift = float(drawn.mean()) - value
    return max(0.0, min(value, 2 * value - high)), min(1.0, max(value, high - shift))


def fit_temperature(logits: FloatArray, labels: NDArray[np.int64]) -> Temperature:
    """Find the one divisor of the logits that makes the true labels most likely.

    Source: Guo et al. 2017, "On calibration of modern neural networks", section 4.2. Newton's
    method inside a shrinking bracket finds the minimum between ``MIN_TEMPERATURE`` and
    ``MAX_TEMPERATURE``, without random numbers.

    Few samples say little about a temperature, and where every one of them is right the likelihood
    alone would run to certainty. So the fit (not the two reported likelihoods) holds the logarithm
    of the temperature near 0 with a normal prior of standard deviation ``PRIOR_SPREAD``: of 60
    samples it decides about as much as the likelihood, of 1,000 hardly anything. Its value came out
    best, or nearly so, over temperatures from 0.5 to 2.5 on 30 to 1,000 samples; the smoothed
    targets of Platt 1999, which do the same for the choice of a head, softened well separated
    classes up to twice too much and left those alone that were not sure enough
    (`benchmarks/temperature.py`).

    Args:
        logits: Unnormalised scores of the validation split, ``float32`` or ``float64`` ``(N, C)``,
            two classes or more.
        labels: True class indices, ``int64 (N,)``.

    Returns:
        The temperature with the likelihoods before and after. ``value`` is exactly 1.0 and both are
        equal when the minimum does not lower the negative log-likelihood of the true labels.

    Raises:
        UsageError: ``logits`` is not a float array ``(N, C)``, has fewer than two columns, or holds
            NaN or infinity; the lengths differ; or ``check_labels`` refuses ``labels``.

    Example:
        >>> import numpy as np
        >>> logits = np.array([[4.0, 0.0]] * 4)  # certain, yet wrong once in four
        >>> fitted = fit_temperature(logits, np.array([0, 0, 0, 1]))
        >>> fitted.value > 1.5, fitted.nll_after < fitted.nll_before
        (True, True)
    """
    check_scores(logits, labels, name="logits")
    n, n_classes = logits.shape
    if n_classes < 2:
        raise UsageError("`logits` must have two columns or more to fit a temperature, got 1.")
    scores = logits.astype(np.float64)
    scores -= scores.max(axis=1, keepdims=True)
    of_truth = float(scores[np.arange(n), labels].mean())

    value = 1 / _inverse_temperature(scores, of_truth)
    before = _nll(scores, labels)
    after = _nll(scores / value, labels)
    if after >= before:
        return Temperature(value=1.0, nll_before=before, nll_after=before)
    return Temperature(value=value, nll_before=before, nll_after=after)


def _inverse_temperature(scores: NDArray[np.float64], of_truth: float) -> float:
    """Find the root of the posterior's slope, from the mean score of the true class."""
    precision = 1 / (PRIOR_SPREAD**2 * len(scores))

    def slope_and_curvature(inverse: float) -> tuple[float, float]:
        chances = np.exp(_log_softmax(inverse * scores))
        expected = (chances * scores).sum(axis=1, keepdims=True)
        spread = (chances * (scores - expected) ** 2).sum(axis=1)
        return (
            float(expected.mean()) - of_truth + precision * math.log(inverse) / inverse,
            float(spread.mean()) + precision * (1 - math.log(inverse)) / inverse**2,
        )

    low, high = 1 / MAX_TEMPERATURE, 1 / MIN_TEMPERATURE
    if slope_and_curvature(low)[0] >= 0:
        return low
    if slope_and_curvature(high)[0] <= 0:
        return high
    inverse = 1.0
    for _ in range(_MAX_STEPS):
        slope, curvature = slope_and_curvature(inverse)
        low, high = (inverse, high) if slope < 0 else (low, inverse)
        # A Newton step that leaves the bracket gives way to the middle (of the logarithms).
        step = inverse - slope / curvature if curvature > 0 else np.inf
        following = step if low <= step <= high else float(np.sqrt(low * high))
        if abs(following - inverse) <= _TEMPERATURE_TOLERANCE * inverse:
            return following
        inverse = following
    return inverse


def _log_softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = scores - scores.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _nll(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    # Taken off 0 rather than negated: certainty that was right costs 0.0 and not -0.0.
    return float(0.0 - _log_softmax(scores)[np.arange(len(labels)), labels].mean())
