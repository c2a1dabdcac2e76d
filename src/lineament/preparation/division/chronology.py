"""Chronology: a split by time, the oldest photos to train on and the newest to test with.

What a model will meet is newer than what it learned from, so this split says most about use. A unit
goes by its latest photo, so that nothing in train is newer than a whole unit in test; units of one
time are never parted. There is no stratification: the time decides.
"""

import itertools
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from decimal import Decimal

from lineament.artifacts.dataset import SPLITS
from lineament.core.errors import DataError, UsageError
from lineament.preparation.division.grouping import SHOWN_PATHS, Member, connected, read_by_rule
from lineament.preparation.division.split import listed

EXIF = "exif"
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
OTHER_WAY = "or split without `--time-by`."


def times_of(
    keys: Sequence[str],
    rule: str,
    *,
    taken: Mapping[str, str],
    metadata: Mapping[str, Mapping[str, str]],
) -> dict[str, str]:
    """Read when each photo was taken.

    Args:
        keys: The photos' names in the source.
        rule: ``exif``, ``column:NAME``, or a valid regular expression that `group_of` searches in
            each name.
        taken: Key to the time that the camera wrote; empty or absent where there is none.
        metadata: Key to the further columns of the source.

    Returns:
        Key to time, as written; empty where there is none.

    Raises:
        UsageError: The rule finds a time for none of the photos, or there is no such column.

    Example:
        >>> times_of(["cat/2021-05-01_a.jpg"], "[0-9-]{10}", taken={}, metadata={})
        {'cat/2021-05-01_a.jpg': '2021-05-01'}
    """
    if rule == EXIF:
        return {key: taken.get(key, "").strip() for key in keys}
    found = read_by_rule(keys, rule, metadata=metadata, option="time_by")
    if not any(found.values()):
        raise UsageError(
            f"`time_by` is `{rule}`, which finds a time for none of the {len(keys)} photos.",
            at=keys[:SHOWN_PATHS],
            fix="Write `exif`, `column:NAME`, or an expression that finds the time in paths like "
            "these.",
        )
    return {key: text.strip() for key, text in found.items()}


def split_by_time(
    members: Sequence[Member], times: Mapping[str, str], fractions: Mapping[str, float]
) -> dict[str, str]:
    """Put the oldest photos in train and the newest in test.

    Args:
        members: The photos, in any order.
        times: Key to time: texts of one form that sort, such as ``2021:05:01 12:00:00``, or
            numbers, which are compared as such if all of them are.
        fractions: Split to the part of all photos that it should get; they sum to 1.

    Returns:
        Key to split.

    Raises:
        DataError: Photos have no time, times are of several forms, there are fewer times than
            splits, or a class is not in every split.

    Example:
        >>> photos = [Member(key=f"cat/{year}", class_name="cat") for year in range(2015, 2025)]
        >>> times = {photo.key: photo.key.removeprefix("cat/") for photo in photos}
        >>> sides = split_by_time(photos, times, {"train": 0.8, "validation": 0.1, "test": 0.1})
        >>> sides["cat/2022"], sides["cat/2023"], sides["cat/2024"]
        ('train', 'validation', 'test')
    """
    _require_times(members, times)
    moments = _ranked({member.key: times[member.key] for member in members})
    steps: dict[int, list[Member]] = {}
    units = connected(members)
    latest = [max(moments[member.key] for member in unit) for unit in units]
    for index in sorted(range(len(units)), key=latest.__getitem__):
        steps.setdefault(latest[index], []).extend(units[index])
    splits = [split for split in SPLITS if fractions.get(split, 0) > 0]
    if len(steps) < len(splits):
        times_are = "1 time" if len(steps) == 1 else f"{len(steps)} different times"
        raise DataError(
            f"The {len(members)} photos have {times_are}, units taken by their latest photo: too "
            f"few for {listed(splits)}; nothing was written.",
            fix=f"Add photos of other times, ask for fewer splits, {OTHER_WAY}",
        )
    ends = _ends([len(step) for step in steps.values()], [fractions[split] for split in splits])
    sides = {
        member.key: splits[bisect_left(ends, number)]
        for number, step in enumerate(steps.values(), 1)
        for member in step
    }
    _require_classes(members, times, moments, sides, splits)
    return sides


