"""Archive: a zip or tar file of photos as a source, read where it is and never extracted to disk.

An archive that holds one folder is read as that folder. Tar files are read twice from beginning to
end, once to list and check them and once for the photos; zip files by their directory.
"""

import dataclasses
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from lineament.core.archives import MAC_FOLDER, SUFFIXES
from lineament.core.errors import DataError, UsageError
from lineament.core.progress import QUIET, Progress
from lineament.imaging.decode import IMAGE_SUFFIXES
from lineament.preparation.sources.layout import read_layout
from lineament.preparation.sources.listing import (
    HIDDEN_FOLDER,
    NOT_REGULAR,
    Candidate,
    Content,
    Layout,
    Rejection,
)
from lineament.preparation.sources.members import Member, Pack
from lineament.preparation.sources.scan import Found
from lineament.preparation.sources.tars import TarPack, holds_tar
from lineament.preparation.sources.zips import ZipPack

ZIP_MAGIC = (b"PK\3\4", b"PK\5\6", b"PK\7\x08")  # a file, an empty archive, a first of several
OTHERS = {b"7z\xbc\xaf\x27\x1c": "7-Zip", b"Rar!\x1a\x07": "RAR", b"\x28\xb5\x2f\xfd": "Zstandard"}
REPLACED = "replaced by a later member of the same name"
UNSAFE = "not a safe name"


def is_archive(path: Path) -> bool:
    """Tell whether a file is an archive, by its content or else by its name.

    Example:
        >>> is_archive(Path(__file__))
        False
    """
    named = path.name.lower().endswith(SUFFIXES)
    return path.is_file() and (named or _kind(path) != "")


class ArchiveSource:
    """Photos in a zip or tar file, in class folders or loose.

    Args:
        path: The archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._positions: dict[str, int] = {}  # of the members that are photos, once listed
        self._stamp = ""

    @property
    def name(self) -> str:
        """The archive as it was given."""
        return str(self.path)

    def layout(self, *, progress: Progress = QUIET) -> Layout:
        """List the members; every one that is no folder is a candidate or rejected.

        Raises:
            UsageError: There is no such file.
            DataError: It is no zip or tar file, damaged, cut short or unpacks beyond the limits; or
                `read_layout` can make nothing of it.
        """
        if not self.path.is_file():
            raise UsageError(f"There is no archive {self.path}.", fix="Name a zip or tar file.")
        self._stamp = _stamp(self.path)
        progress.start("listing the archive", None)
        try:
            members = self._pack().members(progress.advance)
        finally:
            progress.finish()
        safe, rejected = _sorted_out(members)
        self._require_names(safe, rejected)
        wrapper = _wrapper(list(safe))
        inside = {
            name.removeprefix(wrapper): member
            for name, member in safe.items()
            if name.startswith(wrapper)
        }
        outside = {
            _numbered(member) if name in inside else name: member
            for name, member in safe.items()
            if not name.startswith(wrapper)
        }
        files = [
            Found(path=None, relative=name, regular=True, stamp=member.stamp)
            for name, member in sorted({**inside, **outside}.items())
        ]
        layout = read_layout(self.name, files)
        self._positions = {
            each.relative: inside[each.relative].position for each in layout.candidates
        }
        note = f"All photos of {self.name} lie in the folder {wrapper}, which was stepped into."
        return dataclasses.replace(
            layout,
            rejected=tuple(sorted([*layout.rejected, *rejected], key=lambda each: each.relative)),
            notes=(*layout.notes, note) if wrapper else layout.notes,
        )

    def contents(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Content]]:
        """Give the bytes of some candidates, in the order in which they lie in the archive.

        Raises:
            DataError: The archive was changed since it was listed.
        """
        if not self._positions:
            self.layout()
        if _stamp(self.path) != self._stamp:
            raise DataError(
                f"{self.name} was changed while it was read.", fix="Run again when it is complete."
            )
        wanted = {self._positions[each.relative]: each for each in candidates}
        for position, content in self._pack().read(wanted.keys()):
            yield wanted[position], content

    def _pack(self) -> Pack:
        kind = _kind(self.path)
        if kind == "zip":
            return ZipPack(path=self.path)
        if kind == "tar":
            return TarPack(path=self.path)
        if kind:
            raise DataError(
                f"{self.name} is a {kind} archive, which cannot be read here.",
                fix="Unpack it and name the folder, or pack it as zip or tar.",
            )
        raise DataError(
            f"{self.name} is no zip or tar archive, or an empty or damaged one.",
            fix="Copy or download it again.",
        )

    def _require_names(self, safe: Mapping[str, Member], rejected: Sequence[Rejection]) -> None:
        """Say so when an archive is of no use because of its members' names or kinds."""
        refused = [
            each
            for each in rejected
            if each.kind in (UNSAFE, NOT_REGULAR) and _is_photo(each.relative)
        ]
        if refused and not any(_is_photo(name) for name in safe):
            raise DataError(
                f"{self.name} holds no photo that can be taken.",
                at=[f"{each.relative} ({each.reason})" for each in refused],
                fix="Unpack it yourself and name the folder.",
            )


