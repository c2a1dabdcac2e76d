"""Dataclasses come back from JSON as they went in, and damage is named with its place."""

import dataclasses
import json
from collections.abc import Mapping

import pytest

from lineament.artifacts.plain import optional, read_plain
from lineament.core.errors import ArtifactError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    at: tuple[float, float]
    label: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shape:
    name: str
    n: int
    is_closed: bool
    points: tuple[Point, ...]
    facts: Mapping[str, object]
    lengths: Mapping[str, float | None]
    centre: Point | None
    sign: int | str = 0


SHAPE = Shape(
    name="ring",
    n=2,
    is_closed=True,
    points=(Point(at=(0.0, 1.0)), Point(at=(2.5, 3.0), label="b")),
    facts={"any": [1, "two", None]},
    lengths={"first": 1.0, "second": None},
    centre=Point(at=(1.0, 1.0)),
    sign="plus",
)


def plain(**changes: object) -> dict[str, object]:
    document: dict[str, object] = json.loads(json.dumps(dataclasses.asdict(SHAPE)))
    return {**document, **changes}


def test_what_was_written_is_read() -> None:
    assert read_plain(Shape, plain(), name="a shape") == SHAPE


def test_whole_numbers_stand_for_floats() -> None:
    read = read_plain(Point, {"at": [1, 2]}, name="a point")

    assert read == Point(at=(1.0, 2.0))
    assert isinstance(read.at[0], float)


def test_absent_field_takes_its_default() -> None:
    document = plain()
    del document["sign"]

    assert read_plain(Shape, document, name="a shape").sign == 0


def test_first_kind_of_a_union_that_fits_is_taken() -> None:
    assert read_plain(Shape, plain(sign=-1), name="a shape").sign == -1


def test_unknown_fields_are_not_looked_at() -> None:
    assert read_plain(Shape, plain(later="x"), name="a shape") == SHAPE


def test_none_is_none_where_it_may_be() -> None:
    assert read_plain(Shape, plain(centre=None), name="a shape").centre is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": 3}, "`name` (wanted str, found 3)"),
        ({"n": 2.5}, "`n` (wanted int, found 2.5)"),
        ({"n": True}, "`n` (wanted int, found True)"),
        ({"is_closed": 1}, "`is_closed` (wanted bool, found 1)"),
        ({"points": {}}, "`points` (wanted list, found {})"),
        ({"points": [{"at": [0, "x"]}]}, "`points[0].at[1]` (wanted float, found 'x')"),
        ({"centre": 7}, "`centre` (wanted dict, found 7)"),
        ({"lengths": {"a": "long"}}, "`lengths.a` (wanted float, found 'long')"),
        ({"sign": []}, "`sign` (wanted str, found [])"),
    ],
)
def test_damage_is_named_with_its_place(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ArtifactError) as refused:
        read_plain(Shape, plain(**changes), name="a shape")

    assert refused.value.what == f"a shape has no usable field {said}."
    assert refused.value.fix == "The artifact is damaged; make it again."


def test_absent_field_without_a_default_is_named() -> None:
    with pytest.raises(ArtifactError) as refused:
        read_plain(Point, {}, name="a point")

    assert refused.value.what == "a point has no usable field `at` (wanted list, found None)."


def test_tuple_of_stated_length_has_that_length() -> None:
    with pytest.raises(ArtifactError) as refused:
        read_plain(Point, {"at": [1, 2, 3]}, name="a point")

    assert refused.value.what == "a point has a field `at` of 3 entries where 2 belong."


@pytest.mark.parametrize("document", [{}, {"centre": None}])
def test_optional_field_may_be_absent(document: dict[str, object]) -> None:
    assert optional(Point, document, "centre", name="a shape") is None


def test_optional_field_is_read() -> None:
    assert optional(Point, plain(), "centre", name="a shape") == SHAPE.centre
