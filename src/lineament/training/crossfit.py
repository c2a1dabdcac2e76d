"""Cross-fitting: each photo's class probabilities, by a head that has not learnt from it."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.core.progress import QUIET, Progress, tracked
from lineament.measure.calibration import softmax
from lineament.training.heads import fit_head


def out_of_sample_probabilities(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    units: NDArray[np.int64],
    *,
    n_classes: int,
    n_folds: int = 5,
    seed: int = 0,
    progress: Progress = QUIET,
) -> NDArray[np.float32]:
    """Fit one head per fold on the other folds, and let it answer the photos of its own.

    The first head chooses its regularisation on its own fold, which costs as much as several heads;
    the others take it over. That one number is all that a photo's own label can do to its answer.

    Where all photos of a class lie in one fold (one photo, or one unit), the head that answers them
    has never seen their class, so nothing can be said about their labels: their rows are NaN. So
    are those of a fold where one class is all that is left to learn from.

    Args:
        features: Embeddings, ``float32 (N, D)``.
        labels: Given labels, ``int64 (N,)``, 0 to ``n_classes - 1``.
        units: What must not be on two sides (a group, a set of duplicates), ``int64 (N,)``.
        n_classes: How many classes, ``C``; some may have no photo.
        n_folds: How many heads, 2 or more; fewer are fitted where there are fewer units.
        seed: Chooses among equally good folds.
        progress: Who listens.

    Returns:
        Probabilities, ``float32 (N, C)``: each row sums to 1, with 0 for a class that the head has
        not seen, or is NaN throughout.

    Raises:
        UsageError: The arrays differ in length, or ``n_folds`` is below 2.

    Example:
        >>> features = np.arange(40, dtype=np.float32)[:, None]
        >>> labels = np.arange(40) // 20
        >>> labels[3] = 1  # wrong
        >>> answers = out_of_sample_probabilities(features, labels, np.arange(40), n_classes=2)
        >>> int(answers[3].argmax())
        0
    """
    if len(features) != len(labels):
        raise UsageError(
            f"`features` and `labels` must be of one length, got {len(features)} and {len(labels)}."
        )
    folds = deal_folds(labels, units, n_folds=n_folds, seed=seed)
    answers = np.full((len(labels), n_classes), np.nan, dtype=np.float32)
    regularisation: float | None = None
    used = np.unique(folds).tolist()
    for fold in tracked(used, progress, "answering photos out of sample", len(used)):
        others = folds != fold
        known = np.unique(labels[others])
        own = np.flatnonzero(~others & np.isin(labels, known))
        if len(known) < 2 or not len(own):
            continue
        # Classes are numbered anew: the solver wants each of them to occur.
        head = fit_head(
            (features[others], np.searchsorted(known, labels[others])),
            (features[own], np.searchsorted(known, labels[own])),
            n_classes=len(known),
            regularisation=regularisation,
            progress=QUIET,
        )
        regularisation = head.regularisation
        answers[own] = 0.0
        answers[own[:, None], known] = softmax(head.logits(features[own]))
    return answers


def deal_folds(
    labels: NDArray[np.int64], units: NDArray[np.int64], *, n_folds: int, seed: int = 0
) -> NDArray[np.int64]:
    """Deal photos to folds: units whole, classes as even as units allow.

    The largest unit comes first, equal ones in the order of a hash of seed and unit; each goes
    where its classes have the smallest share so far.

    Args:
        labels: Given labels, ``int64 (N,)``.
        units: Unit of each photo, ``int64 (N,)``.
        n_folds: How many folds, 2 or more.
        seed: Chooses among equally good folds.

    Returns:
        Fold of each photo, ``int64 (N,)``, whatever order the photos stand in. With fewer units
        than folds, some folds are empty.

    Raises:
        UsageError: The arrays differ in length, or ``n_folds`` is below 2.

    Example:
        >>> deal_folds(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 2, 3, 3]), n_folds=2)
        array([0, 0, 1, 0, 1, 1])
    """
    if n_folds < 2:
        raise UsageError(f"`n_folds` must be 2 or more, got {n_folds}.")
    if len(labels) != len(units):
        raise UsageError(
            f"`labels` and `units` must be of one length, got {len(labels)} and {len(units)}."
        )
    if not len(labels):
        return np.empty(0, dtype=np.int64)
    names, of_photo, sizes = np.unique(units, return_inverse=True, return_counts=True)
    photos = np.split(np.argsort(of_photo, kind="stable"), np.cumsum(sizes)[:-1])
    digests = [hashlib.sha256(f"{seed}/{name}".encode()).digest() for name in names.tolist()]
    share = np.zeros((int(labels.max()) + 1, n_folds))  # of each class, in each fold
    weight = 1.0 / np.maximum(np.bincount(labels), 1)
    load = np.zeros(n_folds, dtype=np.int64)
    folds = np.empty(len(labels), dtype=np.int64)
    for index in sorted(range(len(names)), key=lambda index: (-sizes[index], digests[index])):
        own = photos[index]
        classes, counts = np.unique(labels[own], return_counts=True)
        part = counts * weight[classes]
        # Rounded, so that sums of the same fractions in another order are still equal.
        filled = (part @ share[classes]).round(9)
        fold = int(np.lexsort((load, filled))[0])
        folds[own] = fold
        share[classes, fold] += part
        load[fold] += len(own)
    return folds
