"""Collection: photos that people corrected or took to learn from, kept with their consent.

On disk: ``photos/<class>/<session>-<number>-<condition or feedback>.jpg``, upright, without
metadata; ``photos.csv``, a row per photo, which alone says what the label is; ``collection.json``.

A photo's file is written before its row, and rows are appended whole, under a lock that other
processes ask for too: a process that is killed leaves at most a photo without a row, which counts
as not kept. Nothing is in memory but how much there is.
"""

import contextlib
import dataclasses
import os
import re
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.kept_photo import (
    SESSION,
    KeptPhoto,
    KeptRow,
    filename_of,
    is_named_for,
)
from lineament.artifacts.kept_table import FLAG, append_row, read_rows, remove_rows
from lineament.artifacts.schema import field, open_document, stamp
from lineament.core.errors import ArtifactError, UsageError
from lineament.core.files import json_text, read_json, write_text
from lineament.imaging.decode import encode_jpeg, shrink

if sys.platform != "win32":
    import fcntl

KIND = "collection"
DOCUMENT = "collection.json"
SCHEMA_VERSION = 1
TABLE, PHOTOS, LOCK = "photos.csv", "photos", ".lock"
SHORT_SIDE_PX = 1024  # four times what `prepare` keeps: enough for larger models to come
JPEG_PX = 65_500  # libjpeg's JPEG_MAX_DIMENSION
MAX_PHOTOS = 100_000
MAX_BYTES = 20 * 10**9  # some 100,000 photos of 200 kB

