"""The source's further columns, read back from a dataset."""

from pathlib import Path

import pytest

from lineament.artifacts.metadata import metadata
from lineament.core.errors import ArtifactError


def test_each_photo_has_its_columns(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("filename,camera,age\na.jpg,phone,31\nb.jpg,,\n")
    assert metadata(tmp_path) == {
        "a.jpg": {"camera": "phone", "age": "31"},
        "b.jpg": {"camera": "", "age": ""},
    }


def test_a_source_without_further_columns_has_none(tmp_path: Path) -> None:
    assert metadata(tmp_path) == {}


@pytest.mark.parametrize("header", ["camera,filename", "filename,age,age", ""])
def test_a_damaged_header_is_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "metadata.csv"
    path.write_text(f"{header}\n")
    with pytest.raises(ArtifactError) as caught:
        metadata(tmp_path)
    assert str(caught.value) == (
        f"{path} must begin with the column `filename` and name each column once.\n"
        "  fix: Prepare the dataset again; a dataset is not edited by hand."
    )


def test_a_row_of_other_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "metadata.csv"
    path.write_text("filename,camera\na.jpg,phone\nb.jpg\n")
    with pytest.raises(ArtifactError) as caught:
        metadata(tmp_path)
    assert str(caught.value) == (
        f"{path} has rows with other than 2 cells.\n"
        "  at:  row 3\n"
        "  fix: Prepare the dataset again; a dataset is not edited by hand."
    )


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "metadata.csv"
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ArtifactError) as caught:
        metadata(tmp_path)
    assert str(caught.value).startswith(f"{path} cannot be read (")
