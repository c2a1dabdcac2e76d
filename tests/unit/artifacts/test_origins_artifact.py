"""Where photos came from: read as written, refused when damaged."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineament.artifacts.origins import (
    SOURCE_COLUMNS,
    Origin,
    Rejected,
    origins,
    rejections,
    write_origins,
    write_rejections,
)
from lineament.core.errors import ArtifactError
from lineament.imaging.decode import FileFacts

FIX = "\n  fix: Prepare the dataset again; a dataset is not edited by hand."
FACTS = FileFacts(
    format="JPEG", mode="RGB", width=640, height=480, size_bytes=1234, taken="2021:05:01 12:30:00"
)
ORIGIN = Origin(
    filename="images/cat/1-abc.jpg",
    source="cat/1.JPG",
    sha256="0" * 64,
    pixels="f" * 64,
    duplicate_set="same-1",
    near_set="",
    facts=FACTS,
)


def test_origins_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_origins(tmp_path, [ORIGIN])

    assert origins(tmp_path) == [ORIGIN]


def test_table_says_what_the_original_file_was(tmp_path: Path) -> None:
    write_origins(tmp_path, [ORIGIN])

    header, row = (tmp_path / "sources.csv").read_text(encoding="utf-8").splitlines()
    assert header == (
        "filename,source,sha256,pixels,duplicate_set,near_set,format,mode,width,height,size_bytes,"
        "taken"
    )
    assert row.endswith(",same-1,,JPEG,RGB,640,480,1234,2021:05:01 12:30:00")


@pytest.mark.parametrize("column", ["width", "height", "size_bytes"])
@pytest.mark.parametrize("cell", ["", "wide", "1.5"])
def test_size_that_is_no_number_is_refused(tmp_path: Path, column: str, cell: str) -> None:
    write_origins(tmp_path, [ORIGIN])
    header, row = (tmp_path / "sources.csv").read_text(encoding="utf-8").splitlines()
    cells = row.split(",")
    cells[SOURCE_COLUMNS.index(column)] = cell
    (tmp_path / "sources.csv").write_text(f"{header}\n{','.join(cells)}\n", encoding="utf-8")

    with pytest.raises(ArtifactError) as caught:
        origins(tmp_path)

    assert str(caught.value) == (
        f"sources.csv of {tmp_path} is damaged: images/cat/1-abc.jpg has no size." + FIX
    )


@pytest.mark.parametrize("read", [origins, rejections])
def test_absent_table_is_refused(tmp_path: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(ArtifactError, match=r"cannot be read"):
        read(tmp_path)


@given(
    rows=st.lists(st.tuples(st.text(st.characters(codec="utf-8"), max_size=9), st.text(max_size=9)))
)
def test_any_name_and_reason_survive(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("rejected")
    rejected = [Rejected(filename=name, reason=reason) for name, reason in rows]
    write_rejections(folder, rejected)

    back = rejections(folder)

    assert [each.filename for each in back] == [each.filename for each in rejected]
    assert len(back) == len(rejected)
