"""Divide photos into train, validation and test: keep what the source gives, make what it lacks."""

from collections.abc import Mapping, Sequence

from lineament.preparation.grouping import Member, connected, require_one_side, splits_by_tie
from lineament.preparation.split import require_enough, split_photos


def fractions_to_make(given: Mapping[str, str], fractions: Mapping[str, float]) -> dict[str, float]:
    """Say which splits are to be made, and of which part of the photos that are free.

    Args:
        given: The given splits, empty or with ``train``, to the names of their folders.
        fractions: What the configuration asks for.

    Returns:
        Split to fraction, summing to 1. All three where none is given; ``train`` and the one that
        is carved out of it where one is lacking; empty where there is nothing to make.

    Example:
        >>> wanted = {"train": 0.75, "validation": 0.25, "test": 0.0}
        >>> fractions_to_make({"train": "train", "test": "test"}, wanted)
        {'train': 0.75, 'validation': 0.25}
        >>> fractions_to_make({"train": "train", "validation": "val"}, wanted)
        {}
    """
    if not given:
        return dict(fractions)
    lacking = [split for split, part in fractions.items() if split not in given and part > 0]
    whole = fractions["train"] + sum(fractions[split] for split in lacking)
    names = ["train", *lacking] if lacking else []
    return {split: fractions[split] / whole for split in names}


def check_division(
    members: Sequence[Member], sides: Mapping[str, str], to_make: Mapping[str, float]
) -> None:
    """Refuse what cannot be divided, before the photos are read.

    Args:
        members: The photos; duplicates are not known yet, so that fewer units may be left later.
        sides: Key to given split, an empty text for none.
        to_make: From `fractions_to_make`.

    Raises:
        DataError: Groups lie in more than one given split, or classes have too few units.
    """
    require_one_side(splits_by_tie(members, sides)[0])
    if to_make:
        wanted = [split for split, fraction in to_make.items() if fraction > 0]
        require_enough(connected(_free(members, sides)), wanted)


def divide(
    members: Sequence[Member],
    sides: Mapping[str, str],
    to_make: Mapping[str, float],
    *,
    seed: int,
) -> dict[str, str]:
    """Put every photo in its split.

    Args:
        members: The photos.
        sides: Key to given split, an empty text for none.
        to_make: From `fractions_to_make`; made of the photos that are in no split or in ``train``.
        seed: Chooses among equally good splits.

    Returns:
        Key to split.

    Raises:
        DataError: As `split_photos`.
    """
    made = split_photos(_free(members, sides), to_make, seed=seed) if to_make else {}
    return {member.key: made.get(member.key, sides[member.key]) for member in members}


def _free(members: Sequence[Member], sides: Mapping[str, str]) -> list[Member]:
    return [member for member in members if sides[member.key] in ("", "train")]
