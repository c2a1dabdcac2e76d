"""Tables: the rows of a CSV, JSONL, Parquet or text file as text, with the place of each.

A table is the user's own, so everything about it is said by line or row, all of a kind at once.
"""

import csv
import dataclasses
import io
import itertools
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from lineament.core.errors import DataError, UsageError
from lineament.core.extras import require
from lineament.core.suggest import did_you_mean

DELIMITERS = ",;\t"  # spreadsheets of half of Europe write semicolons
JSON_LINES = frozenset({".jsonl", ".ndjson"})
TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".parquet", ".txt"}) | JSON_LINES
FILE_COLUMNS = (
    *("path", "filename", "file_name", "filepath", "file_path", "file"),
    *("image_path", "image", "image_id", "id"),  # as Kaggle's tables have them
)
EXACT_FLOATS = 2**53  # above it a float does not hold every whole number
FORMS = "a .csv, .tsv, .jsonl, .parquet or .txt table"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """A table as it was read.

    Attributes:
        path: Its file.
        columns: Their names, all different also in lower case; a column without a name is left out.
        rows: One text a column; empty where there is no value.
        numbers: Which line or row of the file each row is, from 1.
        unit: ``line`` or ``row``.
        nested: Columns that hold lists, objects or bytes, which are no text.
    """

    path: Path
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numbers: Sequence[int]
    unit: str = "line"
    nested: frozenset[str] = frozenset()

    def place(self, index: int) -> str:
        """Where a row stands in the file, such as ``line 3``."""
        return f"{self.unit} {self.numbers[index]}"


