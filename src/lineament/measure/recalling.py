"""Recalling: what a model's familiarity still knows of the photos that it was learnt from.

Familiarity is relative: it holds ``S = A - B`` and, of each class, ``t_c = A m_c - B m``. There
``m_c`` is the mean of a class's directions and ``m`` of all, ``A`` the inverse of the covariance
within the classes and ``B`` that of all photos (`lineament.measure.familiarity`, in whose unit
``A`` has an inverse of trace 1). So means and covariance are in it. With ``B^-1 = A^-1 + Q``, where
``Q`` is how the means scatter, ``A S^-1 A = A + Q^-1``, a quadratic equation with a closed
solution; and ``t_c`` less their mean is ``A`` times how far a class is from the mean of classes.
The two are solved in turn.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from lineament.measure.familiarity import SHORTEST, SHRINKAGE, Familiarity

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]

# More turns bring the classes slowly nearer to where they were; three told as much apart as eight.
TURNS = 3
# Half precision leaves nothing of what is smaller beside the largest.
LEAST_PART = 1e-4
# The mean of classes is divided by the smallest of all, which is mostly rounding.
STEADYING = 3e-3
LEAST_WITHIN, MOST_WITHIN = 0.05, 0.95  # of a direction's squared length, which is 1
LEAST_BETWEEN = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recalled:
    """Classes as their familiarity recalls them.

    Attributes:
        means: Of the directions of each class's embeddings, ``float64 (C, D)``.
        inverse: ``A^-1``, ``float64 (D, D)``, of trace 1.
        variance: Of directions within a class, all dimensions together.
    """

    means: DoubleArray
    inverse: DoubleArray
    variance: float

    def draw(self, count: int, *, seed: int) -> FloatArray:
        """Draw directions of embeddings such as each class's photos have.

        Args:
            count: How many of each class.
            seed: Of the drawing.

        Returns:
            ``float32 (C * count, D)`` of length 1, class by class.
        """
        size = self.means.shape[1]
        # What shrinkage towards a sphere made of the covariance, undone.
        sphere = SHRINKAGE * self.variance / size * np.eye(size)
        values, axes = np.linalg.eigh((self.variance * self.inverse - sphere) / (1 - SHRINKAGE))
        spread = axes * np.sqrt(np.maximum(values, 0.0))
        noise = np.random.default_rng(seed).normal(size=(count * len(self.means), size))
        drawn = np.repeat(self.means, count, axis=0) + noise @ spread.T
        return _unit(drawn).astype(np.float32)


def recall(learnt: Familiarity) -> Recalled:
    """Give the classes that a familiarity was learnt from, as well as it still knows them.

    Of 40 people by EfficientNet-Lite0's embeddings, recalled means lay at a cosine of 0.78 to the
    true ones, both less the mean of classes, and at 0.9 of their distance.

    Args:
        learnt: Of at least two classes.
    """
    relative = learnt.shared.astype(np.float64)
    values, axes = np.linalg.eigh((relative + relative.T) / 2)
    values = np.maximum(values, LEAST_PART * max(float(values[-1]), SHORTEST))
    root, inverse_root = (axes * np.sqrt(values)) @ axes.T, (axes / np.sqrt(values)) @ axes.T
    towards = learnt.towards.astype(np.float64) / 2
    middle = towards.mean(axis=1)
    steady = values + STEADYING * np.median(values)
    centre = axes @ ((axes.T @ middle) / steady)
    # Where no class differs from another A is about the root of S; from there on in turns.
    inverse = inverse_root / np.trace(inverse_root)
    for _ in range(TURNS):
        apart = (inverse @ (towards - middle[:, None])).T
        scatter = apart.T @ apart / len(apart)
        between = max(float(np.trace(scatter)), LEAST_BETWEEN)
        scatter += between / len(scatter) * np.eye(len(scatter))
        product = inverse_root @ np.linalg.inv(scatter) @ inverse_root
        # Twice, for a covariance is drawn halfway to a sphere: Q is half of the scatter.
        squares, turned = np.linalg.eigh((product + product.T) * _within(centre + apart))
        solved = (
            root @ (turned * (0.5 + np.sqrt(0.25 + np.maximum(squares, 0.0)))) @ turned.T @ root
        )
        found = np.linalg.inv((solved + solved.T) / 2)
        # Whole turns swing about what they lead to.
        inverse = (inverse + found / np.trace(found)) / 2
    means = centre + (inverse @ (towards - middle[:, None])).T
    return Recalled(means=means, inverse=inverse, variance=_within(means))


def _within(means: DoubleArray) -> float:
    """The variance of directions, whose squared length is 1, about their classes' means."""
    left = 1 - float(np.square(means).sum(axis=1).mean())
    return min(max(left, LEAST_WITHIN), MOST_WITHIN)


def _unit(embeddings: DoubleArray) -> DoubleArray:
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(lengths, SHORTEST), dtype=np.float64)
