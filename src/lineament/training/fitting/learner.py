"""Learner: the model and all that changes it; one step at a time, and the judging of it."""

import contextlib
import dataclasses
import gc
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils.memory import clear_device_cache
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from lineament.core.progress import Progress
from lineament.models.classifier import Classifier
from lineament.training.fitting.exhaustion import is_out_of_memory
from lineament.training.instruments.watch import Instruments
from lineament.training.optimisation.allocation import hand_back
from lineament.training.optimisation.average import WeightAverage
from lineament.training.optimisation.depthwise import FastDepthwise
from lineament.training.optimisation.freezing import Freezing
from lineament.training.optimisation.losses import make_loss
from lineament.training.optimisation.optimisers import make_optimiser, set_rates
from lineament.training.optimisation.schedules import Schedule
from lineament.training.recipe import TrainConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """What a step of the optimiser gave, over all processes.

    Attributes:
        loss: Mean over its photos.
        right: How many photos were answered as their label, or the larger part of it, says.
        photos: How many photos.
        norm: Of the gradient, before clipping.
    """

    loss: float
    right: int
    photos: int
    norm: float

    @property
    def finite(self) -> bool:
        """Whether loss and gradient are numbers."""
        return bool(np.isfinite(self.loss) and np.isfinite(self.norm))


