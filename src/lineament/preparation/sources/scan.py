"""Scan a folder: every file below it, in one order, whatever the file system gives."""

import dataclasses
import os
import stat
from pathlib import Path

from lineament.core.errors import DataError
from lineament.core.progress import QUIET, Progress


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A file below the scanned folder.

    Attributes:
        path: Where it is; ``None`` for a member of an archive.
        relative: Its path below the folder, with forward slashes; bytes of a name that are not
            UTF-8 are written ``\\xNN``, so that every table can hold it.
        regular: False for pipes, sockets and devices, which must not be opened.
        stamp: Its size and time, which change when it does; empty where they cannot be known.
    """

    path: Path | None
    relative: str
    regular: bool
    stamp: str = ""


def find_files(source: Path, *, progress: Progress = QUIET) -> list[Found]:
    """Find every file below a folder.

    Links to files and folders are followed, except a link to a folder that it lies in. A link that
    leads nowhere counts as a file: reading it says what is wrong.

    Args:
        source: The folder.
        progress: Who listens.

    Returns:
        The files, sorted by their relative path.

    Raises:
        DataError: Folders cannot be listed; all of them are named.
    """
    found: list[Found] = []
    refused: list[str] = []
    waiting: list[tuple[str, str, tuple[tuple[int, int], ...]]] = [
        (str(source), "", (_mark(source.stat()),))
    ]
    progress.start("finding files", None)
    try:
        while waiting:
            folder, prefix, above = waiting.pop()
            try:
                with os.scandir(folder) as listing:
                    entries = list(listing)
            except OSError as error:
                refused.append(f"{prefix.rstrip('/') or folder} ({error.strerror})")
                continue
            for entry in entries:
                relative = prefix + _printable(entry.name)
                status = _status(entry)
                if status is None or not stat.S_ISDIR(status.st_mode):
                    regular = status is None or stat.S_ISREG(status.st_mode)
                    found.append(
                        Found(
                            path=Path(entry.path),
                            relative=relative,
                            regular=regular,
                            stamp=f"{status.st_size}-{status.st_mtime_ns}" if status else "",
                        )
                    )
                elif _mark(status) in above:
                    progress.note(f"{relative} was not followed: it links to a folder around it.")
                else:
                    waiting.append((entry.path, f"{relative}/", (*above, _mark(status))))
            progress.advance(len(entries))
    finally:
        progress.finish()
    if refused:
        count = "1 folder" if len(refused) == 1 else f"{len(refused)} folders"
        raise DataError(
            f"{count} of {source} cannot be listed; nothing was written.",
            at=sorted(refused),
            fix="Give yourself permission to read them, or move them out of the source.",
        )
    return sorted(found, key=lambda file: file.relative)


def _status(entry: "os.DirEntry[str]") -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError:
        return None


def _mark(status: os.stat_result) -> tuple[int, int]:
    """What identifies a folder, whichever way it was reached."""
    return status.st_dev, status.st_ino


def _printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")
