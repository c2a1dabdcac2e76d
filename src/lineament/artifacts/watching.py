"""Watching: who is told of a training while it runs: a table on the console, a tracker, a search.

A watcher hears of epochs as they end and of the run when it is whole. What it needs to find its own
record again it says at the beginning: that is kept with the checkpoint, so that a training which is
resumed goes on in the same record, and with the run, so that an evaluation can add to it.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.run import Run

Memory = Mapping[str, object]  # texts and numbers, nested: what JSON takes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Beginning:
    """A training that begins or goes on.

    Attributes:
        out: Where its run will stand.
        configuration: The resolved recipe.
        dataset: Name, fingerprint, path and counts of the dataset.
        remembered: What the watcher said when this training first began; empty if it has not.
        history: The rows that were told before, where a training goes on.
    """

    out: Path
    configuration: Mapping[str, object]
    dataset: Mapping[str, object]
    remembered: Memory
    history: tuple[Mapping[str, object], ...] = ()


class Watcher(Protocol):
    """Who is told of a training."""

    def begin(self, beginning: Beginning) -> Memory:
        """A training begins or goes on; say what is needed to find one's record again."""

    def epoch(self, row: Mapping[str, object], layers: Sequence[LayerValues]) -> None:
        """An epoch was judged, or a regularisation tried.

        Args:
            row: Its row of ``history.csv``.
            layers: The values of its layers; empty where there is nothing to say of them.
        """

    def end(self, run: Run) -> None:
        """The run is whole."""

    def fail(self, reason: str) -> None:
        """The training ended without a run."""


class Nobody:
    """A `Watcher` that takes no notice."""

    def begin(self, beginning: Beginning) -> Memory:
        """Remember nothing."""
        return {}

    def epoch(self, row: Mapping[str, object], layers: Sequence[LayerValues]) -> None:
        """Take no notice."""

    def end(self, run: Run) -> None:
        """Take no notice."""

    def fail(self, reason: str) -> None:
        """Take no notice."""


NOBODY = Nobody()


class Several:
    """Several watchers as one, in the order of their names as they were given.

    Args:
        watchers: By name, under which each one's memory is kept.
    """

    def __init__(self, watchers: Mapping[str, Watcher]) -> None:
        self._watchers = dict(watchers)

    def begin(self, beginning: Beginning) -> Memory:
        """Tell each one, with what it remembered itself."""
        said = {}
        for name, watcher in self._watchers.items():
            own = beginning.remembered.get(name, {})
            remembered = own if isinstance(own, Mapping) else {}
            said[name] = watcher.begin(dataclasses.replace(beginning, remembered=remembered))
        return {name: memory for name, memory in said.items() if memory}

    def epoch(self, row: Mapping[str, object], layers: Sequence[LayerValues]) -> None:
        """Tell each one."""
        for watcher in self._watchers.values():
            watcher.epoch(row, layers)

    def end(self, run: Run) -> None:
        """Tell each one."""
        for watcher in self._watchers.values():
            watcher.end(run)

    def fail(self, reason: str) -> None:
        """Tell each one."""
        for watcher in self._watchers.values():
            watcher.fail(reason)
