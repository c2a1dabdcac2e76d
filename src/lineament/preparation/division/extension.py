"""Extension: photos are added to a source, and no old photo changes its split.

Photos are known by their pixels, so a renamed one is not new. A new photo that is tied to old ones
follows them. Where new photos tie old ones of different splits together, the old ones stay where
they are and the new ones that touch the other splits are left out. Old photos that are themselves
tied across splits, which a new way of grouping can do, are refused: no choice would be right.
"""

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from lineament.artifacts.dataset import SPLITS
from lineament.core.errors import DataError
from lineament.preparation.division.grouping import SAYS, Member, components, ties
from lineament.preparation.sources.listing import CORRECTION, TIED, Rejection

SET_LETTERS = 16  # of a hash, as in the names of duplicate sets

Tie = tuple[str, str]
Anchors = dict[str, str]  # split to an old photo that lies in it, or to how one is tied to it


def kept_sides(
    members: Sequence[Member],
    old: Mapping[str, str],
    *,
    near: Iterable[tuple[str, str]] | None = None,
) -> tuple[dict[str, str], list[Rejection]]:
    """Say where old photos, and what is tied to them, stay.

    Args:
        members: All photos of the source, old and new, in any order.
        old: Hash of the pixels of each old photo to its split.
        near: Pairs of keys of near duplicates. With them a tie is between two photos, and a new
            photo that alone joins two old ones is left out; `retied` then makes the near sets of
            what remains. ``None`` takes all photos of a near set as tied to each other.

    Returns:
        Key to split for every old photo and every new one that follows; and the new photos to
        leave out, by name.

    Raises:
        DataError: Old photos of different splits are tied to each other; all such ties are named.

    Example:
        >>> photos = [
        ...     Member(key="a", class_name="cat", content="1", group="anna"),
        ...     Member(key="b", class_name="cat", content="2", group="anna"),
        ... ]
        >>> kept_sides(photos, {"1": "test"})
        ({'a': 'test', 'b': 'test'}, [])
    """
    ordered = sorted(members, key=lambda member: member.key)
    tied = _all_ties(ordered, near)
    anchors: dict[Tie, Anchors] = {}
    sides: dict[str, str] = {}
    for member, names in zip(ordered, tied, strict=True):
        if member.content in old:
            side = sides[member.key] = old[member.content]
            for name in names:
                anchors.setdefault(name, {}).setdefault(side, member.key)
    _require_untied(anchors)
    new = [index for index, member in enumerate(ordered) if member.content not in old]
    rejected = []
    stays = []
    for unit in components([tied[index] for index in new]):
        touched = {new[at]: _touched(tied[new[at]], anchors) for at in unit}
        follows = _side_to_follow(touched.values())
        for index, found in touched.items():
            if set(found) <= {follows}:
                stays.append(index)
            else:
                rejected.append(_rejection(ordered[index].key, found))
    # Without those that are left out, some new photos are tied to no old one any more.
    for unit in components([tied[index] for index in stays]):
        side = _side_to_follow(_touched(tied[stays[at]], anchors) for at in unit)
        if side:
            sides.update((ordered[stays[at]].key, side) for at in unit)
    return sides, sorted(rejected, key=lambda rejection: rejection.relative)


def barred(
    members: Sequence[Member],
    old: Mapping[str, str],
    train_only: Collection[str],
    *,
    near: Iterable[tuple[str, str]],
) -> list[Rejection]:
    """Choose the photos that are for training alone and cannot be: they are tied to old ones.

    Somebody corrects the answer to a photo that the model is tested on: the correction is that
    photo once more.

    Args:
        members: All photos, old and new, in any order.
        old: Hash of the pixels of each old photo to its split.
        train_only: Keys of the photos that may be in no other split than train.
        near: Pairs of keys of near duplicates.

    Returns:
        The photos to leave out, by name.

    Example:
        >>> photos = [
        ...     Member(key="a", class_name="cat", content="1", group="anna"),
        ...     Member(key="b", class_name="cat", content="2", group="anna"),
        ... ]
        >>> [each.reason for each in barred(photos, {"1": "test"}, ["b"], near=[])]
        ['same group as a, which is in the test split, and a correction is for train only']
    """
    ordered = sorted(members, key=lambda member: member.key)
    tied = dict(zip((member.key for member in ordered), _all_ties(ordered, near), strict=True))
    anchors: dict[Tie, Anchors] = {}
    for member in ordered:
        side = old.get(member.content, "train")
        if side != "train" and member.key not in train_only:
            for name in tied[member.key]:
                anchors.setdefault(name, {}).setdefault(side, member.key)
    rejected = []
    for key in sorted(tied.keys() & set(train_only)):
        found = _in_order(_touched(tied[key], anchors))
        if found:
            said = "; ".join(f"{tie}, which is in the {split} split" for split, tie in found)
            reason = f"{said}, and a correction is for train only"
            rejected.append(Rejection(relative=key, kind=CORRECTION, reason=reason))
    return rejected


