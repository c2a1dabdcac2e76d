"""Familiarity: how like the photos that a model was trained on a photo is, by its embedding.

An embedding counts by its direction. Its distance to a class is Mahalanobis', by the covariance
within the classes, less the distance to the centre of all photos, by the covariance of all: what
lies far out for any photo is not held against this one (Ren et al. 2021, "A simple fix to
Mahalanobis distance for improving near-OOD detection"). Both covariances are drawn halfway to a
sphere, so that some hundred photos suffice for a thousand dimensions.
"""

import dataclasses
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import UsageError

FloatArray = NDArray[np.float32]
HalfArray = NDArray[np.float16]

SHRINKAGE = 0.5  # towards a sphere of the same mean variance
SHORTEST = 1e-6  # what an embedding's length is taken for at least
LEAST_VARIANCE = 1e-8  # of directions: embeddings of one class that are all but equal
ROWS = 4096  # of embeddings that are taken to float64 at a time
USUAL, FAR = 0.5, 0.95  # parts of the known photos that are nearer than the middle, and than 0.27


@dataclasses.dataclass(frozen=True, kw_only=True)
class Familiarity:
    """How far an embedding is from the nearest class, and what that is as a number from 0 to 1.

    Of ``z``, an embedding over its length, the distance is ``z @ shared @ z - max_c(z @
    towards[:, c] - offsets[c])``, in units of the variance within the classes; it may be negative.
    The matrices are kept in half precision, a quarter of what the default backbone weighs; whoever
    computes takes them to ``float32`` first.

    Attributes:
        shared: What all classes have in common, ``float16 (D, D)``.
        towards: ``float16 (D, C)``.
        offsets: ``float32 (C,)``.
        middle: The distance at which familiarity is 0.5.
        spread: How much further an embedding is at 0.27; above 0.
    """

    shared: HalfArray
    towards: HalfArray
    offsets: FloatArray
    middle: float = 0.0
    spread: float = 1.0

    def distances(self, embeddings: FloatArray) -> FloatArray:
        """Give the distance of each embedding to its nearest class.

        Args:
            embeddings: ``float32 (N, D)``.

        Returns:
            ``float32 (N,)``.
        """
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        unit = embeddings / np.maximum(lengths, np.float32(SHORTEST))
        common = ((unit @ self.shared.astype(np.float32)) * unit).sum(axis=1)
        nearest = (unit @ self.towards.astype(np.float32) - self.offsets).max(axis=1)
        return np.asarray(common - nearest, dtype=np.float32)

    def __call__(self, embeddings: FloatArray) -> FloatArray:
        """Give the familiarity of embeddings.

        Args:
            embeddings: ``float32 (N, D)``.

        Returns:
            From 0 (like no training photo) to 1, ``float32 (N,)``.
        """
        steps = (np.float32(self.middle) - self.distances(embeddings)) / np.float32(self.spread)
        # Of a hyperbolic tangent nothing overflows, however far an embedding is.
        return np.asarray(0.5 + 0.5 * np.tanh(steps / 2), dtype=np.float32)

    def scaled_by(self, known: FloatArray) -> Self:
        """Choose what is 0.5 and what is 0.27: half and 95 % of known embeddings are nearer.

        Args:
            known: Embeddings of photos that were not fitted to, ``float32 (N, D)``, N at least 1.

        Raises:
            UsageError: There is none.
        """
        if not len(known):
            raise UsageError("A scale of familiarity needs one known photo or more.")
        usual, far = np.quantile(self.distances(known).astype(np.float64), [USUAL, FAR])
        return dataclasses.replace(self, middle=float(usual), spread=float(far - usual) or 1.0)

    def with_classes(self, embeddings: FloatArray, labels: NDArray[np.int64]) -> Self:
        """Make classes known that nothing was learnt of.

        What is said of known classes stays, so a photo is at least as familiar as before. The
        distance to a new class is by what all classes have in common alone, about its mean. Of its
        photos, each left out of that mean, half are at least as familiar as half of the known ones,
        and 95 % as 95 %.

        Args:
            embeddings: Of photos of the new classes, ``float32 (N, D)``, at least two of each.
            labels: Which of them, 0 to the number of new classes less 1, ``int64 (N,)``.

        Raises:
            UsageError: A new class has less than two photos.
        """
        counts = np.bincount(labels)
        if not len(counts) or counts.min() < 2:
            raise UsageError(
                f"A new class is known from two photos or more, got {counts.tolist()}."
            )
        shared = self.shared.astype(np.float64)
        columns, offsets = [], []
        for label, n in enumerate(counts):
            unit = _directions(embeddings[labels == label])
            mean = unit.mean(axis=0)
            without = (n * mean - unit) / (n - 1)
            distances = ((unit - 2 * without) @ shared * unit).sum(axis=1)
            usual, far = np.quantile(distances, [USUAL, FAR])
            columns.append((2 * shared @ mean).astype(np.float16))
            offsets.append(min(self.middle - usual, self.middle + self.spread - far))
        return dataclasses.replace(
            self,
            towards=np.concatenate([self.towards, np.stack(columns, axis=1)], axis=1),
            offsets=np.concatenate([self.offsets, np.asarray(offsets, dtype=np.float32)]),
        )


