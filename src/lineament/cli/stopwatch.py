"""Stopwatch: which step of a loop its time goes to."""

import time
from collections.abc import Sequence


class Stopwatch:
    """Time by step, where one step begins as another ends.

    Args:
        steps: Their names, in the order in which they are told; the first one begins at once.

    Example:
        >>> watch = Stopwatch(("reading", "writing"))
        >>> watch.to("writing")
        >>> watch.line().startswith("time: ")
        True
    """

    def __init__(self, steps: Sequence[str]) -> None:
        self._spent_s = dict.fromkeys(steps, 0.0)
        self._step, self._since = steps[0], time.perf_counter()

    def to(self, step: str) -> None:
        """From now on it is another step."""
        now = time.perf_counter()
        self._spent_s[self._step] += now - self._since
        self._step, self._since = step, now

    @property
    def seconds(self) -> float:
        """How long all steps have taken, up to the last change of step."""
        return sum(self._spent_s.values())

    def line(self) -> str:
        """Say each step's share."""
        whole = self.seconds or 1.0
        shares = (f"{100 * spent / whole:.0f} % {step}" for step, spent in self._spent_s.items())
        return f"time: {', '.join(shares)}"
