"""Tables: CSV that reads back to what was written, whatever stands in a file's name."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from lineament.core.errors import ArtifactError


def table_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    r"""Render a table as CSV with a header.

    Args:
        columns: Names of the columns.
        rows: Cells in the order of the columns.

    Returns:
        Lines that end in ``\n``; a name that is not UTF-8 has its odd bytes spelt out.

    Example:
        >>> print(table_text(["name", "n"], [["a,b", 1]]), end="")
        name,n
        "a,b",1
    """
    cells = [[printable(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    # Before Python 3.13 the writer leaves a carriage return unquoted, which a reader takes for an
    # end of line; macOS puts files named "Icon\r" into folders.
    returns = any(isinstance(cell, str) and "\r" in cell for row in cells for cell in row)
    quoting: Literal[0, 1] = csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n", quoting=quoting)
    writer.writerow(columns)
    writer.writerows(cells)
    return buffer.getvalue()


def row_text(row: Sequence[object]) -> str:
    r"""Render one row of a table that is written row by row.

    Example:
        >>> row_text(["a,b", 1, None])
        '"a,b",1,\n'
    """
    cells = [printable(cell) if isinstance(cell, str) else cell for cell in row]
    returns = any(isinstance(cell, str) and "\r" in cell for cell in cells)  # as above
    buffer = io.StringIO()
    quoting: Literal[0, 1] = csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL
    csv.writer(buffer, lineterminator="\n", quoting=quoting).writerow(cells)
    return buffer.getvalue()


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table below a folder that is being made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(table_text(columns, rows).encode("utf-8"))


def read_table(path: Path, columns: Sequence[str], *, fix: str) -> list[dict[str, str]]:
    """Read a table that an artifact promises.

    Args:
        path: The file.
        columns: The columns that it must have, in order.
        fix: What the reader of an error can do.

    Raises:
        ArtifactError: It is absent, is no CSV, has other columns, or a row has other cells.
    """
    try:
        # Spreadsheets put a mark in front of UTF-8, and empty lines behind the last row.
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ArtifactError(f"{path} cannot be read ({error}).", fix=fix) from error
    while rows and not rows[-1]:
        rows.pop()
    if not rows or rows[0] != list(columns):
        raise ArtifactError(f"{path} has other columns than {','.join(columns)}.", fix=fix)
    odd = [str(number) for number, row in enumerate(rows[1:], 2) if len(row) != len(columns)]
    if odd:
        raise ArtifactError(
            f"{path} has rows with other than {len(columns)} cells.",
            at=[f"row {number}" for number in odd],
            fix=fix,
        )
    return [dict(zip(columns, row, strict=True)) for row in rows[1:]]


def printable(name: str) -> str:
    r"""Spell out the bytes of a file name that are not UTF-8 (old archives have such names).

    Example:
        >>> printable("caf\udce9.jpg")
        'caf\\udce9.jpg'
    """
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
