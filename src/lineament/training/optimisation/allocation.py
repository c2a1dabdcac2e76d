"""Allocation: memory that a step frees stays in the process for the next step.

glibc hands every large block back to the system when it is freed, and the next step gets it anew,
page by page and zeroed. A step of training frees and takes gigabytes: that is a tenth to a quarter
of its time on the processor. The price is a peak that is about a tenth higher.
"""

import contextlib
import ctypes
import sys
from collections.abc import Iterator

# Of glibc's malloc.h, with the values that it starts with.
M_TRIM_THRESHOLD, TRIM_THRESHOLD = -1, 128 * 1024
M_MMAP_MAX, MMAP_MAX = -4, 65536
NEVER = 2**31 - 1


@contextlib.contextmanager
def kept_memory() -> Iterator[bool]:
    """Within it, freed memory is kept; afterwards it is handed back.

    Yields:
        Whether the system's allocator can do that: glibc on Linux.
    """
    libc = _glibc()
    if libc is None:
        yield False
        return
    libc.mallopt(M_MMAP_MAX, 0)
    libc.mallopt(M_TRIM_THRESHOLD, NEVER)
    try:
        yield True
    finally:
        hand_back()


def hand_back() -> None:
    """Hand freed memory back, now and from now on."""
    libc = _glibc()
    if libc is not None:
        libc.mallopt(M_MMAP_MAX, MMAP_MAX)
        libc.mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD)
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    process = ctypes.CDLL(None)
    # musl's allocator has no such settings, and no function of this name
    return process if hasattr(process, "gnu_get_libc_version") else None
