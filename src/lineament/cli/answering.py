"""Answering: photos through a predictor into lines, tables and overlays, one by one."""

import dataclasses
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lineament.artifacts.table import printable
from lineament.cli.asking import Answers, Ask
from lineament.core.errors import SHOWN_PLACES, DataError, ImageError
from lineament.core.files import refusals
from lineament.core.progress import Progress, tracked
from lineament.imaging.decode import decode, encode_jpeg
from lineament.imaging.render import heated
from lineament.runtime.answers import UNKNOWN, Answer
from lineament.runtime.parquet_rows import ParquetRows
from lineament.runtime.predictor import Predictor
from lineament.runtime.rows import ALONE, OF_PHOTO, Row, TextRows, past_written
from lineament.runtime.sources import Source, Sources

UNSURE = "unsure"
# Members of an archive are waiting in memory, several per core: of large ones fewer.
LARGE_MEMBER_BYTES = 16_000_000
WAITING_BYTES = 128_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Saying:
    """How answers are told.

    Attributes:
        top: Classes per photo.
        threshold: The least confidence of an answer that is given; 0 gives all.
        never_unknown: Also answer what the model does not know.
    """

    top: int = 1
    threshold: float = 0.0
    never_unknown: bool = False

    def label(self, answer: Answer) -> str | None:
        """The word for an answer; ``None`` where the photo cannot be read."""
        if answer.confidence is None:
            return None
        if answer.is_unknown and not self.never_unknown:
            return UNKNOWN
        return UNSURE if answer.confidence < self.threshold else answer.label

    def row(self, answer: Answer, *, alone: Answer | None = None) -> dict[str, object]:
        """An answer as a row of a table; of a frame also what it says ``alone``, not smoothed."""
        ranked = answer.top(self.top)
        row: dict[str, object] = {
            "filename": answer.source,
            "label": self.label(answer),
            "confidence": answer.confidence,
            "error": answer.error or None,
            "familiarity": answer.familiarity,
            "nearest": answer.label or None,
        }
        if alone is not None:
            row.update(zip(ALONE, (self.label(alone), alone.confidence), strict=True))
        if self.top > 1:
            row["top"] = [{"label": name, "confidence": value} for name, value in ranked]
        return row

    def line(self, answer: Answer) -> str:
        """An answer as a line for a person."""
        return f"{answer.source}\t{self.said(answer) or f'error: {answer.error}'}"

    def said(self, answer: Answer) -> str:
        """What is said to a photo, for a person; nothing where it cannot be read."""
        said = "\t".join(f"{name}\t{value:.4f}" for name, value in answer.top(self.top))
        word = self.label(answer)
        if word in (UNKNOWN, UNSURE) and word != answer.label:
            said = f"{word}\tnearest: {said}"
        return said


@dataclasses.dataclass(frozen=True, kw_only=True)
class Telling:
    """How the answers to a photo are told, one per head.

    Attributes:
        saying: How each is told.
        heads: The heads' names; none where there is one answer, which needs no name.
    """

    saying: Saying
    heads: tuple[str, ...] = ()

    def row(self, answers: Answers, *, alone: Answers | None = None) -> dict[str, object]:
        """The answers to a photo as a row of a table; of a frame also those that it has alone."""
        rows = [
            self.saying.row(answer, alone=by_itself)
            for answer, by_itself in zip(answers, alone or (None,) * len(answers), strict=True)
        ]
        if not self.heads:
            return rows[0]
        said = [{key: value for key, value in row.items() if key not in OF_PHOTO} for row in rows]
        return {
            **{key: rows[0][key] for key in OF_PHOTO},
            "heads": dict(zip(self.heads, said, strict=True)),
        }

    def line(self, answers: Answers) -> str:
        """The answers to a photo as a line for a person."""
        first = answers[0]
        if not self.heads or first.error:
            return self.saying.line(first)
        said = (
            f"{head}: {self.saying.said(answer)}"
            for head, answer in zip(self.heads, answers, strict=True)
        )
        return "\t".join([first.source, *said])


