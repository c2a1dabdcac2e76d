"""Reading: every photo of a source through the executor into the dataset's folder."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lineament.core.errors import DataError
from lineament.core.executor import Executor
from lineament.core.progress import QUIET, Progress, tracked
from lineament.preparation.layout import UNREADABLE, Candidate, Layout, Rejection
from lineament.preparation.rewrite import Unreadable, photo_id, rewrite


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Photo:
    """A photo that was read and written.

    Attributes:
        relative: Path of its file below the source.
        class_name: Its class.
        split: The given split that it lies in; empty where the source gives none.
        filename: Path below the dataset.
        sha256: Hash of the file in the dataset.
        pixels: Hash of the decoded image.
    """

    relative: str
    class_name: str
    split: str
    filename: str
    sha256: str
    pixels: str


def read_photos(
    candidates: Sequence[Candidate],
    folder: Path,
    *,
    size_px: int,
    executor: Executor,
    progress: Progress = QUIET,
) -> tuple[list[Photo], list[Rejection]]:
    """Decode every candidate and write it below ``folder``; a few are in memory at a time.

    Args:
        candidates: The files.
        folder: The dataset's folder; it has no ``images`` yet.
        size_px: Longest that the shorter side of a written photo may be.
        executor: Where photos are decoded.
        progress: Who listens.

    Returns:
        The photos in the order of the candidates, and the files that cannot be read.
    """
    photos: list[Photo] = []
    unreadable: list[Rejection] = []
    for name in {candidate.class_name for candidate in candidates}:
        (folder / "images" / name).mkdir(parents=True)
    outcomes = executor.map(
        functools.partial(rewrite, size_px=size_px),
        (candidate.path for candidate in candidates),
    )
    watched = tracked(outcomes, progress, "reading photos", len(candidates))
    for candidate, outcome in zip(candidates, watched, strict=True):
        if isinstance(outcome, Unreadable):
            unreadable.append(
                Rejection(relative=candidate.relative, kind=UNREADABLE, reason=outcome.reason)
            )
            continue
        name = f"{photo_id(candidate.relative)}.{outcome.suffix}"
        filename = f"images/{candidate.class_name}/{name}"
        with (folder / filename).open("xb") as file:  # x: two photos never share a name
            file.write(outcome.data)
        photos.append(
            Photo(
                relative=candidate.relative,
                class_name=candidate.class_name,
                split=candidate.split,
                filename=filename,
                sha256=outcome.sha256,
                pixels=outcome.pixels,
            )
        )
    return photos, unreadable


def require_every_class(
    layout: Layout, photos: Sequence[Photo], rejected: Sequence[Rejection]
) -> None:
    """Refuse to lose a class, or a class of a given split, to rejections.

    Args:
        layout: What the source holds.
        photos: The photos that are left.
        rejected: Why the other candidates are not.

    Raises:
        DataError: Class folders have no photo left; all of them are named, with the reasons.
    """
    left = {(photo.split, photo.class_name) for photo in photos}
    kinds = {rejection.relative: rejection.kind for rejection in rejected}
    lost: dict[str, Counter[str]] = {}
    for candidate in layout.candidates:
        if (candidate.split, candidate.class_name) not in left:
            above = f"{layout.given[candidate.split]}/" if candidate.split else ""
            reasons = lost.setdefault(above + candidate.class_name, Counter())
            reasons[kinds[candidate.relative]] += 1
    if lost:
        count = "1 class folder has" if len(lost) == 1 else f"{len(lost)} class folders have"
        raise DataError(
            f"{count} no photo left; nothing was written.",
            at=[
                f"{name} ({', '.join(f'{n} {kind}' for kind, n in sorted(reasons.items()))})"
                for name, reasons in lost.items()
            ],
            fix="Add photos to these classes, or move the folders out of the source.",
        )


def leave_out(folder: Path, photos: Sequence[Photo], copies: Sequence[Rejection]) -> list[Photo]:
    """Remove the written files of copies.

    Args:
        folder: The dataset's folder.
        photos: What was written.
        copies: What to leave out.

    Returns:
        The other photos.
    """
    out = {copy.relative for copy in copies}
    for photo in photos:
        if photo.relative in out:
            (folder / photo.filename).unlink()
    return [photo for photo in photos if photo.relative not in out]


def require_readable(unreadable: Sequence[Rejection], *, tried: int) -> None:
    """Refuse a source with files that cannot be read.

    Args:
        unreadable: The files.
        tried: How many files were tried.

    Raises:
        DataError: There are any; all of them are named.
    """
    if unreadable:
        raise DataError(
            f"{len(unreadable)} of {tried} images cannot be read; nothing was written.",
            at=[f"{each.relative} ({each.reason})" for each in unreadable],
            fix="Repair or remove them, or run again with `--unreadable skip` to leave them out "
            "and list them in the dataset's `rejected.csv`.",
        )
