"""Grouping: which photos must stay on one side of the split.

Photos are tied by a shared group (a person, a recording), by the same pixels, or as near
duplicates. A unit is a connected component of tied photos; whatever divides a dataset (a split, a
split by time, folds) moves units, never single photos of one.
"""

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from lineament.artifacts.dataset import SPLITS
from lineament.core.errors import DataError, UsageError
from lineament.core.suggest import did_you_mean
from lineament.preparation.components import components_by_name

SHOWN_PATHS = 3
COLUMN = "column:"  # how a rule names a column of the source instead of an expression
KINDS = ("duplicates", "near", "group")  # of ties, the strongest first
SAYS = {"duplicates": "same pixels as", "near": "near duplicate of", "group": "same group as"}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """What the splitter knows of a photo.

    Attributes:
        key: Its name in the source.
        class_name: Its class.
        group: Its group; empty for none.
        duplicate_set: Its set of photos with the same pixels; empty where there is one.
        near_set: Its set of near duplicates; empty where there is none.
        content: Hash of its pixels, by which photos are ordered: a renamed photo stays where it is.
    """

    key: str
    class_name: str
    group: str = ""
    duplicate_set: str = ""
    near_set: str = ""
    content: str = ""


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


def read_groups(
    keys: Sequence[str],
    group_by: str | None,
    *,
    given: Mapping[str, str] = {},
    metadata: Mapping[str, Mapping[str, str]] = {},
) -> dict[str, str]:
    """Read the group of every photo.

    Args:
        keys: The photos' names in the source.
        group_by: A valid regular expression, ``column:NAME``, or ``None`` for the groups that the
            source itself gives.
        given: Key to the group that the source gives; what the rule finds goes before it.
        metadata: Key to the further columns of the source.

    Returns:
        Key to group; empty for photos that are in none.

    Raises:
        UsageError: The rule finds a group for none of the photos, or there is no such column.

    Example:
        >>> read_groups(["happy/S132_006.png"], "(S[0-9]+)_")
        {'happy/S132_006.png': 'S132'}
    """
    if group_by is None or (group_by == f"{COLUMN}group" and any(given.values())):
        return {key: given.get(key, "") for key in keys}
    groups = read_by_rule(keys, group_by, metadata=metadata, option="group_by")
    if not any(groups.values()):
        if group_by.startswith(COLUMN):
            raise UsageError(
                f"`group_by` is `{group_by}`, which gives none of the {len(keys)} photos a group.",
                fix="Fill the column, or name another one.",
            )
        raise UsageError(
            f"`group_by` is `{group_by}`, which matches none of the {len(keys)} paths.",
            at=keys[:SHOWN_PATHS],
            fix="Write a regular expression that finds the group in paths like these.",
        )
    # A photo that the rule says nothing of keeps the group that its source gives.
    return {key: groups[key] or given.get(key, "") for key in keys}


def read_by_rule(
    keys: Sequence[str], rule: str, *, metadata: Mapping[str, Mapping[str, str]], option: str
) -> dict[str, str]:
    """Read one text per photo from its name or from a column.

    Args:
        keys: The photos' names in the source.
        rule: ``column:NAME``, or a valid regular expression that `group_of` searches.
        metadata: Key to the further columns of the source.
        option: Which option gave the rule, for the error text.

    Returns:
        Key to text; empty where there is none.

    Raises:
        UsageError: There is no such column.
    """
    if not rule.startswith(COLUMN):
        pattern = re.compile(rule)
        return {key: group_of(key, pattern) for key in keys}
    name = rule.removeprefix(COLUMN)
    columns = sorted({column for row in metadata.values() for column in row})
    if name not in columns:
        raise UsageError(
            f"`{option}` is `{rule}`, but the source has no column `{name}`."
            f"{did_you_mean(name, columns)}",
            fix=f"The columns are {', '.join(columns)}."
            if columns
            else "The source has no further columns; write a regular expression instead.",
        )
    return {key: metadata.get(key, {}).get(name, "") for key in keys}


def order_of(member: Member, seed: int | str) -> tuple[bytes, str]:
    """Give a photo its place in an order that looks random and is always the same.

    Args:
        member: The photo.
        seed: Gives another order.

    Returns:
        What to sort by: a hash of seed and pixels, so that a renamed photo keeps its place; photos
        of one content, or without any, go by name.
    """
    text = f"{seed}/{member.content or member.key}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest(), member.key


def ties(member: Member) -> list[tuple[str, str]]:
    """Name what ties a photo to others: kind of tie and name, for those that it has."""
    names = (member.duplicate_set, member.near_set, member.group)
    return [(kind, name) for kind, name in zip(KINDS, names, strict=True) if name]


def connected(members: Iterable[Member]) -> list[list[Member]]:
    """Find the units: photos tied by a group or as duplicates, directly or through others.

    Args:
        members: The photos, in any order.

    Returns:
        Units in order of their first key, each sorted by key.

    Example:
        >>> a = Member(key="a", class_name="x", group="g")
        >>> b = Member(key="b", class_name="x", group="g", duplicate_set="d")
        >>> c = Member(key="c", class_name="x", duplicate_set="d")
        >>> [[member.key for member in unit] for unit in connected([c, a, b])]
        [['a', 'b', 'c']]
    """
    ordered = sorted(members, key=lambda member: member.key)
    units = components([ties(member) for member in ordered])
    return [[ordered[index] for index in unit] for unit in units]


def components(tied: Sequence[Sequence[tuple[str, str]]]) -> list[list[int]]:
    """Find what is tied, directly or through others.

    Args:
        tied: The ties of each item; two items with one in common are tied.

    Returns:
        Lists of indices, each ascending, in order of their first.

    Example:
        >>> components([[("group", "a")], [], [("group", "a"), ("near", "b")], [("near", "b")]])
        [[0, 2, 3], [1]]
    """
    found: dict[int, list[int]] = {}
    for index, first in enumerate(components_by_name(tied)):
        found.setdefault(first, []).append(index)
    return list(found.values())


def splits_by_tie(
    members: Iterable[Member], sides: Mapping[str, str]
) -> dict[str, dict[str, set[str]]]:
    """List the splits in which each group, and each set of duplicates or near ones, has photos.

    Args:
        members: The photos.
        sides: Key to split.

    Returns:
        Kind of tie (one of `KINDS`) to name to splits.
    """
    found: dict[str, dict[str, set[str]]] = {kind: {} for kind in KINDS}
    for member in members:
        for kind, name in ties(member):
            found[kind].setdefault(name, set()).add(sides[member.key])
    return found


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