def read_table(path: Path) -> Table:
    """Read a table by what its name ends with.

    CSV has a header and cells between commas, semicolons or tabs, whichever its header has most of;
    blanks around a cell do not count. A ``.txt`` has cells between blanks, with or without a
    header; a count of its rows may stand before that (as CelebA's tables). A whole number that
    Parquet or JSONL holds as a float is written without its point: pandas makes floats of whole
    numbers as soon as one is missing.

    Args:
        path: The file.

    Raises:
        UsageError: There is no such file, or its name ends with something else.
        DataError: It cannot be read, is no text in UTF-8, or has no columns, two of one name, no
            rows, or rows of other cells than its header.
        MissingExtraError: It is Parquet, and pyarrow is not installed.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no file.", fix=f"Name {FORMS}.")
    if not path.is_file():
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UsageError(
            f"There is no table {path}.{did_you_mean(path.name, beside)}", fix=f"Name {FORMS}."
        )
    suffix = path.suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        raise UsageError(f"{path} is not named like a table.", fix=f"Name {FORMS}.")
    if suffix == ".parquet":
        table = _parquet(path)
    elif suffix in JSON_LINES:
        table = _json_lines(path, _text(path))
    elif suffix == ".txt":
        table = _blanks(path, _text(path))
    else:
        table = _separated(path, _text(path))
    _require_names(table)
    if not table.rows:
        raise DataError(f"{path} holds no rows.", fix="Give it one row per photo.")
    return _without_unnamed(table)


def _text(path: Path) -> str:
    data = _bytes(path)
    try:
        text = data.decode("utf-8-sig")  # spreadsheets put a mark in front of UTF-8
    except UnicodeDecodeError as error:
        wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        raise DataError(
            f"{path} is not text in UTF-8 "
            + ("(it is UTF-16)." if wide else f"(byte {error.start})."),
            fix="Save it again as UTF-8.",
        ) from error
    if "\0" in text:
        raise DataError(
            f"{path} is no text (byte {text.index(chr(0))} is zero).",
            fix="Save it again as UTF-8.",
        )
    return text


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}).", fix="Give yourself permission to read it."
        ) from error


def _separated(path: Path, text: str) -> Table:
    header = text.lstrip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=header.count)
    records = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    numbers, rows = [], []
    number = 1
    try:
        for record in records:
            cells = _shared([cell.strip() for cell in record])
            if any(cells):  # spreadsheets leave rows of empty cells behind
                numbers.append(number)
                rows.append(cells)
            number = records.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path} cannot be read as CSV.",
            at=[f"line {number} ({error})"],
            fix="Check the quotes of that line.",
        ) from error
    return _headed(path, numbers, rows)


def _shared(cells: Iterable[str]) -> tuple[str, ...]:
    """A row whose cells share their memory with equal ones: 40 columns of 200,000 rows are many."""
    return tuple(map(sys.intern, cells))


def _headed(path: Path, numbers: Sequence[int], rows: Sequence[tuple[str, ...]]) -> Table:
    """A table of rows whose first is the header."""
    columns = rows[0] if rows else ()
    _require_cells(path, len(columns), zip(numbers[1:], rows[1:], strict=True))
    return Table(path=path, columns=columns, rows=rows[1:], numbers=numbers[1:])


def _blanks(path: Path, text: str) -> Table:
    # Not `splitlines`: it ends lines at characters that a name may hold.
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    first = lines[0][1].strip() if lines else ""
    if any(mark in first for mark in ",;"):
        return _separated(path, text)
    if first.isascii() and first.isdecimal():
        return _counted(path, int(first), lines[1:])
    columns = first.lower().split()
    numbers = [number for number, _ in lines]
    if columns and columns[0] in FILE_COLUMNS:
        return _headed(path, numbers, [_shared(line.split()) for _, line in lines])
    # Without a header: a name, which may have blanks in it, and its label.
    width = min(len(columns), 2)
    rows = [_shared(line.strip().rsplit(None, width - 1)) for _, line in lines]
    _require_cells(path, width, zip(numbers, rows, strict=True))
    return Table(path=path, columns=("filename", "label")[:width], rows=rows, numbers=numbers)


def _counted(path: Path, count: int, lines: Sequence[tuple[int, str]]) -> Table:
    """A table whose first line says how many rows there are; its header may leave out the names."""
    rows = [_shared(line.split()) for _, line in lines]
    if len(rows) > 1 and len(rows[1]) == len(rows[0]) + 1:
        rows[0] = ("filename", *rows[0])
    table = _headed(path, [number for number, _ in lines], rows)
    if len(table.rows) != count:
        raise DataError(
            f"{path} holds {len(table.rows)} rows, but its first line says {count}.",
            fix="Copy or download it again.",
        )
    return table


def _json_lines(path: Path, text: str) -> Table:
    numbers, objects, wrong = [], [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            wrong.append(f"line {number} (no JSON: {_short(error)})")
            continue
        if isinstance(found, dict):
            numbers.append(number)
            objects.append(found)
        else:
            wrong.append(f"line {number} ({_KINDS.get(type(found), 'no object')})")
    if wrong:
        raise DataError(
            f"{path} has lines that are not a JSON object.",
            at=wrong,
            fix='Write one object per line, such as {"path": "cat/1.jpg", "label": "cat"}.',
        )
    columns = tuple(dict.fromkeys(itertools.chain.from_iterable(objects)))
    values = [[each.get(column) for each in objects] for column in columns]
    return _typed(path, columns, values, numbers=numbers, unit="line")


_KINDS = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}


def _short(error: Exception) -> str:
    return getattr(error, "msg", "") or type(error).__name__


def _parquet(path: Path) -> Table:
    parquet = require("pyarrow.parquet", extra="report", purpose="Reading a Parquet table")
    try:
        # Not `read_table`: that one takes folders named `a=b` above the file for columns.
        with parquet.ParquetFile(path) as file:
            table = file.read()
            columns = tuple(table.column_names)
            values = [column.to_pylist() for column in table.columns]
    except (OSError, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{path} cannot be read as Parquet ({str(error).splitlines()[0]}).",
            fix="Write it again, or name a .csv or .jsonl table.",
        ) from error
    numbers = range(1, table.num_rows + 1)
    return _typed(path, columns, values, numbers=numbers, unit="row")


def _typed(
    path: Path,
    columns: tuple[str, ...],
    values: Sequence[Sequence[object]],
    *,
    numbers: Sequence[int],
    unit: str,
) -> Table:
    """A table of values that have types."""
    nested = [
        name
        for name, column in zip(columns, values, strict=True)
        if any(isinstance(value, list | dict | bytes) for value in column)
    ]
    texts = [
        [""] * len(column) if name in nested else [_cell(value) for value in column]
        for name, column in zip(columns, values, strict=True)
    ]
    rows = list(zip(*texts, strict=True)) if columns else [()] * len(numbers)
    odd = [f"{unit} {numbers[index]}" for index, row in enumerate(rows) if not _is_text(row)]
    if odd:
        raise DataError(
            f"{path} has cells that are no text: a zero byte, or half of a character.",
            at=odd,
            fix="Write these cells again.",
        )
    return Table(
        path=path,
        columns=tuple(name.strip() for name in columns),
        rows=rows,
        numbers=numbers,
        unit=unit,
        nested=frozenset(name.strip() for name in nested),
    )


def _cell(value: object) -> str:
    r"""A value as text.

    Example:
        >>> [_cell(value) for value in (" a ", None, float("nan"), 7, 7.0, 0.25, True)]
        ['a', '', '', '7', '7', '0.25', 'true']
    """
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        if value.is_integer() and abs(value) < EXACT_FLOATS:
            return str(int(value))
    return str(value)


def _is_text(row: Sequence[str]) -> bool:
    try:
        return b"\0" not in "".join(row).encode("utf-8")
    except UnicodeEncodeError:  # JSON can spell half of a character: "\ud800"
        return False


def _require_cells(path: Path, width: int, rows: Iterator[tuple[int, tuple[str, ...]]]) -> None:
    odd = [f"line {number} ({len(row)})" for number, row in rows if len(row) != width]
    if odd:
        raise DataError(
            f"{path} has rows with other than {width} cells.",
            at=odd,
            fix="Put quotes around cells with the separator in them, and leave none out.",
        )


def _require_names(table: Table) -> None:
    if not any(table.columns):
        raise DataError(f"{table.path} is empty.", fix="Give it a header and one row per photo.")
    seen: dict[str, list[str]] = {}
    for name in filter(None, table.columns):
        seen.setdefault(name.lower(), []).append(name)
    twice = [" and ".join(names) for names in seen.values() if len(names) > 1]
    if twice:
        raise DataError(
            f"{table.path} has more than one column of the same name.",
            at=twice,
            fix="Rename or remove one of them.",
        )


def _without_unnamed(table: Table) -> Table:
    """Leave out columns without a name: pandas writes its row numbers so."""
    if all(table.columns):
        return table
    named = [index for index, name in enumerate(table.columns) if name]
    return dataclasses.replace(
        table,
        columns=tuple(table.columns[index] for index in named),
        rows=[tuple([row[index] for index in named]) for row in table.rows],
    )
