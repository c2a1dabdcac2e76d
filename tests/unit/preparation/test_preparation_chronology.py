"""Chronology: where times come from, and the split that follows from them."""

from collections import Counter
from collections.abc import Mapping

import hypothesis
import hypothesis.strategies as st
import pytest

from lineament.artifacts.dataset import SPLITS
from lineament.core.errors import DataError, UsageError
from lineament.preparation.division.chronology import split_by_time, times_of
from lineament.preparation.division.grouping import Member, connected

THREE = {"train": 0.7, "validation": 0.15, "test": 0.15}
TWO = {"train": 0.8, "validation": 0.2, "test": 0.0}


def photos(times: Mapping[str, str], *, name: str = "cat", group: str = "") -> list[Member]:
    return [Member(key=key, class_name=name, group=group) for key in times]


def daily(count: int) -> dict[str, str]:
    return {f"p{n}": f"2021:05:{n + 1:02d} 12:00:00" for n in range(count)}


def test_exif_times_are_those_of_the_camera() -> None:
    taken = {"a": "2021:05:01 12:00:00", "b": ""}
    assert times_of(["a", "b", "c"], "exif", taken=taken, metadata={}) == {
        "a": "2021:05:01 12:00:00",
        "b": "",
        "c": "",
    }


def test_a_column_can_be_the_time() -> None:
    metadata = {"a": {"day": " 2021-05-01 "}, "b": {"day": ""}}
    assert times_of(["a", "b"], "column:day", taken={}, metadata=metadata) == {
        "a": "2021-05-01",
        "b": "",
    }


def test_an_expression_finds_the_time_in_the_name() -> None:
    assert times_of(["cat/x_0012.jpg"], r"_(\d+)", taken={}, metadata={}) == {
        "cat/x_0012.jpg": "0012"
    }


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        times_of(["a"], "column:dai", taken={}, metadata={"a": {"day": "1"}})
    assert str(caught.value) == (
        "`time_by` is `column:dai`, but the source has no column `dai`. Did you mean `day`?\n"
        "  fix: The columns are day."
    )


def test_an_expression_that_finds_no_time_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        times_of(["a.jpg", "b.jpg"], r"\d{8}", taken={}, metadata={})
    assert str(caught.value) == (
        "`time_by` is `\\d{8}`, which finds a time for none of the 2 photos.\n"
        "  at:  a.jpg, b.jpg\n"
        "  fix: Write `exif`, `column:NAME`, or an expression that finds the time in paths like "
        "these."
    )


def test_the_oldest_train_and_the_newest_test() -> None:
    times = daily(20)
    sides = split_by_time(photos(times)[::-1], times, THREE)
    assert [sides[f"p{n}"] for n in range(20)] == [
        *["train"] * 14,
        *["validation"] * 3,
        *["test"] * 3,
    ]


def test_without_a_test_part_the_newest_are_validation() -> None:
    times = daily(10)
    assert Counter(split_by_time(photos(times), times, TWO).values()) == {
        "train": 8,
        "validation": 2,
    }


def test_numbers_are_compared_as_numbers() -> None:
    times = {f"p{n}": str(n) for n in range(8, 13)}
    sides = split_by_time(photos(times), times, TWO)
    assert sides == {"p8": "train", "p9": "train", "p10": "train", "p11": "train"} | {
        "p12": "validation"
    }


def test_numbers_that_are_equal_in_another_form_are_one_time() -> None:
    times = {"a": "-1", "b": "7", "c": "7.0"}
    assert split_by_time(photos(times), times, {"train": 0.5, "validation": 0.5}) == {
        "a": "train",
        "b": "validation",
        "c": "validation",
    }


def test_equal_times_never_cross() -> None:
    times = {f"p{n}": "1" if n < 9 else str(n) for n in range(12)}
    sides = split_by_time(photos(times), times, THREE)
    assert {sides[f"p{n}"] for n in range(9)} == {"train"}


def test_a_unit_goes_by_its_latest_photo() -> None:
    times = daily(10)
    members = [Member(key=key, class_name="cat") for key in list(times)[1:9]]
    members += [Member(key=key, class_name="cat", group="anna") for key in ("p0", "p9")]
    sides = split_by_time(members, times, TWO)
    assert sides["p0"] == sides["p9"] == "validation"


