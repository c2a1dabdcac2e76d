"""Rows: answers written one by one into a table that can be gone on with after an interruption.

What is written stands beside the target as ``NAME.partial`` until it is complete, with what it
depends on in ``NAME.partial.json``. So the target is never half a table, and `resume` refuses rows
of another model or other settings.
"""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from lineament.artifacts.table import row_text
from lineament.core.errors import ArtifactError, DataError
from lineament.core.extras import require
from lineament.core.files import json_text, refusals, require_free

# What every row has; `confidence` is that of `nearest`, the most probable class.
COLUMNS = ("filename", "label", "confidence", "error", "familiarity", "nearest")
GROUP_ROWS = 10_000  # of a Parquet file

Row = Mapping[str, object]


def columns(top: int) -> list[str]:
    """Names of a table's columns, with those of the second and further classes."""
    further = [f"{name}_{rank}" for rank in range(2, top + 1) for name in ("label", "confidence")]
    return [*COLUMNS, *further]


def cells(row: Row, top: int) -> list[object]:
    """The cells of a row, in the order of `columns`."""
    ranked = row.get("top", [])
    assert isinstance(ranked, list)  # made by the command line
    line = [row[name] for name in COLUMNS]
    line += [value for entry in ranked[1:] for value in entry.values()]
    return line + [None] * (len(columns(top)) - len(line))


