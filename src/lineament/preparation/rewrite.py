"""Rewrite photos: decode, hash the pixels, shrink, look, encode without metadata."""

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import ImageError
from lineament.imaging.decode import (
    FileFacts,
    decode,
    decode_with_facts,
    encode_jpeg,
    encode_png,
    shrink,
)
from lineament.imaging.look import Look, looks
from lineament.imaging.signature import signature
from lineament.preparation.sources.listing import Content, Prepared

LOSSLESS_PX = 64  # up to here JPEG blocks are a visible part of the photo, and PNG is as small
JPEG_PX = 65_500  # libjpeg's JPEG_MAX_DIMENSION
STEM_LETTERS = 40  # with class and hash a path stays below the 255 bytes of file systems
HASH_LETTERS = 10


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Rewritten:
    """A photo as the dataset holds it, and what was seen on the way.

    Attributes:
        data: The encoded file.
        suffix: ``jpg`` or ``png``.
        sha256: Hash of ``data``.
        pixels: Hash of the decoded image before shrinking.
        look: Its brightness, sharpness and so on.
        facts: What its original file says.
        signature: Its `signature`, as bytes.
    """

    data: bytes
    suffix: str
    sha256: str
    pixels: str
    look: Look
    facts: FileFacts
    signature: bytes


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A file that could not be decoded, and why."""

    reason: str


def rewrite(contents: Sequence[Content], *, size_px: int) -> list[Rewritten | Unreadable]:
    """Decode photos and encode them again for the dataset.

    Args:
        contents: From a source; a few, since all of them are in memory, shrunk.
        size_px: Longest that the shorter side may be; smaller photos are not enlarged.

    Returns:
        For each the new file, or why there is none; never an `ImageError`, so that one bad photo
        does not end a run over many.
    """
    read = [_read(content, size_px) for content in contents]
    seen = iter(looks([each.small for each in read if isinstance(each, _Read)]))
    return [_encoded(each, next(seen)) if isinstance(each, _Read) else each for each in read]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Read:
    """A decoded photo, shrunk, and the hash of what it was before."""

    small: NDArray[np.uint8]
    pixels: str
    facts: FileFacts
    file: bytes | None = None  # of a photo that is taken as it is


def _read(content: Content, size_px: int) -> _Read | Unreadable:
    if isinstance(content, ImageError):
        return Unreadable(reason=content.what)
    if isinstance(content, Prepared):
        return _read_prepared(content)
    try:
        image, facts = decode_with_facts(content, short_side_px=size_px)
    except ImageError as error:
        return Unreadable(reason=error.what)
    small = shrink(image, short_side_px=size_px)
    height, width = small.shape[:2]
    if max(height, width) > JPEG_PX:
        return Unreadable(reason=f"too long for a JPEG ({width} x {height} pixels)")
    return _Read(small=small, pixels=pixel_hash(image), facts=facts)


def _read_prepared(content: Prepared) -> _Read | Unreadable:
    """Take a photo of a dataset as it is: a JPEG that is encoded again would be another photo."""
    try:
        file = content.path.read_bytes()
        image = decode(file)
    except OSError as error:
        return Unreadable(reason=str(error.strerror))
    except ImageError as error:
        return Unreadable(reason=error.what)
    origin = content.origin
    return _Read(small=image, pixels=origin.pixels, facts=origin.facts, file=file)


def _encoded(photo: _Read, seen: Look) -> Rewritten:
    lossless = max(photo.small.shape[:2]) <= LOSSLESS_PX
    if photo.file is not None:
        data = photo.file
    else:
        data = encode_png(photo.small) if lossless else encode_jpeg(photo.small, quality=95)
    return Rewritten(
        data=data,
        suffix="png" if lossless else "jpg",
        sha256=hashlib.sha256(data).hexdigest(),
        pixels=photo.pixels,
        look=seen,
        facts=photo.facts,
        signature=signature(photo.small).tobytes(),
    )


def pixel_hash(image: NDArray[np.uint8]) -> str:
    """Hash an image's shape and pixels.

    Example:
        >>> flat, tall = np.zeros((1, 2, 3), np.uint8), np.zeros((2, 1, 3), np.uint8)
        >>> pixel_hash(flat) == pixel_hash(flat.copy()), pixel_hash(flat) == pixel_hash(tall)
        (True, False)
    """
    digest = hashlib.sha256(repr(image.shape).encode("ascii"))
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def photo_id(relative: str) -> str:
    """Name a photo of the dataset after the file it came from.

    Args:
        relative: The file's path below the source, with forward slashes.

    Returns:
        The file's stem in letters that every file system takes, and a hash of the whole path, which
        tells apart files that differ by folder or extension alone.

    Example:
        >>> photo_id("cat/Grüße 1.JPG")
        'Gr__e_1-1a0a9d691d'
    """
    stem = re.sub(r"[^A-Za-z0-9._-]", "_", PurePosixPath(relative).stem)[:STEM_LETTERS]
    mark = hashlib.sha256(relative.encode("utf-8")).hexdigest()[:HASH_LETTERS]
    return f"{stem}-{mark}"
