"""Folds: whole units, classes in every fold, equal sizes."""

import random
from collections import Counter

import pytest

from lineament.core.errors import DataError, UsageError
from lineament.preparation.division.folds import make_folds
from lineament.preparation.division.grouping import Member, connected


def photos(name: str, count: int) -> list[Member]:
    return [Member(key=f"{name}/{n}", class_name=name) for n in range(count)]


def grouped(seed: int) -> list[Member]:
    rng = random.Random(seed)
    return [
        Member(key=str(n), class_name=rng.choice("aabc"), group=f"g{rng.randrange(80)}")
        for n in range(500)
    ]


@pytest.mark.parametrize("n_folds", [2, 3, 5, 10])
def test_classes_of_single_photos_are_within_one_photo_in_every_fold(n_folds: int) -> None:
    members = photos("a", 53) + photos("b", 31)
    folds = make_folds(members, n_folds, seed=0)
    counts = Counter((member.class_name, folds[member.key]) for member in members)
    assert set(folds.values()) == set(range(1, n_folds + 1))
    for name, size in (("a", 53), ("b", 31)):
        assert all(abs(counts[name, fold] - size / n_folds) < 1 for fold in set(folds.values()))


@pytest.mark.parametrize("seed", range(5))
def test_units_stay_whole(seed: int) -> None:
    members = grouped(seed)
    folds = make_folds(members, 5, seed=seed)
    for unit in connected(members):
        assert len({folds[member.key] for member in unit}) == 1


@pytest.mark.parametrize("seed", range(5))
def test_folds_of_groups_are_within_one_per_cent(seed: int) -> None:
    sizes = Counter(make_folds(grouped(seed), 5, seed=seed).values())
    assert all(abs(size / 500 - 0.2) <= 0.01 for size in sizes.values())


def test_the_order_of_arrival_plays_no_part() -> None:
    members = grouped(0)
    assert make_folds(members, 5, seed=0) == make_folds(members[::-1], 5, seed=0)


def test_one_fold_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        make_folds(photos("a", 9), 1, seed=0)
    assert str(caught.value) == (
        "`folds` must be 2 or more, got 1.\n  fix: Write for example `--folds 5`."
    )


def test_classes_with_too_few_units_are_named_with_what_they_have() -> None:
    fox = [Member(key=f"fox/{n}", class_name="fox", group=f"g{n // 3}") for n in range(9)]
    with pytest.raises(DataError) as caught:
        make_folds([*photos("cat", 9), *fox, *photos("owl", 4)], 5, seed=0)
    assert str(caught.value) == (
        "2 classes have too few independent photos to be in 5 folds; nothing was written.\n"
        "  at:  fox (has 3, needs 5), owl (has 4, needs 5)\n"
        "  fix: Photos of one group or that are duplicates count as one. Ask for at most 3 folds, "
        "add photos or leave these classes out."
    )


def test_fewer_folds_are_not_the_way_out_for_a_class_with_one_unit() -> None:
    with pytest.raises(DataError) as caught:
        make_folds([*photos("cat", 9), *photos("owl", 1)], 2, seed=0)
    assert str(caught.value) == (
        "1 class has too few independent photos to be in 2 folds; nothing was written.\n"
        "  at:  owl (has 1, needs 2)\n"
        "  fix: Photos of one group or that are duplicates count as one. Add photos or leave these "
        "classes out."
    )


def test_groups_that_block_each_other_are_named() -> None:
    # The Fano plane: any two of its seven lines meet, so no two folds can both be in every class.
    lines = ["012", "034", "056", "135", "146", "236", "245"]
    members = [
        Member(key=f"{point}-{line}", class_name=f"c{line}", group=point)
        for line in lines
        for point in line
    ]
    with pytest.raises(DataError) as caught:
        make_folds(members, 2, seed=0)
    assert caught.value.what == (
        "The groups cannot be placed so that each class is in each of 2 folds; nothing was written."
    )
    assert caught.value.fix == (
        "Ask for fewer folds, add groups with photos of these classes, or leave these classes out."
    )
    assert all(place.endswith(("(not in 1)", "(not in 2)")) for place in caught.value.at)
