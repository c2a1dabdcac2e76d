"""Stored features: what a frozen network makes of a photo, kept on disk for whoever asks again.

A shelf holds what one engine computes with one graph; its name is a hash of all that the numbers
depend on but the photo. On it a photo goes by the hash of its file, so that other splits, folds,
seeds, heads and datasets with the same photos find it. What is read is bit for bit what was
computed.

A shelf is a folder of segments, each of some photos, written once and whole. Nothing is ever added
to one, so any number of processes may read and write at once. A segment is::

    12 bytes     "LFT1", then how many photos N and how many features D, little-endian
    32 N bytes   the SHA-256 of each photo's file
    4 N D bytes  their features, float32, little-endian, a photo after the other
    32 bytes     the SHA-256 of everything before
"""

import dataclasses
import hashlib
import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import __version__ as pillow_version

from lineament.core.cache import hold, limit_bytes, make_room, opened
from lineament.core.errors import ArtifactError
from lineament.core.executor import Executor
from lineament.core.files import atomic_file, cache_folder
from lineament.core.machine import machine
from lineament.core.progress import Progress, tracked
from lineament.imaging.preprocess import Preprocessing
from lineament.runtime.embedding import embed
from lineament.runtime.engines import Engine

FORMAT = 1  # raised when the same photo, graph and engine give other numbers than before
FEATURES = "features"
SEGMENT = 256  # photos; a process that is killed loses as many at most, some seconds' work
HEAD = struct.Struct("<4sII")
MARK = b"LFT1"
DIGEST_BYTES = hashlib.sha256().digest_size
# The same program sums in another order on a processor that can do more at once.
OF_PROCESSOR = ("architecture", "features", "processor")

Row = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Photo:
    """A photo that is to be embedded.

    Attributes:
        sha256: Of its file, in hexadecimal.
        path: The file.
    """

    sha256: str
    path: Path


class StoredFeatures:
    """Embeds photos with one graph, each only the first time that any run asks for it.

    Args:
        graph: The graph, from pixels to ``embedding``.
        preprocessing: What that graph does to pixels.
        progress: Who listens; hears once if nothing can be kept.
        cache: Whether features are looked for on disk, and kept there.

    Attributes:
        found: Hashes of the photos whose features an earlier run had kept.
    """

    def __init__(
        self, graph: bytes, preprocessing: Preprocessing, *, progress: Progress, cache: bool = True
    ) -> None:
        self.found: set[str] = set()
        self._made: set[str] = set()
        self._graph = hashlib.sha256(graph).hexdigest()
        self._preprocessing = preprocessing
        self._progress = progress
        self._reads = self._writes = cache

    def embed(
        self, photos: Sequence[Photo], engine: Engine, *, executor: Executor, task: str
    ) -> NDArray[np.float32]:
        """Give the embedding of each photo, ``float32 (N, D)``, in order.

        Args:
            photos: At least one.
            engine: What runs the graph.
            executor: Where photos are decoded and run.
            task: What the work is called.

        Raises:
            DataError: A photo cannot be read.
            UsageError: The limit of the cache is no number.
        """
        shelf = self._shelf(engine.title)
        wanted = {photo.sha256: photo.path for photo in photos}
        rows = _on_shelf(shelf, wanted) if self._reads else {}
        self.found.update(rows.keys() - self._made)
        missing = {photo: path for photo, path in wanted.items() if photo not in rows}
        if missing:
            self._made.update(missing)
            computed = embed(engine, missing.values(), self._preprocessing, executor=executor)
            watched = tracked(computed, self._progress, task, len(missing))
            rows.update(self._kept(shelf, zip(missing, watched, strict=True), len(missing)))
        return np.stack([rows[photo.sha256] for photo in photos])

    def _kept(
        self, shelf: Path, computed: Iterable[tuple[str, Row]], count: int
    ) -> Iterator[tuple[str, Row]]:
        """Pass rows through, writing them segment by segment, also when that is interrupted."""
        if self._writes:
            limit_bytes(shelf)  # said before the work if it is no number
        fresh: dict[str, Row] = {}
        try:
            for photo, row in computed:
                fresh[photo] = row
                yield photo, row
                if len(fresh) == SEGMENT:
                    self._keep(shelf, fresh, count)
                    count -= SEGMENT
                    fresh = {}
        finally:
            if fresh:
                self._keep(shelf, fresh, count)

    def _keep(self, shelf: Path, rows: Mapping[str, Row], to_come: int) -> None:
        """Write a segment, if there is room for it and for all that will follow."""
        if not self._writes:
            return
        content = _packed(rows)
        name = hashlib.sha256("".join(rows).encode("ascii")).hexdigest()
        try:
            with atomic_file(
                shelf / f"{name}.rows", overwrite=True, flag="LINEAMENT_CACHE"
            ) as file:
                hold(file)
                make_room(shelf.parent, len(content) * to_come // len(rows))
                file.write(content)
        except ArtifactError as refused:
            self._writes = False
            self._progress.note(
                f"Features are not kept: {refused.what} The next run computes them again. "
                f"{refused.fix}"
            )

    def _shelf(self, title: str) -> Path:
        known = machine()
        ingredients = [
            FORMAT,
            self._graph,
            title,
            pillow_version,
            self._preprocessing.needed_short_side_px,
            [known[name] for name in OF_PROCESSOR],
        ]
        key = hashlib.sha256(json.dumps(ingredients).encode("utf-8")).hexdigest()
        return cache_folder() / FEATURES / key


def _on_shelf(shelf: Path, wanted: Mapping[str, Path]) -> dict[str, Row]:
    """Read the rows of photos that are on a shelf, by hash."""
    rows: dict[str, Row] = {}
    for path in sorted(shelf.glob("*.rows")):
        places = {
            photo: place
            for place, photo in enumerate(_photos(path))
            if photo in wanted and photo not in rows
        }
        stored = _rows(path) if places else None
        if stored is not None:
            some = stored[list(places.values())]  # a copy: the rest of the segment can go
            rows.update(zip(places, some, strict=True))
    return rows


def _packed(rows: Mapping[str, Row]) -> bytes:
    table = np.stack(list(rows.values())).astype("<f4")
    head = HEAD.pack(MARK, *table.shape)
    content = b"".join([head, *map(bytes.fromhex, rows), table.tobytes()])
    return content + hashlib.sha256(content).digest()


def _photos(path: Path) -> list[str]:
    """The hashes of a segment's photos, in order; none where it is gone or damaged."""
    try:
        with path.open("rb") as file:
            mark, count, width = HEAD.unpack(file.read(HEAD.size))
            size = HEAD.size + count * (DIGEST_BYTES + 4 * width) + DIGEST_BYTES
            if mark != MARK or size != path.stat().st_size:
                return []
            hashes = file.read(DIGEST_BYTES * count).hex()
    except (OSError, struct.error):
        return []
    digits = 2 * DIGEST_BYTES
    return [hashes[start : start + digits] for start in range(0, len(hashes), digits)]


def _rows(path: Path) -> NDArray[np.float32] | None:
    """A segment's rows, ``float32 (N, D)``; ``None`` where it is gone or damaged."""
    try:
        with opened(path) as file:
            content = file.read()
        if hashlib.sha256(content[:-DIGEST_BYTES]).digest() != content[-DIGEST_BYTES:]:
            path.unlink()  # used ones stay longest, and of this there is no use
            return None
    except OSError:
        return None
    _, count, width = HEAD.unpack_from(content)
    flat = np.frombuffer(content, "<f4", count * width, HEAD.size + DIGEST_BYTES * count)
    return flat.reshape(count, width).astype(np.float32)
