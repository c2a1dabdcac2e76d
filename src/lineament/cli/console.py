"""The console: progress and talk on stderr, results on stdout, one JSON document if asked."""

import json
import os
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

SILENT_S = 2.0  # a task shorter than this needs no line where there is no terminal
TABLED = ("epoch ", "validating epoch ")  # tasks that the table of epochs has a row for
BAR_COLUMNS, LEAST_BAR = 40, 8
FIGURES_COLUMNS = 24  # beside the bar: steps of the whole, time that is left, and gaps
RATE_COLUMNS = 12  # and how fast it goes, where the line has room
WIDE = 72


def next_command(*words: object) -> str:
    """Write a command as it can be typed, whatever its paths hold.

    Example:
        >>> next_command("train", "my photos", "--out", "run")
        "lineament train 'my photos' --out run"
    """
    return f"lineament {shlex.join(str(word) for word in words)}"


def towards_use(model: Path) -> str:
    """The command after a model was looked at: export for a run, predict for a bundle."""
    if model.is_dir():
        return next_command("export", model, "--out", model.parent / "model.onnx")
    return next_command("predict", model, "PHOTO...")


class Console:
    """Where a verb speaks.

    Args:
        as_json: Whether stdout is to hold one JSON document instead of lines for a person.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def talk(self, text: str) -> None:
        """Say something to the person who watches."""
        click.echo(text, err=True)

    def result(self, document: Mapping[str, object], lines: str = "", *, following: str) -> None:
        """Give the result, and name the next command.

        Args:
            document: All of it, for ``--json``.
            lines: The same for a person.
            following: The next command, as it can be typed.
        """
        if self.as_json:
            click.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))
        elif lines:
            click.echo(lines)
        self.talk(f"next: {following}")


class ConsoleProgress:
    """Progress on stderr: a bar with an estimate on a terminal, else a line per longer task."""

    def __init__(self) -> None:
        is_plain = os.environ.get("TERM", "").lower() in ("dumb", "unknown")  # cannot redraw a line
        self._terminal = sys.stderr.isatty() and not is_plain
        self._bar: Bar | None = None
        self._task = ""
        self._total: int | None = None
        self._done = 0
        self._started = 0.0

    def start(self, task: str, total: int | None) -> None:
        """A task begins."""
        self._task, self._total, self._done = task, total, 0
        self._started = time.monotonic()
        if self._terminal:
            self._bar = _bar(task, total)
            self._bar.start()

    def advance(self, steps: int = 1) -> None:
        """Some of it is done."""
        self._done += steps
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0], steps)

    def finish(self) -> None:
        """The task has ended."""
        seconds = time.monotonic() - self._started
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        elif seconds >= SILENT_S and not self._task.startswith(TABLED):
            shown = _rate(max(1, self._done) / seconds)
            click.echo(f"{self._task}: {self._done} in {seconds:.0f} s ({shown})", err=True)

    def note(self, text: str) -> None:
        """A sentence for the person who watches."""
        if self._bar is not None:
            # As it is: a class may be called "[red]", and a table's rows are not to be broken.
            self._bar.console.print(
                text, highlight=False, markup=False, emoji=False, soft_wrap=True
            )
        else:
            click.echo(text, err=True)


def _bar(task: str, total: int | None) -> "Bar":
    """A bar with the task's name, which gives way where the line is short."""
    from rich.cells import cell_len, set_cell_size
    from rich.console import Console as RichConsole
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(_rate(speed) if speed else "")

    console = RichConsole(stderr=True)
    is_wide = console.width >= WIDE
    figures = FIGURES_COLUMNS + (RATE_COLUMNS if is_wide else 0)
    room = max(1, console.width - figures - LEAST_BAR)
    name = task if cell_len(task) <= room else f"{set_cell_size(task, room - 1)}…"
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(max(LEAST_BAR, min(BAR_COLUMNS, console.width - figures - cell_len(name)))),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        *([RateColumn()] if is_wide else []),
        console=console,
        transient=True,
    )
    bar.add_task(name, total=total)
    return bar


def _rate(per_second: float) -> str:
    return f"{per_second:.0f}/s" if per_second >= 1 else f"{1 / per_second:.1f} s each"
