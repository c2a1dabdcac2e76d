"""Weighted: the figures of an evaluation as a function of how often each sample was drawn."""

import numpy as np
from numpy.typing import NDArray

from lineament.measure.agreement import cohen_kappa, matthews_correlation
from lineament.measure.calibration import RankedConfidences, brier_per_sample
from lineament.measure.classification import log_loss_per_sample
from lineament.measure.inputs import FloatArray, row_chunks

FIGURES = (
    "balanced_accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "cohen_kappa",
    "matthews_correlation",
    "expected_calibration_error",
)
LOSSES = ("log_loss", "brier")
# How much further a loss can be than nothing: what limits are cut to.
GREATEST_BRIER = 2.0


class WeightedScores:
    """The figures that a bootstrap repeats; all work per class and photo is done once.

    Args:
        probabilities: Class probabilities, ``float32`` or ``float64`` ``(N, C)``, rows sum to 1.
        labels: True class indices, ``int64 (N,)``.
        n_bins: Bins of the expected calibration error.

    Raises:
        UsageError: ``check_probabilities`` refuses the arrays, or ``n_bins`` is below 1.

    Attributes:
        right: Whether each sample was answered rightly, ``bool (N,)``.
        predicted: The most probable class, ``int64 (N,)``; the first of equals.
        labels: The true class, ``int64 (N,)``.
        losses: What each sample adds to log loss and Brier score, ``float64 (2, N)``.
        greatest: The most that a sample can add to either.

    Example:
        >>> import numpy as np
        >>> sure = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])
        >>> score = WeightedScores(sure, np.array([0, 1, 0, 1]), n_bins=15)
        >>> dict(zip(FIGURES, score(np.ones(4)), strict=True))["balanced_accuracy"]
        0.75
    """

    def __init__(
        self, probabilities: FloatArray, labels: NDArray[np.int64], *, n_bins: int
    ) -> None:
        self._ranked = RankedConfidences(probabilities, labels, n_bins=n_bins)
        self._n_classes = probabilities.shape[1]
        self.labels = labels.astype(np.int64)  # bincount takes no unsigned 64-bit integers
        self.predicted = np.asarray(probabilities.argmax(axis=1), dtype=np.int64)
        self.right = self.predicted == self.labels
        chunks = list(row_chunks(*probabilities.shape))
        self.losses = np.stack(
            [
                np.concatenate([loss(probabilities[rows], labels[rows]) for rows in chunks])
                for loss in (log_loss_per_sample, brier_per_sample)
            ]
        )
        certain = -np.log(np.finfo(probabilities.dtype).eps)  # where `log_loss_per_sample` clips
        self.greatest = (float(certain), GREATEST_BRIER)
        self._right = self.right.astype(np.float64)

    def __call__(self, weights: NDArray[np.float64]) -> tuple[float, ...]:
        """Give `FIGURES` of samples of these multiplicities, ``float64 (N,)``, not all 0."""
        # Three counts per class instead of the matrix: 7,000 people would make 49 million cells.
        right = self._by_class(self.labels, weights * self._right)
        support = self._by_class(self.labels, weights)
        answered = self._by_class(self.predicted, weights)
        occurring = int(np.count_nonzero(support + answered))
        recalls = _sum_of_ratios(right, support)
        return (
            recalls / int(np.count_nonzero(support)),
            _sum_of_ratios(right, answered) / occurring,
            recalls / occurring,
            _sum_of_ratios(2 * right, support + answered) / occurring,
            cohen_kappa(right, support, answered),
            matthews_correlation(right, support, answered),
            self._ranked.expected_error(weights),
        )

    def errors_if_calibrated(self, *, seed: int, draws: int) -> NDArray[np.float64]:
        """Give the calibration errors of so many photos if every confidence were true.

        Answers are drawn right with the chance that their confidence states (Vaicenavicius et al.
        2019, "Evaluating model calibration in classification", consistency resampling), each photo
        on its own.
        """
        rng = np.random.default_rng(seed)
        confidence, n = self._ranked.confidence, len(self.labels)
        edges = self._ranked.edges(np.ones(n))
        errors = np.empty(draws)
        for i in range(draws):
            gap = np.cumsum(confidence - (rng.random(n) < confidence))
            errors[i] = np.abs(np.diff(np.append(0.0, gap)[edges])).sum() / n
        return errors

    def _by_class(
        self, classes: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return np.bincount(classes, weights, self._n_classes).astype(np.float64, copy=False)


def _sum_of_ratios(above: NDArray[np.float64], below: NDArray[np.float64]) -> float:
    """Add up a ratio per class; 0/0 is 0, scikit-learn's ``zero_division=0``."""
    return float(np.divide(above, below, out=np.zeros_like(above), where=below > 0).sum())
