"""Smoothing: an answer over time, so that a label does not flicker from frame to frame."""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.runtime.answers import Answer


class Smoother:
    """Exponential smoothing of answers that come at any times.

    ``s += (1 - exp(-dt / tau)) (x - s)``: what was seen ``tau`` seconds ago counts for 1/e of what
    is seen now, at any frame rate. It is the discrete form of a first-order low-pass filter; for
    irregular times see Wright, "Forecasting data published at irregular time intervals using an
    extension of Holt's method" (1986).

    Args:
        seconds: ``tau``; 0 leaves answers as they are.
        unknown_threshold: The least familiarity of what is known; ``None`` where all is.

    Raises:
        UsageError: ``seconds`` is negative or no number.

    Example:
        >>> said = Answer(source="", probabilities=np.array([1.0, 0.0], np.float32))
        >>> then = Answer(source="", probabilities=np.array([0.0, 1.0], np.float32))
        >>> smoother = Smoother(seconds=1.0)
        >>> print(smoother.smoothed(said, at=0.0).probabilities.round(2))
        [1. 0.]
        >>> print(smoother.smoothed(then, at=1.0).probabilities.round(2))
        [0.37 0.63]
    """

    def __init__(self, *, seconds: float, unknown_threshold: float | None = None) -> None:
        if not 0 <= seconds < math.inf:
            raise UsageError(
                f"`--smooth` must be 0 or more seconds, got {seconds:g}.",
                fix="Give the seconds over which answers are smoothed, such as 0.5; 0 for none.",
            )
        self._seconds, self._threshold = seconds, unknown_threshold
        self._at = 0.0
        self._probabilities: NDArray[np.float64] | None = None
        self._familiarity: float | None = None

    def smoothed(self, answer: Answer, *, at: float) -> Answer:
        """Smooth the next answer.

        Args:
            answer: To one frame; one without an answer is left as it is, and changes nothing.
            at: When it was seen, in seconds, not before the one that was smoothed last.
        """
        if self._seconds == 0 or answer.probabilities is None:
            return answer
        step = 1.0
        if self._probabilities is not None:
            step = -math.expm1(-max(0.0, at - self._at) / self._seconds)
        self._at = at
        seen = answer.probabilities.astype(np.float64)
        before = seen if self._probabilities is None else self._probabilities
        self._probabilities = before + step * (seen - before)
        if answer.familiarity is not None:
            earlier = answer.familiarity if self._familiarity is None else self._familiarity
            self._familiarity = earlier + step * (answer.familiarity - earlier)
        return dataclasses.replace(
            answer,
            probabilities=self._probabilities.astype(np.float32),
            familiarity=self._familiarity,
            is_unknown=self._threshold is not None
            and self._familiarity is not None
            and self._familiarity < self._threshold,
        )
