"""Divide: which splits a source gives, which are to be made, and whether they can be.

What the source or a list gives stays (`listed`), and what is tied to it from outside is left out
(`crossing`); a dataset that is extended keeps its sides (`extension`); the rest is split by class
(`split`) or by time (`chronology`); then the result is judged (`outlook`).
"""

from collections.abc import Mapping, Sequence

from lineament.preparation.division.grouping import (
    Member,
    connected,
    require_one_side,
    splits_by_tie,
)
from lineament.preparation.division.split import require_enough


def fractions_to_make(given: Mapping[str, str], fractions: Mapping[str, float]) -> dict[str, float]:
    """Say which splits are to be made, and of which part of the photos that are free.

    Args:
        given: The given splits, to what the source calls them; empty for none. Lists of photos
            may give a test split alone.
        fractions: What the configuration asks for.

    Returns:
        Split to fraction, summing to 1. All three where none is given; ``train`` and what is carved
        out of it where one is lacking; empty where there is nothing to make.

    Example:
        >>> wanted = {"train": 0.75, "validation": 0.25, "test": 0.0}
        >>> fractions_to_make({"train": "train", "test": "test"}, wanted)
        {'train': 0.75, 'validation': 0.25}
        >>> fractions_to_make({"train": "train", "validation": "val"}, wanted)
        {}
        >>> fractions_to_make({"test": "hard.csv"}, wanted)
        {'train': 0.75, 'validation': 0.25}
    """
    if not given:
        return dict(fractions)
    lacking = [
        split
        for split, part in fractions.items()
        if split not in given and split != "train" and part > 0
    ]
    whole = fractions["train"] + sum(fractions[split] for split in lacking)
    names = ["train", *lacking] if lacking or "train" not in given else []
    return {split: fractions[split] / whole for split in names}


def check_division(
    members: Sequence[Member],
    sides: Mapping[str, str],
    to_make: Mapping[str, float],
    *,
    groups_whole: bool = True,
) -> None:
    """Refuse what cannot be divided, before the photos are read.

    Args:
        members: The photos; duplicates are not known yet, so that fewer units may be left later.
        sides: Key to given split, an empty text for none.
        to_make: From `fractions_to_make`.
        groups_whole: Whether a group may lie in one given split only. Where a list names single
            photos it may not know of groups: what they share with other splits is left out later
            (`crossing`).

    Raises:
        DataError: Groups lie in more than one given split, or classes have too few units.
    """
    if groups_whole:
        require_one_side(splits_by_tie(members, sides)["group"])
    if to_make:
        wanted = [split for split, fraction in to_make.items() if fraction > 0]
        require_enough(connected(_free(members, sides)), wanted)


def _free(members: Sequence[Member], sides: Mapping[str, str]) -> list[Member]:
    return [member for member in members if sides[member.key] in ("", "train")]
