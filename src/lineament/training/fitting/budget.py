"""Budget: how long training may take, and how many epochs that is."""

import dataclasses
import re
import time
from collections.abc import Callable

from lineament.core.errors import UsageError

FINISHING_FRACTION = 0.05  # of the budget, left for writing the graph and calibrating
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(text: str) -> float:
    """Read a duration.

    Raises:
        UsageError: It is not a positive number with s, m or h.

    Example:
        >>> seconds_of("20m")
        1200.0
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh])\s*", text)
    if not found or float(found[1]) == 0:
        raise UsageError(
            f"`time_budget` must be a duration such as 45s, 20m or 1.5h, got {text!r}.",
            fix="Give a number above 0 and s, m or h.",
        )
    return float(found[1]) * UNITS[found[2]]


class Clock:
    """How long a training has taken, over all the times that it was resumed.

    Args:
        budget_s: How long it may take in all; ``None`` is as long as it needs.
        now: Tells the time in seconds, from any moment on.
    """

    def __init__(
        self, budget_s: float | None = None, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.budget_s = budget_s
        self._now = now
        self._started = now()

    @property
    def elapsed_s(self) -> float:
        """Since the training began."""
        return self._now() - self._started

    @property
    def left_s(self) -> float:
        """Until training must end so that the rest still fits."""
        if self.budget_s is None:
            return float("inf")
        return self.budget_s * (1 - FINISHING_FRACTION) - self.elapsed_s

    def continue_from(self, elapsed_s: float) -> None:
        """Count what an earlier process took."""
        self._started -= elapsed_s


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is trained.

    Attributes:
        epochs: How many passes.
        steps: Of an epoch.
    """

    epochs: int
    steps: int


def planned(clock: Clock, *, steps: int, step_s: float, judge_s: float) -> Plan:
    """Plan as many whole epochs as the budget allows; where not one fits, a part of one.

    Args:
        clock: The budget.
        steps: Of a whole epoch.
        step_s: One step.
        judge_s: Judging all validation photos, once before the first epoch and once after each.
    """
    left = clock.left_s - judge_s
    epochs = int(left / (steps * step_s + judge_s))
    if epochs >= 1:
        return Plan(epochs=epochs, steps=steps)
    return Plan(epochs=1, steps=max(1, min(steps, int((left - judge_s) / step_s))))


def replanned(clock: Clock, plan: Plan, *, epoch: int, epoch_s: float) -> Plan:
    """Plan again after an epoch, from what epochs really take.

    Args:
        clock: The budget.
        plan: As it was.
        epoch: How many epochs are done.
        epoch_s: What one took, judging included.
    """
    return dataclasses.replace(plan, epochs=epoch + max(0, int(clock.left_s / epoch_s)))
