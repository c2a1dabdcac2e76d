"""Schedules: how the learning rate rises and falls over a training.

A schedule is a function of how much of the training is done, not of a count of steps, so it stays
right when the plan changes: under a time budget, after a batch was halved, after a resume.
"""

import math

from lineament.training.recipe import TrainConfig

WARMUP_START = 0.1  # of the full rate; starting from 0 would waste the first step
ONE_CYCLE_START = 1 / 25  # as in Smith & Topin's experiments and in torch
ONE_CYCLE_RISE = 0.3  # part of the training; `warmup_fraction` is for the other schedules


class Schedule:
    """The factor on the learning rate, by how much is done.

    ``cosine`` falls to 0 along half a cosine (Loshchilov & Hutter 2017), ``constant`` stays,
    ``step`` falls to `rate_factor` of itself every `step_epochs`, ``plateau`` falls so after
    `plateau_epochs` epochs without a lower validation loss. All four first rise linearly over
    `warmup_fraction` of the training. ``onecycle`` (Smith & Topin 2018) rises linearly from a 25th
    over 30 % of it, whatever the warm-up, and falls to 0 along half a cosine.

    Args:
        config: The recipe.

    Example:
        >>> schedule = Schedule(TrainConfig(schedule="cosine", warmup_fraction=0.5))
        >>> [round(schedule.factor(done_fraction=done, epoch=1), 2) for done in (0, 0.25, 0.5, 1)]
        [0.1, 0.55, 1.0, 0.0]
    """

    def __init__(self, config: TrainConfig) -> None:
        self._config = config
        self._lowest: float | None = None
        self._since_lowest = 0
        self._falls = 0

    def factor(self, *, done_fraction: float, epoch: int) -> float:
        """Give the factor on the full rate for the next step.

        Args:
            done_fraction: Part of all photos of the training that it has already learned from,
                0 to 1; what is outside counts as the nearer end.
            epoch: The epoch of the next step, from 1.

        Returns:
            0 to 1.
        """
        done = min(max(done_fraction, 0.0), 1.0)
        config = self._config
        if config.schedule == "onecycle":
            if done < ONE_CYCLE_RISE:
                return _between(ONE_CYCLE_START, 1.0, done / ONE_CYCLE_RISE)
            return _half_cosine((done - ONE_CYCLE_RISE) / (1 - ONE_CYCLE_RISE))
        warmup = config.warmup_fraction
        if config.schedule == "cosine" and done >= warmup:
            return _half_cosine((done - warmup) / (1 - warmup))
        falls = 0
        if config.schedule == "step":
            falls = (epoch - 1) // config.step_epochs
        elif config.schedule == "plateau":
            falls = self._falls
        risen = _between(WARMUP_START, 1.0, done / warmup) if done < warmup else 1.0
        return risen * config.rate_factor**falls

    def observe(self, validation_loss: float) -> None:
        """Take note of an epoch's validation loss; only ``plateau`` answers to it.

        Args:
            validation_loss: Mean over the validation photos, after the epoch.
        """
        if self._lowest is None or validation_loss < self._lowest:
            self._lowest, self._since_lowest = validation_loss, 0
            return
        self._since_lowest += 1
        if self._since_lowest == self._config.plateau_epochs:
            self._falls, self._since_lowest = self._falls + 1, 0

    def state(self) -> dict[str, float | int | None]:
        """Everything that was observed, for a checkpoint; plain numbers."""
        return {
            "lowest": self._lowest,
            "since_lowest": self._since_lowest,
            "falls": self._falls,
        }

    def restore(self, state: dict[str, float | int | None]) -> None:
        """Go on from what `state` gave."""
        self._lowest = state["lowest"]
        self._since_lowest = int(state["since_lowest"] or 0)
        self._falls = int(state["falls"] or 0)


def _between(start: float, end: float, part: float) -> float:
    return start + (end - start) * part


def _half_cosine(part: float) -> float:
    """Fall from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * part))
