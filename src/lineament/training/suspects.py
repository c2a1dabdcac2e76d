"""Suspects: photos whose label is likely wrong, found by confident learning and ranked."""

import dataclasses
import warnings

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray

from lineament.core.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Suspect:
    """A photo whose label is likely wrong.

    Attributes:
        index: Its row.
        given: Its label.
        suggested: The most probable class.
        score: Probability of the given label, 0 to 1; the lower, the more likely it is wrong.
    """

    index: int
    given: int
    suggested: int
    score: float


def label_suspects(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> list[Suspect]:
    """List the photos whose label is likely wrong.

    How many there are in each class is estimated by confident learning (Northcutt, Jiang and Chuang
    2021, "Confident learning: estimating uncertainty in dataset labels"), computed by cleanlab;
    these are the photos of the class with the least probability of their own label. Among those of
    cleanlab's filters that stay silent where classes are told apart well and no label is wrong,
    this one (``prune_by_class``) lost the fewest labels that were flipped in photos of cats, dogs
    and CIFAR-10, and of its scores this one (``self_confidence``) ranked them best.

    The list is as good as the probabilities: where a head takes many photos for another class, it
    also holds photos that are merely hard.

    Args:
        probabilities: Out-of-sample class probabilities, ``float32 (N, C)``. A row of NaN is a
            photo about which nothing is known; it is never a suspect.
        labels: Given labels, ``int64 (N,)``, 0 to ``C - 1``.

    Returns:
        Suspects, the worst first; equal ones in the order of their rows.

    Raises:
        UsageError: The arrays differ in length.

    Example:
        >>> sure = np.array([[0.9, 0.1]] * 20 + [[0.1, 0.9]] * 20, dtype=np.float32)
        >>> labels = np.repeat([0, 1], 20)
        >>> labels[7] = 1
        >>> label_suspects(sure, labels)
        [Suspect(index=7, given=1, suggested=0, score=0.1...)]
    """
    if len(probabilities) != len(labels):
        raise UsageError(
            "`probabilities` and `labels` must be of one length, got "
            f"{len(probabilities)} and {len(labels)}."
        )
    judged = np.flatnonzero(~np.isnan(probabilities).any(axis=1))
    rows, given = probabilities[judged], labels[judged]
    if len(np.unique(given)) < 2:  # cleanlab refuses what cannot be confused
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cleanlab speaks of its own divisions by zero
        found = np.flatnonzero(find_label_issues(given, rows, filter_by="prune_by_class", n_jobs=1))
        scores = get_label_quality_scores(given, rows, method="self_confidence")
    return [
        Suspect(
            index=int(judged[row]),
            given=int(given[row]),
            suggested=int(rows[row].argmax()),
            score=float(scores[row]),
        )
        for row in found[np.argsort(scores[found], kind="stable")]
    ]
