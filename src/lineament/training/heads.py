"""Heads: multinomial logistic regression on frozen features, regularised as validation asks."""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from lineament.core.progress import Progress
from lineament.training.optimisation.losses import class_weights

# L2 weight per sample, strong to weak: each solution is the next one's start.
GRID = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
WORSE_IN_A_ROW = 2  # validation loss is smooth along the grid: two rises are no accident
MAX_ITERATIONS = 500
# Largest slope of the preconditioned loss. The first is enough to compare strengths by their
# validation loss (to 1e-4); the one that is chosen is then solved to the second.
ROUGH, FINE = 1e-3, 1e-4
ROUNDING = 1e-9  # a step that gains less moves within what float32 sums can tell
BLOCK = 1024  # rows at once: their logits, with thousands of classes too, fit into memory
CONSTANT = 1e-6  # a spread below it, beside the mean's size, is rounding

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Head:
    """A linear head on raw (not standardised) features.

    Attributes:
        weight: ``float32 (C, D)``.
        bias: ``float32 (C,)``.
        regularisation: The L2 weight per sample that was chosen.
        validation_loss: Mean negative log-likelihood at that weight, in nats.
        history: One row per weight that was tried.
    """

    weight: FloatArray
    bias: FloatArray
    regularisation: float
    validation_loss: float
    history: tuple[dict[str, object], ...]

    def logits(self, features: FloatArray) -> FloatArray:
        """Apply to features ``float32 (N, D)``."""
        scores: FloatArray = features @ self.weight.T + self.bias
        return scores


def fit_head(
    train: tuple[FloatArray, IntArray],
    validation: tuple[FloatArray, IntArray],
    *,
    n_classes: int,
    regularisation: float | None,
    progress: Progress,
    is_balanced: bool = False,
) -> Head:
    """Fit a head on training features and choose its regularisation on validation.

    Features are standardised for the solver, and that is folded back into weight and bias.

    Where every validation photo is answered rightly, the likelihood alone would always choose the
    weakest regularisation and the most extreme confidence. So the choice is made against the
    targets of Platt 1999: ``n`` photos support a confidence of ``(n + 1) / (n + 2)``, no more.

    Args:
        train: Features ``float32 (N, D)`` and labels ``int64 (N,)``.
        validation: The same of the validation split.
        n_classes: How many classes.
        regularisation: The L2 weight per sample; ``None`` tries a grid.
        progress: Who listens.
        is_balanced: Whether rare classes weigh as much as frequent ones, in the solution and in
            the choice.

    Returns:
        The head with the least such validation loss.
    """
    weights = np.ones(n_classes)
    if is_balanced:
        weights = class_weights(np.bincount(train[1], minlength=n_classes)).astype(np.float64)
    problem = _Problem(*train, n_classes=n_classes, weights=weights)
    grid: Sequence[float] = GRID if regularisation is None else (regularisation,)
    solution = best = problem.start()
    history: list[dict[str, object]] = []
    chosen, least = 0, math.inf
    progress.start("fitting the head", len(grid) + 1)
    for place, strength in enumerate(grid):
        solution = problem.solve(strength, solution, tolerance=ROUGH)
        judged = _judged(problem, solution, (train, validation), weights)
        history.append(judged.row)
        progress.advance()
        if judged.cautious < least:
            best, chosen, least = solution, place, judged.cautious
        elif place - chosen == WORSE_IN_A_ROW:
            break
    best = problem.solve(grid[chosen], best, tolerance=FINE)
    judged = _judged(problem, best, (train, validation), weights)
    history[chosen] = judged.row
    progress.advance()
    progress.finish()
    return dataclasses.replace(judged.head, history=tuple(history))


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Solution:
    """Weights of standardised features ``(D, C)``, biases ``(C,)``, and how they were found."""

    weight: DoubleArray
    bias: DoubleArray
    spread: DoubleArray  # mean of p (1 - p) of each class: what the loss's curvature goes with
    strength: float
    iterations: int
    converged: bool


