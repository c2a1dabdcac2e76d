"""Groups and units: what must stay on one side."""

import re

import pytest

from lineament.core.errors import DataError, UsageError
from lineament.preparation.grouping import (
    Member,
    connected,
    group_of,
    read_groups,
    require_one_side,
    splits_by_tie,
)


def member(key: str, *, group: str = "", duplicate_set: str = "") -> Member:
    return Member(key=key, class_name="cat", group=group, duplicate_set=duplicate_set)


def keys(units: list[list[Member]]) -> list[list[str]]:
    return [[each.key for each in unit] for unit in units]


def test_the_first_capture_group_is_the_group() -> None:
    assert group_of("cat/p7_3.jpg", re.compile(r"(p\d+)_(\d)")) == "p7"


def test_without_capture_group_the_match_is_the_group() -> None:
    assert group_of("cat/p7_3.jpg", re.compile(r"p\d+")) == "p7"


def test_a_path_that_does_not_match_is_in_no_group() -> None:
    assert group_of("cat/x.jpg", re.compile(r"p\d+")) == ""


def test_a_capture_group_that_took_no_part_is_no_group() -> None:
    assert group_of("cat/x.jpg", re.compile(r"(p\d+)|x")) == ""


def test_the_whole_path_is_searched() -> None:
    assert group_of("cat/anna/1.jpg", re.compile(r"^[^/]+/([^/]+)/")) == "anna"


def test_an_expression_that_matches_nothing_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        read_groups(["cat/a.jpg", "cat/b.jpg", "dog/c.jpg", "dog/d.jpg"], r"S(\d+)_")
    assert str(caught.value) == (
        "`group_by` is `S(\\d+)_`, which matches none of the 4 paths.\n"
        "  at:  cat/a.jpg, cat/b.jpg, dog/c.jpg\n"
        "  fix: Write a regular expression that finds the group in paths like these."
    )


def test_a_group_and_a_duplicate_set_join_into_one_unit() -> None:
    units = connected(
        [
            member("d"),
            member("a", group="anna"),
            member("b", group="anna", duplicate_set="same"),
            member("c", group="ben", duplicate_set="same"),
            member("e", group="ben"),
        ]
    )
    assert keys(units) == [["a", "b", "c", "e"], ["d"]]


def test_a_group_and_a_duplicate_set_of_one_name_are_not_tied() -> None:
    assert keys(connected([member("a", group="x"), member("b", duplicate_set="x")])) == [
        ["a"],
        ["b"],
    ]


def test_a_group_across_given_splits_is_refused_by_name() -> None:
    members = [member("a", group="anna"), member("b", group="anna"), member("c", group="ben")]
    groups, _ = splits_by_tie(members, {"a": "test", "b": "train", "c": "test"})
    with pytest.raises(DataError) as caught:
        require_one_side(groups)
    assert str(caught.value) == (
        "1 group lies in more than one of the given splits; nothing was written.\n"
        "  at:  anna (train, test)\n"
        "  fix: Move each group into one split folder, or take the split folders away and let "
        "`--group-by` make the split."
    )
