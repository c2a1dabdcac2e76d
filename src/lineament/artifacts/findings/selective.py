"""Selective answers: how often the model is wrong if it only answers when it is sure."""

import dataclasses

from lineament.measure.intervals import Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """One promise and what became of it.

    Attributes:
        precision: What was asked for, 0 to 1.
        confidence: The least confidence of an answer, chosen on validation; ``None`` where
            validation never reached the precision.
        answered: The fraction of the measured photos that are answered so.
        reached: Of these, the fraction that is right; ``None`` where none is answered.
        sentence: The same in words.
    """

    precision: float
    confidence: float | None
    answered: Interval | None
    reached: Interval | None
    sentence: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selective:
    """Risk against coverage.

    Attributes:
        curve: Triples of coverage, risk (the fraction of answers that is wrong) and the least
            confidence, coverage rising; at most some hundred.
        area: Under the curve, 0 to 1; the lower the better.
        points: Per precision that was asked for.
    """

    curve: tuple[tuple[float, float, float], ...]
    area: Interval
    points: tuple[OperatingPoint, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictionSets:
    """Sets of classes that are to hold the true one (split conformal prediction).

    Attributes:
        asked: How often, 0 to 1.
        threshold: The least probability of a class in the set, chosen on validation.
        reached: How often they hold it on the measured photos.
        mean_size: Classes in a set.
        sizes: How many photos have a set of 0, 1, 2 ... classes; the last entry also counts larger.
        sentence: The same in words.
    """

    asked: float
    threshold: float
    reached: Interval
    mean_size: Interval
    sizes: tuple[int, ...]
    sentence: str
