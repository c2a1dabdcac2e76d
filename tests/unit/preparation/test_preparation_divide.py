"""Divide: which splits are to be made, and what is refused before photos are read."""

import pytest

from lineament.core.errors import DataError
from lineament.preparation.division.divide import check_division, fractions_to_make
from lineament.preparation.division.grouping import Member

WANTED = {"train": 0.7, "validation": 0.15, "test": 0.15}
TWO = {"train": 0.8, "validation": 0.2}


def photos(*groups: str) -> list[Member]:
    return [Member(key=str(n), class_name="cat", group=group) for n, group in enumerate(groups)]


def test_without_given_splits_all_are_made_as_asked() -> None:
    assert fractions_to_make({}, WANTED) == WANTED


def test_where_a_list_gives_the_test_split_the_others_are_made() -> None:
    made = fractions_to_make({"test": "hard.csv"}, WANTED)
    assert made == {"train": pytest.approx(0.7 / 0.85), "validation": pytest.approx(0.15 / 0.85)}


def test_where_all_but_train_are_given_what_is_free_is_train() -> None:
    assert fractions_to_make({"validation": "a.csv", "test": "b.csv"}, WANTED) == {"train": 1}


def test_a_group_across_folders_of_splits_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        check_division(photos("anna", "anna"), {"0": "train", "1": "test"}, {})
    assert caught.value.what == (
        "1 group lies in more than one of the given splits; nothing was written."
    )


def test_a_list_may_name_single_photos_of_a_group() -> None:
    members = photos("anna", "anna", "ben", "carl")
    sides = {"0": "test", "1": "", "2": "", "3": ""}
    check_division(members, sides, TWO, groups_whole=False)


def test_what_is_left_for_the_splits_to_make_must_be_enough() -> None:
    with pytest.raises(DataError) as caught:
        check_division(photos("", "", ""), {"0": "test", "1": "test", "2": ""}, TWO)
    assert caught.value.at == ("cat (has 1, needs 2)",)