class Learner:
    """A model in training.

    Args:
        model: The classifier; it is trained in place.
        config: The recipe.
        counts: Training photos per class, ``int64 (C,)``.
        accelerator: Device, arithmetic, processes.
        progress: Who listens.
    """

    def __init__(
        self,
        model: Classifier,
        config: TrainConfig,
        counts: NDArray[np.int64],
        accelerator: Accelerator,
        progress: Progress,
    ) -> None:
        self.model: Classifier = model.to(accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        self.config = config
        self.accelerator = accelerator
        self.part_size = config.batch_size
        self.schedule = Schedule(config)
        self.freezing = Freezing(self.model, config)
        self.average = WeightAverage(self.model, config.average) if config.average else None
        self.optimiser = accelerator.prepare(make_optimiser(self.model, config))
        self._loss = make_loss(config, counts)
        self._progress = progress
        self._prepared: nn.Module = self.model

    def begin(self, epoch: int) -> None:
        """Take up an epoch: unfreeze what its turn has come for."""
        changed = self.freezing.begin(epoch)
        if self.accelerator.num_processes > 1 and (changed or self._prepared is self.model):
            # Processes agree on which parameters have gradients when they are bound together.
            self._prepared = self.accelerator.prepare_model(self.end())
        self._prepared.train()
        self.freezing.hold(self.model)

    def step(
        self,
        pixels: Tensor,
        targets: Tensor,
        *,
        everyone: int,
        factor: float,
        instruments: Instruments | None = None,
    ) -> Step:
        """Learn from one batch, in as many parts as memory asks for.

        Args:
            pixels: This process's share, ``float32 (B, 3, S, S)``.
            targets: ``int64 (B,)`` or ``float32 (B, C)``.
            everyone: Photos of the batch over all processes.
            factor: On the learning rates.
            instruments: What looks at this step, if anything does.

        Returns:
            What it gave. Where that is not finite the weights were left as they are.
        """
        set_rates(self.optimiser, factor)
        result = self.gradients(pixels, targets, everyone=everyone)
        if result.finite or self.accelerator.scaler is not None:
            # Where the arithmetic is scaled, a step whose gradients overflowed is not made.
            watched = instruments if result.finite else None
            if watched is not None:
                watched.before(self.model, shrunk=self._shrunk(result.norm))
            self.optimiser.step()
            if watched is not None:
                watched.after(self.model)
            if self.average is not None:
                self.average.update(self.model)
            self.optimiser.zero_grad(set_to_none=True)
        return result

    def gradients(self, pixels: Tensor, targets: Tensor, *, everyone: int) -> Step:
        """Compute the gradients of one batch and clip them.

        Where memory does not suffice, it goes on with half as many photos at a time.
        """
        while True:
            try:
                return self._gradients(pixels, targets, everyone)
            except (RuntimeError, MemoryError) as error:
                # Several processes would have to agree on what one of them ran into.
                alone = self.accelerator.num_processes == 1
                if not is_out_of_memory(error) or self.part_size == 1 or not alone:
                    raise
            self.part_size = max(1, min(self.part_size, len(pixels)) // 2)
            self.optimiser.zero_grad(set_to_none=True)
            gc.collect()
            clear_device_cache()
            hand_back()
            self._progress.note(
                f"out of memory: going on with {self.part_size} "
                f"photo{'s' * (self.part_size != 1)} at a time, in as many more parts per step"
            )

    def forward(self, pixels: Tensor, targets: Tensor) -> Tensor:
        """Run a batch and nothing more: logits."""
        hard = self._here(targets) if targets.ndim == 1 else None
        with self.accelerator.autocast(), FastDepthwise():
            logits: Tensor = self.model(self._here(pixels), hard)
        return logits

    def judge(self, batches: Iterable[tuple[Tensor, Tensor]], n_photos: int) -> tuple[float, float]:
        """Mean negative log-likelihood and accuracy over photos, of what would be kept now.

        Args:
            batches: This process's share of the photos.
            n_photos: Over all processes.
        """
        judged = self.kept.eval()
        total, right = 0.0, 0
        with torch.no_grad():
            for some, wanted in self._parts(batches):
                pixels, labels = self._here(some), self._here(wanted)
                with self.accelerator.autocast():
                    logits: Tensor = judged(pixels)
                losses = functional.cross_entropy(logits.float(), labels, reduction="sum")
                total += losses.item()
                right += int((logits.argmax(dim=1) == labels).sum())
        if self.accelerator.num_processes > 1:
            sums = torch.tensor([total, float(right)], device=self.accelerator.device)
            total, right = self.accelerator.reduce(sums, "sum").tolist()
        return total / n_photos, right / n_photos

    @property
    def kept(self) -> Classifier:
        """The model that is judged and kept: the average where there is one."""
        return self.model if self.average is None else self.average.model

    @property
    def rate(self) -> float:
        """The learning rate of the head now."""
        return float(self.optimiser.param_groups[-1]["lr"])

    def state(self) -> dict[str, Any]:
        """All that the next step depends on, but for the random generators."""
        scaler = self.accelerator.scaler
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state(),
            "average": None if self.average is None else self.average.state(),
            "scaler": None if scaler is None else scaler.state_dict(),
            "part_size": self.part_size,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.restore(state["schedule"])
        if self.average is not None:
            self.average.restore(state["average"])
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.part_size = int(state["part_size"])

    def end(self) -> Classifier:
        """Give the plain model back, with nothing wrapped around it."""
        self._prepared = self.accelerator.unwrap_model(self._prepared, keep_fp32_wrapper=False)
        return self.model

    def _parts(self, batches: Iterable[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
        """Cut batches into what memory takes at a time."""
        for pixels, labels in batches:
            parts = -(-len(pixels) // self.part_size)
            yield from zip(pixels.tensor_split(parts), labels.tensor_split(parts), strict=True)

    def _here(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.accelerator.device, non_blocking=True)

    def _gradients(self, pixels: Tensor, targets: Tensor, everyone: int) -> Step:
        parts = max(1, -(-len(pixels) // self.part_size))
        total, right = 0.0, 0
        pairs = zip(pixels.tensor_split(parts), targets.tensor_split(parts), strict=True)
        for index, (some, wanted) in enumerate(pairs):
            some, wanted = self._here(some), self._here(wanted)
            last = index == parts - 1
            # Processes average their gradients: with the last part, and once.
            quiet = self.accelerator.no_sync(self._prepared)
            with contextlib.nullcontext() if last else quiet:
                hard = wanted if wanted.ndim == 1 else wanted.argmax(dim=1)
                with self.accelerator.autocast(), FastDepthwise():
                    logits: Tensor = self._prepared(some, hard if wanted.ndim == 1 else None)
                loss = self._loss(logits, wanted)
                share = len(some) / everyone
                self.accelerator.backward(loss * (share * self.accelerator.num_processes))
            total += loss.item() * share
            right += int((logits.argmax(dim=1) == hard).sum())
        norm = self._clipped()
        if self.accelerator.num_processes > 1:
            sums = torch.tensor([total, float(right)], device=self.accelerator.device)
            total, right = self.accelerator.reduce(sums, "sum").tolist()
        return Step(loss=total, right=int(right), photos=everyone, norm=norm)

    def _clipped(self) -> float:
        return float(self.accelerator.clip_grad_norm_(self.model.parameters(), self._limit))

    def _shrunk(self, norm: float) -> float:
        """What clipping multiplied gradients of this norm by, as torch does it."""
        return min(1.0, self._limit / (norm + 1e-6))

    @property
    def _limit(self) -> float:
        return math.inf if self.config.clip_norm is None else self.config.clip_norm
