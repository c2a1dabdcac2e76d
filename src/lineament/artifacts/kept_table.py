"""Kept table: ``photos.csv`` of a collection, appended row by row and read whatever became of it.

Who calls `append_row` and `remove_rows` holds the collection's lock.
"""

import errno
import os
import re
from pathlib import Path

from lineament.artifacts.kept_photo import COLUMNS, KeptRow, read_row
from lineament.artifacts.table import table_text
from lineament.core.errors import ArtifactError
from lineament.core.files import atomic_file

FLAG = "--feedback"  # how the user of the service named the folder
FIX = "Put the table back as it was written."


def append_row(path: Path, row: KeptRow) -> None:
    """Append a row to the table, which is made if there is none; or nothing of it.

    Raises:
        OSError: The file system refuses.
    """
    line = row.line.encode("utf-8")
    with path.open("a+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            line = table_text(COLUMNS, []).encode("ascii") + line
        else:
            file.seek(size - 1)
            if file.read(1) != b"\n":  # what a lost machine left must not swallow this row
                line = b"\n" + line
        try:
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
        except BaseException:
            file.truncate(size)
            raise


def read_rows(path: Path) -> tuple[list[KeptRow], tuple[int, ...]]:
    """Read the rows, and the numbers of the lines that cannot be read, from 1.

    Of rows with one filename the first counts. No table is one without rows.

    Raises:
        ArtifactError: The table cannot be read or has other columns.
    """
    rows: dict[str, KeptRow] = {}
    damaged = []
    for number, line in enumerate(_lines(path), 2):
        if not line:
            continue
        try:
            row = read_row(line)
        except ValueError:
            damaged.append(number)
            continue
        if rows.setdefault(row.filename, row) is not row:
            damaged.append(number)
    return list(rows.values()), tuple(damaged)


def remove_rows(path: Path, session: str) -> None:
    """Write the table without a session; damaged lines stay, unless they name it.

    Raises:
        ArtifactError: As `read_rows`, or the file system refuses.
    """
    lines = []
    for line in _lines(path):
        try:
            gone = read_row(line).photo.session == session
        except ValueError:
            gone = session in re.split(r'[,"]', line)
        if line and not gone:
            lines.append(f"{line}\n")
    text = table_text(COLUMNS, []) + "".join(lines)
    with atomic_file(path, overwrite=True, flag=FLAG) as file:
        file.write(text.encode("utf-8", "surrogateescape"))


def _lines(path: Path) -> list[str]:
    """The lines below the header; bytes that are not UTF-8 are surrogates."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}.", fix=FIX) from error
    # Spreadsheets put a mark in front of UTF-8, and end lines with two letters.
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    header, *lines = (line.removesuffix("\r") for line in text.split("\n"))
    if header != ",".join(COLUMNS):
        raise ArtifactError(f"{path} has other columns than {','.join(COLUMNS)}.", fix=FIX)
    return lines
