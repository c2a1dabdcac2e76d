"""Sanity: whether a method's maps depend on what was learnt, asked with random weights."""

import dataclasses

from lineament.measure.intervals import Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Randomised:
    """How like the trained model's the maps of a model are that is random down to some part.

    Attributes:
        part: The last part that was made random: ``head``, then the backbone's stages from the last
            to the first, as ``stage 4 of 4``.
        correlation: Spearman's, the mean over photos; -1 to 1.
        flat: Photos whose map of the random model is the same everywhere; they count as 0, because
            nothing of the trained model's map is left.
    """

    part: str
    correlation: Interval
    flat: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class SanityCheck:
    """What became of a method's maps when weights were made random.

    Attributes:
        title: The method.
        photos: How many photos were compared.
        left_out: Photos whose map of the trained model is the same everywhere, which has no order.
        seed: Of the random weights.
        parts: From the head alone to everything.
        verdict: ``changes``, ``hardly changes`` or ``undecided``, by the model that is random
            throughout.
        sentence: The result for a reader.
    """

    title: str
    photos: int
    left_out: int
    seed: int
    parts: tuple[Randomised, ...]
    verdict: str
    sentence: str
