"""Errors say what, where and the way out, everywhere in the same words."""

import pickle

import pytest

from lineament.core.errors import (
    ArtifactError,
    DataError,
    GateError,
    ImageError,
    LineamentError,
    MissingExtraError,
    UsageError,
)

TREE = [
    (LineamentError, 1, 500),
    (UsageError, 2, 400),
    (DataError, 3, 422),
    (ImageError, 3, 422),
    (ArtifactError, 4, 409),
    (MissingExtraError, 5, 501),
    (GateError, 6, 409),
]


def test_text_has_what_where_and_the_way_out() -> None:
    error = DataError("2 photos cannot be read.", at=["a.jpg (empty file)", "b.jpg"], fix="Mend.")

    assert str(error) == (
        "2 photos cannot be read.\n  at:  a.jpg (empty file), b.jpg\n  fix: Mend."
    )


def test_text_without_place_and_way_out_is_one_line() -> None:
    assert str(ImageError("truncated")) == "truncated"


def test_ten_places_are_all_shown() -> None:
    error = DataError("Bad.", at=[str(number) for number in range(10)])

    assert str(error) == "Bad.\n  at:  0, 1, 2, 3, 4, 5, 6, 7, 8, 9"


def test_more_than_ten_places_are_counted() -> None:
    error = DataError("Bad.", at=[str(number) for number in range(12)])

    assert str(error) == "Bad.\n  at:  0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"


def test_dictionary_holds_every_place() -> None:
    places = [str(number) for number in range(12)]

    assert DataError("Bad.", at=places, fix="Mend.").as_dict() == {
        "error": "DataError",
        "what": "Bad.",
        "at": places,
        "fix": "Mend.",
        "exit_code": 3,
    }


@pytest.mark.parametrize(("kind", "exit_code", "http_status"), TREE)
def test_each_class_knows_its_exit_code_and_http_status(
    kind: type[LineamentError], exit_code: int, http_status: int
) -> None:
    assert (kind.exit_code, kind.http_status) == (exit_code, http_status)


@pytest.mark.parametrize("kind", [kind for kind, _, _ in TREE])
def test_pickling_keeps_class_and_every_part(kind: type[LineamentError]) -> None:
    error = kind("What.", at=["here", "there"], fix="Do this.")

    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes, as a pool sends them

    assert (type(copy), str(copy), copy.as_dict()) == (kind, str(error), error.as_dict())


def test_places_are_kept_when_the_callers_list_changes() -> None:
    places = ["a.jpg"]
    error = DataError("Bad.", at=places)
    places.append("b.jpg")

    assert error.at == ("a.jpg",)
