"""Progress on the console: a bar on a terminal, lines in a pipe, and nothing lost of a text."""

import io
import re
import sys
import time
from collections.abc import Callable

import pytest

from lineament.cli.console import ConsoleProgress
from lineament.core.progress import tracked

CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
ODD = "[red]dog[/red] :smile: [0/3]"


class Terminal(io.StringIO):
    """A stream that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Terminal]:
    """Give ``terminal(columns=80, term="xterm")``: what stands for stderr from now on."""

    def make(*, columns: int = 80, term: str = "xterm") -> Terminal:
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", term)
        return stream

    return make


@pytest.fixture
def slow_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock on which everything takes seconds."""
    now = iter(range(0, 10_000, 4))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(now)))


def plain(stream: io.StringIO) -> list[str]:
    """What was drawn, line by line, without codes; a bar is drawn again and again."""
    text = CODES.sub("", stream.getvalue()).replace("\r", "\n")
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def work(task: str, *, note: str = "", steps: int = 3) -> None:
    """Do a task of some steps, with a sentence in its middle."""
    progress = ConsoleProgress()
    for step in tracked(range(steps), progress, task, steps):
        if note and step == 1:
            progress.note(note)


def test_a_bar_has_the_name_the_steps_the_time_that_is_left_and_the_rate(
    terminal: Callable[..., Terminal],
) -> None:
    stream = terminal(columns=90)
    work("epoch 1")

    assert re.fullmatch(r"epoch 1 ━{40} 3/3 0:00:00 \d+/s", plain(stream)[-1])


def test_a_bar_on_a_short_line_has_no_rate(terminal: Callable[..., Terminal]) -> None:
    stream = terminal(columns=71)
    work("epoch 1")

    assert re.fullmatch(r"epoch 1 ━{40} 3/3 0:00:00", plain(stream)[-1])


def test_a_long_name_gives_way_to_bar_and_estimate(terminal: Callable[..., Terminal]) -> None:
    stream = terminal(columns=50)
    work("validating an epoch with a very long name")

    assert plain(stream)[-1] == "validating an epo… ━━━━━━━━ 3/3 0:00:00"


@pytest.mark.parametrize("columns", [30, 50, 71, 72, 80, 200])
def test_no_line_of_a_bar_is_longer_than_the_terminal(
    columns: int, terminal: Callable[..., Terminal]
) -> None:
    stream = terminal(columns=columns)
    work("reading photos of 狐狸 " * 9)

    assert max(len(line) for line in plain(stream)) <= columns


def test_a_note_beside_a_bar_is_said_as_it_is(terminal: Callable[..., Terminal]) -> None:
    stream = terminal()
    work("epoch 1", note=ODD)

    assert ODD in plain(stream)


def test_a_note_beside_a_bar_is_not_broken_into_lines(
    terminal: Callable[..., Terminal],
) -> None:
    stream = terminal()
    work("epoch 1", note="word " * 30)

    assert ("word " * 30).rstrip() in plain(stream)


def test_a_task_is_named_as_it_is(terminal: Callable[..., Terminal]) -> None:
    stream = terminal()
    work(ODD)

    assert plain(stream)[-1].startswith(ODD)


@pytest.mark.usefixtures("slow_clock")
def test_a_terminal_that_cannot_redraw_has_lines_as_a_pipe_has(
    terminal: Callable[..., Terminal],
) -> None:
    stream = terminal(term="dumb")
    work("reading photos")

    assert stream.getvalue() == "reading photos: 3 in 4 s (1.3 s each)\n"


@pytest.mark.usefixtures("slow_clock")
def test_a_longer_task_is_a_line_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    work("reading photos", steps=8)

    assert capsys.readouterr().err == "reading photos: 8 in 4 s (2/s)\n"


@pytest.mark.usefixtures("slow_clock")
@pytest.mark.parametrize("task", ["epoch 3", "validating epoch 3"])
def test_an_epoch_is_no_line_of_its_own_since_it_has_one_in_the_table(
    task: str, capsys: pytest.CaptureFixture[str]
) -> None:
    work(task)

    assert capsys.readouterr().err == ""


def test_a_short_task_is_no_line_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    work("reading photos", note="so far so good")

    assert capsys.readouterr().err == "so far so good\n"
