"""Heads: multinomial logistic regression on frozen features, regularised as validation asks."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy.special import log_softmax

from lineament.core.progress import Progress
from lineament.training.logistic import (
    DoubleArray,
    FloatArray,
    IntArray,
    LogisticProblem,
    Solution,
    blocks,
)
from lineament.training.optimisation.losses import class_weights

# L2 weight per sample, strong to weak: each solution is the next one's start.
GRID = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
WORSE_IN_A_ROW = 2  # validation loss is smooth along the grid: two rises are no accident
# Largest slope of the preconditioned loss. The first is enough to compare strengths by their
# validation loss (to 1e-4); the one that is chosen is then solved to the second.
ROUGH, FINE = 1e-3, 1e-4


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
    problem = LogisticProblem(*train, n_classes=n_classes, weights=weights)
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
class _Judged:
    """A head, what the choice goes by, and its row of the history."""

    head: Head
    cautious: float
    row: dict[str, object]


def _judged(
    problem: LogisticProblem,
    solution: Solution,
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
    for rows in blocks(n):
        truth = labels[rows]
        logs = log_softmax(head.logits(features[rows]).astype(np.float64), axis=1)
        own = logs[np.arange(len(truth)), truth]
        others = (logs.sum(axis=1) - own) / (n_classes - 1)
        loss -= own.sum()
        right += (logs.argmax(axis=1) == truth).sum()
        cautious -= (((1 - doubt) * own + doubt * others) * weights[truth]).sum()
    return float(loss / n), float(right / n), float(cautious / n)
