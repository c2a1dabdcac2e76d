"""Rows: photos of one size that follow each other in a stream of pixels, as array files hold them.

One row is in memory at a time, however large the file. A compressed stream is read forwards, from
its beginning again only when an earlier row is asked for.
"""

import dataclasses
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import DataError, ImageError
from lineament.preparation.sources.listing import (
    NO_LABEL,
    Candidate,
    Content,
    Layout,
    Rejection,
)
from lineament.preparation.sources.splits import given_splits

# What reading a stream raises when the file is not what it was when it was checked.
BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile)


class Rows:
    """Photos that follow each other in a stream.

    Args:
        open_stream: Gives the stream anew, at its beginning.
        offset: Where the first photo begins, in bytes.
        shape: ``(N, H, W)``, ``(N, H, W, 1)`` or ``(N, H, W, 3)``, one byte a value.
        stamp: What changes when the file does.
    """

    def __init__(
        self,
        open_stream: Callable[[], IO[bytes]],
        *,
        offset: int,
        shape: tuple[int, ...],
        stamp: str,
    ) -> None:
        self._open_stream = open_stream
        self._offset = offset
        self._count = shape[0]
        self._pixels = shape[1:3] if shape[3:] == (1,) else shape[1:]
        # Left open between reads: to come back to a place in a packed stream is to unpack it again.
        self._stream: IO[bytes] | None = None
        self.stamp = stamp

    def __del__(self) -> None:
        self.close()

    def __len__(self) -> int:
        return self._count

    def read(self, index: int) -> NDArray[np.uint8]:
        """Give a photo, ``uint8 (H, W, 3)`` or ``(H, W)``.

        Raises:
            ImageError: The stream does not hold it (any more).
        """
        size = int(np.prod(self._pixels))
        try:
            if self._stream is None:
                self._stream = self._open_stream()
            self._stream.seek(self._offset + index * size)
            data = self._stream.read(size)
        except BROKEN as error:
            self.close()
            raise ImageError(f"cannot be read ({error})") from error
        if len(data) < size:
            raise ImageError("the file ends before this photo")
        return np.frombuffer(data, dtype=np.uint8).reshape(self._pixels)

    def close(self) -> None:
        """Let go of the file; the next `read` opens it again."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Block:
    """The photos of one part of a source.

    Attributes:
        word: What the source calls the part, such as ``val``; empty where it has one only.
        rows: The photos.
        labels: One a photo, ``(N,)`` whole numbers or texts; ``None`` where there are none.
        groups: One a photo, ``(N,)``; ``None`` where there are none.
    """

    word: str
    rows: Rows
    labels: NDArray[np.generic] | None = None
    groups: NDArray[np.generic] | None = None


def block_layout(
    name: str,
    blocks: Sequence[Block],
    *,
    classes: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Layout:
    """List the photos of all parts.

    Args:
        name: The source, for error texts.
        blocks: Its parts.
        classes: Class names by number; without them numbers are names, with zeros in front, so
            that names sort as numbers do and the place of a class is its number.
        notes: What a person should know already.

    Returns:
        The layout; names are ``part/0000012.png``.

    Raises:
        DataError: Labels or groups do not fit the photos, or some parts only have labels.
    """
    for block in blocks:
        for what, values in (("labels", block.labels), ("groups", block.groups)):
            _require_one_each(name, what, values, block=block)
    labelled = [block.labels for block in blocks if block.labels is not None]
    if labelled and len(labelled) < len(blocks):
        raise DataError(
            f"{name} has labels for a part of its photos only.",
            at=[f"{block.word} has none" for block in blocks if block.labels is None],
            fix="Give labels to every part, or to none.",
        )
    splits, more = given_splits(name, [block.word for block in blocks])
    naming = _naming(name, labelled, classes)
    candidates: list[Candidate] = []
    rejected: list[Rejection] = []
    for block in blocks:
        labels = [""] * len(block.rows) if block.labels is None else naming(block.labels)
        groups = [""] * len(block.rows) if block.groups is None else _texts(block.groups)
        for index, (label, group) in enumerate(zip(labels, groups, strict=True)):
            relative = _relative(block.word, index)
            if labelled and not label.strip():
                rejected.append(Rejection(relative=relative, kind=NO_LABEL, reason=NO_LABEL))
                continue
            candidates.append(
                Candidate(
                    relative=relative,
                    class_name=label,
                    split=splits[block.word],
                    group=group,
                    stamp=block.rows.stamp,
                )
            )
    if not candidates:
        raise DataError(f"{name} holds no photos.", fix="Name a file that does.")
    return Layout(
        candidates=tuple(sorted(candidates, key=lambda each: each.relative)),
        rejected=tuple(rejected),
        given={splits[block.word]: block.word for block in blocks if splits[block.word]},
        notes=(*notes, *more),
    )


def block_contents(
    blocks: Sequence[Block], candidates: Sequence[Candidate]
) -> Iterator[tuple[Candidate, Content]]:
    """Read the photos of some candidates, each part from its beginning to its end.

    Args:
        blocks: The parts that `block_layout` listed.
        candidates: Some of what it gave.

    Yields:
        Each candidate with its pixels, or why there are none.
    """
    rows = {block.word: block.rows for block in blocks}
    for candidate in sorted(candidates, key=lambda each: each.relative):
        word, _, name = candidate.relative.rpartition("/")
        try:
            yield candidate, rows[word].read(int(name.removesuffix(".png")))
        except ImageError as error:
            yield candidate, error


def _relative(word: str, index: int) -> str:
    # Seven digits whatever the number of photos: more of them rename none.
    return f"{word}/{index:07d}.png" if word else f"{index:07d}.png"


def _require_one_each(
    name: str, what: str, values: NDArray[np.generic] | None, *, block: Block
) -> None:
    if values is None:
        return
    part = f" of {block.word}" if block.word else ""
    if values.ndim != 1 or values.dtype.kind not in "iuUS":
        raise DataError(
            f"{name}: the {what}{part} are {values.dtype} of shape {values.shape}, not one whole "
            "number or text a photo.",
            fix="Store one index or name a photo; for one column a class, "
            f"`{what}.argmax(axis=1)`.",
        )
    if len(values) != len(block.rows):
        raise DataError(
            f"{name}: there are {len(values)} {what}{part}, but {len(block.rows)} photos.",
            fix="Store one a photo, in the same order.",
        )


def _naming(
    name: str, labels: Sequence[NDArray[np.generic]], classes: Sequence[str]
) -> Callable[[NDArray[np.generic]], list[str]]:
    """How labels become class names."""
    numbers = [each for each in labels if each.dtype.kind in "iu" and each.size]
    if classes:
        return lambda values: _named(name, values, classes)
    if not numbers or min(int(each.min()) for each in numbers) < 0:
        return _texts
    width = len(str(max(int(each.max()) for each in numbers)))
    return lambda values: [text.zfill(width) for text in _texts(values)]


def _named(name: str, values: NDArray[np.generic], classes: Sequence[str]) -> list[str]:
    if values.dtype.kind not in "iu":
        odd = sorted(set(_texts(values)) - set(classes))
    else:
        odd = sorted({str(v) for v in values.tolist() if not 0 <= v < len(classes)})
    if odd:
        raise DataError(
            f"{name} has labels that are none of its {len(classes)} classes.",
            at=odd,
            fix=f"Labels are numbers from 0 to {len(classes) - 1}, or names of `classes`.",
        )
    if values.dtype.kind not in "iu":
        return _texts(values)
    return [classes[value] for value in values.tolist()]


def _texts(values: NDArray[np.generic]) -> list[str]:
    if values.dtype.kind == "S":
        return [value.decode("utf-8", "backslashreplace") for value in values.tolist()]
    return [str(value) for value in values.tolist()]
