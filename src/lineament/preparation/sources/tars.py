"""Tar files, packed or not: listing and reading their members in one pass within limits."""

import bz2
import contextlib
import dataclasses
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import IO, cast

from lineament.core.archives import DAMAGED
from lineament.core.errors import DataError, ImageError
from lineament.preparation.sources import members as limits
from lineament.preparation.sources.members import Member, plain_name, unsafe_name

BLOCK = tarfile.BLOCKSIZE
# Long names and the like stand in members of their own, which the module reads whole; no file
# system has names near this length.
MAX_HEADER_BYTES = 1_000_000
BROKEN = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError)
# What the module's parser may raise at hostile headers besides.
HOSTILE = (*BROKEN, ValueError, RecursionError, OverflowError)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TarPack:
    """A tar file.

    Attributes:
        path: Its file, packed by gzip, bzip2 or xz, or not.
    """

    path: Path

    def members(self, advance: Callable[[int], None]) -> list[Member]:
        """List the files in one pass over the whole archive, which checks it too.

        Raises:
            DataError: It is damaged or cut short, holds too many members, or unpacks to too much.
        """
        status = self.path.stat()
        stamp = f"{status.st_size}-{status.st_mtime_ns}"
        found = []
        with self._refusals(), _Forward(self.path) as stream:
            for position, info in enumerate(_infos(stream)):
                if position >= limits.MAX_MEMBERS:
                    raise _RefusedError(f"it holds more than {limits.MAX_MEMBERS} members")
                advance(1)
                if info.isdir():
                    continue
                found.append(
                    Member(
                        position=position,
                        name=plain_name(info.name),
                        unsafe=unsafe_name(info.name),
                        irregular=_irregular(info),
                        stamp=f"{stamp}-{info.offset}-{info.size}",
                    )
                )
            stream.finish()
        return found

    def read(self, positions: Collection[int]) -> Iterator[tuple[int, bytes | ImageError]]:
        """Give the contents of some members, in one pass up to the last of them."""
        wanted = set(positions)
        trouble = "the archive ends before it"
        try:
            with self._refusals(), _Forward(self.path) as stream:
                for position, info in enumerate(_infos(stream)):
                    if not wanted:
                        return
                    if position in wanted:
                        content = _read(stream, info)
                        wanted.remove(position)
                        yield position, content
        except DataError as error:  # the archive was whole when it was listed
            trouble = error.what
        for position in sorted(wanted):
            yield position, ImageError(f"{DAMAGED} ({trouble})")

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        """Say what is wrong with the archive."""
        try:
            yield
        except _RefusedError as error:
            raise DataError(
                f"{self.path} was not unpacked: {error}.",
                fix="If you trust it, unpack it yourself and name the folder.",
            ) from error
        except HOSTILE as error:
            raise DataError(
                f"{self.path} cannot be read to its end: it is cut short or damaged "
                f"({str(error) or type(error).__name__}).",
                fix="Copy or download it again.",
            ) from error


class _RefusedError(Exception):
    """The archive goes beyond a limit."""


class _Forward:
    """The unpacked bytes of a tar file, read forwards only and counted.

    It is what `tarfile` takes for a file: `read`, `tell`, `seek`.
    """

    def __init__(self, path: Path) -> None:
        self._raw = path.open("rb")
        magic = self._raw.read(6)
        self._raw.seek(0)
        self._packed = True
        if magic.startswith(b"\x1f\x8b"):
            self._stream = cast("IO[bytes]", gzip.GzipFile(fileobj=self._raw))
        elif magic.startswith(b"BZh"):
            self._stream = cast("IO[bytes]", bz2.BZ2File(self._raw))
        elif magic.startswith(b"\xfd7zXZ\0"):
            self._stream = cast("IO[bytes]", lzma.LZMAFile(self._raw))  # noqa: SIM115  # see close
        else:
            self._stream, self._packed = self._raw, False
        self._position = 0
        self.last = b""

    def __enter__(self) -> "_Forward":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()
        self._raw.close()

    def tell(self) -> int:
        return self._position

    def read(self, size: int) -> bytes:
        """Give a header; the module asks for what a member states, whatever that is."""
        if not 0 <= size <= MAX_HEADER_BYTES:
            raise _RefusedError(f"a header of {size} bytes stands in it")
        self.last = self.take(size)
        return self.last

    def take(self, size: int) -> bytes:
        """Give ``size`` bytes, or what is left of them."""
        data = bytearray()
        while len(data) < size and (piece := self._block(size - len(data))):
            data += piece
        return bytes(data)

    def seek(self, position: int) -> None:
        if position < self._position:
            raise tarfile.ReadError("a member of negative size")
        if not self._packed:  # beyond the end nothing is read, which is noticed there
            self._raw.seek(position)
            self._position = position
        while self._position < position and self._block(position - self._position):
            pass

    def finish(self) -> None:
        """Read what follows the members, so that the checksum at the end is checked.

        Raises:
            _RefusedError: It is not only zeros: another archive was put behind the first.
        """
        while piece := self._block(limits.BLOCK_BYTES):
            if piece.strip(b"\0"):
                raise _RefusedError("something follows its end, such as a second archive")

    def write(self, data: bytes) -> None:
        raise AssertionError("archives are only read")

    def _block(self, size: int) -> bytes:
        data = self._stream.read(min(size, limits.BLOCK_BYTES))
        self._position += len(data)
        if self._position > limits.FREE_BYTES + limits.MAX_RATIO * self._raw.tell():
            raise _RefusedError(f"it unpacks to more than {limits.MAX_RATIO} times its size")
        return data


def holds_tar(path: Path) -> bool:
    """Tell whether a file begins like a tar file, packed or not."""
    try:
        with _Forward(path) as stream:
            tarfile.TarInfo.frombuf(stream.take(BLOCK), "utf-8", "surrogateescape")
    except HOSTILE:
        return False
    return True


def _infos(stream: _Forward) -> Iterator[tarfile.TarInfo]:
    """Go through the members; the stream may be read up to a member's end meanwhile.

    Not by iterating over the archive: that takes a damaged header for the end.
    """
    with tarfile.TarFile.taropen(None, fileobj=stream, encoding="utf-8") as archive:
        info = archive.next()
        while info is not None:
            yield info
            stream.seek(archive.offset)
            try:
                info = tarfile.TarInfo.fromtarfile(archive)
            except tarfile.HeaderError:
                info = None
        if stream.last != bytes(BLOCK) or stream.tell() != archive.offset + BLOCK:
            where = f"no header at byte {archive.offset}" if stream.last else "no end mark"
            raise tarfile.ReadError(where)


def _irregular(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return f"a link to {plain_name(info.linkname)}"
    if info.issparse():
        return "a sparse file"
    return "" if info.isreg() else "a device or pipe"


def _read(stream: _Forward, info: tarfile.TarInfo) -> bytes | ImageError:
    if info.size > limits.MAX_MEMBER_BYTES:
        return ImageError(f"unpacks to {info.size} bytes, more than {limits.MAX_MEMBER_BYTES}")
    data = stream.take(info.size)
    if len(data) < info.size:
        return ImageError(f"{DAMAGED} ({len(data)} of {info.size} bytes)")
    return data
