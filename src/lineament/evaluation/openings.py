"""Openings: how often a split had been measured, and what that means for its figure."""

from collections.abc import Sequence
from datetime import datetime

from lineament.artifacts.findings.openings import Openings
from lineament.artifacts.ledger import Opening
from lineament.core.errors import UsageError
from lineament.measure.choosing import optimism
from lineament.measure.intervals import Interval

ORDINALS = {1: "st", 2: "nd", 3: "rd"}


def opened(openings: Sequence[Opening], *, damaged: int = 0) -> Openings:
    """Say how often a split was measured, the present evaluation included.

    Whoever measures several models on the same photos and keeps the best keeps its luck, too. How
    much that can be is bounded by `lineament.measure.choosing.optimism`, with the widest standard
    error of the models' latest figures. It is what choosing would add: the ledger does not know
    whether anybody chose.

    Args:
        openings: The evaluations of one split of one dataset, in any order, at least one; models
            are told apart by the hash of their graph.
        damaged: Lines of the ledger that cannot be read, and so may be further ones.

    Raises:
        UsageError: There is none, or they are of several splits or datasets.
    """
    splits = {(each.fingerprint, each.split) for each in openings}
    if len(splits) != 1:
        raise UsageError(
            "`openings` must be one or more of one split of one dataset, got "
            f"{len(openings)} of {len(splits)} splits."
        )
    ordered = sorted(openings, key=lambda each: (datetime.fromisoformat(each.time), each.sha256))
    latest = {each.sha256: each for each in ordered}
    return Openings(
        evaluations=len(ordered),
        models=len(latest),
        first=ordered[0].time,
        sentence=_count(ordered, len(latest)) + _meaning(latest) + _unread(damaged),
    )


def _count(ordered: Sequence[Opening], models: int) -> str:
    photos = f"these {ordered[0].split} photos"
    if len(ordered) == 1:
        return f"This is the first evaluation of {photos}."
    since = ordered[0].time[:10]
    of = "all of one model" if models == 1 else f"of {models} models"
    return f"This is the {_ordinal(len(ordered))} evaluation of {photos} since {since}, {of}."


def _meaning(latest: dict[str, Opening]) -> str:
    split = next(iter(latest.values())).split
    if split != "test" or len(latest) == 1:
        return ""
    bound = max(optimism(_interval(each), candidates=len(latest)) for each in latest.values())
    return (
        " If the best of them is kept for this figure, its figure is too good by up to about "
        f"{bound * 100:.1f} points on average; less, the more their mistakes are the same. A fair "
        "figure of the one that is kept needs photos that none of them was measured on."
    )


def _unread(damaged: int) -> str:
    if not damaged:
        return ""
    lines, are = ("line", "is") if damaged == 1 else ("lines", "are")
    return f" {damaged} {lines} of the ledger cannot be read and {are} not counted."


def _interval(opening: Opening) -> Interval:
    return Interval(
        value=opening.accuracy,
        low=opening.low,
        high=opening.high,
        method="as recorded",
        n=opening.photos,
    )


def _ordinal(number: int) -> str:
    """Write a place in a row.

    Example:
        >>> [_ordinal(number) for number in (2, 3, 11, 21, 112)]
        ['2nd', '3rd', '11th', '21st', '112th']
    """
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else ORDINALS.get(number % 10, 'th')}"
