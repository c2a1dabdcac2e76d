"""Labels: a table laid over a folder of photos, such as CelebA's over its 200,000."""

import dataclasses
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from lineament.core.errors import DataError, UsageError
from lineament.core.progress import QUIET, Progress
from lineament.imaging.decode import IMAGE_SUFFIXES
from lineament.preparation.sources.columns import (
    PhotoRow,
    PhotoTable,
    read_photo_table,
    splits_of,
)
from lineament.preparation.sources.layout import read_layout
from lineament.preparation.sources.listing import (
    NO_LABEL,
    Candidate,
    Content,
    Layout,
    Rejection,
)
from lineament.preparation.sources.scan import find_files

SHOWN_ROWS = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelledFolderSource:
    """Photos below a folder, with labels from a table.

    Attributes:
        folder: The folder; folders in it say nothing about classes.
        table: A table as a manifest has it, or one of CelebA's text files.
        label_column: The column of labels; ``None`` for ``label`` or ``class``, or the other one of
            two columns.
    """

    folder: Path
    table: Path
    label_column: str | None = None

    @property
    def name(self) -> str:
        """The folder as it was given."""
        return str(self.folder)

    def layout(self, *, progress: Progress = QUIET) -> Layout:
        """Find the photos and their rows.

        What is scanned are the files: a photo without a row or label is rejected, a row without a
        photo is counted in a note.

        Raises:
            UsageError: There is no such folder or table, or nothing says which column is the label.
            DataError: The folder holds no photos; the table cannot be used; it names none of the
                photos, names that several photos have, or a photo with different labels.
            MissingExtraError: The table is Parquet, and pyarrow is not installed.
        """
        if not self.folder.is_dir():
            raise UsageError(
                f"There is no folder {self.folder}.", fix="Name the folder of the photos."
            )
        table = read_photo_table(self.table, label_column=self.label_column, labels_needed=True)
        files = find_files(self.folder, progress=progress)
        photos = read_layout(self.name, files, labelled=False)
        rows = _rows_by_name(table)
        matched = self._match(photos.candidates, rows)
        labelled = [each for each in photos.candidates if _label(matched, each)]
        if not labelled:
            raise DataError(
                f"{self.table} gives none of the photos of {self.name} a label.",
                fix="Fill its column of labels, or name another with `--label-column`.",
            )
        splits, notes = splits_of(table, [matched[each.relative] for each in labelled])
        candidates = []
        for each in labelled:
            row = matched[each.relative]
            candidates.append(
                dataclasses.replace(
                    each,
                    class_name=row.label,
                    split=splits[row.split],
                    group=row.group,
                    metadata=row.metadata,
                )
            )
        without = [
            Rejection(relative=each.relative, kind=NO_LABEL, reason=NO_LABEL)
            for each in photos.candidates
            if not _label(matched, each)
        ]
        return Layout(
            candidates=tuple(candidates),
            rejected=tuple(sorted([*photos.rejected, *without], key=lambda each: each.relative)),
            given={split: word for word, split in splits.items() if split},
            notes=(*table.notes, *notes, *self._unused(rows, matched)),
        )

    def contents(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Content]]:
        """Give the files; they are read by who decodes them."""
        for candidate in candidates:
            assert candidate.path is not None
            yield candidate, candidate.path

    def _match(
        self, photos: Sequence[Candidate], rows: Mapping[str, PhotoRow]
    ) -> dict[str, PhotoRow]:
        """The row of each photo that has one."""
        names = [each.relative for each in photos]
        keys, vague = match(names, list(rows))
        if vague:
            raise DataError(
                f"{self.table} does not tell photos of {self.name} apart that have the same name.",
                at=vague,
                fix=f"Write their paths below {self.name} into the table.",
            )
        if not keys:
            raise DataError(
                f"{self.table} names none of the {_count(len(names), 'photo')} of {self.name}.",
                at=[f"{row.file} ({row.place})" for row in list(rows.values())[:SHOWN_ROWS]],
                fix=f"Write their paths below {self.name} into the table, such as {names[0]}.",
            )
        return {name: rows[key] for name, key in keys.items()}

    def _unused(
        self, rows: Mapping[str, PhotoRow], matched: Mapping[str, PhotoRow]
    ) -> tuple[str, ...]:
        taken = {row.place for row in matched.values()}
        unused = [row.file for row in rows.values() if row.place not in taken]
        if not unused:
            return ()
        shown = ", ".join(unused[:SHOWN_ROWS]) + (", ..." if len(unused) > SHOWN_ROWS else "")
        verb = "names" if len(unused) == 1 else "name"
        return (
            f"{_count(len(unused), 'row')} of {self.table} {verb} no photo of {self.name}: "
            f"{shown}.",
        )


def match(names: Sequence[str], keys: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Find out which photo each row of a table means.

    By its path; if no row's path with a folder is that of a photo, also by the base name, and where
    the row has no suffix of a photo (``1.png`` is not ``1.jpg``), by the stem.

    Args:
        names: The photos' paths below their folder, all different.
        keys: What the rows call them, all different.

    Returns:
        Photo to row, and the names that several photos or rows have, with how many.

    Example:
        >>> match(["a/1.jpg", "b/2.jpg"], ["1", "2.jpg", "3.jpg"])
        ({'b/2.jpg': '2.jpg', 'a/1.jpg': '1'}, [])
        >>> match(["a/1.jpg", "b/1.jpg"], ["1.jpg"])
        ({}, ['1.jpg (2 photos, 1 row)'])
    """
    written = set(keys)
    found = {name: name for name in names if name in written}
    vague: dict[str, str] = {}
    if len(found) == len(names) or any("/" in key for key in found):
        return found, []
    for photo_end, row_end in ((_base, _base), (_stem, _bare)):
        rows_of = _by_end(keys, row_end)
        for end, photos in _by_end(names, photo_end).items():
            rows = rows_of.get(end, [])
            if any(photo in found for photo in photos) or not rows or end in vague:
                continue
            if len(photos) == len(rows) == 1:
                found[photos[0]] = rows[0]
            else:
                counts = f"{_count(len(photos), 'photo')}, {_count(len(rows), 'row')}"
                vague[end] = f"{end} ({counts})"
    return found, [vague[end] for end in sorted(vague)]


def _by_end(names: Sequence[str], end_of: Callable[[str], str]) -> dict[str, list[str]]:
    ends: dict[str, list[str]] = {}
    for name in names:
        end = end_of(name)
        if end:
            ends.setdefault(end, []).append(name)
    return ends


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _stem(name: str) -> str:
    return _base(name).rpartition(".")[0]


def _bare(name: str) -> str:
    """The base name of a row that has no suffix of a photo."""
    return "" if posixpath.splitext(name)[1].lower() in IMAGE_SUFFIXES else _base(name)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _rows_by_name(table: PhotoTable) -> dict[str, PhotoRow]:
    """The first row of each name.

    Raises:
        DataError: A name has rows that say different things.
    """
    rows: dict[str, PhotoRow] = {}
    conflicts = []
    for row in table.rows:
        first = rows.setdefault(posixpath.normpath(row.file), row)
        if first is not row and first.says != row.says:
            conflicts.append(f"{row.file} ({first.place}: {first.says}; {row.place}: {row.says})")
    if conflicts:
        raise DataError(
            f"{table.path} gives photos different labels, splits or groups.",
            at=conflicts,
            fix="Keep the row that is right.",
        )
    return rows


def _label(matched: Mapping[str, PhotoRow], photo: Candidate) -> str:
    row = matched.get(photo.relative)
    return "" if row is None else row.label
