"""Balance: which photos to leave out so that no class has more than a cap.

Copies go first, since they teach least; the rest goes by a hash of content, so that a source which
grew leaves out nearly the same photos as before.
"""

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence

from lineament.core.errors import UsageError
from lineament.preparation.division.grouping import Member, order_of

NONE, CAP = "none", "cap"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Cap:
    """The most photos that a class keeps; ``None`` for as many as the smallest class has."""

    photos: int | None = None


def balance_cap(text: str) -> Cap | None:
    """Read the option ``balance``.

    Args:
        text: ``none``, ``cap`` or ``cap:N``.

    Returns:
        The cap; ``None`` for no balancing.

    Raises:
        UsageError: It is something else, or ``N`` is below 1.

    Example:
        >>> balance_cap("cap:500")
        Cap(photos=500)
    """
    if text in (NONE, CAP):
        return None if text == NONE else Cap()
    number = re.fullmatch(r"cap:([0-9]+)", text)
    if number and int(number[1]) >= 1:
        return Cap(photos=int(number[1]))
    raise UsageError(
        f"`balance` must be `none`, `cap` or `cap:N` with N of 1 or more, got `{text}`.",
        fix="Write for example `--balance cap` to leave every class as many photos as the smallest "
        "has, or `--balance cap:500`.",
    )


def over_cap(members: Sequence[Member], cap: Cap, *, seed: int) -> list[str]:
    """Choose the photos to leave out so that no class has more than a cap.

    Of each class, in this order: photos with the same pixels as another one that stays, near
    duplicates of another one, then any, by a hash of seed and content.

    Args:
        members: The photos, in any order.
        cap: The most photos of a class.
        seed: Chooses among equal photos.

    Returns:
        Keys, sorted.

    Example:
        >>> photos = [Member(key=f"cat/{n}", class_name="cat") for n in range(5)]
        >>> photos.append(Member(key="dog/0", class_name="dog"))
        >>> [len(over_cap(photos, cap, seed=0)) for cap in (Cap(), Cap(photos=3))]
        [4, 2]
    """
    classes: dict[str, list[Member]] = {}
    for member in members:
        classes.setdefault(member.class_name, []).append(member)
    most = cap.photos or min(map(len, classes.values()), default=0)
    return sorted(
        member.key for of_class in classes.values() for member in _by_worth(of_class, seed)[most:]
    )


def _by_worth(members: Sequence[Member], seed: int) -> list[Member]:
    """Order the photos of a class: those that stay longest first."""
    seen: Counter[tuple[str, str]] = Counter()
    copies: list[list[Member]] = [[], [], []]  # none, of near duplicates, of the same pixels
    for member in sorted(members, key=lambda member: order_of(member, seed)):
        near, same = ("near", member.near_set), ("same", member.duplicate_set)
        if member.duplicate_set and seen[same]:
            copies[2].append(member)
        else:
            copies[1 if member.near_set and seen[near] else 0].append(member)
        seen.update((near, same))
    return [member for each in copies for member in each]