def _ends(counts: Sequence[int], fractions: Sequence[float]) -> list[int]:
    """Say after how many steps each part ends: as near as can be, none of them empty."""
    sums = [0]
    for count in counts:
        sums.append(sums[-1] + count)
    ends: list[int] = []
    for number in range(1, len(fractions)):
        wanted = sums[-1] * sum(fractions[:number]) / sum(fractions)
        first = (ends[-1] if ends else 0) + 1
        last = len(counts) - (len(fractions) - number)
        above = min(max(bisect_left(sums, wanted), first), last)
        below = max(above - 1, first)
        ends.append(min((below, above), key=lambda at: abs(sums[at] - wanted)))
    return [*ends, len(counts)]


def _ranked(times: Mapping[str, str]) -> dict[str, int]:
    """Number the times from the oldest on; equal times have one number."""
    if all(NUMBER.fullmatch(text) for text in times.values()):
        numbers = {key: Decimal(text) for key, text in times.items()}
        ranks = {number: rank for rank, number in enumerate(sorted(set(numbers.values())))}
        return {key: ranks[number] for key, number in numbers.items()}
    _require_one_form(times)
    order = {text: rank for rank, text in enumerate(sorted(set(times.values())))}
    return {key: order[text] for key, text in times.items()}


def _require_one_form(times: Mapping[str, str]) -> None:
    """Refuse texts that sort otherwise than the times they stand for.

    A day beside a day with its hour sorts rightly; 9 beside 10, or two ways to write, do not.
    """
    forms: dict[str, str] = {}
    for key in sorted(times):
        forms.setdefault(re.sub(r"[0-9]", "0", times[key]), f"{times[key]} ({key})")
    ordered = sorted(forms, key=len)
    fit = all(
        more.startswith(less) and not more[len(less) : len(less) + 1].isdigit()
        for less, more in itertools.pairwise(ordered)
    )
    if not fit:
        raise DataError(
            f"The photos' times are written in {len(forms)} forms, which do not sort; nothing was "
            "written.",
            at=list(forms.values()),
            fix=f"Write them in one form, such as 2021-05-01 12:00:00, {OTHER_WAY}",
        )


def _require_times(members: Sequence[Member], times: Mapping[str, str]) -> None:
    missing = sorted(member.key for member in members if not times.get(member.key))
    if missing:
        have = "has" if len(missing) == 1 else "have"
        raise DataError(
            f"{len(missing)} of {len(members)} photos {have} no time; nothing was written.",
            at=missing,
            fix="Move them out of the source, leave them out with `drop` in a `--decisions` "
            f"table, {OTHER_WAY}",
        )


def _require_classes(
    members: Sequence[Member],
    times: Mapping[str, str],
    moments: Mapping[str, int],
    sides: Mapping[str, str],
    splits: Sequence[str],
) -> None:
    photos: dict[str, list[Member]] = {}
    for member in members:
        photos.setdefault(member.class_name, []).append(member)
    lacking = []
    for name, of_class in sorted(photos.items()):
        absent = [split for split in splits if split not in {sides[each.key] for each in of_class}]
        if absent:
            ordered = sorted(of_class, key=lambda each: (moments[each.key], each.key))
            first, last = times[ordered[0].key], times[ordered[-1].key]
            span = first if first == last else f"{first} to {last}"
            lacking.append(f"{name} (not in {listed(absent)}: {span})")
    if lacking:
        count = "1 class is" if len(lacking) == 1 else f"{len(lacking)} classes are"
        raise DataError(
            f"Divided by time, {count} not in every split; nothing was written.",
            at=lacking,
            fix="Add photos of these classes from other times, leave these classes out, ask for "
            f"other fractions with `--split`, {OTHER_WAY}",
        )
