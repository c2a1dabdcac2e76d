"""Filming: a video's or a camera's frames through a model into rows, lines and a marked video."""

import contextlib
import dataclasses
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.cli.answering import Telling
from lineament.cli.asking import Answers, Asked
from lineament.cli.console import Console, next_command
from lineament.cli.stopwatch import Stopwatch
from lineament.core.errors import DataError, UsageError
from lineament.core.progress import Progress, tracked
from lineament.imaging.caption import captioned
from lineament.runtime.choosing import STREAM
from lineament.runtime.rows import Row, TextRows
from lineament.runtime.smoothing import Smoother
from lineament.runtime.video import Camera, Frame, VideoFile
from lineament.runtime.video_writing import VideoWriter

BARS = 3  # classes with a bar on the marked video
ANSWERING, DRAWING, WRITING = "answering", "drawing", "writing"  # what the time goes to


@dataclasses.dataclass(frozen=True, kw_only=True)
class Filming:
    """What is filmed.

    Attributes:
        video: The file; ``None`` of a camera.
        camera: The camera's number; ``None`` of a file.
        out: The marked video; ``None`` for none.
        smooth_s: Over how many seconds answers are smoothed.
        seconds: After how many seconds it ends; ``None`` at its own end.
    """

    video: Path | None
    camera: int | None
    out: Path | None
    smooth_s: float
    seconds: float | None

    @property
    def name(self) -> str:
        """What is filmed, for rows and lines."""
        return f"camera {self.camera}" if self.video is None else str(self.video)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Filmed:
    """How it went.

    Attributes:
        frames: How many were answered.
        fps: Frames per second, as the source says.
        watch: What the time went to.
        shortfall: What was missing; ``None`` where nothing was.
    """

    frames: int
    fps: float
    watch: Stopwatch
    shortfall: DataError | None


class Film:
    """One pass over a video or camera.

    Args:
        asked: What answers.
        filming: What is filmed.
        telling: How answers are told.
        overwrite: Whether the marked video may replace another.

    Raises:
        UsageError: A time is negative, or the marked video's name is of another kind.
        DataError: There is no such video or camera.
        ArtifactError: The marked video is in the way.
        MissingExtraError: OpenCV is not installed.
    """

    def __init__(
        self, asked: Asked, filming: Filming, telling: Telling, *, overwrite: bool
    ) -> None:
        if filming.seconds is not None and not filming.seconds > 0:
            raise UsageError(
                f"`--seconds` must be above 0, got {filming.seconds:g}.",
                fix="Leave it out to go on to the end, or until Ctrl-C.",
            )
        self.asked, self.filming, self._telling = asked, filming, telling
        self._smoothers = [
            Smoother(seconds=filming.smooth_s, unknown_threshold=threshold)
            for threshold in asked.unknown_thresholds
        ]
        self._source: VideoFile | Camera
        if filming.video is not None:
            self._source = VideoFile(filming.video)
        else:
            assert filming.camera is not None  # one of the two is given
            self._source = Camera(filming.camera)
        self._writer = (
            None
            if filming.out is None
            else VideoWriter(
                filming.out, fps=self._source.fps, overwrite=overwrite, flag="--out-video"
            )
        )
        self._reading = "reading" if filming.camera is None else "waiting"
        drawing = () if self._writer is None else (DRAWING,)
        self._watch = Stopwatch((self._reading, ANSWERING, *drawing, WRITING))

    def run(
        self,
        tables: Sequence[TextRows],
        tell: Callable[[Row, str], None],
        *,
        progress: Progress,
    ) -> Filmed:
        """Answer frame after frame, and write each answer.

        A camera is left with Ctrl-C; what was written by then is complete.

        Args:
            tables: Where rows are written.
            tell: Hears of each frame: its row, and a line for a person where the label is another
                than before; else an empty one.
            progress: Who listens.

        Raises:
            DataError: There is no frame.
            ArtifactError: What is written cannot be.
        """
        source, is_live = self._source, self.filming.video is None
        total = self._n_expected()
        # Leaving by Ctrl-C is how a camera is left: it is no interruption.
        leaving = contextlib.suppress(KeyboardInterrupt) if is_live else contextlib.nullcontext()
        before: tuple[object, ...] | None = None
        n_frames = 0
        with contextlib.ExitStack() as stack:
            stack.callback(source.close)
            if self._writer is not None:
                stack.enter_context(self._writer)
            stack.enter_context(leaving)
            for frame, said in tracked(self._answered(is_live), progress, "predicting", total):
                self._watch.to(WRITING)
                answers = tuple(
                    smoother.smoothed(answer, at=frame.seconds)
                    for smoother, answer in zip(self._smoothers, said, strict=True)
                )
                row = self._row(frame, answers, said)
                for table in tables:
                    table.write(row)
                if self._writer is not None:
                    self._watch.to(DRAWING)
                    marked = captioned(frame.pixels, self._caption(answers))
                    self._watch.to(WRITING)
                    self._writer.write(marked, at=frame.seconds)
                n_frames += 1
                labels = tuple(self._telling.saying.label(answer) for answer in answers)
                line = "" if labels == before else self._telling.line(_at(frame, answers))
                before = labels
                tell(row, line)
                self._watch.to(ANSWERING)
        self._watch.to(WRITING)
        return Filmed(
            frames=n_frames, fps=source.fps, watch=self._watch, shortfall=source.shortfall()
        )

    def _answered(self, is_live: bool) -> Iterator[tuple[Frame, Answers]]:
        frames = self._until_end()
        if is_live:
            # One at a time: a frame that waits for others is late.
            for frame in frames:
                (said,) = self.asked.ask([frame.pixels], STREAM)
                yield frame, said
            return
        waiting: deque[Frame] = deque()

        def pixels() -> Iterator[NDArray[np.uint8]]:
            for frame in frames:
                waiting.append(frame)
                yield frame.pixels

        for said in self.asked.ask(pixels(), STREAM):
            yield waiting.popleft(), said

    def _n_expected(self) -> int | None:
        if not isinstance(self._source, VideoFile) or not self._source.n_frames:
            return None
        asked_s = self.filming.seconds or math.inf
        return math.ceil(min(self._source.n_frames, asked_s * self._source.fps))

    def _until_end(self) -> Iterator[Frame]:
        self._watch.to(self._reading)
        for frame in self._source.frames():
            if self.filming.seconds is not None and frame.seconds >= self.filming.seconds:
                return
            self._watch.to(ANSWERING)
            yield frame
            self._watch.to(self._reading)
        self._watch.to(ANSWERING)

    def _row(self, frame: Frame, answers: Answers, alone: Answers) -> Row:
        row = self._telling.row(answers, alone=alone)
        return {
            "frame": frame.number,
            "seconds": round(frame.seconds, 3),
            **row,
            "filename": self.filming.name,
        }

    def _caption(self, answers: Answers) -> list[tuple[str, float | None]]:
        label, heads = self._telling.saying.label, self._telling.heads
        if heads:
            return [
                (f"{head}: {label(answer)}", answer.confidence)
                for head, answer in zip(heads, answers, strict=True)
            ]
        (answer,) = answers
        said: list[tuple[str, float | None]] = []
        if label(answer) != answer.label:
            said.append((str(label(answer)), None))
        return said + list(answer.top(BARS))


