"""Split photos by class, keeping units whole: the same photos and seed give the same split.

Units of several photos are placed first, largest first, each where its classes are needed most,
then moved while that brings the classes nearer to their wanted counts; single photos fill what is
left, which without groups is within one photo of what is wanted. A class that is in every split
goes before nearness.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from lineament.core.errors import DataError
from lineament.preparation.grouping import Member, connected

ATTEMPTS = 20  # orders tried when units of several classes block each other
SWEEPS = 20  # every kept move lowers the cost; on real data nothing moves after three or four
TOLERANCE = 1e-9  # needs are sums of products of fractions: nearer than this is equal


def split_photos(
    members: Iterable[Member], fractions: Mapping[str, float], *, seed: int
) -> dict[str, str]:
    """Put every photo in a split.

    Args:
        members: The photos, in any order.
        fractions: Split to the part of each class that it should get; they sum to 1.
        seed: Chooses among equally good splits. Photos are ordered by a hash of seed and key, not
            drawn, so that neither the order of arrival nor the Python version plays a part.

    Returns:
        Key to split.

    Raises:
        DataError: Classes have fewer units than there are splits, or the units of several classes
            cannot be placed so that each class is in every split; all such classes are named.

    Example:
        >>> photos = [
        ...     Member(key=f"{name}/{n}", class_name=name, group="", duplicate_set="")
        ...     for name in ("cat", "dog")
        ...     for n in range(20)
        ... ]
        >>> sides = split_photos(photos, {"train": 0.7, "validation": 0.15, "test": 0.15}, seed=0)
        >>> sorted(Counter(sides.values()).items())
        [('test', 6), ('train', 28), ('validation', 6)]
    """
    wanted = {split: fraction for split, fraction in fractions.items() if fraction > 0}
    units = connected(members)
    require_enough(units, wanted)
    absent: dict[str, list[str]] = {}
    for attempt in range(ATTEMPTS):
        placement = _Placement(units, wanted, seed=f"{seed}/{attempt}")
        absent = placement.run(largest_first=attempt == 0)
        if not absent:
            return placement.sides
    raise DataError(
        "The groups cannot be split so that each class is in "
        f"{_listed(wanted)}; nothing was written.",
        at=[f"{name} (not in {_listed(splits)})" for name, splits in absent.items()],
        fix="Add groups with photos of these classes, or leave these classes out.",
    )


def require_enough(units: Sequence[Sequence[Member]], splits: Iterable[str]) -> None:
    """Refuse classes that have fewer units than there are splits to be in.

    Args:
        units: From `connected`.
        splits: The splits that get a part.

    Raises:
        DataError: Classes have too few; all of them are named with what they have and need.
    """
    names = list(splits)
    counts = Counter(name for unit in units for name in {member.class_name for member in unit})
    few = {name: count for name, count in sorted(counts.items()) if count < len(names)}
    if few:
        are = "1 class has" if len(few) == 1 else f"{len(few)} classes have"
        ways = ["Add photos", "leave these classes out"]
        if "test" in names and min(few.values()) >= len(names) - 1:
            ways.append("split in two with `--split 0.8,0.2,0`")
        raise DataError(
            f"{are} too few independent photos to be in {_listed(names)}; nothing was written.",
            at=[f"{name} (has {count}, needs {len(names)})" for name, count in few.items()],
            fix="Photos of one group or with the same pixels count as one. "
            f"{', '.join(ways[:-1])} or {ways[-1]}.",
        )


class _Placement:
    """A split that is being made.

    The cost of a split is, over classes and splits, the squared distance from the wanted count
    divided by the size of the class; where a class is in no photo of a split counts before that.
    """

    def __init__(
        self, units: Sequence[Sequence[Member]], fractions: Mapping[str, float], *, seed: str
    ) -> None:
        self.splits = tuple(fractions)
        self.sides: dict[str, str] = {}
        self.seed = seed
        self.sizes = Counter(member.class_name for unit in units for member in unit)
        self.need = {
            split: {name: size * fraction for name, size in self.sizes.items()}
            for split, fraction in fractions.items()
        }
        self.total_need = {split: sum(need.values()) for split, need in self.need.items()}
        self.present: dict[str, Counter[str]] = {split: Counter() for split in self.splits}
        self.bound = [unit for unit in units if len(unit) > 1]
        self.loose: dict[str, list[Member]] = {name: [] for name in sorted(self.sizes)}
        for unit in units:
            if len(unit) == 1:
                self.loose[unit[0].class_name].append(unit[0])

    def run(self, *, largest_first: bool) -> dict[str, list[str]]:
        """Place everything; give back each class that is not in every split, with those splits."""
        self._place_bound(largest_first=largest_first)
        for members in self.loose.values():
            for member in sorted(members, key=lambda member: self._order(member.key)):
                self._place_loose(member)
        missing = {name: self._missing(name) for name in sorted(self.sizes)}
        return {name: splits for name, splits in missing.items() if splits}

    def _place_bound(self, *, largest_first: bool) -> None:
        tallies = [Counter(member.class_name for member in unit) for unit in self.bound]
        places = [""] * len(tallies)
        order = sorted(range(len(tallies)), key=lambda index: self._order(self.bound[index][0].key))
        if largest_first:
            order.sort(key=lambda index: -len(self.bound[index]))
        for index in order:
            tally = tallies[index]
            places[index] = max(self.splits, key=lambda split: self._gain(tally, split))
            self._add(tally, places[index], sign=1)
        for _ in range(SWEEPS):
            # Smallest first: what a class needs to be in a split should cost the fewest photos.
            moved = [self._move(tallies, places, index) for index in reversed(order)]
            if not any(moved):
                break
        for unit, split in zip(self.bound, places, strict=True):
            self.sides.update((member.key, split) for member in unit)

    def _move(self, tallies: Sequence[Counter[str]], places: list[str], index: int) -> bool:
        """Move a unit to where the cost is lowest; tell whether it moved."""
        tally, old = tallies[index], places[index]
        self._add(tally, old, sign=-1)
        scores = {s: (self._filled(tally, s), self._gain(tally, s)) for s in self.splits}
        best = max(self.splits, key=lambda split: scores[split])
        filled, gain = scores[old]
        if scores[best] <= (filled, gain + TOLERANCE):
            best = old
        self._add(tally, best, sign=1)
        places[index] = best
        return best != old

    def _place_loose(self, member: Member) -> None:
        """Place a single photo where its class is absent, else where it is needed most.

        Equal needs are settled by what the split needs over all classes, so that the rounding of
        many small classes does not add up.
        """
        name = member.class_name
        split = max(
            self._missing(name) or self.splits,
            key=lambda split: (round(self.need[split][name], 9), round(self.total_need[split], 9)),
        )
        self._add({name: 1}, split, sign=1)
        self.sides[member.key] = split

    def _add(self, tally: Mapping[str, int], split: str, *, sign: int) -> None:
        for name, count in tally.items():
            self.need[split][name] -= sign * count
            self.total_need[split] -= sign * count
            self.present[split][name] += sign

    def _gain(self, tally: Mapping[str, int], split: str) -> float:
        """By how much a unit lowers the cost in a split: the derivative of the squares."""
        need = self.need[split]
        return sum(
            count * (2 * need[name] - count) / self.sizes[name] for name, count in tally.items()
        )

    def _filled(self, tally: Mapping[str, int], split: str) -> int:
        """How many absences a unit ends in a split that no single photo could end instead."""
        return sum(
            self.present[split][name] == 0 and len(self._missing(name)) > len(self.loose[name])
            for name in tally
        )

    def _missing(self, name: str) -> list[str]:
        return [split for split in self.splits if self.present[split][name] <= 0]

    def _order(self, key: str) -> bytes:
        return hashlib.sha256(f"{self.seed}/{key}".encode()).digest()


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
