"""Groups and units: what must stay on one side."""

import re

import pytest

from lineament.core.errors import DataError, UsageError
from lineament.preparation.division.grouping import (
    Member,
    connected,
    group_of,
    order_of,
    read_groups,
    require_one_side,
    splits_by_tie,
)


def member(key: str, *, group: str = "", duplicate_set: str = "", near_set: str = "") -> Member:
    return Member(
        key=key, class_name="cat", group=group, duplicate_set=duplicate_set, near_set=near_set
    )


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


def test_without_a_rule_the_groups_of_the_source_hold() -> None:
    assert read_groups(["a", "b"], None, given={"a": "anna"}) == {"a": "anna", "b": ""}


def test_a_rule_goes_before_the_groups_of_the_source() -> None:
    assert read_groups(["p1.jpg"], r"p\d", given={"p1.jpg": "anna"}) == {"p1.jpg": "p1"}


def test_a_column_can_be_the_group() -> None:
    metadata = {"a": {"person": "anna", "age": "7"}, "b": {"person": "ben"}}
    assert read_groups(["a", "b", "c"], "column:person", metadata=metadata) == {
        "a": "anna",
        "b": "ben",
        "c": "",
    }


def test_the_group_column_that_a_table_gives_can_be_named() -> None:
    given = {"a": "anna", "b": ""}
    assert read_groups(["a", "b"], "column:group", given=given) == given


def test_an_unknown_column_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UsageError) as caught:
        read_groups(["a"], "column:persn", metadata={"a": {"person": "anna", "age": "7"}})
    assert str(caught.value) == (
        "`group_by` is `column:persn`, but the source has no column `persn`. Did you mean "
        "`person`?\n"
        "  fix: The columns are age, person."
    )


def test_a_column_of_a_source_without_columns_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        read_groups(["a"], "column:person")
    assert str(caught.value) == (
        "`group_by` is `column:person`, but the source has no column `person`.\n"
        "  fix: The source has no further columns; write a regular expression instead."
    )


def test_a_column_that_is_empty_throughout_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        read_groups(["a"], "column:person", metadata={"a": {"person": ""}})
    assert str(caught.value) == (
        "`group_by` is `column:person`, which gives none of the 1 photos a group.\n"
        "  fix: Fill the column, or name another one."
    )


def test_order_follows_content_and_not_the_name() -> None:
    one, two = (Member(key=key, class_name="cat", content="c0ffee") for key in ("a", "b"))
    assert order_of(one, 0)[0] == order_of(two, 0)[0]
    assert order_of(one, 0)[0] != order_of(one, 1)[0]


def test_near_duplicates_are_tied() -> None:
    units = connected([member("a", near_set="n"), member("b"), member("c", near_set="n")])
    assert keys(units) == [["a", "c"], ["b"]]


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
    found = splits_by_tie(members, {"a": "test", "b": "train", "c": "test"})
    with pytest.raises(DataError) as caught:
        require_one_side(found["group"])
    assert str(caught.value) == (
        "1 group lies in more than one of the given splits; nothing was written.\n"
        "  at:  anna (train, test)\n"
        "  fix: Move each group into one split folder, or take the split folders away and let "
        "`--group-by` make the split."
    )