class TextRows:
    """A CSV file or one of JSON lines, by what ``target`` is called with.

    Args:
        target: The file.
        top: Classes per row.
        as_csv: CSV with a header; else a JSON object per line.
        depends_on: What rows depend on: the model and the settings.
        resume: Go on after the rows that an interruption left.
        overwrite: Replace what stands at ``target``.
        flag: How the user named it.

    Raises:
        ArtifactError: ``target`` is in the way, or the rows that are there are of another model or
            other settings.
    """

    def __init__(
        self,
        target: Path,
        *,
        top: int,
        as_csv: bool,
        depends_on: Mapping[str, object],
        resume: bool,
        overwrite: bool,
        flag: str,
    ) -> None:
        require_free(target, overwrite=overwrite, flag=flag)
        self._target, self._top, self._as_csv = target, top, as_csv
        self._partial = target.with_name(f"{target.name}.partial")
        self._statement = target.with_name(f"{target.name}.partial.json")
        stated = json_text(dict(depends_on))
        goes_on = resume and self._partial.is_file()
        if goes_on:
            self._require_same(stated)
        self._flag = flag
        with refusals(target, flag=flag):
            target.parent.mkdir(parents=True, exist_ok=True)
            self._written = self._whole_rows() if goes_on else 0
            self._is_empty = self._written == 0
            # Unbuffered: a process that is killed leaves whole rows, and the end of one.
            self._file = self._partial.open("ab" if goes_on else "wb", buffering=0)
            try:
                if not goes_on:
                    self._statement.write_text(stated, encoding="utf-8")
                if as_csv and self._is_empty:
                    self._file.truncate(0)
                    self._write(row_text(columns(top)))
            except OSError:
                self._file.close()
                self._discard()
                raise

    def written(self) -> Iterator[str]:
        """Names of the photos whose rows an interruption left, in order."""
        if self._written == 0:
            return
        with self._partial.open(newline="", encoding="utf-8") as file:
            if self._as_csv:
                rows: Iterable[str] = (row[0] for row in csv.reader(file))
                next(iter(rows))
            else:
                rows = (str(json.loads(line)["filename"]) for line in file)
            yield from rows

    @property
    def n_written(self) -> int:
        """How many rows an interruption left."""
        return self._written

    def write(self, row: Row) -> None:
        """Add a row."""
        if self._as_csv:
            text = row_text(cells(row, self._top))
        else:
            text = json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"
        with refusals(self._target, flag=self._flag):
            self._write(text)
        self._is_empty = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the file into its place, if nothing went wrong."""
        with refusals(self._target, flag=self._flag):
            os.fsync(self._file.fileno())
            self._file.close()
            if kind is None:
                self._partial.replace(self._target)
        if kind is None or self._is_empty:  # of nothing there is nothing to go on with
            self._discard()

    def _write(self, text: str) -> None:
        content = memoryview(text.encode())
        while content:  # a file without a buffer may take less than it is given
            content = content[self._file.write(content) :]

    def _discard(self) -> None:
        self._partial.unlink(missing_ok=True)
        self._statement.unlink(missing_ok=True)

    def _require_same(self, stated: str) -> None:
        try:
            before = self._statement.read_text(encoding="utf-8")
        except OSError:
            before = ""
        if before != stated:
            raise ArtifactError(
                f"{self._partial} holds answers of another model, or with other settings.",
                fix="Run again without `--resume`, and it begins anew.",
            )

    def _whole_rows(self) -> int:
        """Count the rows that are there, and cut off one that was written in part."""
        with self._partial.open("rb+") as file:
            content = file.read()
            if self._as_csv:
                whole, n_rows = _whole_csv(content)
                n_rows = max(0, n_rows - 1)  # the header
            else:
                whole, n_rows = content.rfind(b"\n") + 1, content.count(b"\n")
            file.truncate(whole)
        return n_rows


class ParquetRows:
    """A Parquet file; it cannot be gone on with.

    Args:
        target: The file.
        top: Classes per row.
        overwrite: Replace what stands there.

    Raises:
        ArtifactError: ``target`` is in the way.
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, target: Path, *, top: int, overwrite: bool) -> None:
        require_free(target, overwrite=overwrite, flag="--parquet")
        self._arrow = require("pyarrow", extra="report", purpose="Parquet")
        parquet = require("pyarrow.parquet", extra="report", purpose="Parquet")
        self._target, self._top = target, top
        self._partial = target.with_name(f"{target.name}.partial")
        numbers = ("confidence", "familiarity")
        self._schema = self._arrow.schema(
            [
                (name, self._arrow.float64() if name.startswith(numbers) else self._arrow.string())
                for name in columns(top)
            ]
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        self._writer = parquet.ParquetWriter(self._partial, self._schema)
        self._waiting: list[list[object]] = []

    def write(self, row: Row) -> None:
        """Add a row."""
        self._waiting.append(cells(row, self._top))
        if len(self._waiting) == GROUP_ROWS:
            self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the file into its place, if nothing went wrong."""
        if kind is None:
            self._flush()
        self._writer.close()
        if kind is None:
            self._partial.replace(self._target)
        else:
            self._partial.unlink(missing_ok=True)

    def _flush(self) -> None:
        by_column = zip(*self._waiting, strict=True) if self._waiting else [()] * len(self._schema)
        table = self._arrow.table(
            {
                name: list(values)
                for name, values in zip(self._schema.names, by_column, strict=True)
            },
            schema=self._schema,
        )
        self._writer.write_table(table)
        self._waiting = []


def skip_written(names: Iterator[str], rows: TextRows) -> int:
    """Go past the photos that have their row already.

    Args:
        names: Of all photos, in order.
        rows: The table.

    Returns:
        How many were passed.

    Raises:
        DataError: Other photos are named now, or in another order.
    """
    for number, (name, before) in enumerate(zip(names, rows.written(), strict=False), 1):
        if name != before:
            raise DataError(
                f"Row {number} of the table to go on with is of {before}, but photo {number} is "
                f"now {name}.",
                fix="Name the same photos in the same order, or run again without `--resume`.",
            )
    return rows.n_written


def _whole_csv(content: bytes) -> tuple[int, int]:
    """Where the last whole row ends, and how many there are; cells in quotes may hold newlines."""
    end = n_rows = at = 0
    in_quotes = False
    for line in content.split(b"\n")[:-1]:  # what follows the last newline is no whole row
        at += len(line) + 1
        in_quotes ^= line.count(b'"') % 2 == 1
        if not in_quotes:
            end, n_rows = at, n_rows + 1
    return end, n_rows
