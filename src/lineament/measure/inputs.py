"""Checks of what metrics are given, so that a wrong array is named before it becomes a number."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import UsageError

FloatArray = NDArray[np.float32] | NDArray[np.float64]

# Probabilities that went through float16 or a CSV with four decimals still sum to 1 within this;
# logits or scores that were passed by mistake do not.
ROW_SUM_TOLERANCE = 1e-3

_CELLS_AT_ONCE = 2**20  # keeps what is worked out per cell in the processor's cache


def row_chunks(n: int, width: int) -> Iterator[slice]:
    """Cut the rows of a large matrix into runs, so that temporary copies stay small.

    Example:
        >>> list(row_chunks(5, 2**19))
        [slice(0, 2, None), slice(2, 4, None), slice(4, 6, None)]
    """
    step = max(1, _CELLS_AT_ONCE // max(1, width))
    return (slice(start, start + step) for start in range(0, n, step))


def check_labels(labels: NDArray[np.int64], n_classes: int, *, name: str = "labels") -> None:
    """Refuse class indices that cannot be measured.

    Args:
        labels: Class indices, any integer dtype ``(N,)``, each 0 to ``n_classes - 1``.
        n_classes: Number of classes, 1 or more.
        name: What the message calls the array.

    Raises:
        UsageError: ``n_classes`` is below 1; ``labels`` is not one-dimensional, not of an integer
            dtype, empty, or holds an index out of range.

    Example:
        >>> import numpy as np
        >>> check_labels(np.array([0, 2, 1]), 3)
    """
    if n_classes < 1:
        raise UsageError(f"`n_classes` must be 1 or more, got {n_classes}.")
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise UsageError(f"`{name}` must be integers (N,), got {labels.dtype} {labels.shape}.")
    if labels.size == 0:
        raise UsageError(
            f"`{name}` is empty; there is nothing to measure.",
            fix="Give at least one labelled sample.",
        )
    outside = np.flatnonzero((labels < 0) | (labels >= n_classes))
    if outside.size:
        raise UsageError(
            f"`{name}` must lie in 0 to {n_classes - 1}; {outside.size} of {labels.size} do not.",
            at=[f"sample {i} ({labels[i]})" for i in outside],
            fix="Give column indices of the classes, in the order of the model.",
        )


def check_probabilities(probabilities: FloatArray, labels: NDArray[np.int64]) -> None:
    """Refuse class probabilities that cannot be measured, and labels that do not belong to them.

    Args:
        probabilities: Class probabilities, ``float32`` or ``float64`` ``(N, C)``, each row sums to
            1 within ``ROW_SUM_TOLERANCE``.
        labels: True class indices, ``int64 (N,)``.

    Raises:
        UsageError: ``probabilities`` is not a float array ``(N, C)``, holds NaN or infinity, lies
            outside 0 to 1, or has rows that do not sum to 1; the lengths differ; or ``labels`` is
            refused by ``check_labels``.

    Example:
        >>> import numpy as np
        >>> check_probabilities(np.array([[0.1, 0.9]]), np.array([1]))
    """
    check_scores(probabilities, labels, name="probabilities")
    sums = np.empty(len(probabilities))
    outside = np.empty(len(probabilities), dtype=bool)
    for rows in row_chunks(*probabilities.shape):
        part = probabilities[rows]
        sums[rows] = part.sum(axis=1, dtype=np.float64)
        outside[rows] = (part.min(axis=1) < 0) | (part.max(axis=1) > 1)
    bad = np.flatnonzero(outside | (np.abs(sums - 1) > ROW_SUM_TOLERANCE))
    if bad.size:
        raise UsageError(
            "`probabilities` must lie in 0 to 1 with rows that sum to 1; "
            f"{bad.size} of {len(sums)} rows do not.",
            at=[
                f"row {i} (from {probabilities[i].min():.4g} to {probabilities[i].max():.4g}, "
                f"sum {sums[i]:.4g})"
                for i in bad
            ],
            fix="Turn logits into probabilities with `softmax` first.",
        )


def check_scores(scores: FloatArray, labels: NDArray[np.int64], *, name: str) -> None:
    """Refuse per-class scores of any range (logits too) that cannot be measured.

    Args:
        scores: One score per class, ``float32`` or ``float64`` ``(N, C)``, finite.
        labels: True class indices, ``int64 (N,)``.
        name: What the message calls ``scores``.

    Raises:
        UsageError: ``scores`` is not a float array ``(N, C)`` or holds NaN or infinity; the lengths
            differ; or ``labels`` is refused by ``check_labels``.

    Example:
        >>> import numpy as np
        >>> check_scores(np.array([[3.0, -7.0]]), np.array([0]), name="logits")
    """
    if scores.ndim != 2 or not np.issubdtype(scores.dtype, np.floating):
        raise UsageError(f"`{name}` must be floats (N, C), got {scores.dtype} {scores.shape}.")
    if labels.ndim == 1 and len(scores) != len(labels):
        raise UsageError(
            f"`{name}` has {len(scores)} rows, `labels` has {len(labels)} entries; they must match."
        )
    check_labels(labels, scores.shape[1])
    finite = np.empty(len(scores), dtype=bool)
    for rows in row_chunks(*scores.shape):
        finite[rows] = np.isfinite(scores[rows]).all(axis=1)
    broken = np.flatnonzero(~finite)
    if broken.size:
        raise UsageError(
            f"`{name}` holds NaN or infinity in {broken.size} of {len(scores)} rows.",
            at=[f"row {i}" for i in broken],
            fix="Look for photos or weights that make the model overflow.",
        )
