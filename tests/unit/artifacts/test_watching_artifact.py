"""Several watchers hear the same, and each one finds its own memory again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.run import Run
from lineament.artifacts.watching import NOBODY, Beginning, Memory, Several, Watcher

LAYER = LayerValues(
    epoch=1,
    layer="head.weight",
    kind="parameter",
    low=-1.0,
    high=1.0,
    counts=(1, 2),
    rms=0.5,
    zero_fraction=0.0,
)


class Listener:
    """Writes down what it is told."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.heard: list[object] = []

    def begin(self, beginning: Beginning) -> Memory:
        self.heard.append(beginning.remembered)
        return self.memory

    def epoch(self, row: Mapping[str, object], layers: Sequence[LayerValues]) -> None:
        self.heard.append((row, layers))

    def end(self, run: Run) -> None:
        self.heard.append(run)

    def fail(self, reason: str) -> None:
        self.heard.append(reason)


def beginning(remembered: Memory) -> Beginning:
    return Beginning(out=Path("run"), configuration={}, dataset={}, remembered=remembered)


def test_several_remember_by_name_and_leave_out_who_remembers_nothing() -> None:
    both = Several({"one": Listener({"id": "a"}), "none": NOBODY, "two": Listener({"id": "b"})})

    assert both.begin(beginning({})) == {"one": {"id": "a"}, "two": {"id": "b"}}


def test_each_is_told_its_own_memory() -> None:
    one, two = Listener({}), Listener({})
    both = Several({"one": one, "two": two})

    both.begin(beginning({"one": {"id": "a"}, "other": {"id": "c"}}))

    assert (one.heard, two.heard) == ([{"id": "a"}], [{}])


def test_each_hears_epochs_the_end_and_failure() -> None:
    one, two = Listener({}), Listener({})
    both: Watcher = Several({"one": one, "two": two})
    run = cast(Run, object())

    both.epoch({"epoch": 1}, (LAYER,))
    both.end(run)
    both.fail("diverged")

    assert one.heard == two.heard == [({"epoch": 1}, (LAYER,)), run, "diverged"]
