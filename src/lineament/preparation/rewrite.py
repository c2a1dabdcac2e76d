"""Rewrite one photo: decode, hash its pixels, shrink, encode without metadata."""

import dataclasses
import hashlib
import re
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import ImageError
from lineament.imaging.decode import decode, encode_jpeg, encode_png, shrink

LOSSLESS_PX = 64  # up to here JPEG blocks are a visible part of the photo, and PNG is as small
JPEG_PX = 65_500  # libjpeg's JPEG_MAX_DIMENSION
STEM_LETTERS = 40  # with class and hash a path stays below the 255 bytes of file systems
HASH_LETTERS = 10


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Rewritten:
    """A photo as the dataset holds it.

    Attributes:
        data: The encoded file.
        suffix: ``jpg`` or ``png``.
        sha256: Hash of ``data``.
        pixels: Hash of the decoded image before shrinking.
    """

    data: bytes
    suffix: str
    sha256: str
    pixels: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A file that could not be decoded, and why."""

    reason: str


def rewrite(path: Path, *, size_px: int) -> Rewritten | Unreadable:
    """Decode a photo and encode it again for the dataset.

    Args:
        path: The file.
        size_px: Longest that the shorter side may be; smaller photos are not enlarged.

    Returns:
        The new file, or why there is none; never an `ImageError`, so that one bad photo does not
        end a run over many.
    """
    try:
        image = decode(path, short_side_px=size_px)
    except ImageError as error:
        return Unreadable(reason=error.what)
    small = shrink(image, short_side_px=size_px)
    height, width = small.shape[:2]
    if max(height, width) > JPEG_PX:
        return Unreadable(reason=f"too long for a JPEG ({width} x {height} pixels)")
    lossless = max(height, width) <= LOSSLESS_PX
    data = encode_png(small) if lossless else encode_jpeg(small, quality=95)
    return Rewritten(
        data=data,
        suffix="png" if lossless else "jpg",
        sha256=hashlib.sha256(data).hexdigest(),
        pixels=pixel_hash(image),
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
