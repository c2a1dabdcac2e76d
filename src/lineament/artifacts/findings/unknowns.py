"""Unknowns: what is called unknown of the measured photos, and of photos of something else."""

import dataclasses

from lineament.measure.intervals import Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Refusals:
    """The measured photos, all of them known, against the model's threshold of familiarity.

    Attributes:
        asked: The part of known photos that may be called unknown, 0 to 1.
        threshold: The least familiarity of a photo that is answered, chosen on validation.
        refused: The part of the measured photos that is called unknown.
        refused_right: How many of these had the right class as the nearest.
        answered_right: Of the others, the part with the right answer; ``None`` where there are
            none.
        sentence: The same in words.
    """

    asked: float
    threshold: float
    refused: Interval
    refused_right: int
    answered_right: Interval | None
    sentence: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnknownScore:
    """One way to tell them apart.

    Attributes:
        name: ``familiarity``, which ships, or a score of the logits.
        area_under_roc: How often a known photo scores higher than an unknown one.
        false_positive_rate: The part of unknown photos that pass where 95 % of known ones do.
    """

    name: str
    area_under_roc: Interval
    false_positive_rate: Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class PassedUnknown:
    """An unknown photo that was answered as if it were known.

    Attributes:
        source: Its file.
        answer: The class.
        confidence: Of the answer.
        familiarity: 0 to 1.
        thumbnail: A small JPEG in base64.
    """

    source: str
    answer: str
    confidence: float
    familiarity: float | None
    thumbnail: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unknowns:
    """The measured photos against photos that show none of the classes.

    Attributes:
        source: Where the unknown photos are.
        known: How many known photos.
        unknown: How many unknown photos.
        unreadable: How many of the files could not be read.
        scores: Each with its figures; the one that ships is first.
        threshold: The shipped one, chosen on validation; ``None`` where there is none.
        known_refused: The part of known photos called unknown; ``None`` without a threshold.
        unknown_refused: The part of unknown photos called unknown.
        open_set_accuracy: Over all photos: known ones answered with their class, unknown ones
            refused.
        passed: The most familiar unknown photos that were answered.
        sentence: The same in words.
    """

    source: str
    known: int
    unknown: int
    unreadable: int
    scores: tuple[UnknownScore, ...]
    threshold: float | None
    known_refused: Interval | None
    unknown_refused: Interval | None
    open_set_accuracy: Interval | None
    passed: tuple[PassedUnknown, ...]
    sentence: str
