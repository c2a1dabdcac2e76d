"""Packed: the photos in a zip or tar archive, read where they are and never extracted to disk."""

import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from lineament.core.errors import DataError, ImageError
from lineament.imaging.decode import is_image_name

ZIP_SUFFIX = ".zip"
TAR_SUFFIXES = (".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
MAC_FOLDER = "__MACOSX"  # holds what macOS adds to an archive, under the names of its photos
MAX_MEMBER_BYTES = 300_000_000  # the largest photo that is decoded is 268 MB as plain RGB
# What the decompressors raise for damaged content, under no common base.
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, ValueError)

Member = tuple[str, bytes | ImageError]


def is_archive_name(path: Path) -> bool:
    """Tell whether a file is named like an archive that can be read.

    Example:
        >>> is_archive_name(Path("photos.tar.gz")), is_archive_name(Path("photo.jpg"))
        (True, False)
    """
    return path.name.lower().endswith((ZIP_SUFFIX, *TAR_SUFFIXES))


def members(path: Path, *, reading: bool) -> Iterator[Member]:
    """Give the photos of an archive, in the order in which they lie in it.

    Args:
        path: The archive.
        reading: Whether their bytes are wanted; else each is an empty one.

    Yields:
        Name in the archive, and bytes, or why they cannot be read.

    Raises:
        DataError: It is no archive, or is damaged where its members are listed.
    """
    try:
        if path.name.lower().endswith(ZIP_SUFFIX):
            yield from _zipped(path, reading=reading)
        else:
            yield from _tarred(path, reading=reading)
    except DAMAGE as error:
        raise DataError(
            f"{path} is no zip or tar archive, or a damaged one ({error}).",
            fix="Copy or download it again, or unpack it and name the folder.",
        ) from error


def _zipped(path: Path, *, reading: bool) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.is_dir() or not _is_photo(member.filename):
                continue
            if not reading:
                yield member.filename, b""
                continue
            try:
                with archive.open(member) as file:
                    content = _read(file)
            except RuntimeError:  # what zipfile raises where a password is wanted
                content = ImageError("encrypted")
            except (*DAMAGE, NotImplementedError):
                content = ImageError("damaged in the archive")
            yield member.filename, content


def _tarred(path: Path, *, reading: bool) -> Iterator[Member]:
    with tarfile.open(path, "r|*") as archive:  # as a stream: read once, nothing kept
        for member in archive:
            if not member.isfile() or not _is_photo(member.name):
                continue
            file = archive.extractfile(member) if reading else None
            yield member.name, b"" if file is None else _read(file)


def _read(file: IO[bytes]) -> bytes | ImageError:
    """Read a member, but no more than a photo can be: it may unpack to far more than it says."""
    content = file.read(MAX_MEMBER_BYTES + 1)
    if len(content) > MAX_MEMBER_BYTES:
        return ImageError(f"larger than {MAX_MEMBER_BYTES // 1_000_000} MB")
    return content


def _is_photo(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return MAC_FOLDER not in parts and bool(parts) and is_image_name(Path(parts[-1]))
