"""Head on features: heads without a solver, learned in steps from the features of frozen photos.

The loop of `training.fitting` shows a network augmented photos; here everything before the head is
done, an epoch is a few matrix products, and thirty of them take seconds.
"""

import copy
import dataclasses
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from lineament.core.progress import Progress
from lineament.models.heads import MARGINS, Head, MlpHead, create_head
from lineament.training.fitting.divergence import diverged
from lineament.training.logistic import standardisation
from lineament.training.optimisation.losses import make_loss
from lineament.training.optimisation.optimisers import group, optimiser_over, set_rates
from lineament.training.optimisation.sampling import epoch_order
from lineament.training.optimisation.schedules import Schedule
from lineament.training.recipe import TrainConfig

Part = tuple[NDArray[np.float32], NDArray[np.int64]]

LEAST_BATCH = 256  # a batch costs little more than its step, so it is not worth being smaller
# The width up to which a layer has the recipe's rate. Adam moves every weight alike, so that what a
# step does to a layer's outputs grows with its inputs: wider layers get a rate as much smaller
# (Yang et al. 2022, "Tensor programs V").
USUAL_INPUTS = 64
JUDGED_AT_ONCE = 1024  # rows: their logits fit into memory with thousands of classes, too


def fit_head_on_features(
    train: Part, validation: Part, config: TrainConfig, *, n_classes: int, progress: Progress
) -> tuple[Head, list[dict[str, object]], dict[str, object]]:
    """Learn a head of any kind from frozen features, and keep its best epoch.

    ``linear`` and ``mlp`` learn from standardised features, which is folded back into their first
    layer; the directions of ``cosface`` and ``arcface`` mean something only where zero is. Of the
    recipe count the head's fields, those of optimisation but for `trainable`, `freeze_batch_norm`,
    `layer_decay` and `average`, further `epochs`, `patience` and `seed`, and `batch_size` above
    256. Outside of mode `head`, where this is the start of `finetune`, epochs and learning rate are
    the defaults of mode `head`.

    Args:
        train: Features ``float32 (N, D)`` and labels ``int64 (N,)``.
        validation: The same of the validation split.
        config: The recipe.
        n_classes: How many classes.
        progress: Who listens.

    Returns:
        The head, on raw features and in evaluation mode; one row of history per epoch; and which
        epoch was kept, with its validation loss. The training accuracy of a row is that under
        dropout and margin. The same arguments give the same head; torch's generator is left as it
        was.

    Raises:
        UsageError: Training diverged.
    """
    recipe = config
    if config.mode != "head":
        recipe = dataclasses.replace(config, mode="head", epochs=None, learning_rate=None)
    with torch.random.fork_rng(devices=[]):  # dropout draws from torch's own generator
        torch.manual_seed(recipe.seed)
        head = create_head(
            recipe.head,
            train[0].shape[1],
            n_classes,
            hidden=recipe.hidden,
            dropout=recipe.dropout,
            margin=recipe.margin,
            scale=recipe.scale,
        )
        fitting = _Fitting(head, recipe, train, validation)
        fitting.run(progress)
    return (
        fitting.head,
        fitting.history,
        {
            "epoch": fitting.best_epoch,
            "validation_loss": fitting.best_loss,
        },
    )