def fit_familiarity(
    embeddings: FloatArray, labels: NDArray[np.int64], *, n_classes: int
) -> Familiarity:
    """Learn where the classes lie.

    Args:
        embeddings: Of training photos, ``float32 (N, D)``, N at least 1.
        labels: Their class indices, ``int64 (N,)``.
        n_classes: How many classes there are; one without a photo is no nearest class.

    Returns:
        The distances, their scale yet to be chosen by `Familiarity.scaled_by`.

    Raises:
        UsageError: There is no embedding, or the two are of different lengths.

    Example:
        >>> import numpy as np
        >>> photos = np.array([[4, 1], [4, -1], [-1, 4], [1, 4]], dtype=np.float32)
        >>> known = fit_familiarity(photos, np.array([0, 0, 1, 1]), n_classes=2)
        >>> near, far = known.distances(np.array([[5, 0], [3, 3]], dtype=np.float32))
        >>> bool(near < far)
        True
    """
    if not len(embeddings) or embeddings.ndim != 2 or len(embeddings) != len(labels):
        raise UsageError(
            "Familiarity is learnt from embeddings (N, D), N at least 1, and labels (N,); got "
            f"{embeddings.shape} and {labels.shape}."
        )
    dimensions = embeddings.shape[1]
    counts = np.bincount(labels, minlength=n_classes)
    means = np.zeros((n_classes, dimensions))
    squares = np.zeros((dimensions, dimensions))
    for start in range(0, len(embeddings), ROWS):
        unit = _directions(embeddings[start : start + ROWS])
        np.add.at(means, labels[start : start + ROWS], unit)
        squares += unit.T @ unit
    squares /= len(embeddings)
    centre = means.sum(axis=0) / len(embeddings)
    means /= np.maximum(counts, 1)[:, None]
    weighted = means * (counts / len(embeddings))[:, None]
    within, unit_of_distance = _inverse(squares - weighted.T @ means)
    whole, _ = _inverse(squares - np.outer(centre, centre))
    within, whole = within * unit_of_distance, whole * unit_of_distance
    offsets = ((means @ within) * means).sum(axis=1) - centre @ whole @ centre
    largest = np.finfo(np.float32).max
    return Familiarity(
        shared=(within - whole).astype(np.float16),
        towards=2 * (within @ means.T - (whole @ centre)[:, None]).astype(np.float16),
        offsets=np.where(counts > 0, offsets, largest).astype(np.float32),
    )


def _directions(embeddings: FloatArray) -> NDArray[np.float64]:
    exact = embeddings.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    return np.asarray(exact / np.maximum(lengths, SHORTEST), dtype=np.float64)


def _inverse(covariance: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Invert a covariance after shrinkage; also give the variance of all dimensions together."""
    size = len(covariance)
    sphere = max(float(np.trace(covariance)) / size, LEAST_VARIANCE)
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * sphere * np.eye(size)
    return np.asarray(np.linalg.inv(shrunk), dtype=np.float64), sphere * size
