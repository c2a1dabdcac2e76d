"""Hiding: whether a model still answers when what it should look at is hidden."""

import dataclasses

from lineament.measure.intervals import Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hiding:
    """The same photos whole, without their centre and without what surrounds it.

    Attributes:
        photos: How many.
        centre_fraction: Side of the central square as a part of the photo's sides.
        whole: Accuracy on the photos as they are.
        centre_hidden: Accuracy with the centre painted over.
        background_hidden: Accuracy with all but the centre painted over.
        chance: What answering the most frequent class would reach on them.
        is_alarm: Whether the surroundings alone carry most of the way from chance to the whole.
        sentences: The same in words.
    """

    photos: int
    centre_fraction: float
    whole: Interval
    centre_hidden: Interval
    background_hidden: Interval
    chance: float
    is_alarm: bool
    sentences: tuple[str, ...]
