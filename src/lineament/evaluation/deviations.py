"""Deviations: which cells of the confusion matrix stand out beyond chance, in sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma, log, log1p, sqrt

import numpy as np
from numpy.typing import NDArray

from lineament.evaluation.wording import percent, photos

MOST = 5
CHANCE = 0.05  # that anything is named where nothing stands out, over all cells that are looked at


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """A cell, how many photos it would hold otherwise, and how far it is from that."""

    truth: int
    answer: int
    count: int
    expected: float
    distance: float


def deviations(matrix: NDArray[np.int64], classes: Sequence[str]) -> tuple[str, ...]:
    """Name the cells that deviate most, each with its z-score over the matrix.

    A z-score alone (the cell less the mean cell, over the standard deviation of all cells) mostly
    repeats which classes have many photos and that most answers are right. So a cell is named only
    if it holds what chance does not explain:

    - a mistake, were all mistakes spread evenly: each class as often mistaken, for its number of
      photos, and for each other class alike;
    - a class that is found too seldom, were every class found as often as all photos are.

    Both are tails of the binomial distribution (photos taken as independent, so with photos in
    groups the bar is lower than it says), at most 5 % over all cells that are looked at
    (Bonferroni). With two classes a mistake and a class that is found too seldom are the same cell
    seen twice; the class is named.

    Args:
        matrix: Counts, ``int64 (C, C)``; row is the truth, column the answer.
        classes: The ``C`` names.

    Returns:
        At most five sentences, the furthest from what was expected first (in its standard
        deviations); none where nothing stands out.

    Example:
        >>> cat, = deviations(np.array([[60, 40], [2, 98]]), ["cat", "dog"])
        >>> cat.partition(";")[0]
        'cat was found on 60 of 100 photos, 60.0 %'
    """
    support = matrix.sum(axis=1)
    total, right = int(support.sum()), np.diagonal(matrix)
    wrong = total - int(right.sum())
    n_classes = len(matrix)
    if n_classes < 2 or not 0 < wrong < total:
        return ()
    found = _weak(right, support, total - wrong)
    if n_classes > 2:
        found += _mistaken(matrix, support, wrong)
    # The order of the classes decides between equals.
    found.sort(key=lambda cell: (-cell.distance, cell.truth, cell.answer))
    z_score = _z_scores(matrix)
    return tuple(_sentence(cell, support, total - wrong, z_score, classes) for cell in found[:MOST])


def _weak(right: NDArray[np.int64], support: NDArray[np.int64], all_right: int) -> list[_Cell]:
    present = np.flatnonzero(support)
    rate = all_right / int(support.sum())
    found: list[_Cell] = []
    for i in present.tolist():
        n, count = int(support[i]), int(right[i])
        distance = (n * rate - count) / sqrt(n * rate * (1 - rate))
        if distance > 0 and _tail(n - count, n, 1 - rate) < CHANCE / len(present):
            cell = _Cell(
                truth=i, answer=i, count=count, expected=n * rate, distance=float(distance)
            )
            found.append(cell)
    return found


def _mistaken(matrix: NDArray[np.int64], support: NDArray[np.int64], wrong: int) -> list[_Cell]:
    n_classes = len(matrix)
    rows, columns = np.nonzero(matrix)
    rows, columns = rows[rows != columns], columns[rows != columns]
    counts = matrix[rows, columns]
    rates = support[rows] / support.sum() / (n_classes - 1)
    expected = wrong * rates
    distances = (counts - expected) / np.sqrt(expected * (1 - rates))
    n_cells = int(np.count_nonzero(support)) * (n_classes - 1)
    found: list[_Cell] = []
    for i in np.argsort(-distances, kind="stable").tolist():
        if len(found) == MOST or distances[i] <= 0:
            break
        count = int(counts[i])
        if _tail(count, wrong, float(rates[i])) < CHANCE / n_cells:
            found.append(
                _Cell(
                    truth=int(rows[i]),
                    answer=int(columns[i]),
                    count=count,
                    expected=float(expected[i]),
                    distance=float(distances[i]),
                )
            )
    return found


def _z_scores(matrix: NDArray[np.int64]) -> tuple[float, float]:
    """Mean and standard deviation over all cells, without a copy of them all."""
    cells = matrix[np.nonzero(matrix)].astype(np.float64)
    mean = float(cells.sum()) / matrix.size
    return mean, sqrt(max(0.0, float(cells @ cells) / matrix.size - mean**2))


def _sentence(
    cell: _Cell,
    support: NDArray[np.int64],
    all_right: int,
    z_score: tuple[float, float],
    classes: Sequence[str],
) -> str:
    mean, deviation = z_score
    z = (cell.count - mean) / deviation if deviation else 0.0
    name, n = classes[cell.truth], int(support[cell.truth])
    told = f"(z-score {z:.1f})".replace("-0.0", "0.0").replace("score -", "score −")
    if cell.truth == cell.answer:
        share = percent(all_right / int(support.sum()))
        return (
            f"{name} was found on {cell.count:,} of {photos(n)}, {percent(cell.count / n)}; all "
            f"classes together are found on {share} {told}."
        )
    expected = f"{cell.expected:.1f}" if cell.expected >= 0.1 else "less than 0.1"
    return (
        f"{name} was answered with {classes[cell.answer]} on {cell.count:,} of {photos(n)}; "
        f"{expected} would be, were all mistakes spread evenly {told}."
    )


def _tail(count: int, n: int, rate: float) -> float:
    """Chance of ``count`` or more of ``n`` at ``rate``, where that is above what is expected."""
    if count <= 0:
        return 1.0
    ways = lgamma(n + 1) - lgamma(count + 1) - lgamma(n - count + 1)
    term = exp(ways + count * log(rate) + (n - count) * log1p(-rate))
    total = 0.0
    for k in range(count, n + 1):
        total += term
        term *= (n - k) / (k + 1) * rate / (1 - rate)
        if term <= 1e-12 * total:
            break
    return total
