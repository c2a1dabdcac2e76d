"""The splitter: whole units, near the wanted fractions, the same for the same photos."""

import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from lineament.core.errors import DataError
from lineament.preparation.grouping import Member, connected
from lineament.preparation.split import split_photos

THREE = {"train": 0.7, "validation": 0.15, "test": 0.15}
FRACTIONS: list[dict[str, float]] = [
    THREE,
    {"train": 0.8, "validation": 0.2, "test": 0.0},
    {"train": 0.5, "validation": 0.3, "test": 0.2},
    {"train": 1 / 3, "validation": 1 / 3, "test": 1 / 3},
]


def singles(counts: Mapping[str, int]) -> list[Member]:
    return [
        Member(key=f"{name}/{n}", class_name=name, group="", duplicate_set="")
        for name, count in counts.items()
        for n in range(count)
    ]


def drawn(seed: int, *, photos: int = 400) -> list[Member]:
    """Photos of four classes, most in groups across classes, some in duplicate sets."""
    rng = random.Random(seed)
    return [
        Member(
            key=f"photo{n}",
            class_name=rng.choice("aaabbcd"),
            group=f"g{int(60 * rng.random() ** 2)}" if rng.random() < 0.7 else "",
            duplicate_set=f"s{rng.randrange(20)}" if rng.random() < 0.03 else "",
        )
        for n in range(photos)
    ]


def furthest(
    members: Sequence[Member], sides: Mapping[str, str], fractions: Mapping[str, float]
) -> float:
    """The largest distance of a class from its wanted count in a split."""
    sizes = Counter(member.class_name for member in members)
    counts = Counter((member.class_name, sides[member.key]) for member in members)
    return max(
        abs(counts[name, split] - size * fraction)
        for name, size in sizes.items()
        for split, fraction in fractions.items()
    )


@pytest.mark.parametrize("fractions", FRACTIONS)
@pytest.mark.parametrize("seed", range(5))
def test_without_groups_each_class_is_within_one_photo(
    fractions: dict[str, float], seed: int
) -> None:
    rng = random.Random(seed)
    members = singles({name: rng.randint(8, 90) for name in "abcdefgh"})
    assert furthest(members, split_photos(members, fractions, seed=seed), fractions) < 1


@pytest.mark.parametrize("seed", range(10))
def test_every_photo_is_in_one_split(seed: int) -> None:
    members = drawn(seed)
    sides = split_photos(members, THREE, seed=seed)
    assert sides.keys() == {member.key for member in members}
    assert set(sides.values()) == set(THREE)


@pytest.mark.parametrize("seed", range(10))
def test_units_stay_whole(seed: int) -> None:
    members = drawn(seed)
    sides = split_photos(members, THREE, seed=seed)
    for unit in connected(members):
        assert len({sides[member.key] for member in unit}) == 1


@pytest.mark.parametrize("seed", range(10))
def test_every_class_is_in_every_split(seed: int) -> None:
    members = drawn(seed)
    sides = split_photos(members, THREE, seed=seed)
    assert len({(member.class_name, sides[member.key]) for member in members}) == 4 * 3


@pytest.mark.parametrize("seed", range(10))
def test_the_order_of_arrival_plays_no_part(seed: int) -> None:
    members = drawn(seed)
    shuffled = random.Random(seed).sample(members, len(members))
    assert split_photos(members, THREE, seed=3) == split_photos(shuffled, THREE, seed=3)


def test_another_seed_gives_another_split_of_the_same_sizes() -> None:
    members = singles({"cat": 50, "dog": 70})
    one, other = (split_photos(members, THREE, seed=seed) for seed in (0, 1))
    assert one != other
    assert Counter(one.values()) == Counter(other.values())


def test_groups_come_near_the_wanted_counts() -> None:
    members = [
        Member(key=f"{person}-{n}", class_name=f"mood{n % 5}", group=str(person), duplicate_set="")
        for person in range(120)
        for n in range(person % 9 + 3)
    ]
    sides = split_photos(members, THREE, seed=0)
    sizes = Counter(member.class_name for member in members)
    assert furthest(members, sides, THREE) <= 0.02 * max(sizes.values())


