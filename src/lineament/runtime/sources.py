"""Sources: what a person names, as photos one after the other.

Files, folders, patterns, archives and lists: a million photos are walked through, never listed.
"""

import dataclasses
import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from lineament.artifacts.table import printable
from lineament.core.errors import DataError, ImageError, UsageError
from lineament.imaging.decode import is_image_name
from lineament.runtime.packed import is_archive_name, members

STDIN = "-"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """A photo and what to call it.

    Attributes:
        name: The file as it was named or found; of an archive's member the archive, a slash and the
            member.
        content: The file, the bytes of a member, or why there are none.
    """

    name: str
    content: Path | bytes | ImageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sources:
    """Photos in the order of what was named; each folder's and pattern's sorted.

    Attributes:
        named: Files (of any name, there or not), folders, patterns such as ``photos/**/*.jpg``, zip
            and tar archives, and ``-`` for `listed`.
        listed: Files that were listed elsewhere.
    """

    named: Sequence[str]
    listed: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Check that something was named.

        Raises:
            UsageError: There is nothing.
        """
        if not self.named:
            raise UsageError("No photo was named.", fix="Name one or more photos or folders.")

    def __iter__(self) -> Iterator[Source]:
        """Go through the photos.

        Raises:
            DataError: A folder, archive or pattern gives no photo, or an archive cannot be read.
        """
        return self._photos(reading=True)

    def count(self) -> int:
        """Count the photos without reading one; raises as `__iter__`."""
        return sum(1 for _ in self._photos(reading=False))

    def _photos(self, *, reading: bool) -> Iterator[Source]:
        for text in self.named:
            if text == STDIN:
                yield from (_file(Path(name)) for name in self.listed)
                continue
            n_found = 0
            for source in _named(text, reading=reading):
                n_found += 1
                yield source
            if n_found == 0:
                raise DataError(
                    f"{text} holds no photo.", fix="Name a folder of image files, or the files."
                )


def photo_files(paths: Sequence[Path]) -> list[Path]:
    """Put each folder's photos, sorted, in the folder's place; files stay as they were given.

    Args:
        paths: Files (of any name, there or not) and folders.

    Returns:
        Files, in the order of the paths.

    Raises:
        UsageError: There is no path.
        DataError: A folder holds no photo.
    """
    if not paths:
        raise UsageError("No photo was named.", fix="Name one or more photos or folders.")
    files: list[Path] = []
    for path in paths:
        inside = list(_walk(path)) if path.is_dir() else [path]
        if not inside:
            raise DataError(
                f"{path} holds no photo.", fix="Name a folder of image files, or the files."
            )
        files.extend(inside)
    return files


def _named(text: str, *, reading: bool) -> Iterator[Source]:
    path = Path(text)
    if path.is_dir():
        yield from map(_file, _walk(path))
    elif path.is_file() and is_archive_name(path):
        for name, content in members(path, reading=reading):
            yield Source(name=printable(f"{path}/{name}"), content=content)
    elif os.path.lexists(path) or not glob.has_magic(text):
        yield _file(path)  # whether it can be read its row will say
    else:
        # A pattern may begin at the root, which `Path.glob` refuses.
        for found in sorted(Path(each) for each in glob.iglob(text, recursive=True)):  # noqa: PTH207
            if found.is_file():
                yield _file(found)


def _file(path: Path) -> Source:
    return Source(name=printable(str(path)), content=path)


def _walk(folder: Path) -> Iterator[Path]:
    """The photos of a folder and of all in it, as `sorted` would put their paths."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return  # as `os.walk` does: what may not be looked into holds nothing for us
    for entry in entries:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path)
        elif is_image_name(path) and not _is_special(path):
            yield path


def _is_special(path: Path) -> bool:
    """Whether it is a pipe or a device, which is no photo and would be waited for."""
    return path.exists() and not path.is_file()
