"""Documents of another kind, of a newer schema or with damaged fields are refused."""

import pytest

from lineament.artifacts.schema import check_stamp, field, stamp, texts
from lineament.core.errors import ArtifactError
from lineament.core.version import __version__


def check(document: dict[str, object]) -> None:
    check_stamp(document, kind="dataset", schema_version=2, name="photos")


def text_of(document: dict[str, object]) -> str:
    with pytest.raises(ArtifactError) as caught:
        check(document)
    return str(caught.value)


def test_stamp_states_kind_schema_and_writer() -> None:
    assert stamp("dataset", 2) == {
        "kind": "dataset",
        "schema_version": 2,
        "lineament": __version__,
    }


@pytest.mark.parametrize("version", [1, 2])
def test_known_schemas_are_read(version: int) -> None:
    check(stamp("dataset", version))


def test_newer_schema_is_refused_with_the_way_out() -> None:
    assert text_of(stamp("dataset", 3)) == (
        f"photos has dataset schema 3; this Lineament {__version__} reads 1 to 2.\n"
        "  fix: Install the version of Lineament that wrote it, or a newer one."
    )


@pytest.mark.parametrize("version", [None, 0, -1, "2", 1.0])
def test_schema_that_is_no_known_number_is_refused(version: object) -> None:
    assert text_of({**stamp("dataset", 1), "schema_version": version}).startswith(
        f"photos has dataset schema {version}; "
    )


def test_truth_value_is_no_schema() -> None:
    text_of({**stamp("dataset", 1), "schema_version": True})


def test_other_kind_is_named() -> None:
    assert text_of(stamp("run", 1)) == (
        "photos is not a dataset but a run.\n  fix: Name a dataset that Lineament wrote."
    )


@pytest.mark.parametrize("document", [{}, {"kind": 3}, {"kind": None}])
def test_document_without_a_kind_is_refused(document: dict[str, object]) -> None:
    assert text_of(document) == (
        "photos is not a dataset.\n  fix: Name a dataset that Lineament wrote."
    )


def test_field_of_the_wanted_type_is_given() -> None:
    assert field({"a": "x"}, "a", str, name="photos") == "x"


def test_integer_serves_as_a_number() -> None:
    value = field({"a": 2}, "a", float, name="photos")

    assert (value, type(value)) == (2.0, float)


@pytest.mark.parametrize("value", ["2", None, True, [2]])
def test_field_of_another_type_is_refused(value: object) -> None:
    with pytest.raises(ArtifactError) as caught:
        field({"a": value}, "a", float, name="photos")

    assert str(caught.value) == (
        f"photos has no usable field `a` (wanted float, found {value!r}).\n"
        "  fix: The artifact is damaged; make it again."
    )


def test_truth_value_is_no_integer() -> None:
    with pytest.raises(ArtifactError):
        field({"seed": True}, "seed", int, name="run")


def test_long_value_is_cut_in_the_error() -> None:
    with pytest.raises(ArtifactError) as caught:
        field({"a": "x" * 1000}, "a", int, name="photos")

    assert len(str(caught.value)) < 200


def test_absent_field_is_refused() -> None:
    with pytest.raises(ArtifactError, match="no usable field `a`"):
        field({}, "a", str, name="photos")


def test_list_of_texts_is_given_as_a_tuple() -> None:
    assert texts({"a": ["x", "y"]}, "a", name="photos") == ("x", "y")


def test_list_with_something_else_is_refused() -> None:
    with pytest.raises(ArtifactError) as caught:
        texts({"a": ["x", 3]}, "a", name="photos")

    assert str(caught.value) == (
        "photos has a field `a` that is not a list of texts.\n"
        "  fix: The artifact is damaged; make it again."
    )
