"""NPZ files: photos and labels as arrays, one pair or a pair for each split.

``images`` and ``labels`` (optional ``classes``, ``groups``), ``train_images`` and ``train_labels``
(MedMNIST), or ``x_train`` and ``y_train`` (Keras). The photos are never read whole.
"""

import dataclasses
import functools
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from lineament.core.errors import DataError, UsageError
from lineament.core.progress import QUIET, Progress
from lineament.preparation.sources.listing import Candidate, Content, Layout
from lineament.preparation.sources.rows import Block, Rows, block_contents, block_layout

BLOCK_BYTES = 1 << 20
# A label array is read whole: a billion bytes of them is no array of labels.
MAX_SMALL_BYTES = 1 << 30
PAIRS = (  # the photos of a split, and what stands beside them
    (re.compile(r"(?P<word>.+)_images"), "{}_labels", "{}_groups"),
    (re.compile(r"x_(?P<word>.+)"), "y_{}", "groups_{}"),
)
ACCEPTED = (
    "`images` and `labels`; or for each split `train_images` and `train_labels`, "
    "or `x_train` and `y_train`"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NpzSource:
    """Photos in an NPZ file.

    Attributes:
        path: The file.
    """

    path: Path

    @property
    def name(self) -> str:
        """The file's path."""
        return str(self.path)

    def layout(self, *, progress: Progress = QUIET) -> Layout:
        """List the photos, and read all of the file once to check that it is whole.

        Raises:
            UsageError: There is no such file.
            DataError: It is no NPZ file, is damaged, or its arrays are not photos and labels.
        """
        members = self._members
        names = _array_names(self.name, members)
        used = {key for part in names.values() for key in part if key}
        with zipfile.ZipFile(self.path) as archive:
            for key in sorted(used | {"classes"} & members.keys()):
                _require_whole(self.name, archive, members[key], progress=progress)
        spare = sorted(members.keys() - used - {"classes"})
        return block_layout(
            self.name,
            self._blocks,
            classes=self._classes(),
            notes=[f"Arrays that are not used: {', '.join(spare)}."] if spare else [],
        )

    def contents(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Content]]:
        """Give the pixels of some candidates, in the order of the file."""
        return block_contents(self._blocks, candidates)

    @functools.cached_property
    def _members(self) -> dict[str, zipfile.ZipInfo]:
        """Array name to its member."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                infos = archive.infolist()
        except FileNotFoundError as error:
            raise UsageError(f"{self.path} does not exist.", fix="Check the path.") from error
        except (OSError, zipfile.BadZipFile) as error:
            raise DataError(
                f"{self.path} cannot be read as NPZ: {error}.",
                fix="Write it again with `numpy.savez`.",
            ) from error
        return {
            info.filename.removesuffix(".npy"): info
            for info in infos
            if info.filename.endswith(".npy")
        }

    @functools.cached_property
    def _blocks(self) -> tuple[Block, ...]:
        return tuple(
            Block(
                word=word,
                rows=self._rows(images),
                labels=self._small(labels) if labels else None,
                groups=self._small(groups) if groups else None,
            )
            for word, (images, labels, groups) in _array_names(self.name, self._members).items()
        )

    def _rows(self, key: str) -> Rows:
        info = self._members[key]
        stream = self._open(info)
        with stream:
            shape, fortran_order, dtype = _header(self.name, key, stream)
            offset = stream.tell()
        _require_photos(f"{self.name}: `{key}`", shape, dtype, fortran_order=fortran_order)
        if info.file_size != offset + int(np.prod(shape)):
            raise DataError(
                f"{self.name}: `{key}` is not as long as its header says.",
                fix="Write the file again with `numpy.savez`.",
            )
        status = self.path.stat()
        return Rows(
            functools.partial(self._open, info),
            offset=offset,
            shape=shape,
            stamp=f"{status.st_size}-{status.st_mtime_ns}-{info.CRC:08x}",
        )

    def _open(self, info: zipfile.ZipInfo) -> IO[bytes]:
        # The member keeps the archive's file open, and closes it with itself.
        with zipfile.ZipFile(self.path) as archive:
            return archive.open(info)

    def _small(self, key: str) -> NDArray[np.generic]:
        """Labels, groups or classes, ``(N,)``; ``(N, 1)`` counts as that."""
        info = self._members[key]
        if info.file_size > MAX_SMALL_BYTES:
            raise DataError(
                f"{self.name}: `{key}` has {info.file_size} bytes; labels are never that large.",
                fix="Store one number or text a photo.",
            )
        try:
            with np.load(self.path, allow_pickle=False) as arrays:
                values: NDArray[np.generic] = arrays[key]
        except (ValueError, EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
            raise DataError(
                f"{self.name}: `{key}` cannot be read: {error}",
                fix=f"Store it as numbers or texts, such as `{key}.astype(str)`; "
                "Python objects are never loaded.",
            ) from error
        return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values

    def _classes(self) -> list[str]:
        if "classes" not in self._members:
            return []
        names = self._small("classes")
        if names.ndim != 1 or names.dtype.kind != "U" or len(set(names.tolist())) < len(names):
            raise DataError(
                f"{self.name}: `classes` is not a list of names, each once.",
                fix="Store one text a class, in the order of the labels' numbers.",
            )
        return [str(name) for name in names.tolist()]


def _array_names(
    name: str, members: Mapping[str, zipfile.ZipInfo]
) -> dict[str, tuple[str, str, str]]:
    """Split's word to the names of its photos, labels and groups; empty where there are none."""

    def there(key: str) -> str:
        return key if key in members else ""

    if "images" in members:
        return {"": ("images", there("labels"), there("groups"))}
    found: dict[str, tuple[str, str, str]] = {}
    for images, labels, groups in PAIRS:
        for key in sorted(members):
            match = images.fullmatch(key)
            if match is None:
                continue
            word = match["word"]
            if word in found:
                raise DataError(
                    f"{name} holds the photos of {word} twice.",
                    at=[found[word][0], key],
                    fix="Keep one of them.",
                )
            found[word] = (key, there(labels.format(word)), there(groups.format(word)))
    if not found:
        raise DataError(
            f"{name} holds no array of photos.",
            at=sorted(members),
            fix=f"Name its arrays {ACCEPTED}.",
        )
    return found


