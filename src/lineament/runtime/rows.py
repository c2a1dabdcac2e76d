"""Rows: answers written one by one into a table that can be gone on with after an interruption.

What is written stands beside the target as ``NAME.partial`` until it is complete, with what it
depends on in ``NAME.partial.json``. So the target is never half a table, and `resume` refuses rows
of another model or other settings.
"""

import contextlib
import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self

from lineament.artifacts.table import row_text
from lineament.core.errors import ArtifactError, DataError
from lineament.core.files import json_text, refusals, require_free

# What every row has; `confidence` is that of `nearest`, the most probable class.
COLUMNS = ("filename", "label", "confidence", "error", "familiarity", "nearest")
OF_PHOTO = ("filename", "error")  # the others are said by each head anew
OF_FRAME = ("frame", "seconds")  # before all others, where rows are of a video's frames
ALONE = ("frame_label", "frame_confidence")  # said of a frame before it was smoothed
SAID = tuple(name for name in COLUMNS if name not in OF_PHOTO)

Row = Mapping[str, object]


class Before(NamedTuple):
    """What a row from before an interruption says; of several heads, what is said of the photo."""

    filename: str
    error: str
    label: str = ""
    nearest: str = ""


def columns(top: int, heads: Sequence[str] = (), *, of_frames: bool = False) -> list[str]:
    """Names of a table's columns.

    Args:
        top: Classes per row; the second and further ones have columns of their own.
        heads: Names of the heads, where several answer each photo: what each says has its name
            before it.
        of_frames: Whether the rows are of a video's frames.
    """
    first, alone = (OF_FRAME, ALONE) if of_frames else ((), ())
    further = [f"{name}_{rank}" for rank in range(2, top + 1) for name in ("label", "confidence")]
    if heads:
        return [
            *first,
            *OF_PHOTO,
            *(f"{head}_{name}" for head in heads for name in (*SAID, *alone, *further)),
        ]
    return [*first, *COLUMNS, *alone, *further]


def cells(row: Row, top: int) -> list[object]:
    """The cells of a row, in the order of `columns`."""
    heads = row.get("heads")
    line = [row[name] for name in OF_FRAME if name in row]
    if heads is None:
        return line + [row[name] for name in COLUMNS] + _alone(row) + _further(row, top)
    assert isinstance(heads, dict)  # made by the command line
    line += [row[name] for name in OF_PHOTO]
    for said in heads.values():
        line += [said[name] for name in SAID] + _alone(said) + _further(said, top)
    return line


def _alone(row: Row) -> list[object]:
    return [row[name] for name in ALONE if name in row]


def _further(row: Row, top: int) -> list[object]:
    ranked = row.get("top", [])
    assert isinstance(ranked, list)  # made by the command line
    values = [value for entry in ranked[1:] for value in entry.values()]
    return values + [None] * (2 * (top - 1) - len(values))


class TextRows:
    """A CSV file or one of JSON lines, by what ``target`` is called with.

    Args:
        target: The file.
        top: Classes per row.
        heads: Names of the heads, where several answer each photo.
        of_frames: Whether the rows are of a video's frames.
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
        heads: Sequence[str] = (),
        of_frames: bool = False,
        as_csv: bool,
        depends_on: Mapping[str, object],
        resume: bool,
        overwrite: bool,
        flag: str,
    ) -> None:
        require_free(target, overwrite=overwrite, flag=flag)
        self._target, self._flag, self._overwrite = target, flag, overwrite
        self._top, self._heads, self._as_csv = top, tuple(heads), as_csv
        self._of_frames = of_frames
        self._partial = target.with_name(f"{target.name}.partial")
        self._statement = target.with_name(f"{target.name}.partial.json")
        stated = json_text(dict(depends_on))
        # Of rows that are there it is stated what they depend on: in that order it is written.
        goes_on = resume and self._partial.is_file() and self._partial.stat().st_size > 0
        if goes_on:
            self._require_same(stated)
        with refusals(target, flag=flag):
            target.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._claimed()
            self._written = self._whole_rows() if goes_on else 0
            self._is_empty = self._written == 0
            try:
                if self._is_empty:
                    self._file.truncate(0)
                    self._statement.write_text(stated, encoding="utf-8")
                    self._write(
                        row_text(columns(top, heads, of_frames=of_frames)) if as_csv else ""
                    )
            except OSError:
                self._file.close()
                self._discard()
                raise

    def written(self) -> Iterator[Before]:
        """Go through the rows that an interruption left.

        Raises:
            ArtifactError: They are damaged.
        """
        if self._written == 0:
            return
        try:
            with self._partial.open(newline="", encoding="utf-8") as file:
                rows: Iterable[Mapping[str, str | None]]
                rows = csv.DictReader(file) if self._as_csv else map(json.loads, file)
                wanted = OF_PHOTO if self._heads else Before._fields
                for row in rows:
                    yield Before(**{name: row[name] or "" for name in wanted})
        except (ValueError, LookupError, TypeError, csv.Error) as error:
            raise ArtifactError(
                f"{self._partial} is damaged and cannot be gone on with.",
                fix="Run again without `--resume`, and it begins anew.",
            ) from error

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
        with self._file, refusals(self._target, flag=self._flag):
            os.fsync(self._file.fileno())
            if sys.platform == "win32":  # which renames no open file
                self._file.close()
            if kind is None:
                # Asked again: the work can take hours.
                require_free(self._target, overwrite=self._overwrite, flag=self._flag)
                self._partial.replace(self._target)
        # Of nothing there is nothing to go on with, and with a video one does not go on.
        if kind is None or self._is_empty or self._of_frames:
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

    def _claimed(self) -> IO[bytes]:
        """Open the rows for this process alone: two that write at once would mix theirs."""
        # Unbuffered: a process that is killed leaves whole rows, and the beginning of one.
        file = self._partial.open("ab", buffering=0)
        if sys.platform != "win32":  # which does not let two replace one file anyway
            import fcntl

            is_taken = False
            with contextlib.suppress(OSError):  # some file systems of networks have no locks
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    is_taken = True
            if is_taken or not self._partial.exists():  # or the other has just completed it
                file.close()
                raise ArtifactError(
                    f"{self._target} is being written by another process.",
                    fix=f"Wait until it has ended, or name another `{self._flag}`.",
                )
        return file

    def _whole_rows(self) -> int:
        """Count the rows that are there, and cut off one that was written in part."""
        n_rows = end = at = 0
        in_quotes = False
        with self._partial.open("rb+") as file:
            for line in file:
                at += len(line)
                # Cells in quotes may hold newlines.
                in_quotes ^= self._as_csv and line.count(b'"') % 2 == 1
                if line.endswith(b"\n") and not in_quotes:
                    end, n_rows = at, n_rows + 1
            file.truncate(end)
        return max(0, n_rows - self._as_csv)  # the header is none


def past_written(names: Iterator[str], rows: TextRows) -> Iterator[Before]:
    """Go past the photos that have their row already.

    Args:
        names: Of all photos, in order; one is taken per row.
        rows: The table.

    Yields:
        The rows.

    Raises:
        ArtifactError: The rows are damaged.
        DataError: Other photos are named now, fewer, or in another order.
    """
    for number, before in enumerate(rows.written(), 1):
        name = next(names, "")
        if name != before.filename:
            raise DataError(
                f"Row {number} of the table to go on with is of {before.filename}, but photo "
                f"{number} is now {name or 'none'}.",
                fix="Name the same photos in the same order, or run again without `--resume`.",
            )
        yield before