def test_photos_without_a_time_are_counted_and_named() -> None:
    times = daily(5) | {"p1": "", "p3": ""}
    with pytest.raises(DataError) as caught:
        split_by_time(photos(times), times, TWO)
    assert str(caught.value) == (
        "2 of 5 photos have no time; nothing was written.\n"
        "  at:  p1, p3\n"
        "  fix: Move them out of the source, leave them out with `drop` in a `--decisions` table, "
        "or split without `--time-by`."
    )


def test_times_in_several_forms_are_refused() -> None:
    times = {"a": "2021-05-01", "b": "2021:05:02", "c": "1.5.2021"}
    with pytest.raises(DataError) as caught:
        split_by_time(photos(times), times, TWO)
    assert str(caught.value) == (
        "The photos' times are written in 3 forms, which do not sort; nothing was written.\n"
        "  at:  2021-05-01 (a), 2021:05:02 (b), 1.5.2021 (c)\n"
        "  fix: Write them in one form, such as 2021-05-01 12:00:00, or split without `--time-by`."
    )


def test_texts_with_unpadded_numbers_are_refused() -> None:
    times = {"a": "t9", "b": "t10"}
    with pytest.raises(DataError, match="The photos' times are written in 2 forms"):
        split_by_time(photos(times), times, TWO)


def test_a_day_sorts_beside_a_day_with_its_hour() -> None:
    times = {"a": "2021-05-01", "b": "2021-05-02T10:00", "c": "2021-05-02T11:00"}
    sides = split_by_time(photos(times), times, {"train": 0.6, "validation": 0.4})
    assert sides == {"a": "train", "b": "train", "c": "validation"}


def test_fewer_times_than_splits_are_refused() -> None:
    times = {"a": "1", "b": "1", "c": "2"}
    with pytest.raises(DataError) as caught:
        split_by_time(photos(times), times, THREE)
    assert str(caught.value) == (
        "The 3 photos have 2 different times, units taken by their latest photo: too few for "
        "train, validation and test; nothing was written.\n"
        "  fix: Add photos of other times, ask for fewer splits, or split without `--time-by`."
    )


def test_classes_that_are_not_in_every_split_are_named_with_their_times() -> None:
    times = daily(20)
    names = {key: "fox" if n < 3 else "owl" if n == 19 else "cat" for n, key in enumerate(times)}
    members = [Member(key=key, class_name=name) for key, name in names.items()]
    with pytest.raises(DataError) as caught:
        split_by_time(members, times, THREE)
    assert str(caught.value) == (
        "Divided by time, 2 classes are not in every split; nothing was written.\n"
        "  at:  fox (not in validation and test: 2021:05:01 12:00:00 to 2021:05:03 12:00:00), "
        "owl (not in train and validation: 2021:05:20 12:00:00)\n"
        "  fix: Add photos of these classes from other times, leave these classes out, ask for "
        "other fractions with `--split`, or split without `--time-by`."
    )


@hypothesis.given(
    drawn=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), min_size=3, max_size=80)
)
def test_nothing_in_train_is_newer_than_the_latest_of_a_unit_in_test(
    drawn: list[tuple[int, int]],
) -> None:
    times = {str(n): str(moment) for n, (moment, _) in enumerate(drawn)}
    members = [
        Member(key=str(n), class_name="cat", group=f"g{group}" if group else "")
        for n, (_, group) in enumerate(drawn)
    ]
    units = connected(members)
    latest = [max(int(times[member.key]) for member in unit) for unit in units]
    hypothesis.assume(len(set(latest)) >= 3)
    sides = split_by_time(members, times, THREE)
    assert set(sides.values()) == set(THREE)
    of_unit = [{sides[member.key] for member in unit} for unit in units]
    assert all(len(each) == 1 for each in of_unit)
    ranks = [SPLITS.index(side) for (side,) in of_unit]
    for one, when in zip(ranks, latest, strict=True):
        for other, then in zip(ranks, latest, strict=True):
            assert one <= other if when < then else one == other or when != then
