"""Zip files: listing and reading their members within limits."""

import contextlib
import dataclasses
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from lineament.core.archives import DAMAGED
from lineament.core.errors import DataError, ImageError
from lineament.preparation.sources import members as limits
from lineament.preparation.sources.members import Member, plain_name, unsafe_name

ENCRYPTED, UTF8_NAME = 0x1, 0x800  # flags of a member
UNIX = 3  # the system whose file types are in the upper half of `external_attr`
# Reading by these many packed bytes bounds what the module unpacks at once; deflate is bounded by
# the module itself.
SMALL_BLOCK = 4096
BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, struct.error)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ZipPack:
    """A zip file.

    Attributes:
        path: Its file.
    """

    path: Path

    def members(self, advance: Callable[[int], None]) -> list[Member]:
        """List the files by the directory at the end of the archive.

        Raises:
            DataError: It has no such directory, members that share bytes, too many members, or
                unpacks to too much.
        """
        status = self.path.stat()
        whole = f"{status.st_size}-{status.st_mtime_ns}"
        with self._open() as archive:
            infos = archive.infolist()
            self._require_modest(infos, size=status.st_size)
            advance(len(infos))
            return [
                Member(
                    position=position,
                    name=plain_name(_name(info)),
                    unsafe=unsafe_name(_name(info)),
                    irregular=_irregular(info),
                    stamp=f"{whole}-{info.CRC:08x}-{info.file_size}",
                )
                for position, info in enumerate(infos)
                if not (_is_folder(info) and not info.file_size)
            ]

    def read(self, positions: Collection[int]) -> Iterator[tuple[int, bytes | ImageError]]:
        """Give the contents of some members, in the order of their bytes."""
        with self._open() as archive:
            infos = archive.infolist()
            for position in sorted(positions, key=lambda each: infos[each].header_offset):
                try:
                    yield position, _read(archive, infos[position])
                except ImageError as error:
                    yield position, error

    @contextlib.contextmanager
    def _open(self) -> Iterator[zipfile.ZipFile]:
        try:
            archive = zipfile.ZipFile(self.path)
        except (*BROKEN, UnicodeDecodeError, NotImplementedError) as error:
            raise DataError(
                f"{self.path} cannot be read as a zip archive: it is cut short or damaged "
                f"({error}).",
                fix="Copy or download it again.",
            ) from error
        with archive:
            yield archive

    def _require_modest(self, infos: Collection[zipfile.ZipInfo], *, size: int) -> None:
        """Refuse what no archive of photos is."""
        packed = sum(info.compress_size for info in infos)
        unpacked = sum(info.file_size for info in infos)
        if len(infos) > limits.MAX_MEMBERS:
            what = f"holds {len(infos)} members, more than {limits.MAX_MEMBERS}"
        elif packed > size:
            what = "has members that share the same bytes, as bombs do"
        elif unpacked > limits.FREE_BYTES + limits.MAX_RATIO * size:
            what = (
                f"unpacks from {size} to {unpacked} bytes, more than {limits.MAX_RATIO} times its "
                "size"
            )
        else:
            return
        raise DataError(
            f"{self.path} was not unpacked: it {what}.",
            fix="If you trust it, unpack it yourself and name the folder.",
        )


def _name(info: zipfile.ZipInfo) -> str:
    name = info.filename
    if not info.flag_bits & UTF8_NAME:
        # Without the flag a name is in the old code page 437; but many programs write UTF-8 and
        # forget the flag, and text of that page is hardly ever UTF-8 by chance.
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.filename.endswith("/")  # `is_dir` fails at a name of no letters


def _irregular(info: zipfile.ZipInfo) -> str:
    if _is_folder(info):
        return "a folder with contents"
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == UNIX else 0
    if kind == stat.S_IFLNK:
        return "a link"
    return "" if kind in (0, stat.S_IFREG) else "a device or pipe"


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The bytes of a member.

    Raises:
        ImageError: It is encrypted, too large, unpacks beyond the limits, or is damaged.
    """
    if info.flag_bits & ENCRYPTED:
        raise ImageError("encrypted in the archive")
    if info.file_size > limits.MAX_MEMBER_BYTES:
        raise ImageError(f"unpacks to {info.file_size} bytes, more than {limits.MAX_MEMBER_BYTES}")
    if (
        info.file_size > limits.FREE_MEMBER_BYTES
        and info.file_size > limits.MAX_RATIO * info.compress_size
    ):
        raise ImageError(f"unpacks to more than {limits.MAX_RATIO} times its size")
    deflated = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    block = limits.BLOCK_BYTES if deflated else SMALL_BLOCK
    data = bytearray()
    try:
        # The module gives no more bytes than the directory states, and checks the CRC at their end.
        with archive.open(info) as file:
            while piece := file.read(block):
                data += piece
    except NotImplementedError as error:
        raise ImageError("packed by a method that is not supported") from error
    except (*BROKEN, UnicodeDecodeError, RuntimeError) as error:
        what = "bad CRC" if "CRC" in str(error) else str(error) or type(error).__name__
        raise ImageError(f"{DAMAGED} ({what})") from error
    if len(data) != info.file_size:
        raise ImageError(f"{DAMAGED} ({len(data)} of {info.file_size} bytes)")
    return bytes(data)