class Pace:
    """How many photos were answered, and how fast."""

    def __init__(self) -> None:
        self.photos = self.before = self.unknown = self.unreadable = 0
        self._reasons: list[str] = []
        self._began = time.perf_counter()

    def count(self, row: Mapping[str, object], *, is_before: bool = False) -> None:
        """Count a row; one from before an interruption is not this run's speed."""
        self.photos += 1
        self.before += is_before
        self.unknown += row.get("label") == UNKNOWN != row.get("nearest")
        if row["error"]:
            self.unreadable += 1
            if len(self._reasons) < SHOWN_PLACES:
                self._reasons.append(f"{row['filename']} ({row['error']})")

    def begin(self) -> None:
        """The first photo is about to be read."""
        self._began = time.perf_counter()

    def line(self, engine: str) -> str:
        """A sentence about all of them."""
        seconds = time.perf_counter() - self._began
        answered = self.photos - self.before
        rate = answered / seconds if seconds > 0 else 0.0
        return f"{answered:,} photos in {seconds:.1f} s ({rate:,.0f}/s, {engine})"

    def error(self) -> DataError | None:
        """What is to be said of files that cannot be read; ``None`` where all could be."""
        if not self.unreadable:
            return None
        hidden = self.unreadable - len(self._reasons)
        return DataError(
            f"{self.unreadable:,} of {self.photos:,} files cannot be read; their rows say why.",
            at=[*self._reasons[:-1], f"{self._reasons[-1]} and {hidden:,} more"]
            if hidden
            else self._reasons,
            fix="Repair them or leave them out.",
        )


def past(sources: Sources, tables: Sequence[TextRows], pace: Pace) -> int:
    """Go past the photos whose row every table has already.

    Args:
        sources: The photos.
        tables: What may hold rows from before an interruption.
        pace: What counts those rows.

    Returns:
        How many they are.

    Raises:
        ArtifactError: The rows are damaged.
        DataError: Other photos are named than the tables have rows of.
    """
    shortest = min(tables, key=lambda table: table.n_written, default=None)
    for table in tables:
        for row in past_written(sources.names(), table):
            if table is shortest:
                pace.count(row._asdict(), is_before=True)
    return shortest.n_written if shortest else 0


def answers(
    ask: Ask, sources: Sources, *, passed: int, count: int, progress: Progress
) -> Iterator[tuple[Source, Answers]]:
    """Answer photos in order.

    Args:
        ask: What answers photos as they come (`lineament.cli.asking`).
        sources: The photos.
        passed: How many of them, from the first on, are not to be answered.
        count: How many they are.
        progress: Who listens.

    Raises:
        DataError: A source holds no photo or cannot be read.
    """
    left = sources.after(passed)
    waiting: deque[Source] = deque()
    is_left = True

    def contents() -> Iterator[Path | bytes | ImageError]:
        nonlocal is_left
        large_bytes = 0
        for source in left:
            waiting.append(source)
            yield source.content
            if isinstance(source.content, bytes) and len(source.content) > LARGE_MEMBER_BYTES:
                large_bytes += len(source.content)
                if large_bytes > WAITING_BYTES:
                    return  # those that wait are answered before another is read
        is_left = False

    def found() -> Iterator[Answers]:
        while is_left:
            yield from ask(contents(), count)

    for said in tracked(found(), progress, "predicting", count - passed):
        source = waiting.popleft()
        yield source, tuple(dataclasses.replace(each, source=source.name) for each in said)


def told(
    found: Iterator[tuple[Source, Answers]],
    telling: Telling,
    *,
    tables: Sequence[TextRows],
    parquet: ParquetRows | None,
) -> Iterator[tuple[Answers, Row]]:
    """Write the answers to each photo into every table, and hand them on with their row.

    A table that is ahead of another, because an interruption came between the two, is not written
    to until the other has caught up.
    """
    behind = min((table.n_written for table in tables), default=0)
    for number, (_, said) in enumerate(found, behind):
        row = telling.row(said)
        for table in tables:
            if number >= table.n_written:
                table.write(row)
        if parquet is not None:
            parquet.write(row)
        yield said, row


def overlaid(
    found: Iterator[tuple[Source, Answers]], predictor: Predictor, folder: Path, *, passed: int
) -> Iterator[tuple[Source, Answers]]:
    """Write a picture of what spoke for each answer, and hand the answers on.

    Args:
        found: The answers.
        predictor: What answered.
        folder: Where the pictures are written; a photo's number keeps its picture apart.
        passed: How many photos came before.

    Raises:
        ArtifactError: The file system refuses.
    """
    for number, (source, said) in enumerate(found, passed):
        if said[0].probabilities is not None:
            _write_overlay(predictor, source, folder / f"{number:06d}-{_stem(source)}.jpg")
        yield source, said


def _stem(source: Source) -> str:
    return printable(Path(source.name).stem)[:60]


def _write_overlay(predictor: Predictor, source: Source, target: Path) -> None:
    assert not isinstance(source.content, ImageError)  # it was answered
    image = decode(source.content, short_side_px=predictor.preprocessing.needed_short_side_px)
    probabilities, activation = predictor.activation(image)
    picture = heated(image, activation[int(probabilities.argmax())], predictor.preprocessing)
    with refusals(target, flag="--activation"):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(encode_jpeg(picture))
