"""Memory: how much this process has, and how much it may still get."""

import ctypes
import resource
import sys
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
KIB = 1024


def available_bytes() -> int | None:
    """How much memory this process may still take; ``None`` where the system does not say.

    The least of what the machine has free, what its container allows, and its own address space.
    """
    limits = [_machine(), _container(), _address_space()]
    known = [limit for limit in limits if limit is not None]
    return max(0, min(known)) if known else None


def resident_bytes() -> int:
    """How much memory this process has now; its peak where the system does not say."""
    for line in _lines(Path("/proc/self/status")):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * KIB
    return peak_bytes()


def peak_bytes() -> int:
    """The most memory that this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * KIB


def give_back() -> None:
    """Give the system back what this process has freed, where the C library has a call for it.

    glibc keeps what a thread freed for that thread: after large photos in several threads a process
    that runs for weeks holds, piece by piece, ever more than it uses.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)


def _machine() -> int | None:
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * KIB
    return None


def _container() -> int | None:
    limit = "".join(_lines(CGROUP / "memory.max")).strip()
    used = "".join(_lines(CGROUP / "memory.current")).strip()
    return int(limit) - int(used) if limit.isdigit() and used.isdigit() else None


def _address_space() -> int | None:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    for line in _lines(Path("/proc/self/status")):
        if line.startswith("VmSize:"):
            return limit - int(line.split()[1]) * KIB
    return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
