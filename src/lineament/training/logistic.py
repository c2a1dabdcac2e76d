"""Logistic regression: the regularised problem of one training set, and its solver."""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

MAX_ITERATIONS = 500
ROUNDING = 1e-9  # a step that gains less moves within what float32 sums can tell
BLOCK = 1024  # rows at once: their logits, with thousands of classes too, fit into memory
CONSTANT = 1e-6  # a spread below it, beside the mean's size, is rounding

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Solution:
    """A head on standardised features, and how it was found.

    Attributes:
        weight: ``float64 (D, C)``.
        bias: ``float64 (C,)``.
        spread: Mean of ``p (1 - p)`` of each class, which the loss's curvature goes with.
        strength: The L2 weight per sample.
        iterations: Steps of the solver, at all tolerances of this strength.
        converged: Whether it ended by itself.
    """

    weight: DoubleArray
    bias: DoubleArray
    spread: DoubleArray
    strength: float
    iterations: int
    converged: bool


class LogisticProblem:
    """The regularised mean loss of one training set, on standardised features.

    L-BFGS (Liu & Nocedal 1989) in coordinates in which the loss is about equally curved along each
    axis: the principal axes of the features, each scaled by the curvature that their spread and
    that of the probabilities give it (the bound of Boehning 1992 has 1/2 for the latter) plus the
    regularisation. That takes a third of the steps. Sums are float32 over a block of rows and
    float64 over blocks.

    Args:
        features: ``float32 (N, D)``.
        labels: ``int64 (N,)``.
        n_classes: How many classes.
        weights: Factor on the loss of each class's photos, ``float64 (C,)``.
    """

    def __init__(
        self, features: FloatArray, labels: IntArray, *, n_classes: int, weights: DoubleArray
    ) -> None:
        self._labels = labels
        self._n_classes = n_classes
        self._by_photo = weights[labels].astype(np.float32)[:, None]
        self._mean, self._inverse_std = standardisation(features)
        self._scaled: FloatArray = np.empty(features.shape, dtype=np.float32)
        for rows in blocks(len(features)):
            self._scaled[rows] = (features[rows] - self._mean) * self._inverse_std
        self._variances, self._axes = _principal_axes(self._scaled)

    def start(self) -> Solution:
        """Where nothing is known: every class equally probable."""
        part = 1.0 / self._n_classes
        return Solution(
            weight=np.zeros((self._scaled.shape[1], self._n_classes)),
            bias=np.zeros(self._n_classes),
            spread=np.full(self._n_classes, part * (1 - part)),
            strength=math.inf,
            iterations=0,
            converged=False,
        )

    def solve(self, strength: float, start: Solution, *, tolerance: float) -> Solution:
        """Minimise.

        Args:
            strength: The L2 weight per sample.
            start: Where to begin, such as the solution at a similar strength.
            tolerance: Largest slope along an axis; along each the loss is about as curved as
                ``x * x / 2``.
        """
        # Two classes are one difference of logits, and scikit-learn's users expect the strength to
        # be of that: as two opposite rows it has half the squared norm.
        penalty = strength * (2.0 if self._n_classes == 2 else 1.0)
        spread = np.maximum(start.spread, 1e-3)  # nearly sure now may not be so at the solution
        floor = max(penalty, 1e-6)
        scale = 1.0 / np.sqrt(self._variances[:, None] * spread + floor)
        bias_scale = 1.0 / np.sqrt(spread)
        n_axes = len(self._variances)
        axes = self._axes
        found: dict[str, DoubleArray] = {}

        def loss(point: DoubleArray) -> tuple[float, DoubleArray]:
            table = point.reshape(n_axes + 1, self._n_classes)
            along = table[:-1] * scale
            weight, bias = axes @ along.astype(np.float32), table[-1] * bias_scale
            data, gradient, bias_gradient, found["spread"] = self._data_loss(weight, bias)
            slope = (gradient @ axes).T + penalty * along
            total = data + 0.5 * penalty * float(np.square(along).sum())
            return total, np.vstack([slope * scale, bias_gradient * bias_scale]).ravel()

        along = axes.T.astype(np.float64) @ start.weight
        result = minimize(
            loss,
            np.vstack([along / scale, start.bias / bias_scale]).ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": MAX_ITERATIONS, "gtol": tolerance, "ftol": ROUNDING},
        )
        table = result.x.reshape(n_axes + 1, self._n_classes)
        return Solution(
            weight=axes.astype(np.float64) @ (table[:-1] * scale),
            bias=table[-1] * bias_scale,
            spread=found["spread"],
            strength=strength,
            iterations=start.iterations * (start.strength == strength) + int(result.nit),
            # Where rounding ends the search first, the solution is as good as float32 allows.
            converged=int(result.nit) < MAX_ITERATIONS,
        )

    def folded(self, solution: Solution) -> tuple[FloatArray, FloatArray]:
        """Weight ``(C, D)`` and bias for raw features: the standardisation undone."""
        weight = (solution.weight * self._inverse_std[:, None]).T
        bias = solution.bias - weight @ self._mean
        return weight.astype(np.float32), bias.astype(np.float32)

    def _data_loss(
        self, weight: FloatArray, bias: DoubleArray
    ) -> tuple[float, DoubleArray, DoubleArray, DoubleArray]:
        """Mean loss, its gradients ``(C, D)`` and ``(C,)``, and the mean of p (1 - p) by class."""
        n = len(self._labels)
        offset = bias.astype(np.float32)
        total = 0.0
        gradient = np.zeros((self._n_classes, len(weight)))
        bias_gradient, spread = np.zeros(self._n_classes), np.zeros(self._n_classes)
        transposed = np.ascontiguousarray(weight.T)
        for rows in blocks(n):
            block, labels, by_photo = self._scaled[rows], self._labels[rows], self._by_photo[rows]
            own = np.arange(len(labels)), labels
            logits = (transposed @ block.T).T + offset  # BLAS is slower at the other order
            logits -= logits.max(axis=1, keepdims=True)
            right = logits[own][:, None]
            powers = np.exp(logits, out=logits)
            sums = powers.sum(axis=1, keepdims=True)
            total += float(((np.log(sums) - right) * by_photo).sum(dtype=np.float64))
            powers /= sums
            residual = powers * by_photo
            spread += residual.sum(axis=0) - np.einsum("nc,nc->c", residual, powers)
            residual[own] -= by_photo[:, 0]
            gradient += residual.T @ block
            bias_gradient += residual.sum(axis=0)
        return total / n, gradient / n, bias_gradient / n, spread / n


