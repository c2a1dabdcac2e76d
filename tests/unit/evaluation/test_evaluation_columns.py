"""What divides photos into slices."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineament.artifacts.origins import Origin
from lineament.core.errors import UsageError
from lineament.evaluation.columns import (
    LEAST_PHOTOS,
    Part,
    automatic_columns,
    chosen_columns,
    divide,
)
from lineament.imaging.decode import FileFacts
from lineament.imaging.look import look


def _parts(column: str, cells: Sequence[str | float | None]) -> list[Part]:
    found = divide(column, cells)
    assert not isinstance(found, str)
    return found


def _counts(parts: list[Part]) -> dict[str, int]:
    return {each.value: int(each.inside.sum()) for each in parts}


def _origin(*, width: int, height: int, kind: str) -> Origin:
    facts = FileFacts(format=kind, mode="RGB", width=width, height=height, size_bytes=1, taken="")
    return Origin(
        filename="a", source="a", sha256="", pixels="", duplicate_set="", near_set="", facts=facts
    )


def test_every_photo_has_light_sharpness_colour_size_and_format() -> None:
    photos = [np.full((8, 8, 3), level, np.uint8) for level in (51, 255)]
    origins = [
        _origin(width=640, height=480, kind="JPEG"),
        _origin(width=32, height=99, kind="PNG"),
    ]
    assert automatic_columns([look(each) for each in photos], origins) == {
        "brightness": [0.2, 1.0],
        "contrast": [0.0, 0.0],
        "sharpness": [0.0, 0.0],
        "saturation": [0.0, 0.0],
        "size": [480.0, 32.0],
        "format": ["JPEG", "PNG"],
    }


def test_columns_of_the_source_stand_beside_the_automatic_ones() -> None:
    metadata = [{"camera": "phone", "size": "small"}, {"camera": "", "size": "large"}]
    found = chosen_columns({"size": [1.0, 2.0]}, metadata)
    assert found == {
        "size": [1.0, 2.0],
        "camera": ["phone", ""],
        "size (metadata)": ["small", "large"],
    }


def test_only_the_columns_that_are_asked_for_are_looked_at() -> None:
    automatic: dict[str, list[str | float | None]] = {"size": [1.0], "format": ["PNG"]}
    assert chosen_columns(automatic, [{}], ["format"]) == {"format": ["PNG"]}


def test_an_unknown_column_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError) as caught:
        chosen_columns({"brightness": [0.5]}, [{"camera": "a"}], ["brigthness"])
    assert str(caught.value) == (
        "There is no column `brigthness` to slice by. Did you mean `brightness`?\n"
        "  fix: The columns are brightness, camera."
    )


def test_texts_divide_by_value() -> None:
    parts = _parts("camera", ["a"] * 30 + ["b"] * 25 + ["rare"] * 3)
    assert _counts(parts) == {"a": 30, "b": 25}
    assert [int(each.outside.sum()) for each in parts] == [28, 33]


def test_photos_that_state_nothing_are_on_neither_side() -> None:
    parts = _parts("camera", ["a"] * 30 + ["b"] * 25 + [None] * 30 + [""] * 10)
    for each in parts:
        assert (each.inside | each.outside).sum() == 55
        assert not (each.inside & each.outside).any()


def test_numbers_divide_into_fifths_with_their_range() -> None:
    cells = [each / 100 for each in range(100)]
    assert _counts(_parts("brightness", list(cells))) == {
        "darkest fifth (0 to 19 %)": 20,
        "2nd darkest fifth (20 to 39 %)": 20,
        "middle fifth (40 to 59 %)": 20,
        "2nd brightest fifth (60 to 79 %)": 20,
        "brightest fifth (80 to 99 %)": 20,
    }


@pytest.mark.parametrize(
    ("photos", "words"),
    [
        (40, ["lowest half (0 to 19)", "highest half (20 to 39)"]),
        (
            60,
            ["lowest third (0 to 19)", "middle third (20 to 39)", "highest third (40 to 59)"],
        ),
        (
            80,
            [
                "lowest quarter (0 to 19)",
                "2nd lowest quarter (20 to 39)",
                "2nd highest quarter (40 to 59)",
                "highest quarter (60 to 79)",
            ],
        ),
    ],
)
def test_fewer_photos_make_fewer_parts(photos: int, words: list[str]) -> None:
    assert [each.value for each in _parts("age", [float(i) for i in range(photos)])] == words


def test_equal_numbers_stay_together() -> None:
    parts = _parts("size", [32.0] * 70 + [48.0] * 30 + [64.0] * 50)
    assert _counts(parts) == {"32 px": 70, "48 px": 30, "64 px": 50}


def test_numbers_written_as_text_are_numbers() -> None:
    parts = _parts("age", [str(each) for each in range(100)])
    assert parts[0].value == "lowest fifth (0 to 19)"


def test_a_few_numbers_written_as_text_are_looked_at_one_by_one() -> None:
    assert _counts(_parts("rating", ["1"] * 30 + ["2"] * 40)) == {"1": 30, "2": 40}


def test_numbers_below_nought_have_a_real_minus() -> None:
    parts = _parts("warmth", [each / 10 for each in range(-40, 0)])
    assert parts[0].value == "lowest half (−4 to −2.1)"


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ([None, "", math.nan] * 30, "c: no photo states it."),
        (["a"] * 50, "c: all photos have the same value."),
        (["a", "b"] * 15 + [None] * 70, "c: only 30 photos state it."),
        (["a", "b"] * 15, "c: 30 photos are too few to divide."),
        (
            [f"id {each}" for each in range(1000)],
            "c: 1,000 different values, none of which leaves 20 photos on both sides.",
        ),
        (
            ["a"] * 990 + ["b"] * 10,
            "c: 2 different values, none of which leaves 20 photos on both sides.",
        ),
        (
            [1.0] * 990 + [2.0] * 10,
            "c: 2 different values, which leave no two parts of 20 photos.",
        ),
    ],
)
def test_a_column_that_divides_nothing_says_why(
    cells: list[str | float | None], reason: str
) -> None:
    assert divide("c", cells) == reason


def test_only_the_most_frequent_values_are_looked_at() -> None:
    cells = [f"camera {each:02d}" for each in range(30) for _ in range(20 + each)]
    parts = _parts("camera", list(cells))
    assert [each.value for each in parts] == [f"camera {each:02d}" for each in range(10, 30)]


@given(
    cells=st.lists(
        st.one_of(st.none(), st.integers(0, 12).map(float), st.floats(-5, 5)), max_size=120
    )
)
def test_parts_of_numbers_share_no_photo_and_leave_none_out(
    cells: list[str | float | None],
) -> None:
    parts = divide("number", cells)
    if isinstance(parts, str):
        return
    stated = np.array([each is not None for each in cells])
    assert (np.sum([each.inside for each in parts], axis=0) == stated).all()
    assert all(each.inside.sum() >= LEAST_PHOTOS for each in parts)
    assert all(((each.inside | each.outside) == stated).all() for each in parts)


@given(seed=st.integers(0, 1000))
def test_the_order_of_the_photos_changes_no_part(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 40, 100).astype(float)
    turned = rng.permutation(100)
    first = divide("number", cells.tolist())
    second = divide("number", cells[turned].tolist())
    assert not isinstance(first, str)
    assert not isinstance(second, str)
    for one, other in zip(first, second, strict=True):
        assert one.value == other.value
        assert (one.inside[turned] == other.inside).all()