def _kind(path: Path) -> str:
    """What an archive is by its content; empty for anything else."""
    try:
        with path.open("rb") as file:
            magic = file.read(6)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}).", fix="Give yourself permission to read it."
        ) from error
    if magic.startswith(ZIP_MAGIC):
        return "zip"
    for start, name in OTHERS.items():
        if magic.startswith(start):
            return name
    if holds_tar(path):
        return "tar"
    return "zip" if zipfile.is_zipfile(path) else ""  # a program may stand before a zip archive


def _stamp(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size}-{status.st_mtime_ns}"


def _is_photo(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def _sorted_out(members: Sequence[Member]) -> tuple[dict[str, Member], list[Rejection]]:
    """Members by name, and those that cannot be files of a folder."""
    safe: dict[str, Member] = {}
    rejected = []
    for member in members:
        name, kind, reason = member.name, "", ""
        if member.unsafe:
            kind, reason = UNSAFE, member.unsafe
        elif name.split("/")[0] == MAC_FOLDER:
            kind = reason = HIDDEN_FOLDER
        elif member.irregular:
            kind, reason = NOT_REGULAR, f"{NOT_REGULAR}: {member.irregular}"
        else:
            if name in safe:  # unpacking would let the last one stand, so reading does too
                kind = reason = REPLACED
                name = _numbered(safe[name])
            safe[member.name] = member
        if kind:
            rejected.append(Rejection(relative=name, kind=kind, reason=reason))
    return safe, rejected


def _numbered(member: Member) -> str:
    """A name for a member whose own is another's."""
    return f"{member.name} (member {member.position + 1})"


def _wrapper(names: Sequence[str]) -> str:
    """The folder that merely wraps everything, with a slash at its end; empty for none.

    The first one is stepped into whatever it holds, as if that folder had been named; further ones
    only as long as they hold no photo themselves, for then they are a class.

    Example:
        >>> _wrapper(["data/ck48/fear/1.jpg", "data/ck48/joy/1.jpg", "README"])
        'data/ck48/'
        >>> _wrapper(["fear/1.jpg", "joy/1.jpg"])
        ''
    """
    paths = [name.split("/") for name in names]
    paths = [path for path in paths if not any(part.startswith(".") for part in path)]
    wrapper: list[str] = []
    while True:
        depth = len(wrapper)
        tops = {path[depth] for path in paths if len(path) > depth + 1}
        photos_at = {len(path) - 1 for path in paths if _is_photo(path[-1])}
        if len(tops) != 1 or depth in photos_at or (wrapper and depth + 1 in photos_at):
            return "".join(f"{part}/" for part in wrapper)
        wrapper += tops
