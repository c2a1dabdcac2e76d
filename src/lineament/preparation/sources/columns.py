"""Columns: what the columns of a table about photos mean: file, label, group, split, the rest."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lineament.core.errors import DataError, UsageError
from lineament.core.suggest import did_you_mean
from lineament.preparation.sources.splits import given_splits
from lineament.preparation.sources.tables import FILE_COLUMNS, Table, read_table

LABEL_COLUMNS = ("label", "class")
GROUP_COLUMN, SPLIT_COLUMN = "group", "split"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PhotoRow:
    """What a table says of a photo.

    Attributes:
        place: Where the row stands, such as ``line 3``.
        file: Its file as it is written there, with forward slashes.
        label: Its class; empty where there is none.
        group: What it must stay together with; empty where there is nothing.
        split: The table's word for its split; empty where there is none.
        metadata: The other columns.
    """

    place: str
    file: str
    label: str
    group: str
    split: str
    metadata: Mapping[str, str]

    @property
    def says(self) -> str:
        """What must be the same wherever a photo is listed again."""
        return ", ".join(filter(None, (self.label, self.split, self.group))) or "nothing"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhotoTable:
    """A table about photos.

    Attributes:
        path: Its file.
        rows: In the table's order.
        labelled: Whether it has a column of labels.
        notes: What a person should know about how it was read.
    """

    path: Path
    rows: Sequence[PhotoRow]
    labelled: bool
    notes: tuple[str, ...]


def read_photo_table(
    path: Path, *, label_column: str | None = None, labels_needed: bool = False
) -> PhotoTable:
    """Read a table about photos.

    The column of files is the first of `FILE_COLUMNS` that is there, in any case; a backslash in
    it stands for a forward one, as Windows writes paths. The label is ``label`` or ``class``.

    Args:
        path: The table.
        label_column: The column of labels; ``None`` takes the one of that name.
        labels_needed: Whether a table without labels is of no use; in one of two columns, the other
            one is the label then.

    Raises:
        UsageError: As `read_table`; or ``label_column`` is not there, or nothing says which of
            several columns is the label.
        DataError: As `read_table`; or there is no column of files, one that is misspelt, or a row
            without a file.
        MissingExtraError: As `read_table`.
    """
    table = read_table(path)
    by_lower = {name.lower(): name for name in table.columns}
    file = next((by_lower[name] for name in FILE_COLUMNS if name in by_lower), None)
    if file is None:
        raise DataError(
            f"{path} has no column of files{_near(FILE_COLUMNS[:2], table)}",
            at=table.columns,
            fix="Name the column of files `path` or `filename`, in the table's first line.",
        )
    label = _label(table, by_lower, file, label_column, needed=labels_needed)
    group, split = by_lower.get(GROUP_COLUMN), by_lower.get(SPLIT_COLUMN)
    roles = [file, *(name for name in (label, group, split) if name is not None)]
    nested = [name for name in roles if name in table.nested]
    if nested:
        raise DataError(
            f"{path} holds lists, objects or bytes in a column that must be text.",
            at=nested,
            fix="Write paths and names there; photos inside a table are read with `hf:FOLDER`.",
        )
    return PhotoTable(
        path=path,
        rows=_rows(table, file=file, label=label, group=group, split=split),
        labelled=label is not None,
        notes=_notes(table, label=label),
    )


def splits_of(table: PhotoTable, rows: Sequence[PhotoRow]) -> tuple[dict[str, str], list[str]]:
    """Say which split each word of some rows stands for.

    Args:
        table: Where the rows are from.
        rows: Those that count.

    Returns:
        Word to split (empty where it stands for none), and what a person should know about it.

    Raises:
        DataError: Words that stand for no split or two for the same one, or rows without a split
            beside rows with one.
    """
    words = sorted({row.split for row in rows})
    if words == [""] or not words:
        return {"": ""}, []
    without = [row.place for row in rows if not row.split]
    if without:
        raise DataError(
            f"{table.path} gives a split to some of its rows only.",
            at=without,
            fix="Fill the column `split` in every row, or remove it.",
        )
    splits, notes = given_splits(str(table.path), words)
    return splits, list(notes)


class Cells(Mapping[str, str]):
    """Some columns of a row, which shares their names with all rows: dicts would need a gigabyte.

    Args:
        index: Name of each column to its place in the row; shared, not copied.
        cells: The row.

    Example:
        >>> dict(Cells({"age": 1, "eyes": 2}, ("a.jpg", "30", "brown")))
        {'age': '30', 'eyes': 'brown'}
    """

    __slots__ = ("_cells", "_index")

    def __init__(self, index: Mapping[str, int], cells: Sequence[str]) -> None:
        self._index = index
        self._cells = cells

    def __getitem__(self, name: str) -> str:
        return self._cells[self._index[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)


def _rows(
    table: Table, *, file: str, label: str | None, group: str | None, split: str | None
) -> list[PhotoRow]:
    index = {name: number for number, name in enumerate(table.columns)}
    roles = (file, label, group, split)
    at_file, at_label, at_group, at_split = [-1 if name is None else index[name] for name in roles]
    rest = {
        name: number
        for name, number in index.items()
        if name not in roles and name not in table.nested
    }
    rows = [
        PhotoRow(
            place=table.place(number),
            file=cells[at_file].replace("\\", "/"),
            label=cells[at_label] if label is not None else "",
            group=cells[at_group] if group is not None else "",
            split=cells[at_split] if split is not None else "",
            metadata=Cells(rest, cells),
        )
        for number, cells in enumerate(table.rows)
    ]
    nameless = [row.place for row in rows if not row.file]
    if nameless:
        raise DataError(
            f"{table.path} has rows without a file.",
            at=nameless,
            fix=f"Fill the column `{file}` in every row, or remove these rows.",
        )
    return rows


def _label(
    table: Table, by_lower: Mapping[str, str], file: str, wanted: str | None, *, needed: bool
) -> str | None:
    if wanted is not None:
        found = wanted if wanted in table.columns else by_lower.get(wanted.lower())
        others = [name for name in table.columns if name != file]
        if found is None or found == file:
            raise UsageError(
                f"{table.path} has no column `{wanted}` of labels.{did_you_mean(wanted, others)}",
                fix=f"The other columns are {', '.join(others) or 'none'}.",
            )
        return found
    there = [by_lower[name] for name in LABEL_COLUMNS if name in by_lower]
    others = [
        name
        for name in table.columns
        if name != file and name.lower() not in (GROUP_COLUMN, SPLIT_COLUMN)
    ]
    if len(there) > 1:
        raise UsageError(
            f"{table.path} has two columns of labels, {' and '.join(there)}.",
            fix=f"Say which with `--label-column {there[1]}`.",
        )
    if there:
        return there[0]
    if needed and len(others) == 1:
        return others[0]
    near = _near(LABEL_COLUMNS, table)
    if needed or near != ".":
        raise UsageError(
            f"{table.path} has no column `label`{near}",
            fix=f"Name it `label`, or say which of {', '.join(table.columns)} is the label with "
            "`--label-column`.",
        )
    return None


def _near(wanted: Sequence[str], table: Table) -> str:
    """End a sentence about a missing column with the one that may have been meant."""
    hints = [did_you_mean(name, table.columns).strip() for name in wanted]
    hint = next(filter(None, hints), "")
    return f"; {hint[0].lower()}{hint[1:]}" if hint else "."


def _notes(table: Table, *, label: str | None) -> tuple[str, ...]:
    notes = []
    if label is None:
        notes.append(
            f"{table.path} has no column `label` or `class`, so its photos have no labels; the "
            f"columns are {', '.join(table.columns)}."
        )
    if table.nested:
        notes.append(
            f"The columns {', '.join(sorted(table.nested))} of {table.path} hold lists, objects or "
            "bytes and were left out."
        )
    return tuple(notes)