__all__ = ["Collection", "Contents", "KeptPhoto", "KeptRow", "is_collection"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contents:
    """What is in a collection.

    Attributes:
        rows: The photos that can be used, in the order in which they were kept.
        damaged: Numbers of the lines of the table that cannot be read, from 1.
        absent: Rows whose photo is not there.
        loose: Photos without a row: paths below the folder, sorted.
    """

    rows: tuple[KeptRow, ...]
    damaged: tuple[int, ...]
    absent: tuple[KeptRow, ...]
    loose: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Fill:
    """How full a collection is, when its table was this one: its file, size and time."""

    table: tuple[int, int, int]
    count: int
    size_bytes: int
    forgotten: int


class Collection:
    """An opened collection; `open` gives one.

    Attributes:
        root: Its folder.
        name: ``collection-`` and what tells it from every other collection.
    """

    def __init__(self, root: Path, *, name: str, max_photos: int, max_bytes: int) -> None:
        self.root = root
        self.name = name
        self._max_photos = max_photos
        self._max_bytes = max_bytes
        self._one = threading.Lock()
        self._known: _Fill | None = None

    @classmethod
    def open(
        cls, root: Path, *, max_photos: int = MAX_PHOTOS, max_bytes: int = MAX_BYTES
    ) -> "Collection":
        """Open a collection; an absent or empty folder becomes one.

        Args:
            root: The folder.
            max_photos: Most photos that `keep` lets it hold.
            max_bytes: Most bytes that its photos may take.

        Raises:
            ArtifactError: The folder is something else, of a newer schema, or cannot be made.
        """
        if not (root / DOCUMENT).is_file():
            _make(root)
        mark = field(_document(root), "id", str, name=str(root))
        if not re.fullmatch(r"[0-9a-f]+", mark):
            raise ArtifactError(
                f"{root / DOCUMENT} has no usable field `id`.", fix="It is damaged; put it back."
            )
        return cls(root, name=f"{KIND}-{mark}", max_photos=max_photos, max_bytes=max_bytes)

    def keep(self, pixels: NDArray[np.uint8], photo: KeptPhoto) -> str:
        """Keep a photo; threads and processes may call at the same time.

        Args:
            pixels: ``uint8 (H, W, 3)``, RGB, upright; shrunk to a shorter side of 1024 pixels.
            photo: What is said of it.

        Returns:
            Path of its file below the folder, with forward slashes.

        Raises:
            UsageError: That is no photo.
            ArtifactError: The collection is full, or the file system refuses.
        """
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise UsageError("A photo to keep is `uint8 (H, W, 3)`.", fix="Decode it first.")
        small = shrink(pixels, short_side_px=SHORT_SIDE_PX)
        if max(small.shape[:2]) > JPEG_PX:
            raise UsageError(
                f"The photo is too long to be kept ({small.shape[1]} x {small.shape[0]} pixels).",
                fix=f"Keep photos of sides up to {JPEG_PX} pixels.",
            )
        data = encode_jpeg(small, quality=95)
        with _saying("The photo could not be kept"), self._alone():
            fill = self._fill()
            self._require_space(fill, len(data))
            # Also counting what is gone: a number that was given is not given again, since a
            # dataset may hold that photo and would take another for it.
            filename = self._write_photo(photo, data, fill.count + fill.forgotten + 1)
            kept_at = datetime.now(UTC).isoformat(timespec="seconds")
            row = KeptRow(filename=filename, photo=photo, kept_at=kept_at)
            try:
                append_row(self.root / TABLE, row)
            except BaseException:
                (self.root / filename).unlink(missing_ok=True)
                raise
            self._known = dataclasses.replace(
                fill,
                table=_look(self.root / TABLE),
                count=fill.count + 1,
                size_bytes=fill.size_bytes + len(data),
            )
        return filename

    def contents(self) -> Contents:
        """List what is there; nothing is written, and photos are not decoded.

        Raises:
            ArtifactError: The table cannot be read or has other columns.
        """
        rows, damaged = read_rows(self.root / TABLE)
        files = set(self._files())  # after the table, since a photo is there before its row
        return Contents(
            rows=tuple(row for row in rows if row.filename in files),
            damaged=damaged,
            absent=tuple(row for row in rows if row.filename not in files),
            loose=tuple(sorted(files - {row.filename for row in rows})),
        )

    def verify(self) -> None:
        """Check that every photo has its row and every row its photo.

        Raises:
            ArtifactError: Some have not, or rows are damaged; all of them are named.
        """
        found = self.contents()
        wrong = [
            *(f"{TABLE} line {number} (damaged)" for number in found.damaged),
            *(f"{row.filename} (absent)" for row in found.absent),
            *(f"{name} (without a row)" for name in found.loose),
        ]
        if wrong:
            raise ArtifactError(
                f"{self.root} is not whole: {len(wrong)} of its rows and photos cannot be used.",
                at=wrong,
                fix="`lineament prepare` leaves them out and counts them. A photo without a row "
                "is what a killed process left, and may be removed.",
            )

    def forget(self, session: str) -> int:
        """Remove every photo and row of a session, as when a person withdraws their consent.

        What was prepared or trained before stays; prepare and train again.

        Args:
            session: The session.

        Returns:
            How many photos were removed.

        Raises:
            UsageError: That is no session's name.
            ArtifactError: The file system refuses; call it again.
        """
        if not SESSION.fullmatch(session):
            raise UsageError(f"`{session}` is no session's name.", fix="Name a session.")
        with _saying(f"The session {session} could not be forgotten"), self._alone():
            found = self.contents()
            names = {row.filename for row in found.rows if row.photo.session == session}
            names |= {name for name in found.loose if is_named_for(name, session)}
            self._note_forgotten(len(names))
            for name in names:
                (self.root / name).unlink()
                with contextlib.suppress(OSError):  # other photos are in it
                    (self.root / name).parent.rmdir()
            # Last: who is interrupted before finds the session again.
            remove_rows(self.root / TABLE, session)
            self._known = None
        return len(names)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait for every other writer, in this process or another."""
        with self._one, _locked(self.root):
            yield

    def _require_space(self, fill: _Fill, more_bytes: int) -> None:
        limits = (
            (fill.count + 1 > self._max_photos, f"{fill.count} of {self._max_photos} photos"),
            (
                fill.size_bytes + more_bytes > self._max_bytes,
                f"{fill.size_bytes / 1e6:.1f} of {self._max_bytes / 1e6:.1f} MB",
            ),
        )
        for full, said in limits:
            if full:
                raise ArtifactError(
                    f"The collection is full ({said}); the photo was not kept.",
                    fix="Train on what is there and begin another folder, or allow more.",
                )

    def _write_photo(self, photo: KeptPhoto, data: bytes, number: int) -> str:
        """Write a photo's file under a name that is free, from a number on."""
        while True:
            filename = filename_of(photo, number)
            path = self.root / filename
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                file = path.open("xb")
            except FileExistsError:  # files came or went by hand
                number += 1
                continue
            try:
                with file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            return filename

    def _fill(self) -> _Fill:
        """How full it is: as this process left it, or counted anew after another one's work."""
        table = _look(self.root / TABLE)
        if self._known is not None and self._known.table == table:
            return self._known
        files = list(self._files())
        return _Fill(
            table=table,
            count=len(files),
            size_bytes=sum((self.root / name).stat().st_size for name in files),
            forgotten=field(_document(self.root), "forgotten", int, name=str(self.root)),
        )

    def _note_forgotten(self, more: int) -> None:
        document = _document(self.root)
        count = field(document, "forgotten", int, name=str(self.root)) + more
        text = json_text({**document, "forgotten": count})
        write_text(self.root / DOCUMENT, text, overwrite=True, flag=FLAG)

    def _files(self) -> Iterator[str]:
        """Every file below ``photos``, as paths below the folder."""
        for folder, _, names in os.walk(self.root / PHOTOS):
            above = Path(folder).relative_to(self.root).as_posix()
            yield from (f"{above}/{name}" for name in names)


def is_collection(root: Path) -> bool:
    """Tell whether a folder is a collection, or was one before its document was damaged."""
    try:
        return (root / DOCUMENT).is_file() and read_json(root / DOCUMENT, kind=KIND)["kind"] == KIND
    except (ArtifactError, KeyError):
        return True


def _document(root: Path) -> dict[str, object]:
    return open_document(root, DOCUMENT, kind=KIND, schema_version=SCHEMA_VERSION)


def _make(root: Path) -> None:
    """Make an empty collection, unless the folder is something else."""
    with _saying(f"The collection {root} could not be made"):
        _require_ours(root)
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root):
            _require_ours(root)
            if (root / DOCUMENT).is_file():  # another process was faster
                return
            document = {**stamp(KIND, SCHEMA_VERSION), "id": uuid.uuid4().hex[:12]}
            text = json_text({**document, "forgotten": 0})
            write_text(root / DOCUMENT, text, flag=FLAG)


def _require_ours(root: Path) -> None:
    if not os.path.lexists(root):
        return
    names = {path.name for path in root.iterdir()} if root.is_dir() else {root.name}
    # Of one that is being made, or was when its process was killed.
    strange = sorted(name for name in names if name != LOCK and not name.startswith(f".{DOCUMENT}"))
    if strange and DOCUMENT not in names:
        raise ArtifactError(
            f"{root} is no collection and not empty, so no photo is kept there.",
            at=strange,
            fix="Name a new folder, or one that `lineament serve` has kept photos in.",
        )


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold a collection's folder against other processes; one that is killed lets go of it."""
    if sys.platform == "win32":
        yield
        return
    with (root / LOCK).open("ab") as file:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _saying(what: str) -> Iterator[None]:
    """Turn what the file system refuses into an error, without a path: a stranger may read it."""
    try:
        yield
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise ArtifactError(
            f"{what}: {why}.", fix="Give the collection's folder space or permission."
        ) from error


def _look(table: Path) -> tuple[int, int, int]:
    try:
        status = table.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    return status.st_ino, status.st_size, status.st_mtime_ns
