"""Sampling: which photos an epoch shows, and in which order."""

import numpy as np
from numpy.typing import NDArray

ORDER = 0x0DE5  # keeps these draws apart from others of the same seed and epoch


def epoch_order(
    labels: NDArray[np.int64], *, imbalance: str, seed: int, epoch: int
) -> NDArray[np.int64]:
    """Put the photos of an epoch into order.

    Usually every photo comes once, shuffled. With ``imbalance="sampler"`` the epoch is as long,
    but all classes come equally often, to within one photo: from each class so many photos are
    taken, in random order and again from the beginning when the class is used up. So no photo
    comes twice before all of its class have come once; rare classes are repeated, and of common
    ones a different part is shown in each epoch.

    Args:
        labels: Of all training photos, ``int64 (N,)``.
        imbalance: As in the recipe.
        seed: Of the training.
        epoch: From 1; each has its own order.

    Returns:
        Indices into ``labels``, ``int64 (N,)``; the same for the same arguments.

    Example:
        >>> order = epoch_order(np.array([0, 0, 0, 1]), imbalance="sampler", seed=0, epoch=1)
        >>> sorted(np.array([0, 0, 0, 1])[order].tolist())
        [0, 0, 1, 1]
    """
    rng = np.random.default_rng([seed, epoch, ORDER])
    if imbalance != "sampler":
        return rng.permutation(len(labels))
    classes = rng.permutation(np.unique(labels))  # the first few get what does not divide evenly
    share, rest = divmod(len(labels), max(1, len(classes)))
    drawn = [
        _draw(np.flatnonzero(labels == label), share + (place < rest), rng)
        for place, label in enumerate(classes)
    ]
    return rng.permutation(np.concatenate([np.empty(0, dtype=np.int64), *drawn]))


def _draw(photos: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    rounds = -(-count // len(photos))
    return np.concatenate([photos[:0], *(rng.permutation(photos) for _ in range(rounds))])[:count]
