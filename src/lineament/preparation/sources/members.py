"""Members: what an archive holds, as its reader lists it, and the limits on unpacking it.

Nothing is ever extracted to disk. The limits are there because a few kilobytes can unpack to more
than any disk or memory holds, and because a member's name may be a path that leads anywhere.
"""

import dataclasses
import re
from collections.abc import Callable, Collection, Iterator
from typing import Protocol

from lineament.core.archives import MAX_MEMBER_BYTES as MAX_MEMBER_BYTES
from lineament.core.errors import ImageError

MAX_MEMBERS = 2_000_000  # ImageNet has 1.3 million; each costs about 1 kB of memory
# What unpacks to more than this many times its size is a bomb or blank: JPEG and PNG stay near 1,
# drawings as BMP near 50, zeros reach 1,000 by deflate and far more by others.
MAX_RATIO = 200
# Whatever its ratio, this much does no harm: a blank BMP of 100 kB packs to 100 bytes.
FREE_BYTES = 100_000_000
FREE_MEMBER_BYTES = 10_000_000
BLOCK_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A file in an archive; folders are none.

    Attributes:
        position: Its place in the archive, from 0; what `Pack.read` is asked for.
        name: As it is stored, without ``./``; bytes that are not UTF-8 are written ``\\xNN``.
        unsafe: Why its name is not to be used; empty where it is safe.
        irregular: What it is if not a file, such as ``a link to a.jpg``; empty for a file.
        stamp: What changes when its content does.
    """

    position: int
    name: str
    unsafe: str
    irregular: str
    stamp: str


class Pack(Protocol):
    """An archive of one format, which is opened for each call and closed after it."""

    def members(self, advance: Callable[[int], None]) -> list[Member]:
        """List the files, in their order; ``advance`` is told how many more were found.

        Raises:
            DataError: The archive cannot be read to its end or unpacks beyond the limits.
        """

    def read(self, positions: Collection[int]) -> Iterator[tuple[int, bytes | ImageError]]:
        """Give the contents of some members, or why there are none, in the archive's order."""


def plain_name(name: str) -> str:
    r"""Make a stored name one that tables can hold, without what says nothing.

    Args:
        name: As the archive has it; bytes that are not UTF-8 are surrogate escapes.

    Example:
        >>> plain_name("./cat//a.jpg"), plain_name("caf\udce9.jpg")
        ('cat/a.jpg', 'caf\\xe9.jpg')
    """
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if shown.startswith("/"):  # said in its rejection
        return shown
    return "/".join(part for part in shown.split("/") if part not in ("", "."))


def unsafe_name(name: str) -> str:
    r"""Say why a name is not to be used; empty when it is.

    Names end in tables that others may join to a folder, so none that leads out of it is let in.

    Args:
        name: As the archive has it.

    Example:
        >>> unsafe_name("../a.jpg"), unsafe_name("cat/a.jpg")
        ('leads out of the archive (..)', '')
    """
    if not name:
        return "has no name"
    if "\\" in name:
        return "has a backslash in its name"
    if name.startswith("/"):
        return "has an absolute path"
    if re.match(r"[A-Za-z]:", name):
        return "has a drive letter in its name"
    if ".." in name.split("/"):
        return "leads out of the archive (..)"
    return ""