class _Fitting:
    """A head in training."""

    def __init__(self, head: Head, recipe: TrainConfig, train: Part, validation: Part) -> None:
        self.head = head
        self.history: list[dict[str, object]] = []
        self.best_epoch, self.best_loss = 0, math.inf
        self._best: dict[str, Tensor] = {}
        self._recipe = recipe
        self._train, self._validation = train, validation
        n_features = train[0].shape[1]
        self._mean = np.zeros(n_features, dtype=np.float32)
        self._factor = np.ones(n_features, dtype=np.float32)
        if recipe.head not in MARGINS:
            mean, factor = standardisation(train[0])
            self._mean, self._factor = mean.astype(np.float32), factor.astype(np.float32)
        counts = np.bincount(train[1], minlength=head.weight.shape[0])
        self._loss = make_loss(recipe, counts)
        self._schedule = Schedule(recipe)
        self._optimiser = _optimiser(head, recipe)

    def run(self, progress: Progress) -> None:
        """Train, and leave the best epoch in the head."""
        recipe, n_train = self._recipe, len(self._train[1])
        epochs, size = recipe.resolved_epochs, max(LEAST_BATCH, recipe.batch_size)
        progress.start("training the head", epochs * -(-n_train // size))
        for epoch in range(1, epochs + 1):
            total, right = 0.0, 0
            order = epoch_order(
                self._train[1], imbalance=recipe.imbalance, seed=recipe.seed, epoch=epoch
            )
            self.head.train()
            for step, start in enumerate(range(0, n_train, size), start=1):
                done = (epoch - 1 + start / n_train) / epochs
                set_rates(self._optimiser, self._schedule.factor(done_fraction=done, epoch=epoch))
                rows = order[start : start + size]
                loss, hits = self._step(rows, epoch=epoch, step=step)
                total, right = total + loss * len(rows), right + hits
                progress.advance()
            loss, accuracy = self._judged()
            self._schedule.observe(loss)
            self.history.append(
                {
                    "epoch": epoch,
                    "train_loss": total / n_train,
                    "train_accuracy": right / n_train,
                    "validation_loss": loss,
                    "validation_accuracy": accuracy,
                    "learning_rate": self._optimiser.param_groups[-1]["lr"],
                }
            )
            if epoch == 1 or loss < self.best_loss:
                self.best_epoch, self.best_loss = epoch, loss
                self._best = copy.deepcopy(self.head.state_dict())
            elif recipe.patience and epoch - self.best_epoch >= recipe.patience:
                break
        progress.finish()
        self.head.load_state_dict(self._best)
        self._fold()
        self.head.eval()

    def _step(self, rows: NDArray[np.int64], *, epoch: int, step: int) -> tuple[float, int]:
        """Learn from some photos: their mean loss, and how many were answered rightly."""
        embedding, labels = self._tensors(self._train, rows)
        logits = self.head(embedding, labels)
        loss = self._loss(logits, labels)
        value = float(loss.item())
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's stubs lack it
        limit = self._recipe.clip_norm
        norm = clip_grad_norm_(self.head.parameters(), math.inf if limit is None else limit)
        if not math.isfinite(value) or not math.isfinite(float(norm)):
            raise diverged(
                self.head,
                lambda: self.head(embedding, labels),
                epoch=epoch,
                step=step,
                loss=value,
                rate=float(self._optimiser.param_groups[-1]["lr"]),
            )
        self._optimiser.step()
        return value, int((logits.argmax(dim=1) == labels).sum())

    def _judged(self) -> tuple[float, float]:
        """Mean negative log-likelihood and accuracy on validation."""
        self.head.eval()
        n, total, right = len(self._validation[1]), 0.0, 0
        with torch.no_grad():
            for start in range(0, n, JUDGED_AT_ONCE):
                rows = np.arange(start, min(start + JUDGED_AT_ONCE, n))
                embedding, labels = self._tensors(self._validation, rows)
                logits = self.head(embedding)
                total += functional.cross_entropy(logits, labels, reduction="sum").item()
                right += int((logits.argmax(dim=1) == labels).sum())
        return total / n, right / n

    def _tensors(self, part: Part, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        features, labels = part
        standard = (features[rows] - self._mean) * self._factor
        return torch.from_numpy(standard), torch.from_numpy(labels[rows])

    def _fold(self) -> None:
        """Make the head one on raw features: the standardisation goes into its first layer."""
        layer = self.head.hidden if isinstance(self.head, MlpHead) else self.head
        with torch.no_grad():
            weight = layer.weight.double() * torch.from_numpy(self._factor).double()
            if layer.bias is not None:
                layer.bias.copy_(
                    layer.bias.double() - weight @ torch.from_numpy(self._mean).double()
                )
            layer.weight.copy_(weight)


def _optimiser(head: Head, recipe: TrainConfig) -> torch.optim.Optimizer:
    """Make the recipe's optimiser over the head, each layer with a rate of its own."""
    groups = []
    for parameter in head.parameters():
        rate, decay = recipe.resolved_rate, recipe.weight_decay
        if parameter.ndim < 2 or recipe.head in MARGINS:
            decay = 0.0  # the length of a direction changes no answer
        else:
            rate *= min(1.0, USUAL_INPUTS / parameter.shape[1])
        groups.append(group([parameter], rate, weight_decay=decay))
    return optimiser_over(groups, recipe)