def tell_film(
    film: Film,
    files: Mapping[str, Path | None],
    described: Mapping[str, object],
    *,
    top: int,
    overwrite: bool,
    console: Console,
    progress: Progress,
    say: Callable[[str], None],
) -> DataError | None:
    """Run a film from beginning to end, and say what came of it.

    Args:
        film: What is to run.
        files: Tables to write, by the flag that named them.
        described: What the JSON document says of the model.
        top: Classes per row.
        overwrite: Whether tables may replace others.
        console: Where is spoken.
        progress: Who listens.
        say: Prints a line for a person.

    Returns:
        What was missing of what was filmed; ``None`` where nothing was.
    """
    rows: list[Row] = []

    def tell(row: Row, line: str) -> None:
        if console.as_json:
            rows.append(row)
        elif line:
            say(line)

    with contextlib.ExitStack() as stack:
        tables = [
            stack.enter_context(
                TextRows(
                    file,
                    top=top,
                    heads=film.asked.heads,
                    of_frames=True,
                    as_csv=flag == "--csv",
                    depends_on={},
                    resume=False,
                    overwrite=overwrite,
                    flag=flag,
                )
            )
            for flag, file in files.items()
            if file is not None
        ]
        filmed = film.run(tables, tell, progress=progress)
    document = {**described, "source": film.filming.name, "fps": filmed.fps, "predictions": rows}
    following = next_command("predict", described["bundle"], "PHOTO...")
    console.result(document, following=following)
    seconds = filmed.watch.seconds
    rate = filmed.frames / seconds if seconds > 0 else 0.0
    shown = film.filming.out if filmed.frames else None
    console.talk(
        f"{filmed.frames:,} frames in {seconds:.1f} s ({rate:,.0f}/s, {film.asked.title(STREAM)}; "
        f"the source has {filmed.fps:.3g}/s)" + (f": {shown}" if shown else "")
    )
    console.talk(filmed.watch.line())
    return filmed.shortfall


def _at(frame: Frame, answers: Answers) -> Answers:
    """The answers, with the time in place of a file's name."""
    minutes, seconds = divmod(frame.seconds, 60)
    source = f"{int(minutes):02d}:{seconds:06.3f}"
    return tuple(dataclasses.replace(answer, source=source) for answer in answers)
