"""Fit: epochs of steps, each epoch judged on validation, the best one kept."""

import copy
import dataclasses
import functools
import math
import time
from collections.abc import Sequence

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.watching import NOBODY, Memory, Watcher
from lineament.core.errors import UsageError
from lineament.core.progress import QUIET, Progress, tracked
from lineament.models.classifier import Classifier
from lineament.training.fitting.batching import Batching, plain_batches
from lineament.training.fitting.budget import Clock, Plan, planned, replanned
from lineament.training.fitting.checkpoints import Checkpoints, State
from lineament.training.fitting.divergence import diverged
from lineament.training.fitting.estimate import Estimate, estimated
from lineament.training.fitting.interruption import Interruption, heeded
from lineament.training.fitting.learner import Learner
from lineament.training.fitting.place import Place, Row
from lineament.training.fitting.processes import agreed, random_states, set_random_state
from lineament.training.instruments.watch import Instruments
from lineament.training.optimisation.allocation import kept_memory
from lineament.training.pixels import Pixels
from lineament.training.prefetch import Prefetch
from lineament.training.recipe import TrainConfig

CHECKPOINT_EVERY_S = 300.0  # within an epoch: what a power cut may cost


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the loop ended with; the model it was given now holds the best epoch's weights.

    Attributes:
        epoch: The epoch that was kept; 0 is the start, before any step.
        validation_loss: At that epoch, in nats.
        history: One row per judged epoch, the start included.
        stopped: Why it ended: ``epochs``, ``patience``, ``time`` or ``interrupted``.
        cost: What was expected, what it took, and warnings of unhealthy layers, for the run.
        layers: The values of each trained layer after each epoch.
    """

    epoch: int
    validation_loss: float
    history: tuple[Row, ...]
    stopped: str
    cost: dict[str, object]
    layers: tuple[LayerValues, ...] = ()


def fit(
    model: Classifier,
    train: Pixels,
    validation: Pixels,
    config: TrainConfig,
    *,
    accelerator: Accelerator,
    checkpoints: Checkpoints,
    state: State | None = None,
    clock: Clock | None = None,
    progress: Progress = QUIET,
    watcher: Watcher = NOBODY,
    memory: Memory | None = None,
    measured: bool = True,
) -> Outcome:
    """Train a model and leave the best epoch's weights in it.

    Args:
        model: The classifier; its starting weights are the warm start.
        train: Photos to learn from.
        validation: Photos to judge by, never learnt from.
        config: The recipe.
        accelerator: Device, arithmetic, processes.
        checkpoints: Where the training leaves what is needed to go on.
        state: What to go on from.
        clock: The time that it may take.
        progress: Who listens.
        watcher: Who is told of epochs.
        memory: What the watcher wants to find its record again by, kept with each checkpoint.
        measured: Whether layers are measured; without it nothing else differs but a little time.

    Raises:
        UsageError: The loss stopped being a number, or the recipe does not suit the network.
        DataError: A photo cannot be read.
    """
    torch.manual_seed(config.seed)
    n_classes = len(model.head.weight)
    counts = np.bincount(train.labels, minlength=n_classes)
    learner = Learner(model, config, counts, accelerator, progress)
    batching = Batching(
        train=train,
        preprocessing=model.backbone.preprocessing,
        config=config,
        n_classes=n_classes,
        rank=accelerator.process_index,
        world=accelerator.num_processes,
    )
    loop = _Loop(learner, batching, validation, clock or Clock(), checkpoints, progress)
    loop.watcher, loop.memory = watcher, memory or {}
    if measured and accelerator.is_main_process:
        loop.instruments = Instruments()
    with kept_memory(), heeded(progress) as interruption:
        if state is None:
            loop.start()
        else:
            loop.restore(state)
        stopped = loop.run(interruption)
    return loop.end(stopped)


class _Loop:
    """One training."""

    def __init__(
        self,
        learner: Learner,
        batching: Batching,
        validation: Pixels,
        clock: Clock,
        checkpoints: Checkpoints,
        progress: Progress,
    ) -> None:
        self.learner, self.batching, self.validation = learner, batching, validation
        self.config = batching.config
        self.clock, self.checkpoints, self.progress = clock, checkpoints, progress
        self.place = Place(epochs=self.config.resolved_epochs, steps=batching.steps)
        self.best: dict[str, Tensor] = {}
        self.estimate: dict[str, object] = {}
        self.judge_s = 0.0  # what judging took the last time
        self.watcher: Watcher = NOBODY
        self.memory: Memory = {}
        self.instruments: Instruments | None = None

    def start(self) -> None:
        """Say what it will cost, plan, and judge the model as it is."""
        self.learner.begin(1)
        estimate = self._estimated()
        self.estimate = estimate.as_dict()
        if self.config.time_budget:
            plan = planned(
                self.clock,
                steps=self.batching.steps,
                step_s=estimate.step_s,
                judge_s=estimate.judge_s * len(self.validation),
            )
            plan = agreed(plan)
            self.place.epochs, self.place.steps = plan.epochs, plan.steps
        self.progress.note(self.learner.freezing.described())
        self.progress.note(
            estimate.sentence(
                epochs=self.place.epochs,
                steps=self.place.steps,
                validation_photos=len(self.validation),
            )
        )
        if self.learner.part_size < self.config.batch_size:
            self.progress.note(
                f"memory is short: {self.learner.part_size} of the {self.config.batch_size} photos "
                "at a time, and the same step of the optimiser"
            )
        if self.instruments is not None:
            self.instruments.begin(self.learner.model)
        self.judge(0)

    def run(self, interruption: Interruption) -> str:
        """Train until there is a reason to stop, and name it."""
        place = self.place
        while place.epoch <= place.epochs:
            reason = self.learn(interruption)
            # Of an epoch that was cut short something is kept only if there is nothing better.
            if not reason or reason == "time" or place.best_epoch == 0:
                self.judge(place.epoch)
                self.plan_on()
                place.turn()
            reason = reason or self.reason(interruption)
            if reason:
                return reason
            if self.config.patience and place.idle_epochs >= self.config.patience:
                return "patience"
            if place.epoch <= place.epochs:
                self.save()
        return "epochs"

    def learn(self, interruption: Interruption) -> str:
        """Learn from every photo once; where something stops it, name that."""
        place, learner = self.place, self.learner
        learner.begin(place.epoch)
        tally, size_px = place.tally, self.size_px
        order = self.batching.order(place.epoch)
        make = functools.partial(self.batching.batch, order, place.epoch, size_px)
        batches = Prefetch(make, range(place.step, place.steps))
        n_left = place.steps - place.step
        started, waited = time.perf_counter() - tally.seconds, tally.waited_s
        saved = time.perf_counter()
        for pixels, targets, everyone in tracked(
            batches, self.progress, f"epoch {place.epoch}", n_left
        ):
            factor = learner.schedule.factor(done_fraction=place.done, epoch=place.epoch)
            step = learner.step(
                pixels,
                targets,
                everyone=everyone,
                factor=factor,
                instruments=self.instruments if place.step == place.steps - 1 else None,
            )
            if not step.finite and learner.accelerator.scaler is None:
                raise self.failed(pixels, targets, step.loss)
            tally.steps += 1
            tally.photos += step.photos
            tally.loss += step.loss * step.photos
            tally.right += step.right
            tally.norm += step.norm
            tally.seconds = time.perf_counter() - started
            tally.waited_s = waited + batches.waited_s
            place.advance()
            reason = self.reason(interruption)
            if reason and place.step < place.steps:
                return reason
            # Not between the last step, which was watched, and the judging.
            is_due = place.step < place.steps and time.perf_counter() - saved > CHECKPOINT_EVERY_S
            if self._alone and is_due:
                self.save()
                saved = time.perf_counter()
        return ""

    def judge(self, epoch: int) -> None:
        """Judge the model by the validation photos, note it, and keep it if it is the best."""
        started = time.perf_counter()
        accelerator, n_photos = self.learner.accelerator, len(self.validation)
        make, steps = plain_batches(
            self.validation,
            self.batching.preprocessing,
            batch_size=self.config.batch_size,
            rank=accelerator.process_index,
            world=accelerator.num_processes,
        )
        batches = tracked(
            Prefetch(make, steps), self.progress, f"validating epoch {epoch}", len(steps)
        )
        loss, accuracy = self.learner.judge(batches, n_photos)
        place, tally = self.place, self.place.tally
        trained = tally.photos > 0
        update_ratio, layers, warnings = self._measured(epoch)
        self.judge_s = time.perf_counter() - started
        place.history.append(
            {
                "epoch": epoch,
                "train_loss": tally.loss / tally.photos if trained else None,
                "train_accuracy": tally.right / tally.photos if trained else None,
                "validation_loss": loss,
                "validation_accuracy": accuracy,
                "learning_rate": self.learner.rate if trained else 0.0,
                "gradient_norm": tally.norm / tally.steps if trained else None,
                "update_ratio": update_ratio,
                "size_px": self.size_px,
                "seconds": round(tally.seconds, 3),
                "images_per_second": round(tally.photos / tally.seconds, 2) if trained else None,
                "waiting_fraction": round(tally.waited_s / tally.seconds, 4) if trained else None,
            }
        )
        if trained:
            self.learner.schedule.observe(loss)
        self.watcher.epoch(place.history[-1], layers)
        for warning in warnings:
            self.progress.note(warning)
        if epoch == 0 or loss < place.best_loss or math.isnan(place.best_loss):
            place.best_epoch, place.best_loss = epoch, loss
            self.best = copy.deepcopy(self.learner.kept.state_dict())

    def plan_on(self) -> None:
        """Under a time budget, plan again from what an epoch really took."""
        if self.config.time_budget:
            plan = replanned(
                self.clock,
                Plan(epochs=self.place.epochs, steps=self.place.steps),
                epoch=self.place.epoch,
                epoch_s=self.place.tally.seconds + self.judge_s,
            )
            self.place.epochs = agreed(plan).epochs

    def reason(self, interruption: Interruption) -> str:
        """Why to stop here, if there is a reason; the same in every process."""
        asked, late = interruption.asked, self.clock.left_s <= 0
        if not self._alone:
            accelerator = self.learner.accelerator
            votes = torch.tensor([float(asked), float(late)], device=accelerator.device)
            asked, late = (vote > 0 for vote in accelerator.reduce(votes, "sum").tolist())
        return "interrupted" if asked else "time" if late else ""

    def failed(self, pixels: Tensor, targets: Tensor, loss: float) -> UsageError:
        """Make the error of a loss that is no number, and leave nothing to go on from."""
        self.checkpoints.clear()
        return diverged(
            self.learner.model,
            lambda: self.learner.forward(pixels, targets),
            epoch=self.place.epoch,
            step=self.place.step + 1,
            loss=loss,
            rate=self.learner.rate,
        )

    def save(self) -> None:
        """Write a checkpoint."""
        self.place.elapsed_s = self.clock.elapsed_s
        self.checkpoints.save(
            {
                "place": self.place.as_dict(),
                "learner": self.learner.state(),
                "best": self.best,
                "random": random_states(),
                "estimate": self.estimate,
                "judge_s": self.judge_s,
                "threads": torch.get_num_threads(),
                "tracking": dict(self.memory),
                "instruments": None if self.instruments is None else self.instruments.state(),
            }
        )

    def restore(self, state: State) -> None:
        """Go on from a checkpoint: the same steps that would have come."""
        self.place = Place.from_dict(state["place"])
        self.best, self.estimate = state["best"], state["estimate"]
        self.judge_s = state["judge_s"]
        if self.instruments is not None and state["instruments"] is not None:
            self.instruments.restore(state["instruments"])
        self.clock.continue_from(self.place.elapsed_s)
        torch.set_num_threads(int(state["threads"]))  # sums depend on how they are cut
        self.learner.begin(self.place.epoch)
        self.learner.restore(state["learner"])
        set_random_state(state["random"], self.learner.accelerator.process_index)
        self.progress.note(
            f"going on with epoch {self.place.epoch} of {self.place.epochs}, step "
            f"{self.place.step + 1} of {self.place.steps}"
        )

    def end(self, stopped: str) -> Outcome:
        """Give the best weights to the model, and the account."""
        place = self.place
        if place.best_epoch == 0:
            self.progress.note(
                "no epoch lowered the validation loss: the model is kept as it was at the start; "
                f"try `--set learning_rate={self.config.resolved_rate / 5:g}` or more epochs"
            )
        model = self.learner.end()
        model.load_state_dict(self.best)
        model.eval()
        seconds = place.seconds + place.tally.seconds
        return Outcome(
            epoch=place.best_epoch,
            validation_loss=place.best_loss,
            history=tuple(place.history),
            stopped=stopped,
            cost={
                **self.estimate,
                "seconds": round(self.clock.elapsed_s, 3),
                "waiting_fraction": (place.waited_s + place.tally.waited_s) / max(seconds, 1e-9),
                "photos_at_a_time": self.learner.part_size,
                "precision": self.learner.accelerator.mixed_precision,
                "processes": self.learner.accelerator.num_processes,
                "warnings": [] if self.instruments is None else list(self.instruments.warnings),
            },
            layers=() if self.instruments is None else self.instruments.layers,
        )

    @property
    def size_px(self) -> int:
        """Side of the input in this epoch."""
        return self.batching.size_px((self.place.epoch - 1) / self.place.epochs)

    @property
    def _alone(self) -> bool:
        return bool(self.learner.accelerator.num_processes == 1)

    def _measured(self, epoch: int) -> tuple[float | None, tuple[LayerValues, ...], Sequence[str]]:
        """What the instruments say of an epoch: update ratio, layers, new warnings."""
        if self.instruments is None or epoch == 0:
            return None, (), ()
        model = self.learner.model
        return self.instruments.update_ratio(model), *self.instruments.epoch(model, epoch)

    def _estimated(self) -> Estimate:
        order = self.batching.order(1)
        pixels, targets, _ = self.batching.batch(order, 1, self.size_px, 0)
        rows = self.batching.rows(order, 0)[self.batching.rank :: self.batching.world]
        labels = torch.from_numpy(self.batching.train.labels[rows])
        return estimated(self.learner, pixels, targets, labels)
