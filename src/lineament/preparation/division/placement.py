"""Placement: put whole units into parts so that each class is divided as was asked.

Units of several photos are placed first, largest first, each where its classes are needed most.
Then units are moved, and where that is not enough exchanged, as long as it brings the parts nearer
to what is wanted. Single photos fill what is left: of each class, in an order that follows from
seed and content, the first ones go to the last part, the next ones to the part before it. What is
left over when counts are rounded goes to the parts that all classes together still need, so that
the rounding of many small classes does not add up.

That a class is in every part goes before nearness.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from lineament.preparation.division.grouping import Member, order_of

SWEEPS = 20  # every kept move lowers the cost; on real data nothing moves after three or four
SETTLED = 0.001  # of the units still moving: another sweep would be for nothing
EXCHANGES = 400_000  # tried per sweep at most, so that a sweep takes seconds
NEAREST = 10  # exchanges tried per unit at least, however many units there are
TOLERANCE = 1e-9  # needs are sums of products of fractions: nearer than this is equal
CLOSE = 0.005  # of a class or of all: what is as near as this needs no exchange
# All photos against the sum over classes: of 0, 1, 2, 5 and 20 the least that kept 34 drawn sets of
# people with frames of several classes all within 0.01 in total.
TOTAL_WEIGHT = 2.0

Tally = tuple[tuple[int, int], ...]  # class (the last is "all photos") and count, in that order


class Placement:
    """A division that is being made.

    The cost is, over classes and parts, the squared distance from the wanted count divided by the
    size of the class; all photos together are one more, heavier class.

    Args:
        units: From `connected`.
        fractions: Part to the fraction of each class that it should get; they sum to 1.
        seed: Chooses among equally good placements.
        fixed: Key to part for photos that are placed already; their units go with them.
    """

    def __init__(
        self,
        units: Sequence[Sequence[Member]],
        fractions: Mapping[str, float],
        *,
        seed: str,
        fixed: Mapping[str, str],
    ) -> None:
        self.parts = tuple(part for part, fraction in fractions.items() if fraction > 0)
        self.seed = seed
        self.sides: dict[str, str] = {}
        sizes = Counter(member.class_name for unit in units for member in unit)
        self.names = sorted(sizes)
        self.indices = {name: index for index, name in enumerate(self.names)}
        self.sizes = [*(sizes[name] for name in self.names), sum(sizes.values())]
        self.weights = [1 / size for size in self.sizes[:-1]]
        self.weights.append(TOTAL_WEIGHT / max(self.sizes[-1], 1))
        self.need = [[size * fractions[part] for size in self.sizes] for part in self.parts]
        self.present = [[0] * len(self.names) for _ in self.parts]
        self.bound: list[Sequence[Member]] = []
        self.loose: list[list[Member]] = [[] for _ in self.names]
        for unit in units:
            stays = {fixed[member.key] for member in unit if member.key in fixed}
            if stays:
                self._keep(unit, stays)
            elif len(unit) > 1:
                self.bound.append(unit)
            else:
                self.loose[self.indices[unit[0].class_name]].append(unit[0])

    def run(self, *, largest_first: bool) -> dict[str, list[str]]:
        """Place everything; give back each class that is not in every part, with those parts."""
        self._place_bound(largest_first=largest_first)
        self._place_loose()
        missing = {name: self._missing(index) for name, index in self.indices.items()}
        return {
            name: [self.parts[part] for part in parts] for name, parts in missing.items() if parts
        }

    def _keep(self, unit: Sequence[Member], stays: set[str]) -> None:
        assert len(stays) == 1, (unit[0].key, sorted(stays))  # `kept_sides` sees to it
        (part,) = stays
        self.sides.update((member.key, part) for member in unit)
        if part in self.parts:
            self._add(self._tally(unit), self.parts.index(part), sign=1)

    def _tally(self, unit: Sequence[Member]) -> Tally:
        counts = Counter(self.indices[member.class_name] for member in unit)
        return (*sorted(counts.items()), (len(self.names), len(unit)))

    def _place_bound(self, *, largest_first: bool) -> None:
        firsts = [min(order_of(member, self.seed) for member in unit) for unit in self.bound]
        order = sorted(range(len(self.bound)), key=firsts.__getitem__)
        if largest_first:
            order.sort(key=lambda index: -len(self.bound[index]))
        units = [self.bound[index] for index in order]
        tallies = [self._tally(unit) for unit in units]
        shares = self._share_of_bound(tallies)
        spare = _combined(self.need, shares, sign=-1)
        self.need = shares
        places = []
        for tally in tallies:
            places.append(max(range(len(self.parts)), key=lambda part: self._score(tally, part)))
            self._add(tally, places[-1], sign=1)
        for _ in range(SWEEPS):
            # Smallest first: what a class needs to be in a part should cost the fewest photos.
            moved = sum(self._move(tallies, places, at) for at in reversed(range(len(tallies))))
            if moved <= len(tallies) * SETTLED:
                break
        for _ in range(SWEEPS):
            if not self._exchange(tallies, places, spare):
                break
        self.need = _combined(self.need, spare, sign=1)
        for unit, part in zip(units, places, strict=True):
            self.sides.update((member.key, self.parts[part]) for member in unit)

    def _share_of_bound(self, tallies: Sequence[Tally]) -> list[list[float]]:
        """Say how much of what each part needs should be units of several photos.

        Without this the single photos, which fit anywhere, would all be left to the small parts,
        and a test split would hold no group at all.
        """
        bound = [0] * len(self.sizes)
        for tally in tallies:
            for index, count in tally:
                bound[index] += count
        shares: list[list[float]] = [[0.0] * len(self.sizes) for _ in self.parts]
        for index, count in enumerate(bound):
            needs = [max(need[index], 0.0) for need in self.need]
            for part, need in enumerate(needs):
                shares[part][index] = count * need / sum(needs) if count else 0.0
        return shares

    def _move(self, tallies: Sequence[Tally], places: list[int], index: int) -> bool:
        """Move a unit to where the cost is lowest; tell whether it moved."""
        tally, old = tallies[index], places[index]
        self._add(tally, old, sign=-1)
        scores = [self._score(tally, part) for part in range(len(self.parts))]
        best = max(range(len(self.parts)), key=scores.__getitem__)
        filled, gain = scores[old]
        if scores[best] <= (filled, gain + TOLERANCE):
            best = old
        self._add(tally, best, sign=1)
        places[index] = best
        return best != old

    def _exchange(
        self, tallies: Sequence[Tally], places: list[int], spare: Sequence[Sequence[float]]
    ) -> bool:
        """Exchange units of classes that are off for others; tell whether any were.

        ``spare`` is what single photos will fill; what they can put right needs no exchange.
        """
        off = self._off(spare)
        if not off:
            return False
        count = len(tallies)
        reach = min(count - 1, max(NEAREST, EXCHANGES // max(count, 1)))
        changed = False
        for index, tally in enumerate(tallies):
            if not any(name in off for name, _ in tally):
                continue
            for step in range(1, reach + 1):
                other = (index + step) % count
                here, there = places[index], places[other]
                if here != there and self._better(tally, tallies[other], here, there):
                    for each, part, sign in (
                        (tally, here, -1),
                        (tallies[other], there, -1),
                        (tally, there, 1),
                        (tallies[other], here, 1),
                    ):
                        self._add(each, part, sign=sign)
                    places[index], places[other] = there, here
                    changed = True
        return changed

    def _off(self, spare: Sequence[Sequence[float]]) -> set[int]:
        """The classes whose units overfill a part by more than is close, or than one photo."""
        return {
            index
            for index, size in enumerate(self.sizes)
            if any(
                need[index] + more[index] < -max(1.0, CLOSE * size)
                for need, more in zip(self.need, spare, strict=True)
            )
        }

    def _better(self, one: Tally, two: Tally, here: int, there: int) -> bool:
        """Whether exchanging unit ``one`` from ``here`` for ``two`` from ``there`` lowers the cost.

        It must leave no class without photos in a part.
        """
        difference = dict(one)
        for index, count in two:
            difference[index] = difference.get(index, 0) - count
        need, other = self.need[here], self.need[there]
        change = sum(
            self.weights[index] * count * (need[index] - other[index] + count)
            for index, count in difference.items()
        )
        return change < -TOLERANCE and all(
            self.present[here][index] > count and self.present[there][index] > -count
            for index, count in difference.items()
            if index < len(self.names) and count
        )

    def _place_loose(self) -> None:
        """Give each part the single photos that it needs, to within one photo of each class."""
        exact = [self._due(index) for index in range(len(self.names))]
        # What the parts lack over all classes, and rounding adds to.
        lacking = [
            sum(self.need[part][index] - due[part] for index, due in enumerate(exact))
            for part in range(len(self.parts))
        ]
        for index, members in enumerate(self.loose):
            counts = self._rounded(exact[index], len(members), lacking)
            self._give_absent(index, counts, lacking)
            ordered = sorted(members, key=lambda member: order_of(member, self.seed))
            start = 0
            # The last part first: a few photos more or less move its border, not every photo.
            for part in reversed(range(len(self.parts))):
                chosen = ordered[start : start + counts[part]]
                start += counts[part]
                self.sides.update((member.key, self.parts[part]) for member in chosen)
                self.present[part][index] += len(chosen)

    def _due(self, index: int) -> list[float]:
        """Share the single photos of a class out by need; nothing to parts that have too many."""
        count = len(self.loose[index])
        needs = [max(need[index], 0.0) for need in self.need]
        return [count * need / sum(needs) if count else 0.0 for need in needs]

    def _rounded(self, due: Sequence[float], count: int, lacking: list[float]) -> list[int]:
        """Round up where all classes together lack most, but only who is due a piece of a photo."""
        counts = [int(each + TOLERANCE) for each in due]
        lacking[:] = [
            lack + each - whole for lack, each, whole in zip(lacking, due, counts, strict=True)
        ]
        for _ in range(count - sum(counts)):
            pieces = [part for part, each in enumerate(due) if each - counts[part] > TOLERANCE]
            part = max(
                pieces, key=lambda at: (round(lacking[at], 6), round(due[at] - counts[at], 6))
            )
            counts[part] += 1
            lacking[part] -= 1
        return counts

    def _give_absent(self, index: int, counts: list[int], lacking: list[float]) -> None:
        """Give a photo to each part that would have none of the class, from the richest one."""
        for part in range(len(self.parts)):
            if counts[part] or self.present[part][index]:
                continue
            able = [
                other
                for other, count in enumerate(counts)
                if count and count + self.present[other][index] > 1
            ]
            if able:
                rich = max(able, key=counts.__getitem__)
                for each, change in ((part, 1), (rich, -1)):
                    counts[each] += change
                    lacking[each] -= change

    def _add(self, tally: Tally, part: int, *, sign: int) -> None:
        need, present = self.need[part], self.present[part]
        for index, count in tally[:-1]:
            need[index] -= sign * count
            present[index] += sign * count
        need[-1] -= sign * tally[-1][1]

    def _score(self, tally: Tally, part: int) -> tuple[int, float]:
        """What a unit is worth in a part.

        First how many absences it ends that no single photo could end instead, then by how much it
        lowers the cost.
        """
        need, present = self.need[part], self.present[part]
        filled = sum(
            present[index] == 0 and len(self._missing(index)) > len(self.loose[index])
            for index, _ in tally[:-1]
        )
        gain = sum(
            self.weights[index] * count * (2 * need[index] - count) for index, count in tally
        )
        return filled, round(gain, 9)

    def _missing(self, index: int) -> list[int]:
        return [part for part, present in enumerate(self.present) if not present[index]]


def _combined(
    one: Sequence[Sequence[float]], two: Sequence[Sequence[float]], *, sign: int
) -> list[list[float]]:
    return [
        [left + sign * right for left, right in zip(*rows, strict=True)]
        for rows in zip(one, two, strict=True)
    ]
