"""Answering: photos through a predictor into lines, tables and overlays, one by one."""

import contextlib
import dataclasses
import itertools
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from lineament.artifacts.table import printable
from lineament.core.errors import ImageError
from lineament.core.progress import Progress, tracked
from lineament.imaging.decode import decode, encode_jpeg
from lineament.imaging.render import overlay, place_heat
from lineament.runtime.answers import Answer
from lineament.runtime.predictor import Predictor
from lineament.runtime.rows import ParquetRows, Row, TextRows, skip_written
from lineament.runtime.sources import Source, Sources

UNKNOWN, UNSURE = "unknown", "unsure"


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

    def row(self, answer: Answer) -> dict[str, object]:
        """An answer as a row of a table."""
        ranked = answer.top(self.top)
        row: dict[str, object] = {
            "filename": answer.source,
            "label": self.label(answer),
            "confidence": answer.confidence,
            "error": answer.error or None,
            "familiarity": answer.familiarity,
            "nearest": answer.label or None,
        }
        if self.top > 1:
            row["top"] = [{"label": name, "confidence": value} for name, value in ranked]
        return row

    def line(self, answer: Answer) -> str:
        """An answer as a line for a person."""
        said = "\t".join(f"{name}\t{value:.4f}" for name, value in answer.top(self.top))
        word = self.label(answer)
        if word in (UNKNOWN, UNSURE) and word != answer.label:
            said = f"{word}\tnearest: {said}"
        return f"{answer.source}\t{said or f'error: {answer.error}'}"


def answers(
    predictor: Predictor,
    sources: Sources,
    *,
    count: int,
    tables: Sequence[TextRows],
    overlays: Path | None,
    progress: Progress,
) -> Iterator[Answer]:
    """Answer photos in order; those whose row every table has already are passed.

    Args:
        predictor: What answers.
        sources: The photos.
        count: How many they are.
        tables: What may hold rows from before an interruption.
        overlays: A folder for a picture per photo of what spoke for its answer; ``None`` for none.
        progress: Who listens.

    Raises:
        DataError: Other photos are named than the tables have rows of, or a source holds none.
    """
    passed = min((table.n_written for table in tables), default=0)
    for table in tables:
        skip_written((source.name for source in sources), table)
    left = itertools.islice(sources, passed, None)
    waiting: deque[Source] = deque()

    def contents() -> Iterator[Path | bytes | ImageError]:
        for source in left:
            # What is only read again for its overlay need not be kept else.
            waiting.append(source if overlays else dataclasses.replace(source, content=b""))
            yield source.content

    # All of them choose the engine: what is gone on with is answered as what went before.
    found = predictor.predict(contents(), count=count)
    for number, answer in enumerate(tracked(found, progress, "predicting", count - passed), passed):
        source = waiting.popleft()
        if overlays is not None and answer.probabilities is not None:
            _write_overlay(predictor, source, number, overlays)
        yield dataclasses.replace(answer, source=source.name)


def told(
    found: Iterator[Answer],
    saying: Saying,
    *,
    tables: Sequence[TextRows],
    parquet: ParquetRows | None,
) -> Iterator[tuple[Answer, Row]]:
    """Write each answer into every table, and hand it on with its row.

    A table that is ahead of another, because an interruption came between the two, is not written
    to until the other has caught up.
    """
    behind = min((table.n_written for table in tables), default=0)
    with contextlib.ExitStack() as stack:
        for table in tables:
            stack.enter_context(table)
        if parquet is not None:
            stack.enter_context(parquet)
        for number, answer in enumerate(found, behind):
            row = saying.row(answer)
            for table in tables:
                if number >= table.n_written:
                    table.write(row)
            if parquet is not None:
                parquet.write(row)
            yield answer, row


class Pace:
    """How many photos were answered, and how fast."""

    def __init__(self) -> None:
        self.photos = self.unknown = 0
        self.unreadable: list[str] = []
        self._began = time.perf_counter()

    def count(self, answer: Answer) -> None:
        """Count an answer."""
        self.photos += 1
        self.unknown += answer.is_unknown
        if answer.error:
            self.unreadable.append(f"{answer.source} ({answer.error})")

    def line(self, engine: str) -> str:
        """A sentence about all of them."""
        seconds = time.perf_counter() - self._began
        rate = self.photos / seconds if seconds > 0 else 0.0
        return f"{self.photos:,} photos in {seconds:.1f} s ({rate:,.0f}/s, {engine})"


def _write_overlay(predictor: Predictor, source: Source, number: int, folder: Path) -> None:
    """Lay over a photo what spoke for its answer, in a file that the photo's number keeps apart."""
    assert not isinstance(source.content, ImageError)  # it was answered
    image = decode(source.content, short_side_px=predictor.preprocessing.needed_short_side_px)
    probabilities, activation = predictor.activation(image)
    height, width = image.shape[:2]
    window = predictor.preprocessing.window(height, width)
    heat = place_heat(activation[int(probabilities.argmax())], window, height, width)
    stem = printable(Path(source.name).stem)[:60]
    name = f"{number:06d}-{stem}.jpg"
    (folder / name).write_bytes(encode_jpeg(overlay(image, heat)))
