"""Place: where a training is and what it has seen so far, in plain numbers that can be stored."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, cast

Row = dict[str, object]


@dataclasses.dataclass(kw_only=True)
class Tally:
    """Sums over the steps of an epoch.

    Attributes:
        steps: How many.
        photos: How many, over all processes.
        loss: Of each photo, in nats.
        right: Photos answered as their label says.
        norm: Of each step's gradient.
        seconds: Of the steps.
        waited_s: Of these, waiting for photos.
    """

    steps: int = 0
    photos: int = 0
    loss: float = 0.0
    right: int = 0
    norm: float = 0.0
    seconds: float = 0.0
    waited_s: float = 0.0


@dataclasses.dataclass(kw_only=True)
class Place:
    """Where a training is.

    Attributes:
        epoch: The one that is running, from 1.
        step: Of it, the next one, from 0.
        epochs: How many are planned.
        steps: Of an epoch.
        done: Part of the training, 0 to 1, which never shrinks when the plan grows.
        tally: Of the running epoch.
        seconds: Of the steps of the epochs before.
        waited_s: Of these, waiting for photos.
        elapsed_s: Of everything, when this was written.
        best_epoch: With the least validation loss; 0 is the start.
        best_loss: That loss.
        history: One row per judged epoch.
    """

    epoch: int = 1
    step: int = 0
    epochs: int = 1
    steps: int = 1
    done: float = 0.0
    tally: Tally = dataclasses.field(default_factory=Tally)
    seconds: float = 0.0
    waited_s: float = 0.0
    elapsed_s: float = 0.0
    best_epoch: int = 0
    best_loss: float = math.inf
    history: list[Row] = dataclasses.field(default_factory=list)

    def advance(self) -> None:
        """Count a step."""
        self.step += 1
        done = (self.epoch - 1) * self.steps + self.step
        self.done = min(1.0, max(self.done, done / (self.epochs * self.steps)))

    @property
    def idle_epochs(self) -> int:
        """Epochs that were judged since the trained one with the least validation loss.

        The start is left out: training that begins with a fitted head first loses by moving the
        layers under it, and may well be falling steadily when it has yet to reach where it began.
        """
        losses = [cast(float, row["validation_loss"]) for row in self.history if row["epoch"]]
        numbers = [loss for loss in losses if not math.isnan(loss)]
        return len(losses) - 1 - losses.index(min(numbers)) if numbers else len(losses)

    def turn(self) -> None:
        """Go to the next epoch."""
        self.seconds += self.tally.seconds
        self.waited_s += self.tally.waited_s
        self.epoch, self.step, self.tally = self.epoch + 1, 0, Tally()

    def as_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "Place":
        """Read what `as_dict` wrote."""
        return cls(**{**state, "tally": Tally(**state["tally"])})
