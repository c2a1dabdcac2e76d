"""Outlook: how a finished split looks, counted anew rather than trusted.

How many test photos have a partner in train, how many would have had one if photos had been drawn
singly, and where the parts differ from what was asked, and why.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.dataset import SPLITS
from lineament.preparation.division.grouping import KINDS, Member, connected, ties
from lineament.preparation.division.split import listed

CLOSE = 0.01  # of a class or of all photos: what is nearer than this to what was asked is met


def leaks(
    members: Sequence[Member], sides: Mapping[str, str], *, split: str = "test"
) -> dict[str, int]:
    """Count the photos of a split that have a tied partner in train.

    Args:
        members: The photos.
        sides: Key to split.
        split: Whose photos to count.

    Returns:
        Kind of tie (``duplicates``, ``near``, ``group``) to the count; 0 throughout for a split
        that does not leak.

    Example:
        >>> photos = [Member(key=key, class_name="cat", group="anna") for key in "ab"]
        >>> leaks(photos, {"a": "train", "b": "test"})
        {'duplicates': 0, 'near': 0, 'group': 1}
    """
    in_train = {tie for each in members if sides[each.key] == "train" for tie in ties(each)}
    counts = Counter(
        tie[0]
        for each in members
        if sides[each.key] == split
        for tie in ties(each)
        if tie in in_train
    )
    return {kind: counts[kind] for kind in KINDS}


def leaks_of_random_split(
    members: Sequence[Member], sides: Mapping[str, str], *, seed: int, repeats: int = 20
) -> dict[str, float]:
    """Estimate how many test photos would have a partner in train if photos were drawn singly.

    The sides of each class are dealt anew to its photos, so that every class has as many photos in
    every split as it has now.

    Args:
        members: The photos.
        sides: Key to split.
        seed: Of the dealing.
        repeats: How many times to deal.

    Returns:
        Kind of tie to the mean count of test photos.
    """
    ordered = sorted(members, key=lambda member: (member.class_name, member.key))
    classes = _numbered([member.class_name for member in ordered])
    codes = np.array([SPLITS.index(sides[member.key]) for member in ordered], dtype=np.int8)
    tied = {kind: _numbered([dict(ties(each)).get(kind, "") for each in ordered]) for kind in KINDS}
    sums = dict.fromkeys(KINDS, 0)
    rng = np.random.default_rng(seed)
    for _ in range(repeats):
        # The photos stand class by class: sorting by class and chance deals within classes.
        dealt = codes[np.lexsort((rng.random(len(codes)), classes))]
        train, test = dealt == SPLITS.index("train"), dealt == SPLITS.index("test")
        for kind, names in tied.items():
            in_train = np.zeros(names.max(initial=0) + 1, dtype=bool)
            in_train[names[train]] = True
            in_train[0] = False  # no tie
            sums[kind] += int(np.count_nonzero(in_train[names[test]]))
    return {kind: total / repeats for kind, total in sums.items()}


def off_target(
    members: Sequence[Member],
    sides: Mapping[str, str],
    fractions: Mapping[str, float],
    *,
    given: Collection[str] = (),
) -> list[str]:
    """Say where the split differs from what was asked, and why.

    Args:
        members: The photos.
        sides: Key to split.
        fractions: Split to the part that it should have had; empty where none was asked for.
        given: The splits that the source gave.

    Returns:
        A sentence for all photos and for each class of which a split has more or less than was
        asked, by more than one photo and more than 0.01 of them; all photos first, then the classes
        by name.
    """
    if not fractions:
        return []
    of_class: dict[str, list[Member]] = {}
    for member in members:
        of_class.setdefault(member.class_name, []).append(member)
    sets: list[tuple[str, Sequence[Member]]] = [(f"All {len(members)} photos", members)]
    sets += [(f"{name} ({len(each)} photos)", each) for name, each in sorted(of_class.items())]
    off = [
        (subject, photos)
        for subject, photos in sets
        if _differs(Counter(sides[each.key] for each in photos), len(photos), fractions)
    ]
    if not off:
        return []
    units = connected(members)
    of_unit = {each.key: number for number, unit in enumerate(units) for each in unit}
    reason = ""
    if given:
        verb = "split is" if len(given) == 1 else "splits are"
        reason = f"the {listed(split for split in SPLITS if split in given)} {verb} given"
    return [
        f"{subject}: {_shares(photos, sides, fractions)}; "
        f"{reason or _reason(photos, units, of_unit)}."
        for subject, photos in off
    ]


def _numbered(names: Sequence[str]) -> NDArray[np.int64]:
    """Number names; 0 is the empty one."""
    numbers = {name: number for number, name in enumerate(sorted({*names} - {""}), 1)}
    return np.array([numbers.get(name, 0) for name in names], dtype=np.int64)


def _differs(counts: Mapping[str, int], size: int, fractions: Mapping[str, float]) -> bool:
    allowed = max(1.0, CLOSE * size) + 1e-9  # fractions are rounded: exactly one photo is met
    return any(
        abs(counts.get(split, 0) - size * fractions.get(split, 0)) > allowed for split in SPLITS
    )


def _shares(
    photos: Sequence[Member], sides: Mapping[str, str], fractions: Mapping[str, float]
) -> str:
    counts = Counter(sides[each.key] for each in photos)
    shown = [split for split in SPLITS if counts[split] or fractions.get(split)]
    got = ", ".join(f"{split} {counts[split] / len(photos):.1%}" for split in shown)
    return f"{got}; asked for {', '.join(f'{fractions.get(split, 0):.1%}' for split in shown)}"


def _reason(
    photos: Sequence[Member], units: Sequence[Sequence[Member]], of_unit: Mapping[str, int]
) -> str:
    """Name what hinders: large units, or few."""
    sizes = Counter(of_unit[each.key] for each in photos)
    largest, most = max(sizes.items(), key=lambda item: (item[1], -item[0]))
    if most == 1:
        return "each class must have a photo in each split"
    groups = sorted({each.group for each in units[largest] if each.group})
    name = f"group {groups[0]}" if groups else f"{units[largest][0].key} and what is tied to it"
    return f"they are in {len(sizes)} units that stay whole, the largest of {most} photos ({name})"
