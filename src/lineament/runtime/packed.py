"""Packed: the photos in a zip or tar archive, read where they are and never extracted to disk."""

import io
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from lineament.core.archives import DAMAGED, MAC_FOLDER, MAX_MEMBER_BYTES, SUFFIXES, ZIP_SUFFIX
from lineament.core.errors import DataError, ImageError
from lineament.imaging.decode import is_image_name

CHUNK_BYTES = 1_000_000
# What the decompressors raise for damaged content, under no common base.
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, ValueError)

Member = tuple[str, bytes | ImageError]


def is_archive_name(path: Path) -> bool:
    """Tell whether a file is named like an archive that can be read.

    Example:
        >>> is_archive_name(Path("photos.tar.gz")), is_archive_name(Path("photo.jpg"))
        (True, False)
    """
    return path.name.lower().endswith(SUFFIXES)


def members(path: Path, *, unread: int = 0) -> Iterator[Member]:
    """Give the photos of an archive, in the order in which they lie in it.

    Args:
        path: The archive.
        unread: Of how many, from the first on, only the name is wanted; their bytes are ``b""``.

    Yields:
        Name in the archive, and bytes, or why they cannot be read.

    Raises:
        DataError: It is no archive, or is damaged where its members are listed.
    """
    try:
        if path.name.lower().endswith(ZIP_SUFFIX):
            yield from _zipped(path, unread=unread)
        else:
            yield from _tarred(path, unread=unread)
    except DAMAGE as error:
        raise DataError(
            f"{path} is no zip or tar archive, or a damaged one ({error}).",
            fix="Copy or download it again, or unpack it and name the folder.",
        ) from error


def _zipped(path: Path, *, unread: int) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        photos = (
            member
            for member in archive.infolist()
            if not member.is_dir() and _is_photo(member.filename)
        )
        for number, member in enumerate(photos):
            if number < unread:
                yield member.filename, b""
                continue
            try:
                with archive.open(member) as file:
                    content = _read(file, stated_bytes=member.file_size)
            except RuntimeError:  # what zipfile raises where a password is wanted
                content = ImageError("encrypted")
            except (*DAMAGE, NotImplementedError):
                content = ImageError(DAMAGED)
            yield member.filename, content


def _tarred(path: Path, *, unread: int) -> Iterator[Member]:
    with tarfile.open(path, "r|*") as archive:  # as a stream: read once, nothing kept
        number = 0
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # else it keeps all it has passed
            if not member.isfile() or not _is_photo(member.name):
                continue
            file = archive.extractfile(member) if number >= unread else None
            number += 1
            yield member.name, b"" if file is None else _read(file, stated_bytes=member.size)


def _read(file: IO[bytes], *, stated_bytes: int) -> bytes | ImageError:
    """Read a member; both archives give no more than it states, however much it unpacks to."""
    if stated_bytes > MAX_MEMBER_BYTES:
        return ImageError(f"larger than {MAX_MEMBER_BYTES // 1_000_000} MB")
    content = io.BytesIO()  # a plain `read` keeps two of a large one for a moment
    shutil.copyfileobj(file, content, CHUNK_BYTES)
    return content.getvalue()


def _is_photo(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return MAC_FOLDER not in parts and bool(parts) and is_image_name(Path(parts[-1]))