def standardisation(features: FloatArray) -> tuple[DoubleArray, DoubleArray]:
    """Measure what makes features comparable.

    Args:
        features: ``float32 (N, D)``.

    Returns:
        The mean of each feature, ``float64 (D,)``, and one over its spread: 0 where it has none, so
        that it counts for nothing instead of for everything.

    Example:
        >>> standardisation(np.array([[1.0, 7.0], [5.0, 7.0]], dtype=np.float32))
        (array([3., 7.]), array([0.5, 0. ]))
    """
    n = len(features)
    mean = sum(block.sum(axis=0) for block in _doubles(features)) / n
    squares = sum(np.square(block - mean).sum(axis=0) for block in _doubles(features)) / n
    std = np.sqrt(squares)
    varies = std > CONSTANT * np.maximum(np.abs(mean), 1e-3)
    return np.asarray(mean), np.where(varies, 1.0 / np.where(varies, std, 1.0), 0.0)


def _principal_axes(scaled: FloatArray) -> tuple[DoubleArray, FloatArray]:
    """Variances ``(R,)`` along the axes ``(D, R)`` in which the features vary."""
    n, width = scaled.shape
    wide = width > n  # then the smaller of the two Gram matrices knows the same axes
    gram = scaled @ scaled.T if wide else scaled.T @ scaled
    values, vectors = np.linalg.eigh(gram / np.float32(n))
    kept = values > CONSTANT * max(float(values[-1]), CONSTANT)
    variances, axes = values[kept].astype(np.float64), vectors[:, kept]
    if wide:
        axes = (scaled.T @ axes) / np.sqrt(variances * n).astype(np.float32)
    return variances, np.ascontiguousarray(axes, dtype=np.float32)


def blocks(n: int) -> list[slice]:
    """Cut so many rows into parts of `BLOCK`."""
    return [slice(start, start + BLOCK) for start in range(0, n, BLOCK)]


def _doubles(features: FloatArray) -> Iterator[DoubleArray]:
    for rows in blocks(len(features)):
        yield features[rows].astype(np.float64)