def retied(members: Sequence[Member], near: Iterable[tuple[str, str]]) -> list[Member]:
    """Make near sets anew from the pairs that are left, when photos have been left out.

    Args:
        members: The photos that are left.
        near: Pairs of keys of near duplicates; those with a photo that is not there tie nothing.

    Returns:
        The photos in the same order.

    Example:
        >>> photos = [Member(key=key, class_name="cat", near_set="near-1") for key in "ac"]
        >>> [each.near_set for each in retied(photos, [("a", "b"), ("b", "c")])]
        ['', '']
    """
    numbers = {member.key: number for number, member in enumerate(members)}
    tied: list[list[Tie]] = [[] for _ in members]
    for one, other in near:
        if one in numbers and other in numbers:
            for key in (one, other):
                tied[numbers[key]].append(("near", f"{numbers[one]}-{numbers[other]}"))
    names = [""] * len(members)
    for unit in components(tied):
        if len(unit) > 1:
            name = min(members[at].content[:SET_LETTERS] or members[at].key for at in unit)
            for at in unit:
                names[at] = f"near-{name}"
    return [
        dataclasses.replace(member, near_set=name)
        for member, name in zip(members, names, strict=True)
    ]


def _all_ties(ordered: Sequence[Member], near: Iterable[tuple[str, str]] | None) -> list[list[Tie]]:
    if near is None:
        return [ties(member) for member in ordered]
    of_key = {member.key: [tie for tie in ties(member) if tie[0] != "near"] for member in ordered}
    for number, pair in enumerate(near):
        for key in pair:
            of_key.get(key, []).append(("near", str(number)))  # others may be left out already
    return [of_key[member.key] for member in ordered]


def _require_untied(anchors: Mapping[Tie, Anchors]) -> None:
    crossing = []
    for (kind, name), here in sorted(anchors.items()):
        if len(here) > 1:
            photos = ", ".join(f"{key} in {split}" for split, key in _in_order(here))
            crossing.append(f"{f'group {name}' if kind == 'group' else kind}: {photos}")
    if crossing:
        count = "1 tie is" if len(crossing) == 1 else f"{len(crossing)} ties are"
        raise DataError(
            f"{count} between photos of different splits of the dataset that is to be extended; "
            "nothing was written.",
            at=crossing,
            fix="Prepare anew without `--extend`, or group the photos as that dataset did; a pair "
            "that is no near duplicate is marked `different` in a `--decisions` table.",
        )


def _touched(tied: Iterable[Tie], anchors: Mapping[Tie, Anchors]) -> Anchors:
    """Say which splits a new photo is tied to directly, and how."""
    found: Anchors = {}
    for tie in tied:
        for split, photo in anchors.get(tie, {}).items():
            found.setdefault(split, f"{SAYS[tie[0]]} {photo}")
    return found


def _side_to_follow(touched: Iterable[Iterable[str]]) -> str:
    """The split that the fewest new photos have to be left out for; empty where none is touched."""
    counts = Counter(frozenset(splits) for splits in touched)
    return min(
        sorted({split for each in counts for split in each}, key=SPLITS.index),
        key=lambda split: sum(count for each, count in counts.items() if each - {split}),
        default="",
    )


def _rejection(key: str, found: Anchors) -> Rejection:
    said = [f"{tie}, which is in the {split} split" for split, tie in _in_order(found)]
    if len(said) == 1:
        said.append("tied through other new photos to another split")
    return Rejection(relative=key, kind=TIED, reason="; ".join(said))


def _in_order(found: Anchors) -> list[tuple[str, str]]:
    return sorted(found.items(), key=lambda item: SPLITS.index(item[0]))
