"""Reading: every photo of a source through the executor into the dataset's folder."""

import functools
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from lineament.artifacts.dataset import UNLABELLED
from lineament.core.errors import DataError
from lineament.core.executor import Executor
from lineament.core.progress import QUIET, Progress
from lineament.preparation.journal import Journal
from lineament.preparation.photo import Photo, image_folder, photo_of
from lineament.preparation.rewrite import Rewritten, Unreadable, photo_id, rewrite
from lineament.preparation.sources.listing import (
    UNREADABLE,
    Candidate,
    Content,
    Layout,
    Prepared,
    Rejection,
    Source,
)

PORTION = 16
PORTION_BYTES = 1_000_000


def read_photos(
    source: Source,
    candidates: Sequence[Candidate],
    folder: Path,
    journal: Journal,
    *,
    size_px: int,
    executor: Executor,
    progress: Progress = QUIET,
) -> tuple[list[Photo], list[Rejection]]:
    """Decode every candidate and write it below ``folder``; a few are in memory at a time.

    Args:
        source: Gives the contents.
        candidates: What of it is to be read.
        folder: The dataset's folder.
        journal: Its journal; what it knows is not read again.
        size_px: Longest that the shorter side of a written photo may be.
        executor: Where photos are decoded.
        progress: Who listens.

    Returns:
        The photos, and the files that cannot be read, both in order of their names.
    """
    known = journal.known(candidates)
    for name in {candidate.class_name for candidate in candidates}:
        (folder / image_folder(name)).mkdir(parents=True, exist_ok=True)
    if known:
        progress.note(f"continuing: {len(known)} of {len(candidates)} photos were read before.")
    photos = list(known.values())
    unreadable: list[Rejection] = []
    left = [candidate for candidate in candidates if candidate.relative not in known]
    waiting: deque[Sequence[Candidate]] = deque()

    def portions() -> Iterator[list[Content]]:
        for portion in _portions(source.contents(left)):
            waiting.append([candidate for candidate, _ in portion])
            yield [content for _, content in portion]

    outcomes = executor.map(functools.partial(rewrite, size_px=size_px), portions())
    progress.start("reading photos", len(left))
    try:
        for portion in outcomes:
            for candidate, outcome in zip(waiting.popleft(), portion, strict=True):
                if isinstance(outcome, Unreadable):
                    name, reason = candidate.relative, outcome.reason
                    unreadable.append(Rejection(relative=name, kind=UNREADABLE, reason=reason))
                else:
                    photos.append(_write(candidate, outcome, folder, journal))
            progress.advance(len(portion))
    finally:
        progress.finish()
    by_name = sorted(photos, key=lambda photo: photo.relative)
    assert len({photo.filename for photo in photos}) == len(photos)
    return by_name, sorted(unreadable, key=lambda each: each.relative)


def _portions(
    contents: Iterable[tuple[Candidate, Content]],
) -> Iterator[list[tuple[Candidate, Content]]]:
    """Give workers several photos at a time: handing over one costs as much as reading a small one.

    Large photos come one by one, so that no worker waits for another at the end, and memory for
    those of an archive is bounded.
    """
    portion: list[tuple[Candidate, Content]] = []
    size = 0
    for candidate, content in contents:
        portion.append((candidate, content))
        size += _size_bytes(content)
        if len(portion) >= PORTION or size >= PORTION_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _size_bytes(content: Content) -> int:
    if isinstance(content, Prepared):
        content = content.path
    if isinstance(content, Path):
        try:
            return content.stat().st_size
        except OSError:  # who reads it says what is wrong
            return 0
    return len(content) if isinstance(content, bytes) else getattr(content, "nbytes", 0)


def _write(candidate: Candidate, outcome: Rewritten, folder: Path, journal: Journal) -> Photo:
    """Write a photo's file, and then its line in the journal."""
    name = f"{photo_id(candidate.relative)}.{outcome.suffix}"
    filename = f"{image_folder(candidate.class_name)}/{name}"
    (folder / filename).write_bytes(outcome.data)
    photo = photo_of(
        candidate,
        filename=filename,
        sha256=outcome.sha256,
        pixels=outcome.pixels,
        look=outcome.look,
        facts=outcome.facts,
        row=journal.next_row,
    )
    journal.add(photo, stamp=candidate.stamp, signature=outcome.signature)
    return photo


def require_every_class(
    layout: Layout, photos: Sequence[Photo], rejected: Sequence[Rejection]
) -> None:
    """Refuse to lose a class, or a class of a given split, to rejections.

    Args:
        layout: What the source holds.
        photos: The photos that are left.
        rejected: Why the other candidates are not.

    Raises:
        DataError: Classes have no photo left; all of them are named, with the reasons.
    """
    left = {(photo.split, photo.class_name) for photo in photos}
    kinds = {rejection.relative: rejection.kind for rejection in rejected}
    lost: dict[str, Counter[str]] = {}
    for candidate in layout.candidates:
        if (candidate.split, candidate.class_name) not in left:
            above = f"{layout.given[candidate.split]}/" if candidate.split else ""
            name = candidate.class_name or UNLABELLED
            reasons = lost.setdefault(above + name, Counter())
            reasons[kinds[candidate.relative]] += 1
    if lost:
        count = "1 class has" if len(lost) == 1 else f"{len(lost)} classes have"
        raise DataError(
            f"{count} no photo left; nothing was written.",
            at=[
                f"{name} ({', '.join(f'{n} {kind}' for kind, n in sorted(reasons.items()))})"
                for name, reasons in lost.items()
            ],
            fix="Add photos to these classes, or leave them out with `--exclude-class`.",
        )


def leave_out(folder: Path, photos: Sequence[Photo], out: Sequence[Rejection]) -> list[Photo]:
    """Remove the written files of photos that are left out after all.

    Args:
        folder: The dataset's folder.
        photos: What was written.
        out: What to leave out.

    Returns:
        The other photos.
    """
    names = {each.relative for each in out}
    for photo in photos:
        if photo.relative in names:
            (folder / photo.filename).unlink()
    return [photo for photo in photos if photo.relative not in names]


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