def _header(
    name: str, key: str, stream: IO[bytes]
) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Shape, order and type of a `.npy` stream, which then stands at its first value."""
    try:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran_order, dtype = read(stream)
    except (ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(
            f"{name}: `{key}` cannot be read: {error}",
            fix="Write the file again with `numpy.savez`.",
        ) from error
    return shape, fortran_order, dtype


def _require_photos(
    what: str, shape: tuple[int, ...], dtype: np.dtype[np.generic], *, fortran_order: bool
) -> None:
    if dtype != np.uint8:
        raise DataError(
            f"{what} is {dtype}; the range of its values is not stated.",
            fix="Store bytes from 0 to 255, such as "
            "`(images * 255).round().astype(numpy.uint8)` for values from 0 to 1.",
        )
    if len(shape) == 4 and shape[3] not in (1, 3) and shape[1] in (1, 3):
        raise DataError(
            f"{what} has the shape {shape}: the channels come first.",
            fix="Store them last: `images.transpose(0, 2, 3, 1)`.",
        )
    if len(shape) not in (3, 4) or shape[3:] not in ((), (1,), (3,)) or 0 in shape[1:]:
        raise DataError(
            f"{what} has the shape {shape}, which is no list of photos.",
            fix="Store (N, H, W) for grey or (N, H, W, 3) for RGB photos.",
        )
    if fortran_order:
        raise DataError(
            f"{what} is stored in Fortran order, in which photos do not follow each other.",
            fix="Store `numpy.ascontiguousarray(images)`.",
        )


def _require_whole(
    name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo, *, progress: Progress
) -> None:
    """Read a member to its end, where its checksum is compared."""
    progress.start(f"checking {info.filename}", info.file_size // BLOCK_BYTES)
    try:
        with archive.open(info) as stream:
            while stream.read(BLOCK_BYTES):
                progress.advance()
    except (OSError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(
            f"{name} is damaged: {info.filename} cannot be read to its end ({error}).",
            fix="Copy or download it again.",
        ) from error
    finally:
        progress.finish()
