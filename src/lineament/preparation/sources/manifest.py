"""Manifest: a table that lists photos, with their labels and what else is known of them.

A manifest is the user's own file, so it may name files anywhere, with ``..`` or from the root, as
the user could on the command line: they are only read, and whatever is no photo is refused by
decoding. What lies outside the manifest's folder is counted in a note, in case that the table is
someone else's.
"""

import dataclasses
import os
import posixpath
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from lineament.core.errors import DataError, UsageError
from lineament.core.progress import QUIET, Progress, tracked
from lineament.preparation.sources.columns import PhotoRow, read_photo_table, splits_of
from lineament.preparation.sources.listing import (
    NO_LABEL,
    NOT_REGULAR,
    Candidate,
    Content,
    Layout,
    Rejection,
)

LISTED_TWICE = "listed before"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ManifestSource:
    """Photos that a table lists.

    Attributes:
        path: The table: ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson``, ``.parquet`` or ``.txt``.
        root: What its paths start from; ``None`` for the table's folder.
        label_column: The column of labels; ``None`` for ``label`` or ``class``.
    """

    path: Path
    root: Path | None = None
    label_column: str | None = None

    @property
    def name(self) -> str:
        """The table as it was given."""
        return str(self.path)

    def layout(self, *, progress: Progress = QUIET) -> Layout:
        """Read the table; a photo is named by its path below the root, or as it is written.

        Raises:
            UsageError: There is no such table or folder, or no such column of labels.
            DataError: The table cannot be used, no row has a label, or a photo is listed with
                different labels, splits or groups.
            MissingExtraError: The table is Parquet, and pyarrow is not installed.
        """
        root = self._root
        if not root.is_dir():
            raise UsageError(f"There is no folder {root}.", fix="Name the folder of the photos.")
        table = read_photo_table(self.path, label_column=self.label_column)
        base = posixpath.normpath(root.absolute().as_posix())
        rows, rejected = _once(self.name, [(_name(row.file, base), row) for row in table.rows])
        kept: list[tuple[str, PhotoRow]] = []
        for name, row in rows:
            if table.labelled and not row.label:
                rejected.append(Rejection(relative=name, kind=NO_LABEL, reason=NO_LABEL))
            else:
                kept.append((name, row))
        if not kept:
            raise DataError(
                f"{self.name} gives none of its photos a label.",
                fix="Fill its column of labels, or name another with `--label-column`.",
            )
        splits, notes = splits_of(table, [row for _, row in kept])
        candidates = []
        for name, row in tracked(kept, progress, "finding files", len(kept)):
            path = root / row.file
            regular, stamp = _look(path)
            if not regular:
                rejected.append(Rejection(relative=name, kind=NOT_REGULAR, reason=NOT_REGULAR))
                continue
            candidates.append(
                Candidate(
                    relative=name,
                    class_name=row.label,
                    split=splits[row.split],
                    group=row.group,
                    metadata=row.metadata,
                    path=path,
                    stamp=stamp,
                )
            )
        return Layout(
            candidates=tuple(sorted(candidates, key=lambda each: each.relative)),
            rejected=tuple(sorted(rejected, key=lambda each: each.relative)),
            given={split: word for word, split in splits.items() if split},
            notes=(*table.notes, *notes, *_outside(candidates, root)),
        )

    def contents(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Content]]:
        """Give the files; they are read by who decodes them, who also says which are absent."""
        for candidate in candidates:
            assert candidate.path is not None
            yield candidate, candidate.path

    @property
    def _root(self) -> Path:
        return self.path.parent if self.root is None else self.root


def _name(file: str, base: str) -> str:
    """A photo's path below the folder ``base``, or from the root if it is not below it."""
    name = posixpath.normpath(file)
    return name.removeprefix(f"{base.rstrip('/')}/")


def _once(
    source: str, rows: Sequence[tuple[str, PhotoRow]]
) -> tuple[list[tuple[str, PhotoRow]], list[Rejection]]:
    """Keep the first row of each photo; the others are rejected if they say the same.

    Raises:
        DataError: Rows say different things of one photo; all of them are named.
    """
    first: dict[str, PhotoRow] = {}
    again: dict[str, list[PhotoRow]] = {}
    for name, row in rows:
        if first.setdefault(name, row) is not row:
            again.setdefault(name, []).append(row)
    conflicts = [
        f"{name} ({'; '.join(f'{row.place}: {row.says}' for row in (first[name], *others))})"
        for name, others in again.items()
        if any(row.says != first[name].says for row in others)
    ]
    if conflicts:
        count = "1 photo" if len(conflicts) == 1 else f"{len(conflicts)} photos"
        raise DataError(
            f"{source} lists {count} with different labels, splits or groups.",
            at=conflicts,
            fix="Keep the row that is right.",
        )
    rejected = [
        Rejection(
            relative=f"{name} ({row.place})",
            kind=LISTED_TWICE,
            reason=f"{LISTED_TWICE}, in {first[name].place}",
        )
        for name, others in again.items()
        for row in others
    ]
    return list(first.items()), rejected


def _look(path: Path) -> tuple[bool, str]:
    """Whether a file may be opened, and its stamp; one that is absent is told by reading it."""
    try:
        status = os.stat(path)  # noqa: PTH116  # a third faster, 200,000 times
    except OSError:
        return True, ""
    return stat.S_ISREG(status.st_mode), f"{status.st_size}-{status.st_mtime_ns}"


def _outside(candidates: Sequence[Candidate], root: Path) -> tuple[str, ...]:
    count = sum(each.relative.startswith(("/", "../")) for each in candidates)
    if not count:
        return ()
    photos = "1 photo lies" if count == 1 else f"{count} photos lie"
    return (f"{photos} outside {root}.",)
