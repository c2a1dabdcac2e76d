"""Cache: large files that can be made again, the least recently used removed for a new one.

A file that a process holds open under `opened` is in use: other processes see its lock and leave
it. Where the system has no such locks, or its file system does not grant them, a file may be
removed under its reader; on POSIX that takes nothing from a reader, whose file lives on until it is
closed, and elsewhere the system itself refuses to remove an open file.
"""

import contextlib
import dataclasses
import math
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from lineament.core.errors import ArtifactError, UsageError

if sys.platform != "win32":
    import fcntl

LIMIT = "LINEAMENT_CACHE_GB"
GIGABYTE = 10**9
# A cache is a convenience: without a word from the user it takes neither more than this nor more
# than this part of the disk.
LIMIT_BYTES = 50 * GIGABYTE
LIMIT_FRACTION = 0.2
# A disk that is full to the last byte stops everything else on the machine.
SPARE_FRACTION = 0.1
# A writer has opened its file well before, and locks it as its first act.
UNLOCKED_S = 60.0
HASH_NAMED = re.compile(r"\.?[0-9a-f]{64}\.")  # with a point in front while it is being written


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """A file of a cache.

    Attributes:
        path: Where it is.
        size_bytes: How much room it takes.
        used_ns: When it was last opened or written, in nanoseconds since 1970.
    """

    path: Path
    size_bytes: int
    used_ns: int


def entries(folder: Path) -> list[Entry]:
    """List the files below a folder, the least recently used first; none where it is absent."""
    found = []
    for path in folder.rglob("*"):
        # Another process may remove it at any time.
        with contextlib.suppress(OSError):
            facts = path.lstat()
            if not path.is_dir():
                found.append(Entry(path=path, size_bytes=facts.st_size, used_ns=facts.st_mtime_ns))
    return sorted(found, key=lambda entry: (entry.used_ns, entry.path))


def size_bytes(folder: Path) -> int:
    """How much room the files below a folder take."""
    return sum(entry.size_bytes for entry in entries(folder))


def clear(folder: Path) -> int:
    """Remove the files below a folder that can be made again; say how many bytes that gave.

    Those are named by a hash of what they were made of. Downloads stay, and whatever else is in a
    folder that somebody named; so does what a process holds open or has just begun to write.
    """
    made = [entry for entry in entries(folder) if HASH_NAMED.match(entry.path.name)]
    return sum(each.size_bytes for each in made if _is_at_rest(each) and _removed(each.path))


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file of a cache as its most recently used one.

    Its lock lasts until the file is closed, a duplicate of its descriptor (such as the one that
    `mmap` keeps) included.

    Raises:
        FileNotFoundError: It is not there.
    """
    with path.open("rb") as file:
        hold(file)
        with contextlib.suppress(OSError):  # someone else's file, or just removed
            os.utime(path)
        yield file


def hold(file: IO[bytes]) -> None:
    """Let other processes know that an open file is in use, for as long as it is open."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_SH)


def limit_bytes(folder: Path) -> int:
    """How much room the files below a folder may take: ``LINEAMENT_CACHE_GB``, or a default.

    Raises:
        UsageError: The variable is no number of gigabytes.
    """
    stated = os.environ.get(LIMIT, "").strip()
    if not stated:
        return min(LIMIT_BYTES, int(LIMIT_FRACTION * _disk(folder)[0]))
    try:
        gigabytes = float(stated)
    except ValueError:
        gigabytes = math.nan
    if not 0 <= gigabytes < math.inf:
        raise UsageError(
            f"`{LIMIT}` must be a number of gigabytes, got {stated!r}.",
            fix=f"Set it to the most that the cache may take, such as `{LIMIT}=20`, or unset it.",
        )
    return int(gigabytes * GIGABYTE)


def make_room(folder: Path, wanted_bytes: int) -> None:
    """See that a new file fits below a folder, removing the least recently used ones if need be.

    What writers that were killed left there goes in any case.

    Args:
        folder: The cache's folder; it is there.
        wanted_bytes: How large the new file becomes.

    Raises:
        ArtifactError: It does not fit, even without all others. Then nothing more is removed.
        UsageError: The limit is no number.
    """
    held = [each for each in entries(folder) if not (_is_abandoned(each) and _removed(each.path))]
    limit, (_, free) = limit_bytes(folder), _disk(folder)
    needed = math.ceil(wanted_bytes * (1 + SPARE_FRACTION))
    total = sum(each.size_bytes for each in held)
    if wanted_bytes > limit:
        raise ArtifactError(
            f"{readable(wanted_bytes)} do not fit into a cache of {readable(limit)}.",
            fix=f"Allow more, such as `{LIMIT}={math.ceil(wanted_bytes / GIGABYTE)}`.",
        )
    if needed > free + total:
        raise ArtifactError(
            f"{folder} has {readable(free)} free, {readable(needed)} are needed.",
            fix="Make room there, or let `LINEAMENT_CACHE` name a folder on another disk.",
        )
    excess = max(total + wanted_bytes - limit, needed - free)
    for entry in held:
        if excess <= 0:
            return
        if _removed(entry.path):
            excess -= entry.size_bytes
    if excess > 0:
        raise ArtifactError(
            f"{readable(wanted_bytes)} do not fit into {folder}: what is there is in use.",
            fix=f"Wait for the other runs, or allow more with `{LIMIT}`.",
        )


def readable(size: int) -> str:
    """A size for a person.

    Example:
        >>> readable(1_234_000_000), readable(5_000_000)
        ('1.2 GB', '5 MB')
    """
    if size >= GIGABYTE:
        return f"{size / GIGABYTE:.1f} GB"
    return f"{math.ceil(size / 10**6)} MB"


def _is_abandoned(entry: Entry) -> bool:
    """Whether this is a file that was never finished and that no living writer has just begun."""
    return _is_unfinished(entry) and time.time_ns() - entry.used_ns > UNLOCKED_S * 1e9


def _is_at_rest(entry: Entry) -> bool:
    """Whether this is a finished file, or one that was abandoned."""
    return not _is_unfinished(entry) or _is_abandoned(entry)


def _is_unfinished(entry: Entry) -> bool:
    return entry.path.name.startswith(".")


def _removed(path: Path) -> bool:
    """Remove a file unless a process holds it; say whether it is gone."""
    try:
        if sys.platform == "win32":
            path.unlink()
        else:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
    except FileNotFoundError:
        return True
    except OSError:  # in use, or not ours to remove
        return False
    return True


def _disk(folder: Path) -> tuple[int, int]:
    """Bytes in all and bytes free of the disk that a folder is on, or will be."""
    absolute = folder.absolute()
    there = next(each for each in (absolute, *absolute.parents) if each.exists())
    usage = shutil.disk_usage(there)
    return usage.total, usage.free
