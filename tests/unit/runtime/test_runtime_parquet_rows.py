"""Parquet rows read back, group by group, and a table that failed leaves nothing."""

import contextlib
from pathlib import Path

import pytest

from lineament.core.errors import ArtifactError
from lineament.runtime import parquet_rows
from lineament.runtime.parquet_rows import ParquetRows
from lineament.runtime.rows import COLUMNS

parquet = pytest.importorskip("pyarrow.parquet")

TOP = [{"label": "cat", "confidence": 0.75}, {"label": "dog", "confidence": 0.25}]
ANSWERED = ('a "quoted",\n.jpg', "cat", 0.75, None, 0.5, "cat")
GOOD: dict[str, object] = {**dict(zip(COLUMNS, ANSWERED, strict=True)), "top": TOP}
BAD: dict[str, object] = {
    **dict.fromkeys(COLUMNS),
    "filename": "g.jpg",
    "error": "empty file",
    "top": [],
}


def test_parquet_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with ParquetRows(path, top=2, overwrite=False) as rows:
        rows.write(GOOD)
        rows.write(BAD)
        assert not path.exists()

    good, bad = parquet.read_table(path).to_pylist()
    assert list(good) == [*COLUMNS, "label_2", "confidence_2"]
    assert tuple(good.values()) == (*ANSWERED, "dog", 0.25)
    assert bad == dict.fromkeys(good) | {"filename": "g.jpg", "error": "empty file"}
    assert list(tmp_path.iterdir()) == [path]


def test_rows_are_written_group_by_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_rows, "GROUP_ROWS", 3)
    with ParquetRows(tmp_path / "t.parquet", top=2, overwrite=False) as rows:
        for number in range(7):
            rows.write({**GOOD, "filename": str(number)})

    file = parquet.ParquetFile(tmp_path / "t.parquet")
    assert [file.metadata.row_group(group).num_rows for group in range(3)] == [3, 3, 1]
    assert file.read()["filename"].to_pylist() == list("0123456")


def test_parquet_of_nothing_is_a_table_without_rows(tmp_path: Path) -> None:
    with ParquetRows(tmp_path / "t.parquet", top=1, overwrite=False):
        pass

    assert parquet.read_table(tmp_path / "t.parquet").num_rows == 0


def test_parquet_that_failed_leaves_nothing(tmp_path: Path) -> None:
    with (
        contextlib.suppress(KeyboardInterrupt),
        ParquetRows(tmp_path / "t", top=1, overwrite=False) as rows,
    ):
        rows.write(GOOD)
        raise KeyboardInterrupt

    assert list(tmp_path.iterdir()) == []


def test_parquet_does_not_replace_unasked(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("mine")

    with (
        pytest.raises(ArtifactError) as caught,
        ParquetRows(tmp_path / "t", top=1, overwrite=False),
    ):
        pass

    assert str(caught.value) == (
        f"{tmp_path / 't'} exists; nothing was written.\n"
        "  fix: Name another `--parquet`, or run again with `--overwrite` to replace it."
    )
    with ParquetRows(tmp_path / "t", top=1, overwrite=True):
        pass
    assert parquet.read_table(tmp_path / "t").num_rows == 0
