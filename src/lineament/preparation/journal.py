"""Journal: which photos were read already, so that interrupted work continues where it stopped.

Below `RESUME` in the folder that is being made: ``photos.jsonl``, a line per photo, and
``signatures.bin``, a row per line. A line is written after its photo's file, and believed if
its own hash, which is over the row too, and that of the file are right: what a lost machine left
half written is read again.
"""

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.core.files import RESUME, sha256_file
from lineament.imaging.decode import FileFacts
from lineament.imaging.look import Look
from lineament.imaging.signature import SIGNATURE_PX
from lineament.preparation.photo import Photo, image_folder, photo_of
from lineament.preparation.sources.listing import Candidate

HASH_LETTERS = 16
ROW_BYTES = SIGNATURE_PX * SIGNATURE_PX
LOOK = tuple(field.name for field in dataclasses.fields(Look))
FACTS = tuple(field.name for field in dataclasses.fields(FileFacts))
FLUSHED = 32  # photos that a killed process reads again at most; a write each would be slower


class Journal:
    """The journal of a dataset's folder that is being made.

    Args:
        folder: The folder; a journal that is there is continued.
    """

    def __init__(self, folder: Path) -> None:
        self._root = folder
        self._folder = folder / RESUME
        self._folder.mkdir(exist_ok=True)
        self._lines = (self._folder / "photos.jsonl").open("a+b")
        self._rows = (self._folder / "signatures.bin").open("a+b")
        self._old = self._cut_to_whole_lines()
        self.next_row = len(self._old)

    def known(self, candidates: Sequence[Candidate]) -> dict[str, Photo]:
        """Find the candidates that were read before and have not changed since.

        Everything else that interrupted work left is removed: photos that are no candidates any
        more, or of another class, and half-written tables.

        Returns:
            Name in the source to photo.
        """
        wanted = {candidate.relative: candidate for candidate in candidates}
        photos: dict[str, Photo] = {}
        for row, line in enumerate(self._old):
            candidate = wanted.get(line["relative"])
            if candidate is None or not candidate.stamp or candidate.stamp != line["stamp"]:
                continue
            path = self._root / line["filename"]
            in_place = line["filename"].rpartition("/")[0] == image_folder(candidate.class_name)
            if in_place and path.is_file() and sha256_file(path) == line["sha256"]:
                photos[candidate.relative] = photo_of(
                    candidate,
                    filename=line["filename"],
                    sha256=line["sha256"],
                    pixels=line["pixels"],
                    look=Look(**dict(zip(LOOK, line["look"], strict=True))),
                    facts=FileFacts(**dict(zip(FACTS, line["facts"], strict=True))),
                    row=row,
                )
        self._remove_all_but({photo.filename for photo in photos.values()})
        return photos

    def add(self, photo: Photo, *, stamp: str, signature: bytes) -> None:
        """Note a photo whose file was written; its row is `next_row`."""
        assert photo.row == self.next_row
        assert len(signature) == ROW_BYTES
        line = {
            "relative": photo.relative,
            "stamp": stamp,
            "filename": photo.filename,
            "sha256": photo.sha256,
            "pixels": photo.pixels,
            # `dataclasses.asdict` copies deeply, which takes longer than decoding a small photo
            "look": [getattr(photo.look, name) for name in LOOK],
            "facts": [getattr(photo.facts, name) for name in FACTS],
        }
        self._rows.write(signature)
        text = json.dumps(line, separators=(",", ":")).encode("ascii")
        self._lines.write(_mark(text, signature) + text + b"\n")
        self.next_row += 1
        if self.next_row % FLUSHED == 0:
            self._flush()

    def signatures(self, photos: Sequence[Photo]) -> NDArray[np.uint8]:
        """The signatures of photos, in their order: ``uint8 (N, SIGNATURE_PX, SIGNATURE_PX)``."""
        shape = (-1, SIGNATURE_PX, SIGNATURE_PX)
        if not photos:
            return np.zeros((0, *shape[1:]), np.uint8)
        self._flush()
        path = self._folder / "signatures.bin"
        stored: NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r").reshape(shape)
        rows = [photo.row for photo in photos]
        # Read in order, they are as they lie on disk, and need not be in memory.
        return stored if rows == list(range(len(stored))) else stored[rows]

    def close(self) -> None:
        """Write what is buffered."""
        self._rows.close()
        self._lines.close()

    def _flush(self) -> None:
        self._rows.flush()
        self._lines.flush()

    def _remove_all_but(self, filenames: set[str]) -> None:
        """Remove what is neither the journal nor one of some photos."""
        for path in self._root.iterdir():
            if path.name not in (RESUME, image_folder("")):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for folder, _, files in os.walk(self._root / image_folder(""), topdown=False):
            for name in files:
                path = Path(folder, name)
                if path.relative_to(self._root).as_posix() not in filenames:
                    path.unlink()
            if not any(Path(folder).iterdir()):
                Path(folder).rmdir()

    def _cut_to_whole_lines(self) -> list[dict[str, Any]]:
        """Read the lines up to the first that is not whole, and cut both files there."""
        whole: list[dict[str, Any]] = []
        end = self._lines.seek(0)
        self._rows.seek(0)
        for line in self._lines:
            mark, text = line[:HASH_LETTERS], line[HASH_LETTERS:-1]
            if not line.endswith(b"\n") or mark != _mark(text, self._rows.read(ROW_BYTES)):
                break
            whole.append(json.loads(text))
            end += len(line)
        self._lines.truncate(end)
        self._rows.truncate(len(whole) * ROW_BYTES)
        return whole


def _mark(text: bytes, signature: bytes) -> bytes:
    """What a line begins with: a hash of the rest of it and of its signature."""
    return hashlib.sha256(text + signature).hexdigest()[:HASH_LETTERS].encode("ascii")
