"""Dividing: put every photo in a split, and say what had to be left out for that, and why.

The order: copies and relatives across given splits are left out; an extended dataset's photos keep
their splits; balance takes its share; what is free is split; folds are made of what is not test.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

from lineament.artifacts.dataset import UNLABELLED, Dataset
from lineament.artifacts.origins import origins
from lineament.core.errors import DataError
from lineament.preparation.config import PrepareConfig
from lineament.preparation.division.balance import balance_cap, over_cap
from lineament.preparation.division.chronology import split_by_time, times_of
from lineament.preparation.division.crossing import ties_across
from lineament.preparation.division.extension import barred, kept_sides, retied
from lineament.preparation.division.folds import make_folds
from lineament.preparation.division.grouping import Member, ties
from lineament.preparation.division.outlook import leaks, leaks_of_random_split, off_target
from lineament.preparation.division.split import split_photos
from lineament.preparation.photo import Photo
from lineament.preparation.plan import Plan
from lineament.preparation.sources.listing import BALANCE, Layout, Rejection

FEW = 20  # mistakes, up to which they are too few to turn anything round
FREE = ("", "train")  # given to no split, or to the one that others may be taken from


@dataclasses.dataclass(frozen=True, kw_only=True)
class Division:
    """Which photo is where.

    Attributes:
        members: The photos that are left.
        sides: Photo to split.
        left_out: The others.
        folds: Photo to fold, from 1; empty if none were asked for.
        leaks: Kind of tie to how many test photos have such a partner in train: 0 each.
        random_leaks: The same as a random split would have had it, on average.
        warnings: Where the split is not what was asked for, and why.
    """

    members: Sequence[Member]
    sides: Mapping[str, str]
    left_out: Sequence[Rejection] = ()
    folds: Mapping[str, int] = dataclasses.field(default_factory=dict)
    leaks: Mapping[str, int] = dataclasses.field(default_factory=dict)
    random_leaks: Mapping[str, float] = dataclasses.field(default_factory=dict)
    warnings: Sequence[str] = ()


def divide_photos(
    members: Sequence[Member],
    photos: Sequence[Photo],
    near: Sequence[tuple[str, str]],
    *,
    plan: Plan,
    config: PrepareConfig,
    old: Dataset | None,
) -> Division:
    """Divide photos as asked.

    Args:
        members: What ties each photo to others.
        photos: The same photos, in the same order.
        near: Pairs of keys of near duplicates.
        plan: Which splits are given and which are to be made.
        config: How.
        old: The dataset that is extended.

    Raises:
        DataError: The photos cannot be divided so.
        UsageError: A rule for the time names what is not there.
    """
    if not plan.layout.classes:
        return Division(members=members, sides={member.key: UNLABELLED for member in members})
    given = {photo.relative: photo.split for photo in photos}
    out = list(ties_across(members, given))
    left = _without(members, out)
    fixed: dict[str, str] = {}
    if old is not None or plan.train_only:
        sides_before = {} if old is None else _old_sides(old)
        tied = barred(left, sides_before, plan.train_only, near=near)
        out, left = out + tied, _without(left, tied)
        corrected = {each.content: "train" for each in left if each.key in plan.train_only}
        fixed, tied = kept_sides(left, {**sides_before, **corrected}, near=near)
        out, left = out + tied, retied(_without(left, tied), near)
    excess = _excess([each for each in left if given[each.key] in FREE], config)
    out, left = out + excess, _without_sets_of_one(_without(left, excess))
    # Corrections count for no class: else test would get more of the other new photos for them.
    free = [
        member for member in left if given[member.key] in FREE and member.key not in plan.train_only
    ]
    if plan.train_only and plan.to_make:
        _require_sessions_without_corrections(free, fixed)
    made: Mapping[str, str] = {}
    if plan.to_make and config.time_by is not None:
        free_of_ties = [member for member in free if member.key not in fixed]
        times = times_of(
            [member.key for member in free_of_ties],
            config.time_by,
            taken={photo.relative: photo.facts.taken for photo in photos},
            metadata={photo.relative: photo.metadata for photo in photos},
        )
        made = {**fixed, **split_by_time(free_of_ties, times, plan.to_make)}
    elif plan.to_make:
        made = split_photos(free, plan.to_make, seed=config.seed, fixed=fixed)
    sides = {member.key: made.get(member.key, given[member.key] or "train") for member in left}
    folds: Mapping[str, int] = {}
    if config.folds:
        learned = [member for member in left if sides[member.key] != "test"]
        folds = make_folds(learned, config.folds, seed=config.seed)
    return Division(
        members=left,
        sides=sides,
        left_out=out,
        folds=folds,
        leaks=leaks(left, sides),
        random_leaks=leaks_of_random_split(left, sides, seed=config.seed),
        warnings=[
            *_mostly_mistakes(plan.layout),
            *_all_corrections(plan.layout),
            *off_target(free, sides, plan.to_make, given=tuple(plan.given)),
        ],
    )


def _excess(members: Sequence[Member], config: PrepareConfig) -> list[Rejection]:
    cap = balance_cap(config.balance)
    if cap is None:
        return []
    return [
        Rejection(relative=key, kind=BALANCE, reason=f"{BALANCE} ({config.balance})")
        for key in over_cap(members, cap, seed=config.seed)
    ]


def _require_sessions_without_corrections(free: Sequence[Member], fixed: Mapping[str, str]) -> None:
    """Refuse classes whose every photo is held in train by a correction."""
    held: dict[str, set[str]] = {}
    for member in free:
        held.setdefault(member.class_name, set()).add(fixed.get(member.key, ""))
    stuck = sorted(name for name, sides in held.items() if sides == {"train"})
    if stuck:
        raise DataError(
            f"{'1 class has' if len(stuck) == 1 else f'{len(stuck)} classes have'} no photo that "
            "can be validated or tested on: each is tied to a correction, which is for train only; "
            "nothing was written.",
            at=stuck,
            fix="Keep photos of them in sessions without a correction, name the photos to test on "
            "with `--split test=FILE`, or leave these classes out.",
        )


def _mostly_mistakes(layout: Layout) -> list[str]:
    """Say that a model which learns little but another one's mistakes may turn them round.

    Where it took cats for dogs in the dark, all dark photos that are kept are cats.
    """
    new = [each for each in layout.candidates if each.origin is None]
    wrong = sum(each.correction and each.metadata.get("said") != each.class_name for each in new)
    if wrong < FEW or wrong <= len(new) - wrong:
        return []
    return [
        f"{wrong} of {len(new)} new photos are kept because a model got them wrong; what learns "
        "them without others of their kind may get those wrong instead. Keep photos that were "
        "answered rightly too."
    ]


def _all_corrections(layout: Layout) -> list[str]:
    """Say of which classes a test would be of nothing but what a model got wrong."""
    corrected = {each.class_name for each in layout.candidates if each.correction}
    others = {each.class_name for each in layout.candidates if not each.correction}
    return [
        f"Every photo of `{name}` is a correction: its figures say how a model does on photos that "
        "another one got wrong."
        for name in sorted(corrected - others)
    ]


def _old_sides(old: Dataset) -> dict[str, str]:
    """Hash of the pixels to split, of a dataset."""
    pixels = {origin.filename: origin.pixels for origin in origins(old.root)}
    return {
        pixels[sample.filename]: split
        for split, samples in old.splits.items()
        for sample in samples
    }


def _without(members: Sequence[Member], out: Sequence[Rejection]) -> list[Member]:
    gone = {each.relative for each in out}
    return [member for member in members if member.key not in gone]


def _without_sets_of_one(members: Sequence[Member]) -> list[Member]:
    """Forget the sets of duplicates of which only one photo is left."""
    counts = Counter(tie for member in members for tie in ties(member))
    return [
        dataclasses.replace(
            member,
            duplicate_set=member.duplicate_set * (counts["duplicates", member.duplicate_set] > 1),
            near_set=member.near_set * (counts["near", member.near_set] > 1),
        )
        for member in members
    ]
