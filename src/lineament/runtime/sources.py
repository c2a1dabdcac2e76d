"""Sources: what a person names, as photos one after the other.

Files, folders, patterns, archives and lists: a million photos are walked through, never listed.
"""

import dataclasses
import glob
import itertools
import os
import sys
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
        _require_named(self.named)

    def __iter__(self) -> Iterator[Source]:
        """Go through the photos.

        Raises:
            DataError: A folder, archive or pattern gives no photo, or an archive cannot be read.
        """
        return self.after(0)

    def after(self, n_passed: int) -> Iterator[Source]:
        """Go through the photos behind the first ``n_passed``; raises as `__iter__`."""
        return itertools.islice(self._photos(unread=n_passed), n_passed, None)

    def names(self) -> Iterator[str]:
        """Go through what the photos are called without reading one; raises as `__iter__`."""
        return (source.name for source in self._photos(unread=sys.maxsize))

    def count(self) -> int:
        """Count the photos without reading one; raises as `__iter__`."""
        return sum(1 for _ in self.names())

    def _photos(self, *, unread: int) -> Iterator[Source]:
        for text in self.named:
            if text == STDIN:
                for name in self.listed:
                    yield _file(Path(name))
                    unread -= 1
                continue
            is_empty = True
            for source in _named(text, unread=unread):
                is_empty = False
                yield source
                unread -= 1
            if is_empty:
                raise _without_photos(text)


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
    _require_named(paths)
    files: list[Path] = []
    for path in paths:
        inside = list(_walk(path)) if path.is_dir() else [path]
        if not inside:
            raise _without_photos(path)
        files.extend(inside)
    return files


def _require_named(named: Sequence[object]) -> None:
    if not named:
        raise UsageError("No photo was named.", fix="Name one or more photos or folders.")


def _without_photos(named: object) -> DataError:
    return DataError(f"{named} holds no photo.", fix="Name a folder of image files, or the files.")


def _named(text: str, *, unread: int) -> Iterator[Source]:
    path = Path(text)
    if path.is_dir():
        yield from map(_file, _walk(path))
    elif os.path.lexists(path) or not glob.has_magic(text):
        yield from _opened(path, unread=unread)
    else:
        # A pattern may begin at the root, which `Path.glob` refuses. A million names are sorted as
        # `Path` would sort them, without a million `Path`.
        found = [each.replace(os.sep, "\0") for each in glob.iglob(text, recursive=True)]  # noqa: PTH207
        found.sort()
        for each in found:
            file = Path(each.replace("\0", os.sep))
            if file.is_file():
                for source in _opened(file, unread=unread):
                    yield source
                    unread -= 1


def _opened(path: Path, *, unread: int) -> Iterator[Source]:
    """The photos of an archive, or the file: whether it can be read its row will say."""
    if is_archive_name(path) and path.is_file():
        for name, content in members(path, unread=unread):
            yield Source(name=printable(f"{path}/{name}"), content=content)
    else:
        yield _file(path)


def _file(path: Path) -> Source:
    return Source(name=printable(str(path)), content=path)


def _walk(folder: Path) -> Iterator[Path]:
    """The photos of a folder and of all in it, as `sorted` would put their paths."""
    levels = [_inside(folder)]  # folders may lie deeper in each other than functions may call
    while levels:
        for path, is_folder in levels[-1]:
            if is_folder:
                levels.append(_inside(path))
                break
            yield path
        else:
            levels.pop()


def _inside(folder: Path) -> Iterator[tuple[Path, bool]]:
    """The photos and folders in a folder, sorted, and which of them are folders."""
    names: list[str] = []  # and no entries: there may be a million, in one folder
    folders: set[str] = set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.add(entry.name)
                elif not _is_photo(entry):
                    continue
                names.append(entry.name)
    except OSError:
        return  # as `os.walk` does: what may not be looked into holds nothing for us
    names.sort()
    yield from ((folder / name, name in folders) for name in names)


def _is_photo(entry: os.DirEntry[str]) -> bool:
    """Whether it is named like a photo and is no pipe or device, which would be waited for."""
    if not is_image_name(Path(entry.name)):
        return False
    try:
        return entry.is_file() or not Path(entry.path).exists()
    except OSError:  # a link to what may not be looked into: its row will say
        return True
