"""Scores of class answers and class probabilities against the truth.

Classes without samples follow scikit-learn's defaults (``zero_division=0``), held by a parity test:
a score that is 0/0 is 0.0; macro averages run over the classes that occur in the truth or in the
answers; balanced accuracy runs over the classes that occur in the truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.inputs import FloatArray, check_labels, check_probabilities, row_chunks


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """How well one class is found.

    Args:
        name: The class.
        precision: Of the answers that name it, the fraction that is right; 0.0 when there are none.
        recall: Of its samples, the fraction that is found; 0.0 when there are none.
        f1: Harmonic mean of precision and recall; 0.0 when both are 0.
        support: Number of its samples.
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int


def confusion_matrix(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], *, n_classes: int
) -> NDArray[np.int64]:
    """Count how often each class was answered with each class.

    Args:
        labels: True class indices, ``int64 (N,)``.
        predicted: Answered class indices, ``int64 (N,)``.
        n_classes: Number of classes ``C``.

    Returns:
        Counts, ``int64 (C, C)``: row is the truth, column is the answer.

    Raises:
        UsageError: ``check_labels`` refuses either array, or their lengths differ.

    Example:
        >>> import numpy as np
        >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), n_classes=2)
        array([[1, 1],
               [0, 1]])
    """
    check_labels(labels, n_classes)
    check_labels(predicted, n_classes, name="predicted")
    if len(labels) != len(predicted):
        raise UsageError(
            f"`labels` has {len(labels)} entries, `predicted` has {len(predicted)}; "
            "they must match."
        )
    cells = labels.astype(np.int64) * n_classes + predicted
    counts = np.bincount(cells, minlength=n_classes * n_classes)
    return counts.reshape(n_classes, n_classes).astype(np.int64)


def _check_matrix(matrix: NDArray[np.int64] | NDArray[np.float64]) -> None:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise UsageError(f"`matrix` must be square (C, C), got {matrix.shape}.")
    if not np.isfinite(matrix).all() or (matrix < 0).any():
        raise UsageError("`matrix` must hold counts; some are negative or not finite.")
    if matrix.sum() == 0:
        raise UsageError(
            "`matrix` is empty; there is nothing to measure.",
            fix="Give at least one labelled sample.",
        )


