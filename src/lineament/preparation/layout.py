"""Layout of a source: which files are photos of which class, and which splits are given.

``SOURCE/<class>/**/photo`` or ``SOURCE/<split>/<class>/**/photo``. What is not a photo of a class
is rejected with a reason, never passed over.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from lineament.artifacts.dataset import SPLITS
from lineament.core.errors import DataError
from lineament.core.suggest import did_you_mean
from lineament.imaging.decode import IMAGE_SUFFIXES, is_image_name
from lineament.preparation.scan import Found

SPLIT_FOLDERS = {
    "train": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "test": "test",
}
SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini"})  # file browsers leave these everywhere

NOT_REGULAR = "not a regular file"
HIDDEN_FOLDER = "in a hidden folder"
HIDDEN = "hidden file"
OTHER_NAME = "not named like an image"
NO_CLASS = "in no class folder"
UNREADABLE = "cannot be read"
COPY = "same pixels as a photo of another split"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """A scanned file that is left out: its relative path, the kind of reason, and the reason."""

    relative: str
    kind: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A file that is named like a photo and lies in a class folder.

    Attributes:
        path: Where it is.
        relative: Its path below the source.
        class_name: Its class folder.
        split: The split whose folder it lies in; empty where the source gives none.
    """

    path: Path
    relative: str
    class_name: str
    split: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """What a source holds.

    Attributes:
        candidates: In order of their relative path.
        rejected: Everything else that was scanned.
        given: Split to the name of its folder; empty where the source gives none.
        notes: What a person should know about how the folders were read.
    """

    candidates: tuple[Candidate, ...]
    rejected: tuple[Rejection, ...]
    given: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, sorted."""
        return tuple(sorted({candidate.class_name for candidate in self.candidates}))


def read_layout(source: Path, files: Sequence[Found]) -> Layout:
    """Tell photos from other files, and splits from classes.

    Args:
        source: The scanned folder, for error texts.
        files: What was found below it.

    Returns:
        The layout; candidates and rejected together are exactly ``files``.

    Raises:
        DataError: Two folders stand for one split; there is no photo in a class folder, or one
            class only; a class folder holds files but no photo; given splits differ in classes.
    """
    tops = {_parts(file)[0] for file in files if _matters(file) and len(_parts(file)) > 1}
    given = _given_splits(source, tops)
    depth = 2 if given else 1  # how many folders are above a photo at least
    folder_splits = {folder: split for split, folder in given.items()}
    candidates: list[Candidate] = []
    rejected: list[Rejection] = []
    folders: set[tuple[str, ...]] = set()
    for file in files:
        parts = _parts(file)
        if _matters(file) and len(parts) > depth:
            folders.add(parts[:depth])
        reason = _reason(file, depth=depth)
        if reason:
            rejected.append(Rejection(relative=file.relative, kind=reason, reason=reason))
            continue
        candidates.append(
            Candidate(
                path=file.path,
                relative=file.relative,
                class_name=parts[depth - 1],
                split=folder_splits.get(parts[0], ""),
            )
        )
    _require_photos(source, candidates, rejected)
    full = {_parts_of(candidate.relative)[:depth] for candidate in candidates}
    _require_no_bare_folder(["/".join(folder) for folder in sorted(folders - full)])
    _require_same_classes(candidates, given)
    layout = Layout(
        candidates=tuple(candidates),
        rejected=tuple(rejected),
        given=given,
        notes=_notes(tops, given),
    )
    if len(layout.classes) == 1:
        raise DataError(
            f"{source} holds one class only, {layout.classes[0]}; a classifier needs two or more.",
            fix="Put the photos of each class in a folder of their own, all in one folder.",
        )
    return layout


def _parts_of(relative: str) -> tuple[str, ...]:
    return tuple(relative.split("/"))


def _parts(file: Found) -> tuple[str, ...]:
    return _parts_of(file.relative)


def _matters(file: Found) -> bool:
    """Whether a file makes the folder it lies in more than an empty one."""
    parts = _parts(file)
    return (
        file.regular
        and not any(part.startswith(".") for part in parts)
        and parts[-1].lower() not in SYSTEM_NAMES
    )


def _reason(file: Found, *, depth: int) -> str:
    """Why a file is no candidate; empty when it is one."""
    parts = _parts(file)
    if not file.regular:
        return NOT_REGULAR
    if any(part.startswith(".") for part in parts[:-1]):
        return HIDDEN_FOLDER
    if parts[-1].startswith("."):
        return HIDDEN
    if not is_image_name(Path(parts[-1])):
        return OTHER_NAME
    return "" if len(parts) > depth else NO_CLASS


def _given_splits(source: Path, tops: set[str]) -> dict[str, str]:
    """Split to folder name, when the folders of the source are splits and nothing else."""
    folders: dict[str, list[str]] = {}
    for name in sorted(tops):
        folders.setdefault(SPLIT_FOLDERS.get(name.lower(), ""), []).append(name)
    if "" in folders or "train" not in folders or len(folders) < 2:
        return {}
    twice = {split: names for split, names in folders.items() if len(names) > 1}
    if twice:
        raise DataError(
            f"{source} has more than one folder for the same split.",
            at=[f"{', '.join(names)} ({split})" for split, names in sorted(twice.items())],
            fix="Merge them into one folder, or move one of them out of the source.",
        )
    return {split: folders[split][0] for split in SPLITS if split in folders}


def _notes(tops: set[str], given: Mapping[str, str]) -> tuple[str, ...]:
    alike = sorted(name for name in tops if name.lower() in SPLIT_FOLDERS)
    if given or len(alike) < 2:
        return ()
    return (
        f"The folders {', '.join(alike)} are taken as classes, not as splits: splits need `train`, "
        "one of `validation` and `test`, and no other folder beside them.",
    )


def _require_photos(
    source: Path, candidates: Sequence[Candidate], rejected: Sequence[Rejection]
) -> None:
    if candidates:
        return
    loose = sum(rejection.kind == NO_CLASS for rejection in rejected)
    if loose:
        raise DataError(
            f"{source} holds {loose} image{'s' if loose > 1 else ''}, but none in a class folder.",
            fix="Put the photos of each class in a folder of their own, named after the class.",
        )
    raise DataError(
        f"{source} holds no images.",
        fix="Name a folder of class folders with files ending in "
        f"{', '.join(sorted(IMAGE_SUFFIXES))}.",
    )


def _require_no_bare_folder(bare: Sequence[str]) -> None:
    """Refuse a class folder that holds files but no photo: a class would be lost unseen."""
    if bare:
        count = "1 class folder holds" if len(bare) == 1 else f"{len(bare)} class folders hold"
        raise DataError(
            f"{count} files, but no image; nothing was written.",
            at=bare,
            fix="Convert the files to JPEG or PNG, or move the folder out of the source.",
        )


def _require_same_classes(candidates: Sequence[Candidate], given: Mapping[str, str]) -> None:
    """Refuse given splits whose class folders differ, as names and never as positions."""
    classes: dict[str, set[str]] = {split: set() for split in given}
    for candidate in candidates:
        if given:
            classes[candidate.split].add(candidate.class_name)
    every = {name for names in classes.values() for name in names}
    shared = {name for name in every if all(name in names for names in classes.values())}
    lacking = []
    for split, names in classes.items():
        odd = sorted(names - shared)
        for name in sorted(every - names):
            hint = did_you_mean(name, odd).strip()
            lacking.append(f"{given[split]} lacks {name}" + (f" ({hint})" if hint else ""))
    if lacking:
        raise DataError(
            f"The given splits {', '.join(given.values())} do not hold the same classes.",
            at=lacking,
            fix="Rename, fill or remove class folders until every split has the same ones.",
        )
