"""Rate range: the learning-rate range test of Smith (2017, "Cyclical learning rates").

The rate grows from far too small to far too large within some hundred steps. Where the loss falls
fastest the rate is good; where it rises it is too high.
"""

import dataclasses
import math
from collections.abc import Iterable

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.core.progress import Progress, duration, tracked
from lineament.models.classifier import Classifier
from lineament.training.fitting.batching import Batch, Batching
from lineament.training.fitting.estimate import estimated
from lineament.training.fitting.learner import Learner
from lineament.training.optimisation.allocation import kept_memory
from lineament.training.pixels import Pixels
from lineament.training.prefetch import Prefetch
from lineament.training.recipe import TrainConfig

LOWEST, HIGHEST = 1e-7, 1.0
STEPS = 100
SMOOTHING = 0.9  # of the loss, whose single steps say little
HOPELESS = 3.0  # times the least loss: beyond it nothing more is learnt about rates
AS_LOW = 1.1  # times the least loss: within the noise of a few batches, no worse
SAFETY = 10.0  # Smith's rule of thumb: a tenth of the rate with the least loss


@dataclasses.dataclass(frozen=True, kw_only=True)
class RateRange:
    """What the test found.

    Attributes:
        rates: Of the head, one per step, rising.
        losses: At that step, smoothed, in nats.
        suggestion: A rate to begin with.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float


def rate_range(
    model: Classifier,
    train: Pixels,
    config: TrainConfig,
    *,
    accelerator: Accelerator,
    progress: Progress,
) -> RateRange:
    """Raise the rate step by step and watch the loss; the model is spoilt by it.

    Args:
        model: The classifier, at its start.
        train: Photos to learn from; they come again when they are used up.
        config: The recipe; its rates count in proportion to the head's.
        accelerator: Device and arithmetic.
        progress: Who listens.

    Raises:
        UsageError: The loss was no number from the first steps on.
    """
    torch.manual_seed(config.seed)
    n_classes = len(model.head.weight)
    counts = np.bincount(train.labels, minlength=n_classes)
    # The rates of the groups are in proportion to the head's: one makes factors of rates.
    unit = dataclasses.replace(config, learning_rate=1.0)
    learner = Learner(model, unit, counts, accelerator, progress)
    learner.begin(1)
    batching = Batching(
        train=train, preprocessing=model.backbone.preprocessing, config=config, n_classes=n_classes
    )
    orders: dict[int, NDArray[np.int64]] = {}

    def make(step: int) -> Batch:
        epoch, within = divmod(step, batching.steps)
        if epoch + 1 not in orders:
            orders[epoch + 1] = batching.order(epoch + 1)
        return batching.batch(
            orders[epoch + 1], epoch + 1, model.backbone.preprocessing.size_px, within
        )

    with kept_memory():
        # As a training does: it also sets how many threads work, and how many photos at a time.
        pixels, targets, _ = make(0)
        labels = torch.from_numpy(train.labels[batching.rows(orders[1], 0)])
        estimate = estimated(learner, pixels, targets, labels)
        learner.begin(1)  # again: counting multiply-adds has put held batch norm to training
        progress.note(
            f"{STEPS} steps in about {duration(STEPS * estimate.step_s)} on {estimate.threads} "
            f"thread{'s' * (estimate.threads != 1)}"
        )
        rates, losses = _measured(learner, Prefetch(make, range(STEPS)), progress)
    if len(rates) < 2:
        raise UsageError(
            "The loss is no number even at the smallest rate.",
            fix="Look at the photos with `lineament recipe preview`, or use `precision=fp32`.",
        )
    # Of rates that are as good the highest: where little is left to learn the loss is flat, and its
    # least value anywhere.
    best = int(np.flatnonzero(np.asarray(losses) <= AS_LOW * min(losses)).max())
    return RateRange(rates=tuple(rates), losses=tuple(losses), suggestion=rates[best] / SAFETY)


def _measured(
    learner: Learner, batches: Iterable[Batch], progress: Progress
) -> tuple[list[float], list[float]]:
    """Take the steps, up to where the loss shows that the rate is too high: rates and losses."""
    rates: list[float] = []
    losses: list[float] = []
    running = 0.0
    for pixels, targets, everyone in tracked(batches, progress, "range of rates", STEPS):
        rate = LOWEST * (HIGHEST / LOWEST) ** (len(rates) / (STEPS - 1))
        result = learner.step(pixels, targets, everyone=everyone, factor=rate)
        # Where the arithmetic is scaled, the first gradients may overflow without harm.
        if not (result.finite or (learner.accelerator.scaler and math.isfinite(result.loss))):
            break
        running = SMOOTHING * running + (1 - SMOOTHING) * result.loss
        rates.append(rate)
        losses.append(running / (1 - SMOOTHING ** len(rates)))
        if losses[-1] > HOPELESS * min(losses):
            break
    return rates, losses