def test_no_photo_goes_to_a_split_without_a_part() -> None:
    sides = split_photos(singles({"a": 9, "b": 9}), FRACTIONS[1], seed=0)
    assert set(sides.values()) == {"train", "validation"}


def test_three_photos_of_a_class_go_to_three_splits() -> None:
    sides = split_photos(singles({"a": 3, "b": 100}), THREE, seed=0)
    assert {sides[f"a/{n}"] for n in range(3)} == set(THREE)


def test_a_large_group_leaves_the_single_photos_to_the_other_splits() -> None:
    big = [Member(key=f"g{n}", class_name="a", group="g", duplicate_set="") for n in range(50)]
    sides = split_photos([*big, *singles({"a": 2, "b": 9})], THREE, seed=0)
    assert sides["g0"] == "train"
    assert {sides["a/0"], sides["a/1"]} == {"validation", "test"}


def test_three_groups_of_a_class_go_to_three_splits_however_uneven() -> None:
    members = [
        Member(key=f"{name}{group}{n}", class_name=name, group=f"{name}{group}", duplicate_set="")
        for name in "ab"
        for group, size in (("x", 50), ("y", 49), ("z", 1))
        for n in range(size)
    ]
    sides = split_photos(members, THREE, seed=0)
    assert {sides["ax0"], sides["ay0"], sides["az0"]} == set(THREE)


def test_rounding_of_many_small_classes_does_not_add_up() -> None:
    members = singles({f"class{n}": 10 for n in range(100)})  # 1.5 wanted in validation and test
    totals = Counter(split_photos(members, THREE, seed=0).values())
    assert totals == {"train": 700, "validation": 150, "test": 150}


def test_classes_with_too_few_photos_are_all_named() -> None:
    with pytest.raises(DataError) as caught:
        split_photos(singles({"cat": 9, "fox": 2, "owl": 2}), THREE, seed=0)
    assert str(caught.value) == (
        "2 classes have too few independent photos to be in train, validation and test; nothing "
        "was written.\n"
        "  at:  fox (has 2, needs 3), owl (has 2, needs 3)\n"
        "  fix: Photos of one group or with the same pixels count as one. Add photos, leave these "
        "classes out or split in two with `--split 0.8,0.2,0`."
    )


def test_two_splits_are_not_the_way_out_for_a_class_with_one_photo() -> None:
    with pytest.raises(DataError) as caught:
        split_photos(singles({"cat": 9, "fox": 2, "owl": 1}), THREE, seed=0)
    assert caught.value.fix == (
        "Photos of one group or with the same pixels count as one. Add photos or leave these "
        "classes out."
    )


def test_many_photos_of_one_person_are_too_few() -> None:
    fox = [Member(key=f"f{n}", class_name="fox", group="one", duplicate_set="") for n in range(9)]
    with pytest.raises(DataError) as caught:
        split_photos([*fox, *singles({"cat": 9})], FRACTIONS[1], seed=0)
    assert str(caught.value) == (
        "1 class has too few independent photos to be in train and validation; nothing was "
        "written.\n"
        "  at:  fox (has 1, needs 2)\n"
        "  fix: Photos of one group or with the same pixels count as one. Add photos or leave "
        "these classes out."
    )


def test_groups_that_block_each_other_are_an_error_and_not_a_bad_split() -> None:
    # The Fano plane: any two of its seven lines meet, so no two splits can both be in every class.
    lines = ["012", "034", "056", "135", "146", "236", "245"]
    members = [
        Member(key=f"{point}-{line}", class_name=f"c{line}", group=point, duplicate_set="")
        for line in lines
        for point in line
    ]
    with pytest.raises(DataError, match="The groups cannot be split so that each class is in"):
        split_photos(members, {"train": 0.5, "validation": 0.5}, seed=0)


def test_sixty_thousand_single_photos_take_little_time() -> None:
    members = singles({str(name): 6000 for name in range(10)})
    start = time.perf_counter()
    split_photos(members, THREE, seed=0)
    assert time.perf_counter() - start < 8  # 0.4 s alone on two cores; CI machines are shared
