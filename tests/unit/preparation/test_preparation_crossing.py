"""Crossing: what is tied to a given split and does not lie in it is left out."""

import random

import pytest

from lineament.preparation.division.crossing import ties_across
from lineament.preparation.division.grouping import Member, connected
from lineament.preparation.sources.listing import COPY, NEAR_COPY, TIED


def member(key: str, *, group: str = "", same: str = "", near: str = "") -> Member:
    return Member(key=key, class_name="cat", group=group, duplicate_set=same, near_set=near)


def reasons(members: list[Member], sides: dict[str, str]) -> dict[str, tuple[str, str]]:
    return {each.relative: (each.kind, each.reason) for each in ties_across(members, sides)}


def test_copies_of_a_test_photo_are_left_out_and_name_the_first_one() -> None:
    sides = {
        "test/cat/3": "test",
        "test/cat/4": "test",
        "train/cat/1": "train",
        "val/cat/2": "validation",
    }
    assert reasons([member(key, same="s") for key in sides], sides) == {
        "train/cat/1": (COPY, "same pixels as test/cat/3, which is in the test split"),
        "val/cat/2": (COPY, "same pixels as test/cat/3, which is in the test split"),
    }


def test_the_validation_copy_stays_before_the_train_copy() -> None:
    sides = {"a": "train", "b": "validation"}
    assert reasons([member(key, same="s") for key in sides], sides) == {
        "a": (COPY, "same pixels as b, which is in the validation split")
    }


def test_near_duplicates_of_a_test_photo_are_left_out() -> None:
    assert reasons([member("a", near="n"), member("b", near="n")], {"a": "", "b": "test"}) == {
        "a": (NEAR_COPY, "near duplicate of b, which is in the test split")
    }


def test_photos_of_a_group_that_is_tested_are_left_out() -> None:
    assert reasons([member("a", group="g"), member("b", group="g")], {"a": "", "b": "test"}) == {
        "a": (TIED, "same group as b, which is in the test split")
    }


def test_the_strongest_tie_is_named() -> None:
    members = [
        member("a", group="g", near="n"),
        member("b", group="g"),
        member("c", near="n"),
    ]
    assert reasons(members, {"a": "train", "b": "test", "c": "test"}) == {
        "a": (NEAR_COPY, "near duplicate of c, which is in the test split")
    }


def test_a_photo_that_is_tied_through_another_names_both() -> None:
    members = [member("a", group="g"), member("b", group="g", near="n"), member("c", near="n")]
    assert reasons(members, {"a": "train", "b": "train", "c": "test"}) == {
        "a": (TIED, "tied through b to c, which is in the test split"),
        "b": (NEAR_COPY, "near duplicate of c, which is in the test split"),
    }


def test_copies_within_one_split_stay() -> None:
    pair = [member("a", same="s"), member("b", same="s")]
    for split in ("", "train", "test"):
        assert ties_across(pair, {"a": split, "b": split}) == []


def test_photos_in_no_split_and_in_train_are_one_side() -> None:
    assert (
        ties_across([member("a", near="n"), member("b", near="n")], {"a": "", "b": "train"}) == []
    )


@pytest.mark.parametrize("seed", range(20))
def test_afterwards_no_unit_crosses_and_no_test_photo_is_lost(seed: int) -> None:
    rng = random.Random(seed)
    members = [
        member(
            f"p{n:02d}",
            group=rng.choice(["", "", "g1", "g2", "g3"]),
            same=rng.choice(["", "", "", "s1", "s2"]),
            near=rng.choice(["", "", "", "n1", "n2", "n3"]),
        )
        for n in range(30)
    ]
    sides = {each.key: rng.choice(["", "train", "train", "validation", "test"]) for each in members}
    out = ties_across(members, sides)
    assert out == ties_across(members[::-1], sides)
    gone = {each.relative for each in out}
    assert all(sides[key] != "test" for key in gone)
    for unit in connected([each for each in members if each.key not in gone]):
        assert len({sides[each.key] or "train" for each in unit}) == 1


def test_a_group_of_twenty_thousand_is_left_out_quickly() -> None:
    members = [member(f"p{n:05d}", group="g") for n in range(20_000)]
    sides = {each.key: "train" for each in members} | {"p00007": "test"}
    assert len(ties_across(members, sides)) == 19_999
