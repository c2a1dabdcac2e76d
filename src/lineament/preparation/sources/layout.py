"""Layout of class folders: which files are photos of which class, and which splits are given.

``<class>/**/photo`` or ``<split>/<class>/**/photo``; photos that lie in no folder at all have no
labels. What is not a photo of a class is rejected with a reason, never passed over.
"""

import posixpath
from collections.abc import Collection, Mapping, Sequence

from lineament.artifacts.dataset import SPLITS
from lineament.core.errors import DataError
from lineament.imaging.decode import IMAGE_SUFFIXES
from lineament.preparation.sources.listing import (
    HIDDEN,
    HIDDEN_FOLDER,
    NO_CLASS,
    NOT_REGULAR,
    OTHER_NAME,
    Candidate,
    Layout,
    Rejection,
)
from lineament.preparation.sources.scan import Found

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini"})  # file browsers leave these everywhere


def read_layout(
    name: str,
    files: Sequence[Found],
    *,
    labelled: bool = True,
    suffixes: Collection[str] = IMAGE_SUFFIXES,
) -> Layout:
    """Tell photos from other files, and splits from classes.

    Args:
        name: The source, for error texts.
        files: What was found in it.
        labelled: Whether folders are classes; ``False`` takes every photo, wherever it lies, as one
            without a label.
        suffixes: How the names of photos end, in lower case with the dot.

    Returns:
        The layout; candidates and rejected together are exactly ``files``. Without labels if asked
        for, or if photos lie beside each other in no folder and there are none in folders.

    Raises:
        DataError: Two folders stand for one split; there is no photo; a class folder holds files
            but no photo.
    """
    tops = {_parts(file)[0] for file in files if _matters(file) and len(_parts(file)) > 1}
    given = _given_splits(name, tops) if labelled else {}
    depth = 2 if given else 1  # how many folders are above a photo at least
    if labelled and not given and _all_loose(files, suffixes):
        labelled = False
    depth = depth if labelled else 0
    folder_splits = {folder: split for split, folder in given.items()}
    candidates: list[Candidate] = []
    rejected: list[Rejection] = []
    folders: set[tuple[str, ...]] = set()
    for file in files:
        parts = _parts(file)
        if _matters(file) and len(parts) > depth:
            folders.add(parts[:depth])
        reason = _reason(file, depth=depth, suffixes=suffixes)
        if reason:
            rejected.append(Rejection(relative=file.relative, kind=reason, reason=reason))
            continue
        candidates.append(
            Candidate(
                relative=file.relative,
                class_name=parts[depth - 1] if labelled else "",
                split=folder_splits.get(parts[0], ""),
                path=file.path,
                stamp=file.stamp,
            )
        )
    _require_photos(name, candidates, rejected, suffixes)
    full = {_parts_of(candidate.relative)[:depth] for candidate in candidates}
    _require_no_bare_folder(["/".join(folder) for folder in sorted(folders - full)])
    return Layout(
        candidates=tuple(candidates),
        rejected=tuple(rejected),
        given=given,
        notes=_notes(tops, given) if labelled else (),
    )


def _parts_of(relative: str) -> tuple[str, ...]:
    return tuple(relative.split("/"))


def _parts(file: Found) -> tuple[str, ...]:
    return _parts_of(file.relative)


def _all_loose(files: Sequence[Found], suffixes: Collection[str]) -> bool:
    """Whether there are photos, and none of them in a folder."""
    depths = {len(_parts(file)) for file in files if not _reason(file, depth=0, suffixes=suffixes)}
    return depths == {1}


def _matters(file: Found) -> bool:
    """Whether a file makes the folder it lies in more than an empty one."""
    parts = _parts(file)
    return (
        file.regular
        and not any(part.startswith(".") for part in parts)
        and parts[-1].lower() not in SYSTEM_NAMES
    )


def _reason(file: Found, *, depth: int, suffixes: Collection[str]) -> str:
    """Why a file is no candidate; empty when it is one."""
    parts = _parts(file)
    if not file.regular:
        return NOT_REGULAR
    if any(part.startswith(".") for part in parts[:-1]):
        return HIDDEN_FOLDER
    if parts[-1].startswith("."):
        return HIDDEN
    if posixpath.splitext(parts[-1])[1].lower() not in suffixes:
        return OTHER_NAME
    return "" if len(parts) > depth else NO_CLASS


def _given_splits(source: str, tops: set[str]) -> dict[str, str]:
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
    source: str,
    candidates: Sequence[Candidate],
    rejected: Sequence[Rejection],
    suffixes: Collection[str],
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
        fix=f"Name a folder of class folders with files ending in {', '.join(sorted(suffixes))}.",
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
