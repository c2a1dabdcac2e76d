"""Agreement beyond chance: Cohen's kappa and Matthews' coefficient for any number of classes.

Both need three counts per class and never the matrix, so that 7,000 classes cost no 49 million
cells and a bootstrap can repeat them.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import UsageError


def cohen_kappa(
    right: NDArray[np.float64] | NDArray[np.int64],
    support: NDArray[np.float64] | NDArray[np.int64],
    answered: NDArray[np.float64] | NDArray[np.int64],
) -> float:
    """Give how far agreement goes beyond what the two distributions of classes would give alone.

    Source: Cohen 1960, "A coefficient of agreement for nominal scales".

    Args:
        right: How many samples of each class were answered with it, ``(C,)``, 0 or more; counts, or
            sums of weights.
        support: How many samples each class has, ``(C,)``.
        answered: How many answers name each class, ``(C,)``.

    Returns:
        At most 1; 0 where the answers agree no more than by chance. 0.0 also where truth and
        answers are all of one same class: then nothing is beyond chance.

    Raises:
        UsageError: The counts differ in shape, belong to different numbers of samples, or are all
            0.

    Example:
        >>> import numpy as np
        >>> round(cohen_kappa(np.array([3, 4]), np.array([5, 5]), np.array([4, 6])), 4)
        0.4
    """
    agreed, by_chance, _, _ = _shares(right, support, answered)
    return (agreed - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0


def matthews_correlation(
    right: NDArray[np.float64] | NDArray[np.int64],
    support: NDArray[np.float64] | NDArray[np.int64],
    answered: NDArray[np.float64] | NDArray[np.int64],
) -> float:
    """Give the correlation between truth and answers.

    Source: Gorodkin 2004, "Comparing two K-category assignments by a K-category correlation
    coefficient"; with two classes it is that of Matthews 1975.

    Args:
        right: How many samples of each class were answered with it, ``(C,)``, 0 or more; counts, or
            sums of weights.
        support: How many samples each class has, ``(C,)``.
        answered: How many answers name each class, ``(C,)``.

    Returns:
        -1 to 1; 0.0 where truth or answers are all of one class, as nothing can vary together then.

    Raises:
        UsageError: The counts differ in shape, belong to different numbers of samples, or are all
            0.

    Example:
        >>> import numpy as np
        >>> round(matthews_correlation(np.array([3, 4]), np.array([5, 5]), np.array([4, 6])), 4)
        0.4082
    """
    agreed, by_chance, of_truth, of_answers = _shares(right, support, answered)
    spread = sqrt(of_truth * of_answers)
    return max(-1.0, min(1.0, (agreed - by_chance) / spread)) if spread > 0 else 0.0


def _shares(
    right: NDArray[np.float64] | NDArray[np.int64],
    support: NDArray[np.float64] | NDArray[np.int64],
    answered: NDArray[np.float64] | NDArray[np.int64],
) -> tuple[float, float, float, float]:
    """Agreement, that of chance, and the chance that two samples or two answers differ."""
    total = float(support.sum())
    same_shape = right.shape == support.shape == answered.shape
    if not same_shape or abs(float(answered.sum()) - total) > 1e-9 * total or total <= 0:
        raise UsageError(
            "`right`, `support` and `answered` must be counts of the same samples by class, got "
            f"{right.shape} of {right.sum():g}, {support.shape} of {total:g} and "
            f"{answered.shape} of {answered.sum():g}."
        )
    s, a = support.astype(np.float64), answered.astype(np.float64)
    # Counts are multiplied before they are divided, so that one class alone is exactly 1.
    square = total * total
    return (
        float(right.sum()) / total,
        float(s @ a) / square,
        (square - float(s @ s)) / square,
        (square - float(a @ a)) / square,
    )
