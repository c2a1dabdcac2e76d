"""Slices: parts of the photos on which the model may be worse than on the rest."""

import dataclasses

from lineament.measure.intervals import Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slice:
    """One part of the photos.

    Attributes:
        column: What divides the photos: a column of the source's metadata, or ``brightness``,
            ``sharpness``, ``size`` ... measured on them.
        value: Which of its values, or the range of it, in words.
        photos: How many there are.
        groups: How many groups they form; ``None`` where no photo names one.
        accuracy: On them.
        difference: Their accuracy less that of the others.
        p_value: Of no difference, after Holm's correction over all slices of the report.
        within_classes: The difference between photos of the same class, over all classes that both
            sides have; ``None`` where there are none.
    """

    column: str
    value: str
    photos: int
    groups: int | None
    accuracy: Interval
    difference: Interval
    p_value: float
    within_classes: Interval | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slices:
    """All parts that were looked at.

    Attributes:
        slices: Weakest first.
        skipped: Columns that were not used, each with its reason.
        sentences: What stands out, in words; at least one, also where nothing does.
    """

    slices: tuple[Slice, ...]
    skipped: tuple[str, ...]
    sentences: tuple[str, ...]
