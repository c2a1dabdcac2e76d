"""IDX files, the format of MNIST: a file of photos and a file of labels, packed by gzip or not.

The format: two zero bytes, a byte for the type of values (8: unsigned bytes), a byte for the number
of dimensions, the dimensions as big-endian 32-bit numbers, the values (LeCun, Cortes and Burges,
"The MNIST database of handwritten digits").
"""

import dataclasses
import functools
import gzip
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import DataError, UsageError
from lineament.core.progress import QUIET, Progress
from lineament.preparation.sources.listing import Candidate, Content, Layout
from lineament.preparation.sources.rows import Block, Rows, block_contents, block_layout

IMAGES = re.compile(r"(?P<prefix>.*?)-?images?[-.]idx3-ubyte(?:\.gz)?", re.IGNORECASE)
WORDS = {"t10k": "test"}  # what MNIST calls its 10,000 photos for testing
UNSIGNED_BYTE = 8
GZIP_MAGIC = b"\x1f\x8b"
BLOCK_BYTES = 1 << 20
REPAIR = "Copy or download it again."


def holds_idx(folder: Path) -> bool:
    """Tell whether a folder holds a file of photos in this format, by the names of its files."""
    return any(_images_of(folder))


@dataclasses.dataclass(frozen=True, kw_only=True)
class IdxSource:
    """Photos in IDX files.

    Attributes:
        path: A folder with ``train-images-idx3-ubyte`` and ``t10k-images-idx3-ubyte`` (the test
            photos), or one of the two, their labels beside them; or one file of photos.
    """

    path: Path

    @property
    def name(self) -> str:
        """The path of the folder or file."""
        return str(self.path)

    def layout(self, *, progress: Progress = QUIET) -> Layout:
        """List the photos, and read the files once to check that they are whole.

        Raises:
            UsageError: There is no such folder or file.
            DataError: It holds no photos in this format, or they do not fit their labels.
        """
        progress.start("checking IDX files", None)
        try:
            return block_layout(self.name, self._blocks)
        finally:
            progress.finish()

    def contents(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Content]]:
        """Give the pixels of some candidates, in the order of the files."""
        return block_contents(self._blocks, candidates)

    @functools.cached_property
    def _blocks(self) -> tuple[Block, ...]:
        if not self.path.exists():
            raise UsageError(f"{self.path} does not exist.", fix="Check the path.")
        if not self.path.is_dir():
            return (_block(self.path, _word(self.path.name)),)
        files = _images_of(self.path)
        if not files:
            raise DataError(
                f"{self.path} holds no IDX file of photos.",
                fix="Name the files as MNIST does: train-images-idx3-ubyte and "
                "train-labels-idx1-ubyte, packed (.gz) or not.",
            )
        words = [_word(file.name) for file in files]
        twice = [
            file.name for file, word in zip(files, words, strict=True) if words.count(word) > 1
        ]
        if twice:
            raise DataError(
                f"{self.path} holds more than one file of photos for the same split.",
                at=twice,
                fix="Name one of the files as the source, or move the others out of the folder.",
            )
        return tuple(_block(file, word) for file, word in zip(files, words, strict=True))


def _images_of(folder: Path) -> list[Path]:
    """The files of photos; one that lies there packed and unpacked counts once."""
    files = {file.name: file for file in folder.iterdir() if IMAGES.fullmatch(file.name)}
    return [
        file
        for name, file in sorted(files.items())
        if file.is_file() and name.removesuffix(".gz") not in files.keys() - {name}
    ]


def _word(name: str) -> str:
    """What a file's name says of its split: ``emnist-letters-train-images...`` says train."""
    match = IMAGES.fullmatch(name)
    word = match["prefix"].lower().rpartition("-")[2] if match else ""
    return WORDS.get(word, word)


def _block(images: Path, word: str) -> Block:
    shape, offset = _checked(images, dimensions=(3, 4))
    if shape[3:] not in ((), (1,), (3,)) or 0 in shape[1:]:
        raise DataError(
            f"{images} holds values of shape {shape}, which are no photos.",
            fix="Name the file of photos, such as train-images-idx3-ubyte.",
        )
    status = images.stat()
    rows = Rows(
        functools.partial(_open, images),
        offset=offset,
        shape=shape,
        stamp=f"{status.st_size}-{status.st_mtime_ns}",
    )
    return Block(word=word, rows=rows, labels=_labels(images))


def _labels(images: Path) -> NDArray[np.generic] | None:
    """The labels that lie beside a file of photos; ``None`` where there are none."""
    match = IMAGES.fullmatch(images.name)
    if match is None:
        return None
    plain = re.sub(r"(?i)images?([-.])idx3", r"labels\1idx1", images.name.removesuffix(".gz"))
    for file in (images.with_name(plain), images.with_name(f"{plain}.gz")):
        if file.is_file():
            shape, offset = _checked(file, dimensions=(1,))
            with _open(file) as stream:
                stream.seek(offset)
                return np.frombuffer(stream.read(shape[0]), dtype=np.uint8)
    return None


def _checked(file: Path, *, dimensions: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """Shape and place of the values, when the file is as long as its header says."""
    try:
        with _open(file) as stream:
            shape, offset = _header(file, stream, dimensions=dimensions)
            size = offset + int(np.prod(shape, dtype=object))
            while stream.tell() <= size and stream.read(BLOCK_BYTES):
                pass
            length = stream.tell()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file} cannot be read: {error}.", fix=REPAIR) from error
    if length != size:
        what = "is truncated" if length < size else "is longer than it says"
        raise DataError(
            f"{file} {what}: its header speaks of {size} bytes, there are "
            f"{length if length < size else 'more'}.",
            fix=REPAIR,
        )
    return shape, offset


def _header(
    file: Path, stream: IO[bytes], *, dimensions: tuple[int, ...]
) -> tuple[tuple[int, ...], int]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] != UNSIGNED_BYTE:
        raise DataError(
            f"{file} is no IDX file of bytes: it begins with {magic.hex() or 'nothing'}.",
            fix="Name MNIST's files or ones of that format.",
        )
    if magic[3] not in dimensions:
        raise DataError(
            f"{file} has {magic[3]} dimensions, not {dimensions[0]}.",
            fix="Photos (idx3) and labels (idx1) may have been swapped.",
        )
    data = stream.read(4 * magic[3])
    if len(data) < 4 * magic[3]:
        raise DataError(f"{file} is truncated within its header.", fix=REPAIR)
    return struct.unpack(f">{magic[3]}I", data), 4 + len(data)


def _open(file: Path) -> IO[bytes]:
    """Open a file, unpacked when it is packed, by its content rather than by its name."""
    with file.open("rb") as stream:
        packed = stream.read(2) == GZIP_MAGIC
    return cast("IO[bytes]", gzip.open(file, "rb")) if packed else file.open("rb")
