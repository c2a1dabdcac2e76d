"""Robustness: the accuracy on photos that were spoilt on purpose."""

import dataclasses

from lineament.measure.intervals import Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spoilt:
    """One corruption at one severity.

    Attributes:
        corruption: ``noise``, ``blur``, ``brightness``, ``jpeg`` ...
        severity: 1 (slight) to 5.
        accuracy: On the spoilt photos.
        loss: The accuracy on the same photos as they are, less that on the spoilt ones.
    """

    corruption: str
    severity: int
    accuracy: Interval
    loss: Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Robustness:
    """All corruptions.

    Attributes:
        photos: How many photos were spoilt, drawn from the measured ones.
        clean: The accuracy on them as they are.
        spoilt: By corruption, severity rising.
        mean_accuracy: Over all corruptions and severities.
        sentences: What stands out, in words.
        examples: By corruption, one photo at the five severities as a JPEG in base64.
    """

    photos: int
    clean: Interval
    spoilt: tuple[Spoilt, ...]
    mean_accuracy: Interval
    sentences: tuple[str, ...]
    examples: tuple[tuple[str, str], ...]
