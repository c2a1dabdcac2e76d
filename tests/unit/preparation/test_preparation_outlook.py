"""Outlook: leaks counted anew, those of a random split, and where a split misses its target."""

import random
import time
from collections import Counter

import pytest

from lineament.preparation.division.grouping import Member
from lineament.preparation.division.outlook import leaks, leaks_of_random_split, off_target
from lineament.preparation.division.split import split_photos

THREE = {"train": 0.7, "validation": 0.15, "test": 0.15}
NONE = {"duplicates": 0, "near": 0, "group": 0}


def frames(people: int, *, each: int = 3) -> list[Member]:
    return [
        Member(key=f"{person}-{n}", class_name="ab"[person % 2], group=str(person))
        for person in range(people)
        for n in range(each)
    ]


def test_photos_with_a_partner_in_train_are_counted_by_kind() -> None:
    members = [
        Member(key="a", class_name="x", group="g", near_set="n"),
        Member(key="b", class_name="x", group="g"),
        Member(key="c", class_name="x", group="g", near_set="n", duplicate_set="d"),
        Member(key="d", class_name="x", duplicate_set="d"),
    ]
    sides = {"a": "train", "b": "test", "c": "test", "d": "validation"}
    assert leaks(members, sides) == {"duplicates": 0, "near": 1, "group": 2}
    assert leaks(members, sides, split="validation") == NONE


def test_a_finished_split_leaks_nothing() -> None:
    members = frames(40)
    sides = split_photos(members, THREE, seed=0)
    assert leaks(members, sides) == leaks(members, sides, split="validation") == NONE


def test_a_random_split_of_pairs_leaks_as_often_as_chance_says() -> None:
    members = frames(1000, each=2)
    sides = split_photos(members, THREE, seed=0)
    found = leaks_of_random_split(members, sides, seed=0, repeats=50)
    # Of 300 test photos each has its one partner among 1,400 train photos of 1,999 others, and
    # both are of one class: 700 of 999.
    assert found["group"] == pytest.approx(300 * 700 / 999, rel=0.02)
    assert found["near"] == found["duplicates"] == 0


def test_the_random_split_keeps_the_sizes_and_the_order_plays_no_part() -> None:
    members = frames(30)
    sides = split_photos(members, THREE, seed=0)
    shuffled = random.Random(0).sample(members, len(members))
    found = leaks_of_random_split(members, sides, seed=1)
    assert found == leaks_of_random_split(shuffled, sides, seed=1)
    assert 0 < found["group"] <= Counter(sides.values())["test"]


def test_without_a_test_split_a_random_one_leaks_nothing() -> None:
    members = frames(10)
    assert leaks_of_random_split(
        members, dict.fromkeys((m.key for m in members), "train"), seed=0
    ) == (NONE)


def test_a_hundred_thousand_photos_take_little_time() -> None:
    members = frames(33_000)
    sides = {each.key: ("train", "validation", "test")[n % 3] for n, each in enumerate(members)}
    start = time.perf_counter()
    leaks_of_random_split(members, sides, seed=0)
    assert time.perf_counter() - start < 20  # 2 s alone on two cores; CI machines are shared


def test_a_split_that_meets_its_target_gives_no_sentence() -> None:
    members = [Member(key=f"{name}{n}", class_name=name) for name in "ab" for n in range(100)]
    assert off_target(members, split_photos(members, THREE, seed=0), THREE) == []


def test_one_photo_off_is_met() -> None:
    members = [Member(key=f"{name}{n}", class_name=name) for name in "ab" for n in range(10)]
    assert off_target(members, split_photos(members, THREE, seed=0), THREE) == []


def test_where_nothing_was_asked_nothing_is_off() -> None:
    members = frames(10)
    assert off_target(members, dict.fromkeys((m.key for m in members), "train"), {}) == []


def test_a_large_group_is_named_as_the_reason() -> None:
    members = [Member(key=f"g{n}", class_name="cat", group="anna") for n in range(60)]
    members += [Member(key=f"c{n}", class_name="cat") for n in range(10)]
    members += [Member(key=f"d{n}", class_name="dog") for n in range(3000)]
    assert off_target(members, split_photos(members, THREE, seed=0), THREE) == [
        "cat (70 photos): train 85.7%, validation 7.1%, test 7.1%; asked for 70.0%, 15.0%, 15.0%; "
        "they are in 11 units that stay whole, the largest of 60 photos (group anna)."
    ]


def test_near_duplicates_without_a_group_are_named_after_a_photo() -> None:
    members = [Member(key=f"n{n}", class_name="cat", near_set="n") for n in range(9)]
    members += [Member(key=f"c{n}", class_name="cat") for n in range(2)]
    sentence, *_ = off_target(members, split_photos(members, THREE, seed=0), THREE)
    assert sentence.endswith("the largest of 9 photos (n0 and what is tied to it).")


def test_many_tiny_classes_are_a_reason_of_their_own() -> None:
    members = [
        Member(key=f"{name}/{n}", class_name=str(name)) for name in range(9) for n in range(3)
    ]
    assert off_target(members, split_photos(members, THREE, seed=0), THREE) == [
        "All 27 photos: train 33.3%, validation 33.3%, test 33.3%; asked for 70.0%, 15.0%, 15.0%; "
        "each class must have a photo in each split.",
        *(
            f"{name} (3 photos): train 33.3%, validation 33.3%, test 33.3%; asked for 70.0%, "
            "15.0%, 15.0%; each class must have a photo in each split."
            for name in range(9)
        ),
    ]


def test_given_splits_are_a_reason_of_their_own() -> None:
    members = [Member(key=str(n), class_name="cat") for n in range(10)]
    sides = {str(n): "test" if n < 8 else "train" for n in range(10)}
    assert off_target(members, sides, {"train": 0.8, "test": 0.2}, given=["test", "train"]) == [
        "All 10 photos: train 20.0%, test 80.0%; asked for 80.0%, 20.0%; the train and test splits "
        "are given.",
        "cat (10 photos): train 20.0%, test 80.0%; asked for 80.0%, 20.0%; the train and test "
        "splits are given.",
    ]
