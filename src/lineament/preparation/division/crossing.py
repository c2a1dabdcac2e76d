"""Crossing: photos that are tied to a given split and do not lie in it, which are left out.

A source, or a list, says which photos are the test split. A copy, a near duplicate or another photo
of the same person that was not put there would teach the model what it is tested on. What reports
or chooses keeps its photos: of what is tied together the test photos stay, else the validation
photos.
"""

from collections.abc import Mapping, Sequence

from lineament.preparation.division.grouping import KINDS, SAYS, Member, components, ties
from lineament.preparation.sources.listing import COPY, NEAR_COPY, TIED, Rejection

RANKS = {"": 0, "train": 0, "validation": 1, "test": 2}
REASONS = {"duplicates": COPY, "near": NEAR_COPY, "group": TIED}


def ties_across(members: Sequence[Member], sides: Mapping[str, str]) -> list[Rejection]:
    """Choose what to leave out where tied photos lie in more than one given split.

    Args:
        members: The photos, in any order.
        sides: Key to given split, an empty text for none, which counts as train.

    Returns:
        The photos to leave out, by name, each with the photo it is tied to and how.

    Example:
        >>> photos = [
        ...     Member(key="a", class_name="cat", near_set="n"),
        ...     Member(key="b", class_name="cat", near_set="n"),
        ... ]
        >>> [each.reason for each in ties_across(photos, {"a": "", "b": "test"})]
        ['near duplicate of b, which is in the test split']
    """
    ordered = sorted(members, key=lambda member: member.key)
    rejected = []
    for unit in components([ties(member) for member in ordered]):
        if len({RANKS[sides[ordered[index].key]] for index in unit}) > 1:
            rejected += _left_out([ordered[index] for index in unit], sides)
    return sorted(rejected, key=lambda rejection: rejection.relative)


def _left_out(unit: Sequence[Member], sides: Mapping[str, str]) -> list[Rejection]:
    """Follow the ties outwards from the photos that stay, nearest and strongest first."""
    highest = max((sides[member.key] for member in unit), key=RANKS.__getitem__)
    tied: dict[tuple[str, str], list[Member]] = {}
    for member in unit:
        for tie in ties(member):
            tied.setdefault(tie, []).append(member)
    reached = [member for member in unit if sides[member.key] == highest]
    origins = {member.key: member.key for member in reached}
    rejected = []
    distance = 0
    while reached:
        following = []
        # Ties are followed once, so that a large group costs no more than its photos.
        found = [
            (kind, other, member)
            for kind in KINDS
            for member in reached
            for tie in ties(member)
            if tie[0] == kind
            for other in tied.pop(tie, [])
        ]
        for kind, other, member in found:
            if other.key in origins:
                continue
            origin = origins[other.key] = origins[member.key]
            tie_said = f"tied through {member.key} to" if distance else SAYS[kind]
            rejected.append(
                Rejection(
                    relative=other.key,
                    kind=TIED if distance else REASONS[kind],
                    reason=f"{tie_said} {origin}, which is in the {highest} split",
                )
            )
            following.append(other)
        reached = following
        distance += 1
    return rejected
