"""Grouping: which photos must stay on one side of the split.

A unit is a connected component of photos tied by a shared group (a person, a recording) or by the
same pixels; the splitter moves units, never single photos of one.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

from lineament.artifacts.dataset import SPLITS
from lineament.core.errors import DataError, UsageError

SHOWN_PATHS = 3


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """What the splitter knows of a photo.

    Attributes:
        key: Its path below the source.
        class_name: Its class.
        group: Its group; empty for none.
        duplicate_set: Its set of photos with the same pixels; empty where there is one.
    """

    key: str
    class_name: str
    group: str
    duplicate_set: str


def group_of(relative: str, pattern: re.Pattern[str] | None) -> str:
    """Read a photo's group from its path.

    Args:
        relative: Path below the source, with forward slashes.
        pattern: Searched in it; ``None`` for no groups.

    Returns:
        The first capture group if the pattern has one, else the whole match; empty for none.

    Example:
        >>> group_of("happy/S132_006.png", re.compile(r"(S[0-9]+)_"))
        'S132'
    """
    match = pattern.search(relative) if pattern else None
    if match is None:
        return ""
    return (match.group(1) if match.re.groups else match.group()) or ""


def read_groups(paths: Sequence[str], group_by: str | None) -> dict[str, str]:
    """Read the group of every photo.

    Args:
        paths: Paths below the source.
        group_by: A valid regular expression, or ``None``.

    Returns:
        Path to group; empty for photos that are in none.

    Raises:
        UsageError: The expression finds a group in none of the paths.
    """
    pattern = None if group_by is None else re.compile(group_by)
    groups = {path: group_of(path, pattern) for path in paths}
    if pattern is not None and not any(groups.values()):
        raise UsageError(
            f"`group_by` is `{group_by}`, which matches none of the {len(paths)} paths.",
            at=paths[:SHOWN_PATHS],
            fix="Write a regular expression that finds the group in paths like these.",
        )
    return groups


def connected(members: Iterable[Member]) -> list[list[Member]]:
    """Find the units: photos tied by a group or a duplicate set, directly or through others.

    Args:
        members: The photos, in any order.

    Returns:
        Units in order of their first key, each sorted by key.

    Example:
        >>> a = Member(key="a", class_name="x", group="g", duplicate_set="")
        >>> b = Member(key="b", class_name="x", group="g", duplicate_set="d")
        >>> c = Member(key="c", class_name="x", group="", duplicate_set="d")
        >>> [[member.key for member in unit] for unit in connected([c, a, b])]
        [['a', 'b', 'c']]
    """
    ordered = sorted(members, key=lambda member: member.key)
    parents = list(range(len(ordered)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]  # halves the path, so that it stays short
            index = parents[index]
        return index

    first: dict[tuple[str, str], int] = {}
    for index, member in enumerate(ordered):
        for tie in (("group", member.group), ("duplicates", member.duplicate_set)):
            if tie[1]:
                left, right = root(first.setdefault(tie, index)), root(index)
                parents[max(left, right)] = min(left, right)
    units: dict[int, list[Member]] = {}
    for index, member in enumerate(ordered):
        units.setdefault(root(index), []).append(member)
    return list(units.values())


def splits_by_tie(
    members: Iterable[Member], sides: Mapping[str, str]
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """List the splits in which each group, and each duplicate set, has photos.

    Args:
        members: The photos.
        sides: Key to split.

    Returns:
        Group to splits, and duplicate set to splits.
    """
    groups: dict[str, set[str]] = {}
    sets: dict[str, set[str]] = {}
    for member in members:
        if member.group:
            groups.setdefault(member.group, set()).add(sides[member.key])
        if member.duplicate_set:
            sets.setdefault(member.duplicate_set, set()).add(sides[member.key])
    return groups, sets


def require_one_side(groups: Mapping[str, set[str]]) -> None:
    """Refuse given splits that cut through a group.

    Args:
        groups: Group to the given splits in which it has photos.

    Raises:
        DataError: Groups have photos in more than one; all of them are named.
    """
    cut = [
        f"{group} ({', '.join(split for split in SPLITS if split in splits)})"
        for group, splits in sorted(groups.items())
        if len(splits) > 1
    ]
    if cut:
        count = "1 group lies" if len(cut) == 1 else f"{len(cut)} groups lie"
        raise DataError(
            f"{count} in more than one of the given splits; nothing was written.",
            at=cut,
            fix="Move each group into one split folder, or take the split folders away and let "
            "`--group-by` make the split.",
        )
