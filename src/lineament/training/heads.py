"""Heads: multinomial logistic regression on frozen features, regularised as validation asks."""

import dataclasses
import math
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from lineament.core.progress import Progress

# L2 weight per sample, strong to weak: each solution is the next one's start.
GRID = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
WORSE_IN_A_ROW = 2  # validation loss is smooth along the grid: two rises are no accident
MAX_ITERATIONS = 500
TOLERANCE = 1e-6  # of the mean loss's gradient; a looser one stops a warm start where it stands


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

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    regularisation: float
    validation_loss: float
    history: tuple[dict[str, object], ...]

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Apply to features ``float32 (N, D)``."""
        scores: NDArray[np.float32] = features @ self.weight.T + self.bias
        return scores


def fit_head(
    train: tuple[NDArray[np.float32], NDArray[np.int64]],
    validation: tuple[NDArray[np.float32], NDArray[np.int64]],
    *,
    n_classes: int,
    regularisation: float | None,
    progress: Progress,
) -> Head:
    """Fit a head on training features and choose its regularisation on validation.

    Features are standardised for the solver, and that is folded back into weight and bias.

    Where every validation photo is answered rightly, the likelihood alone would always choose the
    weakest regularisation and the most extreme confidence. So the choice is made against the
    targets of Platt 1999: ``n`` photos support a confidence of ``(n + 1) / (n + 2)``, no more.

    Args:
        train: Features ``float32 (N, D)`` and labels ``int64 (N,)``; every class occurs.
        validation: The same of the validation split.
        n_classes: How many classes.
        regularisation: The L2 weight per sample; ``None`` tries a grid.
        progress: Who listens.

    Returns:
        The head with the least such validation loss.
    """
    features, labels = train
    mean = features.mean(axis=0, dtype=np.float64)
    # A feature that never fires has no spread; it then gets no weight instead of a huge one.
    std = np.maximum(features.std(axis=0, dtype=np.float64), 1e-6)
    scaled = ((features - mean) / std).astype(np.float32)
    grid: Sequence[float] = GRID if regularisation is None else (regularisation,)
    solver = LogisticRegression(
        solver="lbfgs", max_iter=MAX_ITERATIONS, warm_start=True, tol=TOLERANCE
    )
    history: list[dict[str, object]] = []
    best: Head | None = None
    least, worse = math.inf, 0
    progress.start("fitting the head", len(grid))
    for strength in grid:
        # scikit-learn weighs the summed loss by C against half the squared norm.
        solver.set_params(C=1.0 / max(strength * len(labels), 1e-12))
        with warnings.catch_warnings():
            # Stated in the history instead: a head that is not quite there can still be the best.
            warnings.simplefilter("ignore", ConvergenceWarning)
            solver.fit(scaled, labels)
        weight, bias = _folded(solver, mean, std, n_classes)
        candidate = Head(
            weight=weight,
            bias=bias,
            regularisation=strength,
            validation_loss=0.0,
            history=(),
        )
        losses, accuracies, cautious = zip(
            *(_judge(candidate, part) for part in (train, validation)), strict=True
        )
        history.append(
            {
                "regularisation": strength,
                "train_loss": losses[0],
                "train_accuracy": accuracies[0],
                "validation_loss": losses[1],
                "validation_loss_cautious": cautious[1],
                "validation_accuracy": accuracies[1],
                "iterations": int(solver.n_iter_[0]),
                "converged": bool(solver.n_iter_[0] < MAX_ITERATIONS),
            }
        )
        progress.advance()
        if cautious[1] < least:
            best = dataclasses.replace(candidate, validation_loss=losses[1])
            least, worse = cautious[1], 0
        else:
            worse += 1
            if worse >= WORSE_IN_A_ROW:
                break
    progress.finish()
    assert best is not None  # the grid is never empty
    return dataclasses.replace(best, history=tuple(history))


def _folded(
    solver: LogisticRegression,
    mean: NDArray[np.float64],
    std: NDArray[np.float64],
    n_classes: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Undo the standardisation in the weights; for two classes give each class its own row."""
    weight = np.asarray(solver.coef_, dtype=np.float64) / std
    bias = np.asarray(solver.intercept_, dtype=np.float64) - weight @ mean
    if n_classes == 2:  # scikit-learn solves for the difference of the two logits
        weight = np.concatenate([-weight / 2, weight / 2])
        bias = np.concatenate([-bias / 2, bias / 2])
    return weight.astype(np.float32), bias.astype(np.float32)


def _judge(
    head: Head, part: tuple[NDArray[np.float32], NDArray[np.int64]]
) -> tuple[float, float, float]:
    """Mean loss, accuracy, and mean loss against Platt's targets."""
    features, labels = part
    logits = head.logits(features).astype(np.float64)
    logs = log_softmax(logits, axis=1)
    n, n_classes = logits.shape
    own = logs[np.arange(n), labels]
    doubt = 1.0 / (n + 2)
    others = (logs.sum(axis=1) - own) / (n_classes - 1)
    cautious = -((1 - doubt) * own + doubt * others).mean()
    accuracy = float((logits.argmax(axis=1) == labels).mean())
    return float(-own.mean()), accuracy, float(cautious)
