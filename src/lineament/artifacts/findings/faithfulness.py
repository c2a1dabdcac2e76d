"""Faithfulness: whether what a map marks is what the model answers by."""

import dataclasses

from lineament.measure.intervals import Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Against:
    """A method against a map that knows nothing, on the same photos.

    Attributes:
        baseline: Title of that map.
        insertion: Area under the method's insertion curve less the baseline's.
        deletion: Area under the baseline's deletion curve less the method's.
        beats: Whether both differences are told from 0: their intervals lie above it.
    """

    baseline: str
    insertion: Interval
    deletion: Interval
    beats: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Faithful:
    """One method, or one baseline.

    Attributes:
        title: The method.
        insertion: Area under the insertion curve, 0 to 1: the higher, the sooner what it marks
            makes the model answer as it does of the whole photo.
        deletion: Area under the deletion curve, 0 to 1: the lower, the sooner the answer is lost.
        insertion_curve: Mean probability of the class, by fraction shown.
        deletion_curve: Mean probability of the class, by fraction hidden.
        seconds: Of one map, the median; ``None`` where it was not measured.
        against: Each baseline; none of a baseline.
        sentence: What that says, in words; empty of a baseline.
    """

    title: str
    insertion: Interval
    deletion: Interval
    insertion_curve: tuple[float, ...]
    deletion_curve: tuple[float, ...]
    seconds: float | None = None
    against: tuple[Against, ...] = ()
    sentence: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Faithfulness:
    """All methods on the same photos.

    Attributes:
        photos: How many.
        seed: Of their choice and of the noise.
        fractions: Of the photo shown or hidden, 0 to 1, rising.
        methods: The methods.
        baselines: The maps that know nothing.
    """

    photos: int
    seed: int
    fractions: tuple[float, ...]
    methods: tuple[Faithful, ...]
    baselines: tuple[Faithful, ...]
