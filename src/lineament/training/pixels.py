"""Pixels: the photos of a split as a model sees them before augmentation, ready to be read.

They are decoded and resized once, into one file of plain bytes that later epochs and later runs map
into memory. The file is named by a hash of all that its bytes depend on.

Train and validation share a file, each photo in it once, in the order of their hashes: whatever
fold validates and however photos were dealt to the two, it is the same file.
"""

import dataclasses
import functools
import hashlib
import io
import json
import math
import mmap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import threadpoolctl
from numpy.typing import ArrayLike, NDArray
from PIL import __version__ as pillow_version

from lineament.artifacts.dataset import Dataset, decode_photo
from lineament.artifacts.origins import origins
from lineament.core.cache import hold, make_room, opened
from lineament.core.errors import ArtifactError
from lineament.core.executor import Executor
from lineament.core.files import atomic_file, cache_folder
from lineament.core.progress import Progress
from lineament.imaging.preprocess import Preprocessing
from lineament.imaging.square import CHANNELS, square

FORMAT = 1  # raised when the same photos and preprocessing give other bytes than before
SHARED = ("train", "validation")  # the splits that folds deal out anew
# Photos of one task: a handful of large ones, many small ones, for which handing over a task
# would cost more than the work.
TASK_BYTES = 2**20
TASK_PHOTOS = 32
# Bytes read through a mapping before its pages are given back. They stay in the system's cache,
# but no longer count as this process's memory, which would grow to the size of the file.
MAPPED_BYTES = 2**25

FOLDER = "LINEAMENT_CACHE"

Bytes = NDArray[np.uint8]


class _Photos(Protocol):
    """The photos of a cache file, each row one of them."""

    def read(self, rows: NDArray[np.intp]) -> Bytes: ...


class Pixels:
    """The photos of a split, fitted to the model's square, as bytes; made by `open_pixels`.

    Attributes:
        labels: The class of each photo, ``int64 (N,)``, in the order of the split's samples.
        size_px: Side of the square.
    """

    def __init__(
        self, labels: NDArray[np.int64], size_px: int, *, photos: _Photos, rows: NDArray[np.intp]
    ) -> None:
        self.labels = labels
        self.size_px = size_px
        self._photos = photos
        self._rows = rows

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, indices: ArrayLike) -> Bytes:
        """Read some photos.

        Args:
            indices: Which, each 0 to ``len() - 1``, in any order and as often as wanted.

        Returns:
            ``uint8 (B, S, S, 3)``, RGB, a copy of the caller's own.

        Raises:
            DataError: Photos are decoded on demand, and one cannot be read any more.
        """
        return self._photos.read(self._rows[np.asarray(indices, dtype=np.intp)])


def open_pixels(
    dataset: Dataset,
    split: str,
    preprocessing: Preprocessing,
    *,
    executor: Executor,
    progress: Progress,
    cache: bool = True,
) -> Pixels:
    """Open the photos of a split, decoding them if no earlier run has.

    Their hashes are those that the dataset states: `Dataset.verify` is asked before, for train and
    validation together.

    Args:
        dataset: The photos.
        split: Which of them.
        preprocessing: How a photo becomes the model's square.
        executor: Where photos are decoded.
        progress: Who listens.
        cache: Whether they are kept on disk; otherwise, and where the disk has no room for them,
            each `Pixels.read` decodes what it is asked for.

    Raises:
        UsageError: There is no such split, or the limit of the cache is no number.
        DataError: The split is empty, or a photo cannot be read.
    """
    samples = dataset.samples(split)
    labels = np.asarray([sample.label for sample in samples], dtype=np.int64)
    hashes = {origin.filename: origin.sha256 for origin in origins(dataset.root)}
    together = SHARED if split in SHARED else (split,)
    files = {
        hashes[sample.filename]: dataset.path(sample)
        for name in together
        for sample in dataset.splits[name]
    }
    order = sorted(files)
    place = {name: row for row, name in enumerate(order)}
    rows = np.asarray([place[hashes[sample.filename]] for sample in samples], dtype=np.intp)
    decoded = _Decoded([files[name] for name in order], preprocessing, executor)
    photos: _Photos = decoded
    if cache:
        plan = _Plan.of(order, preprocessing)
        try:
            photos = _Stored.open(plan) or _Stored.made(plan, decoded.all(), progress)
        except ArtifactError as refused:  # by the disk; a photo that cannot be read is a DataError
            if split == together[0]:  # said once for the splits of one file
                progress.note(
                    f"Decoded photos are not kept: {refused.what} Each epoch decodes them again, "
                    f"which is slower. {refused.fix}"
                )
    return Pixels(labels, preprocessing.size_px, photos=photos, rows=rows)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Plan:
    """A cache file before it is opened or made: its name, and every byte but the photos'.

    It is an array in NumPy's own format, and behind it a mark: what was not written to its end
    does not have it.
    """

    path: Path
    shape: tuple[int, int, int, int]
    head: bytes
    mark: bytes

    @classmethod
    def of(cls, hashes: Sequence[str], preprocessing: Preprocessing) -> "_Plan":
        spec = preprocessing.as_dict()
        del spec["std"]  # the one part of it that no byte depends on
        if preprocessing.fit != "letterbox":
            del spec["mean"]  # the colour around the photo, which fills its square otherwise
        ingredients = [FORMAT, pillow_version, spec, list(hashes)]
        text = json.dumps(ingredients, sort_keys=True)
        key = hashlib.sha256(text.encode("ascii")).hexdigest()
        size = preprocessing.size_px
        shape = (len(hashes), size, size, CHANNELS)
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            head, {"descr": "|u1", "fortran_order": False, "shape": shape}
        )
        return cls(
            path=cache_folder() / "pixels" / f"{key}.npy",
            shape=shape,
            head=head.getvalue(),
            mark=hashlib.sha256(head.getvalue() + key.encode("ascii")).digest(),
        )

    @property
    def size_bytes(self) -> int:
        return len(self.head) + math.prod(self.shape) + len(self.mark)


