"""Split photos by class, keeping units whole: the same photos and seed give the same split.

How a split is made: photos that are tied to each other become units (`grouping.connected`); units
with a photo whose place is fixed go there; the others are placed so that each class is divided as
was asked (`placement`, which says how). Photos are ordered by a hash of the seed and their pixels,
never drawn, so that neither names, the order of arrival nor the Python version play a part.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from lineament.core.errors import DataError
from lineament.preparation.division.grouping import Member, connected
from lineament.preparation.division.placement import Placement

ATTEMPTS = 20  # orders tried when units of several classes block each other


def split_photos(
    members: Iterable[Member],
    fractions: Mapping[str, float],
    *,
    seed: int,
    fixed: Mapping[str, str] = {},
) -> dict[str, str]:
    """Put every photo in a split.

    Args:
        members: The photos, in any order.
        fractions: Split to the part of each class that it should get; they sum to 1.
        seed: Chooses among equally good splits.
        fixed: Key to split for photos that stay where they are; what is tied to them goes with
            them, and all of them count. No unit has fixed photos in two splits.

    Returns:
        Key to split.

    Raises:
        DataError: Classes have fewer units than there are splits, or the units of several classes
            cannot be placed so that each class is in every split; all such classes are named.

    Example:
        >>> photos = [Member(key=f"{name}{n}", class_name=name) for name in "ab" for n in range(20)]
        >>> sides = split_photos(photos, {"train": 0.7, "validation": 0.15, "test": 0.15}, seed=0)
        >>> sorted(Counter(sides.values()).items())
        [('test', 6), ('train', 28), ('validation', 6)]
    """
    wanted = [split for split, fraction in fractions.items() if fraction > 0]
    units = connected(members)
    require_enough(units, wanted)
    sides, absent = place(units, fractions, seed=seed, fixed=fixed)
    if absent:
        ways = ["Add groups with photos of these classes", "leave these classes out"]
        if fixed:
            ways.append("prepare anew without `--extend`")
        raise DataError(
            "The groups cannot be split so that each class is in "
            f"{listed(wanted)}; nothing was written.",
            at=[f"{name} (not in {listed(splits)})" for name, splits in absent.items()],
            fix=f"{', '.join(ways[:-1])}, or {ways[-1]}.",
        )
    return sides


def place(
    units: Sequence[Sequence[Member]],
    fractions: Mapping[str, float],
    *,
    seed: int,
    fixed: Mapping[str, str] = {},
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Place units in parts of any name.

    Args:
        units: From `connected`.
        fractions: As for `split_photos`.
        seed: As for `split_photos`.
        fixed: As for `split_photos`.

    Returns:
        Key to part, and each class that is not in every part, with the parts that lack it.
    """
    for attempt in range(ATTEMPTS):
        placement = Placement(units, fractions, seed=f"{seed}/{attempt}", fixed=fixed)
        absent = placement.run(largest_first=attempt == 0)
        if not absent:
            break
    return placement.sides, absent


def require_enough(units: Sequence[Sequence[Member]], splits: Iterable[str]) -> None:
    """Refuse classes that have fewer units than there are splits to be in.

    Args:
        units: From `connected`.
        splits: The splits that get a part.

    Raises:
        DataError: Classes have too few; all of them are named with what they have and need.
    """
    names = list(splits)
    few = too_few(units, len(names))
    if few:
        are = "1 class has" if len(few) == 1 else f"{len(few)} classes have"
        ways = ["Add photos", "leave these classes out"]
        if "test" in names and min(few.values()) >= len(names) - 1:
            ways.append("split in two with `--split 0.8,0.2,0`")
        raise DataError(
            f"{are} too few independent photos to be in {listed(names)}; nothing was written.",
            at=[f"{name} (has {count}, needs {len(names)})" for name, count in few.items()],
            fix="Photos of one group or with the same pixels count as one. "
            f"{', '.join(ways[:-1])} or {ways[-1]}.",
        )


def too_few(units: Sequence[Sequence[Member]], needed: int) -> dict[str, int]:
    """Count the units of the classes that have fewer than are needed, by name."""
    counts = Counter(name for unit in units for name in {member.class_name for member in unit})
    return {name: count for name, count in sorted(counts.items()) if count < needed}


def listed(names: Iterable[str]) -> str:
    """Write names as in a sentence: ``train, validation and test``."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
