"""How fast int8 is is said with figures, also where it is slower."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.core.progress import Quiet
from lineament.exporting import gains
from lineament.exporting.certificate import EnginesHere
from lineament.exporting.gains import note_gains, times_ms
from lineament.runtime.engines import Engine

PHOTO = np.zeros((2, 3, 3), np.uint8)


class Clock:
    """Tells a time that engines alone move on."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Slow:
    """An engine that takes as long as it is told, in seconds."""

    metadata: dict[str, str] = {}  # noqa: RUF012  # as the protocol has it
    outputs = ("probabilities",)

    def __init__(self, title: str, clock: Clock, taking: Iterator[float]) -> None:
        self.title, self._clock, self._taking = title, clock, taking

    def run(self, image: NDArray[np.uint8], outputs: Sequence[str]) -> list[NDArray[np.float32]]:
        self._clock.now += next(self._taking)
        return []


class Told(Quiet):
    """What the person was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(gains, "time", made)
    return made


def always(seconds: float) -> Iterator[float]:
    while True:
        yield seconds


def test_time_is_the_median_without_the_first_answers(clock: Clock) -> None:
    warming = iter([9.0, 9.0, *[0.002] * 13, *[0.5] * 11])

    found = times_ms([Slow("a", clock, warming), Slow("b", clock, always(0.003))], [PHOTO])

    assert found == pytest.approx([2.0, 3.0])


def told(monkeypatch: pytest.MonkeyPatch, clock: Clock, times: dict[str, float]) -> list[str]:
    """What is noted of engines that take such seconds."""

    def here(graph: bytes, *, arithmetic: str, outputs: Sequence[str]) -> EnginesHere:
        able: list[Engine] = [
            Slow(title, clock, always(taken))
            for title, taken in times.items()
            if title.endswith(arithmetic)
        ]
        return EnginesHere(able=tuple(able), unable={})

    monkeypatch.setattr(gains, "engines_here", here)
    progress = Told()
    note_gains(b"", b"", [PHOTO], progress=progress)
    return progress.notes


def test_gain_of_each_engine_is_said(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    times = {"One 1, fp32": 0.03, "Two 2, fp32": 0.02, "One 1, int8": 0.02, "Two 2, int8": 0.0201}

    assert told(monkeypatch, clock, times) == [
        "One 1, int8: 20.0 ms a photo on one core, 30.0 ms in fp32; 1.50 times as fast",
        "Two 2, int8: 20.1 ms a photo on one core, 20.0 ms in fp32; 1.00 times as fast",
    ]


def test_no_gain_is_said_plainly(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    times = {"One 1, fp32": 0.0208, "One 1, int8": 0.02}

    assert told(monkeypatch, clock, times)[1:] == [
        "int8 is not faster on this machine: export in fp32, unless the bundle must be small or is "
        "for a machine that multiplies bytes fast (x86 with VNNI, Arm with dot products)"
    ]


def test_engine_that_runs_one_of_both_is_not_compared(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    times = {"One 1, fp32": 0.03, "One 1, int8": 0.02, "Two 2, int8": 0.01}

    assert [note.partition(",")[0] for note in told(monkeypatch, clock, times)] == ["One 1"]
