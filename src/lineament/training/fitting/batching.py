"""Batching: which photos a step sees, and how they become what the network is given.

Everything random in a batch is drawn from a generator made of the seed, the epoch, the step and the
process, so a training that goes on from a checkpoint sees the very batches it would have seen.
"""

import dataclasses
import functools
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lineament.imaging.preprocess import Preprocessing
from lineament.training.augmentation.augment import augment
from lineament.training.augmentation.mixing import mix
from lineament.training.augmentation.normalise import normalise
from lineament.training.optimisation.sampling import epoch_order
from lineament.training.pixels import Pixels
from lineament.training.recipe import TrainConfig

GROWTH_FRACTION = 2 / 3  # of the training, after which photos have their full size
GRID_PX = 32  # the stride of most networks: sizes between its multiples cost without seeing more

Batch = tuple[Tensor, Tensor, int]  # pixels, targets, photos over all processes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batching:
    """How the photos of an epoch are cut into steps.

    Attributes:
        train: The photos.
        preprocessing: Of the backbone.
        config: The recipe.
        n_classes: How many classes.
        rank: Which of the processes this is.
        world: How many processes share each step.
    """

    train: Pixels
    preprocessing: Preprocessing
    config: TrainConfig
    n_classes: int
    rank: int = 0
    world: int = 1

    @property
    def photos_per_step(self) -> int:
        """Over all processes."""
        return self.config.batch_size * self.config.accumulate * self.world

    @property
    def steps(self) -> int:
        """Steps of an epoch.

        A rest of fewer than two photos per process joins the last step: batch norm cannot learn
        from one photo alone.
        """
        whole, rest = divmod(len(self.train), self.photos_per_step)
        return max(1, whole + (rest >= 2 * self.world))

    def rows(self, order: NDArray[np.int64], step: int) -> NDArray[np.int64]:
        """The photos of a step, over all processes."""
        start = step * self.photos_per_step
        last = step == self.steps - 1
        return order[start:] if last else order[start : start + self.photos_per_step]

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The order of the photos in an epoch."""
        return epoch_order(
            self.train.labels,
            imbalance=self.config.imbalance,
            seed=self.config.seed,
            epoch=epoch,
        )

    def batch(self, order: NDArray[np.int64], epoch: int, size_px: int, step: int) -> Batch:
        """Make the batch of a step: this process's share of it.

        Args:
            order: What `order` gave for the epoch.
            epoch: From 1.
            size_px: Side of the input.
            step: From 0.

        Returns:
            Pixels ``float32 (B, 3, size_px, size_px)`` in channels-last memory order; targets
            ``int64 (B,)`` or, where photos are mixed, ``float32 (B, C)``; photos of all processes.
        """
        everyone = self.rows(order, step)
        mine = everyone[self.rank :: self.world]
        rng = np.random.default_rng([self.config.seed, epoch, step, self.rank])
        images = resized(as_tensor(self.train.read(mine)), size_px)
        labels = torch.from_numpy(self.train.labels[mine])
        # Whole levels, as at the time of answering: where photos are enlarged, their smoothest
        # channels are made of little else than rounding, and a network learns to count on it.
        seen = augment(images, self.config, rng).round_()
        mixed, targets = mix(seen, labels, self.n_classes, self.config, rng)
        pixels = normalise(mixed, self.preprocessing)
        return pixels.contiguous(memory_format=torch.channels_last), targets, len(everyone)

    def size_px(self, done_fraction: float) -> int:
        """Side of the input when so much of the training is done."""
        full, start = self.preprocessing.size_px, self.config.start_size_px
        if start is None or start >= full:
            return full
        grown = start + (full - start) * min(1.0, done_fraction / GROWTH_FRACTION)
        return min(full, max(start, math.floor(grown / GRID_PX) * GRID_PX))


def as_tensor(rows: NDArray[np.uint8]) -> Tensor:
    """Turn ``uint8 (B, S, S, 3)`` into ``(B, 3, S, S)`` without moving a byte."""
    return torch.from_numpy(rows).permute(0, 3, 1, 2)


def resized(images: Tensor, size_px: int) -> Tensor:
    """Shrink ``uint8 (B, 3, S, S)``; the same where it has that size."""
    if images.shape[-1] == size_px:
        return images
    shrunk = functional.interpolate(
        images, size=(size_px, size_px), mode="bilinear", antialias=True, align_corners=False
    )
    return shrunk


def plain_batches(
    pixels: Pixels, preprocessing: Preprocessing, *, batch_size: int, rank: int = 0, world: int = 1
) -> tuple[functools.partial[tuple[Tensor, Tensor]], range]:
    """Photos as they are, for judging: a function of the step, and the steps.

    Each process gets its share; over all processes every photo comes once.
    """
    mine = np.arange(rank, len(pixels), world)
    steps = range(math.ceil(len(mine) / batch_size))
    return functools.partial(_plain, pixels, preprocessing, mine, batch_size), steps


def _plain(
    pixels: Pixels,
    preprocessing: Preprocessing,
    rows: NDArray[np.int64],
    batch_size: int,
    step: int,
) -> tuple[Tensor, Tensor]:
    mine = rows[step * batch_size : (step + 1) * batch_size]
    images = as_tensor(pixels.read(mine)).to(torch.float32)
    seen = normalise(images, preprocessing).contiguous(memory_format=torch.channels_last)
    return seen, torch.from_numpy(pixels.labels[mine])