def row_normalised(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Turn counts into the fraction of each true class.

    Args:
        matrix: Confusion matrix ``(C, C)``, row is the truth.

    Returns:
        Fractions, ``float64 (C, C)``; each row sums to 1, a class without samples is all 0.

    Raises:
        UsageError: ``matrix`` is not square, holds negative or no counts.

    Example:
        >>> import numpy as np
        >>> row_normalised(np.array([[3, 1], [0, 0]]))
        array([[0.75, 0.25],
               [0.  , 0.  ]])
    """
    _check_matrix(matrix)
    return _ratio(matrix.astype(np.float64), matrix.sum(axis=1, keepdims=True).astype(np.float64))


def z_scored(matrix: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Express each cell in standard deviations from the mean cell.

    Args:
        matrix: Confusion matrix ``(C, C)``, counts or fractions.

    Returns:
        ``float64 (C, C)`` with mean 0 and population standard deviation 1 over all cells; all zeros
        when every cell is equal.

    Raises:
        UsageError: ``matrix`` is not square, holds negative or no counts.

    Example:
        >>> import numpy as np
        >>> z_scored(np.array([[2, 0], [0, 2]]))
        array([[ 1., -1.],
               [-1.,  1.]])
    """
    _check_matrix(matrix)
    if (matrix == matrix[0, 0]).all():
        return np.zeros(matrix.shape, dtype=np.float64)
    cells = matrix.astype(np.float64)
    return np.asarray((cells - cells.mean()) / cells.std())


def accuracy(matrix: NDArray[np.int64]) -> float:
    """Give the fraction of samples that were answered rightly.

    Args:
        matrix: Confusion matrix ``(C, C)``, row is the truth.

    Returns:
        A fraction, 0 to 1.

    Raises:
        UsageError: ``matrix`` is not square, holds negative or no counts.

    Example:
        >>> import numpy as np
        >>> accuracy(np.array([[3, 1], [0, 4]]))
        0.875
    """
    _check_matrix(matrix)
    return float(np.trace(matrix) / matrix.sum())


def balanced_accuracy(matrix: NDArray[np.int64]) -> float:
    """Give the mean recall over the classes that have samples.

    Source: Brodersen et al. 2010, "The balanced accuracy and its posterior distribution"; classes
    without samples are left out, as ``sklearn.metrics.balanced_accuracy_score`` does.

    Args:
        matrix: Confusion matrix ``(C, C)``, row is the truth.

    Returns:
        A fraction, 0 to 1.

    Raises:
        UsageError: ``matrix`` is not square, holds negative or no counts.

    Example:
        >>> import numpy as np
        >>> balanced_accuracy(np.array([[3, 1], [0, 1]]))
        0.875
    """
    _check_matrix(matrix)
    support = matrix.sum(axis=1)
    return float(np.mean(np.diag(matrix)[support > 0] / support[support > 0]))


def per_class(matrix: NDArray[np.int64], classes: Sequence[str]) -> list[ClassScores]:
    """Score every class on its own.

    Args:
        matrix: Confusion matrix ``(C, C)``, row is the truth.
        classes: The ``C`` class names, in column order.

    Returns:
        One ``ClassScores`` per class, in column order; 0/0 is 0.0.

    Raises:
        UsageError: ``matrix`` is not square, holds negative or no counts, or ``classes`` has
            another length.

    Example:
        >>> import numpy as np
        >>> per_class(np.array([[3, 1], [0, 4]]), ["cat", "dog"])[0]
        ClassScores(name='cat', precision=1.0, recall=0.75, f1=0.857..., support=4)
    """
    _check_matrix(matrix)
    if len(classes) != len(matrix):
        raise UsageError(
            f"`classes` has {len(classes)} names, `matrix` has {len(matrix)} rows; they must match."
        )
    precision, recall, f1 = _precision_recall_f1(matrix)
    support = matrix.sum(axis=1)
    return [
        ClassScores(
            name=name,
            precision=float(precision[i]),
            recall=float(recall[i]),
            f1=float(f1[i]),
            support=int(support[i]),
        )
        for i, name in enumerate(classes)
    ]


def macro_precision(matrix: NDArray[np.int64]) -> float:
    """Give the mean precision over the classes that occur in the truth or in the answers.

    Args:
        matrix: Confusion matrix ``(C, C)``, row is the truth.

    Returns:
        A fraction, 0 to 1; a class that was never answered counts as 0.

    Raises:
        UsageError: ``matrix`` is not square, holds negative or no counts.

    Example:
        >>> import numpy as np
        >>> macro_precision(np.array([[3, 1], [0, 1]]))
        0.75
    """
    _check_matrix(matrix)
    return float(_precision_recall_f1(matrix)[0][_occurring(matrix)].mean())


def macro_recall(matrix: NDArray[np.int64]) -> float:
    """Give the mean recall over the classes that occur in the truth or in the answers.

    Unlike balanced accuracy, a class that was answered but has no samples counts as 0.

    Args:
        matrix: Confusion matrix ``(C, C)``, row is the truth.

    Returns:
        A fraction, 0 to 1.

    Raises:
        UsageError: ``matrix`` is not square, holds negative or no counts.

    Example:
        >>> import numpy as np
        >>> macro_recall(np.array([[3, 1], [0, 0]]))
        0.375
    """
    _check_matrix(matrix)
    return float(_precision_recall_f1(matrix)[1][_occurring(matrix)].mean())


def macro_f1(matrix: NDArray[np.int64]) -> float:
    """Give the mean F1 over the classes that occur in the truth or in the answers.

    The mean of the F1 scores, not the F1 of the means (Opitz and Burst 2019, "Macro F1 and Macro
    F1").

    Args:
        matrix: Confusion matrix ``(C, C)``, row is the truth.

    Returns:
        A fraction, 0 to 1.

    Raises:
        UsageError: ``matrix`` is not square, holds negative or no counts.

    Example:
        >>> import numpy as np
        >>> macro_f1(np.array([[2, 0], [0, 3]]))
        1.0
    """
    _check_matrix(matrix)
    return float(_precision_recall_f1(matrix)[2][_occurring(matrix)].mean())


def log_loss_per_sample(
    probabilities: FloatArray, labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Give each sample's negative log probability of its true class.

    Args:
        probabilities: Class probabilities, ``float32`` or ``float64`` ``(N, C)``, rows sum to 1.
        labels: True class indices, ``int64 (N,)``.

    Returns:
        Natural-log losses in nats, ``float64 (N,)``. Probabilities are clipped to ``eps`` and
        ``1 - eps`` of their own dtype, as scikit-learn does: at most 15.9 for ``float32``.

    Raises:
        UsageError: ``check_probabilities`` refuses the arrays.

    Example:
        >>> import numpy as np
        >>> log_loss_per_sample(np.array([[0.5, 0.5]]), np.array([1]))
        array([0.69314718])
    """
    check_probabilities(probabilities, labels)
    eps = np.finfo(probabilities.dtype).eps
    of_truth = probabilities[np.arange(len(labels)), labels]
    return np.asarray(-np.log(np.clip(of_truth, eps, 1 - eps)), dtype=np.float64)


def log_loss(probabilities: FloatArray, labels: NDArray[np.int64]) -> float:
    """Give the mean negative log probability of the true class.

    Args:
        probabilities: Class probabilities, ``float32`` or ``float64`` ``(N, C)``, rows sum to 1.
        labels: True class indices, ``int64 (N,)``.

    Returns:
        Nats per sample (natural log), clipped as in ``log_loss_per_sample``.

    Raises:
        UsageError: ``check_probabilities`` refuses the arrays.

    Example:
        >>> import numpy as np
        >>> round(log_loss(np.array([[0.25, 0.75], [0.5, 0.5]]), np.array([1, 0])), 4)
        0.4904
    """
    return float(log_loss_per_sample(probabilities, labels).mean())


def top_k_accuracy(probabilities: FloatArray, labels: NDArray[np.int64], *, k: int) -> float:
    """Give the fraction of samples whose true class is among the ``k`` most probable.

    Args:
        probabilities: Class probabilities, ``float32`` or ``float64`` ``(N, C)``, rows sum to 1.
        labels: True class indices, ``int64 (N,)``.
        k: How many answers count, 1 to ``C``.

    Returns:
        A fraction, 0 to 1. Equal probabilities rank in column order, so ``k=1`` is the accuracy of
        ``argmax``.

    Raises:
        UsageError: ``check_probabilities`` refuses the arrays, or ``k`` is out of range.

    Example:
        >>> import numpy as np
        >>> top_k_accuracy(np.array([[0.2, 0.2, 0.6]]), np.array([1]), k=2)
        0.0
    """
    n_classes = probabilities.shape[1] if probabilities.ndim == 2 else 0
    ranks = ranks_of_truth(probabilities, labels)
    if not 1 <= k <= n_classes:
        raise UsageError(f"`k` must lie in 1 to {n_classes}, the number of classes; got {k}.")
    return float((ranks < k).mean())


def ranks_of_truth(probabilities: FloatArray, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give how many classes stand before the true one, ``int64 (N,)``; 0 where it is the answer.

    Equal probabilities rank in column order. Errors as of `top_k_accuracy`.
    """
    check_probabilities(probabilities, labels)
    columns = np.arange(probabilities.shape[1])
    ranks = np.empty(len(labels), dtype=np.int64)
    for rows in row_chunks(*probabilities.shape):
        part, truth = probabilities[rows], labels[rows][:, np.newaxis]
        of_truth = part[np.arange(len(part)), labels[rows]][:, np.newaxis]
        # Few classes tie with the true one, so the second comparison is made for rows that do.
        ranks[rows] = (part > of_truth).sum(axis=1)
        tied = np.flatnonzero((part == of_truth).sum(axis=1) > 1)
        before = columns < truth[tied]
        ranks[rows.start + tied] += ((part[tied] == of_truth[tied]) & before).sum(axis=1)
    return ranks


def _occurring(matrix: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.asarray(matrix.sum(axis=1) + matrix.sum(axis=0) > 0)


def _precision_recall_f1(
    matrix: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    right = np.diag(matrix).astype(np.float64)
    support = matrix.sum(axis=1).astype(np.float64)
    answered = matrix.sum(axis=0).astype(np.float64)
    return _ratio(right, answered), _ratio(right, support), _ratio(2 * right, support + answered)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    # 0/0 is 0.0, scikit-learn's `zero_division=0`.
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