class _Problem:
    """The regularised mean loss of one training set, and its solver.

    L-BFGS (Liu & Nocedal 1989) in coordinates in which the loss is about equally curved along each
    axis: the principal axes of the features, each scaled by the curvature that their spread and
    that of the probabilities give it (the bound of Boehning 1992 has 1/2 for the latter) plus the
    regularisation. That takes a fifth of the steps. Sums are float32 over a block of rows and
    float64 over blocks.
    """

    def __init__(
        self, features: FloatArray, labels: IntArray, *, n_classes: int, weights: DoubleArray
    ) -> None:
        self._labels = labels
        self._n_classes = n_classes
        self._by_photo = weights[labels].astype(np.float32)[:, None]
        self._mean, self._inverse_std = standardisation(features)
        self._scaled: FloatArray = np.empty(features.shape, dtype=np.float32)
        for rows in _blocks(len(features)):
            self._scaled[rows] = (features[rows] - self._mean) * self._inverse_std
        self._variances, self._axes = _principal_axes(self._scaled)

    def start(self) -> _Solution:
        """Where nothing is known: every class equally probable."""
        part = 1.0 / self._n_classes
        return _Solution(
            weight=np.zeros((self._scaled.shape[1], self._n_classes)),
            bias=np.zeros(self._n_classes),
            spread=np.full(self._n_classes, part * (1 - part)),
            strength=math.inf,
            iterations=0,
            converged=False,
        )

    def solve(self, strength: float, start: _Solution, *, tolerance: float) -> _Solution:
        """Minimise, from a start on; the gradient is below ``tolerance`` where it converges."""
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
        return _Solution(
            weight=axes.astype(np.float64) @ (table[:-1] * scale),
            bias=table[-1] * bias_scale,
            spread=found["spread"],
            strength=strength,
            iterations=start.iterations * (start.strength == strength) + int(result.nit),
            # Where rounding ends the search first, the solution is as good as float32 allows.
            converged=int(result.nit) < MAX_ITERATIONS,
        )

    def folded(self, solution: _Solution) -> tuple[FloatArray, FloatArray]:
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
        for rows in _blocks(n):
            block, labels, by_photo = self._scaled[rows], self._labels[rows], self._by_photo[rows]
            own = np.arange(len(labels)), labels
            logits = (transposed @ block.T).T + offset  # BLAS is slower at the other order
            logits -= logits.max(axis=1, keepdims=True)
            right = logits[own][:, None]
            powers = np.exp(logits, out=logits)
            sums = powers.sum(axis=1, keepdims=True)
            total += float(((np.log(sums) - right) * by_photo).sum(dtype=np.float64))
            powers /= sums
            spread += (powers * (1 - powers) * by_photo).sum(axis=0)
            powers[own] -= 1
            powers *= by_photo
            gradient += powers.T @ block
            bias_gradient += powers.sum(axis=0)
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Judged:
    """A head, what the choice goes by, and its row of the history."""

    head: Head
    cautious: float
    row: dict[str, object]


def _judged(
    problem: _Problem,
    solution: _Solution,
    parts: tuple[tuple[FloatArray, IntArray], tuple[FloatArray, IntArray]],
    weights: DoubleArray,
) -> _Judged:
    weight, bias = problem.folded(solution)
    head = Head(
        weight=weight,
        bias=bias,
        regularisation=solution.strength,
        validation_loss=0.0,
        history=(),
    )
    (train_loss, train_accuracy, _), (loss, accuracy, cautious) = (
        _answers(head, features, labels, weights) for features, labels in parts
    )
    row: dict[str, object] = {
        "regularisation": solution.strength,
        "train_loss": train_loss,
        "train_accuracy": train_accuracy,
        "validation_loss": loss,
        "validation_loss_cautious": cautious,
        "validation_accuracy": accuracy,
        "iterations": solution.iterations,
        "converged": solution.converged,
    }
    return _Judged(head=dataclasses.replace(head, validation_loss=loss), cautious=cautious, row=row)


def _answers(
    head: Head, features: FloatArray, labels: IntArray, weights: DoubleArray
) -> tuple[float, float, float]:
    """Mean loss, accuracy, and mean weighted loss against Platt's targets."""
    n, n_classes = len(labels), len(head.bias)
    doubt = 1.0 / (n + 2)
    loss = right = cautious = 0.0
    for rows in _blocks(n):
        truth = labels[rows]
        logs = log_softmax(head.logits(features[rows]).astype(np.float64), axis=1)
        own = logs[np.arange(len(truth)), truth]
        others = (logs.sum(axis=1) - own) / (n_classes - 1)
        loss -= own.sum()
        right += (logs.argmax(axis=1) == truth).sum()
        cautious -= (((1 - doubt) * own + doubt * others) * weights[truth]).sum()
    return float(loss / n), float(right / n), float(cautious / n)


def _blocks(n: int) -> list[slice]:
    return [slice(start, start + BLOCK) for start in range(0, n, BLOCK)]


def _doubles(features: FloatArray) -> Iterator[DoubleArray]:
    for rows in _blocks(len(features)):
        yield features[rows].astype(np.float64)
