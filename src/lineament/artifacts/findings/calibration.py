"""Calibration: how far stated confidence agrees with how often it is right."""

import dataclasses

from lineament.measure.calibration import ReliabilityBin
from lineament.measure.intervals import Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Uncalibrated:
    """The same model on the same photos, had its logits not been divided by the temperature.

    Attributes:
        temperature: What they are divided by; 1 where validation did not ask for another.
        expected_calibration_error: A fraction, 0 (agrees) to 1.
        log_loss: In nats.
        brier: 0 (certain and right) to 2 (certain and wrong).
        bins: As those of `Calibration`.
        sentence: What the temperature changed, in words.
    """

    temperature: float
    expected_calibration_error: Interval
    log_loss: Interval
    brier: Interval
    bins: tuple[ReliabilityBin, ...]
    sentence: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """Of the shipped model.

    Attributes:
        expected_calibration_error: A fraction, 0 (agrees) to 1.
        n_bins: How many bins of equal mass were asked for.
        bins: Those that hold photos, lowest confidence first.
        before: Without the temperature; ``None`` in reports of before that was measured.
    """

    expected_calibration_error: float
    n_bins: int
    bins: tuple[ReliabilityBin, ...]
    before: Uncalibrated | None = None