class _Decoded:
    """Photos decoded whenever they are asked for."""

    def __init__(
        self, paths: Sequence[Path], preprocessing: Preprocessing, executor: Executor
    ) -> None:
        self._paths = paths
        self._preprocessing = preprocessing
        self._executor = executor

    def read(self, rows: NDArray[np.intp]) -> Bytes:
        size = self._preprocessing.size_px
        pixels = np.empty((len(rows), size, size, CHANNELS), dtype=np.uint8)
        done = 0
        for part in self._squares([self._paths[row] for row in rows]):
            pixels[done : done + len(part)] = part
            done += len(part)
        return pixels

    @functools.cached_property
    def _libraries(self) -> threadpoolctl.ThreadpoolController:
        """The numeric libraries of this process; looking for them takes as long as a batch."""
        return threadpoolctl.ThreadpoolController()

    def all(self) -> Iterator[Bytes]:
        """Every photo, some at a time, in order."""
        return self._squares(self._paths)

    def _squares(self, paths: Sequence[Path]) -> Iterator[Bytes]:
        each = self._preprocessing.size_px**2 * CHANNELS
        many = max(1, min(TASK_PHOTOS, TASK_BYTES // each))
        tasks = (paths[first : first + many] for first in range(0, len(paths), many))
        # Each worker is a thread already: BLAS's own, one per core for each of them, wait for one
        # another (ten times slower for large photos on two cores).
        with self._libraries.limit(limits=1, user_api="blas"):
            yield from self._executor.map(functools.partial(_squares, self._preprocessing), tasks)


def _squares(preprocessing: Preprocessing, paths: Sequence[Path]) -> Bytes:
    return np.stack([seen_pixels(path, preprocessing) for path in paths])


def seen_pixels(path: Path, preprocessing: Preprocessing) -> Bytes:
    """Decode a photo and fit it to the model's square: ``uint8 (S, S, 3)``, RGB.

    Raises:
        DataError: It cannot be read.
    """
    photo = decode_photo(path, short_side_px=preprocessing.needed_short_side_px)
    return square(photo, preprocessing)


class _Stored:
    """A cache file, mapped into memory."""

    def __init__(self, mapped: mmap.mmap, plan: _Plan) -> None:
        self._mapped = mapped  # keeps the file open, and with it the lock
        count = math.prod(plan.shape)
        flat = np.frombuffer(mapped, dtype=np.uint8, count=count, offset=len(plan.head))
        self._photos = flat.reshape(plan.shape)
        self._read_bytes = 0

    @classmethod
    def open(cls, plan: _Plan) -> Self | None:
        """Open a file that is there and whole."""
        try:
            with opened(plan.path) as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):  # absent, not to be read, empty
            return None
        ends = mapped[: len(plan.head)], mapped[-len(plan.mark) :]
        if len(mapped) != plan.size_bytes or ends != (plan.head, plan.mark):
            return None
        return cls(mapped, plan)

    @classmethod
    def made(cls, plan: _Plan, photos: Iterable[Bytes], progress: Progress) -> Self:
        """Write the file, and open it.

        Two processes that do so at once write a file each; the later one replaces its equal.

        Raises:
            ArtifactError: The file system refuses, or has no room.
            DataError: A photo cannot be read.
        """
        with atomic_file(plan.path, overwrite=True, flag=FOLDER) as file:
            hold(file)
            make_room(plan.path.parent, plan.size_bytes)
            file.write(plan.head)
            progress.start("decoding photos", plan.shape[0])
            try:
                for part in photos:
                    file.write(part.data)
                    progress.advance(len(part))
            finally:
                progress.finish()
            file.write(plan.mark)
        stored = cls.open(plan)
        if stored is None:
            raise ArtifactError(
                f"{plan.path} was removed or changed as soon as it was written.",
                fix=f"Let `{FOLDER}` name a folder of your own.",
            )
        return stored

    def read(self, rows: NDArray[np.intp]) -> Bytes:
        pixels: Bytes = self._photos[rows]
        self._read_bytes += pixels.nbytes
        if self._read_bytes > MAPPED_BYTES and hasattr(mmap, "MADV_DONTNEED"):
            self._mapped.madvise(mmap.MADV_DONTNEED)
            self._read_bytes = 0
        return pixels
