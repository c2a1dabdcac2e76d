"""Epochs: the table on the console, a line for each epoch or tried regularisation as it ends."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lineament.core.progress import Progress

if TYPE_CHECKING:  # `--help` imports no numpy
    from lineament.artifacts.histograms import LayerValues
    from lineament.artifacts.run import Run
    from lineament.artifacts.watching import Beginning, Memory

GAP = "  "
BEST = "best"
# The first of these that a row has is what chooses; of the solved head that is not the plain loss.
JUDGES = ("validation_loss_cautious", "validation_loss")
# Side by side under one word.
GROUPS = ("train", "validation")
# What stands above a column where it is not the name, and how wide its cells are; with these a line
# of the loop's has 80 letters.
HEADS = {"learning_rate": "rate", "images_per_second": "img/s", "waiting_fraction": "wait"}
WIDTHS = {"loss": 7, "learning_rate": 7, "seconds": 7, "images_per_second": 5}
# Said elsewhere, or for `history.csv` alone: a line has 80 letters.
LEFT_OUT = ("gradient_norm", "update_ratio", "size_px", "iterations")
ORDER = (
    *("train_loss", "train_accuracy", "validation_loss", "validation_loss_cautious"),
    *("validation_accuracy", "learning_rate", "seconds", "images_per_second", "waiting_fraction"),
)
ENDINGS = {
    "patience": "; no later one was better, so training ended",
    "time": "; the time was over",
    "interrupted": "; training was interrupted",
}


class EpochTable:
    """A watcher that writes the history as it grows: aligned, and each best so far marked.

    Args:
        progress: Where the lines go.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._columns: tuple[str, ...] = ()
        self._least = math.inf
        self._lines = 0
        self._last: object = None

    def begin(self, beginning: "Beginning") -> "Memory":
        """Begin a new table."""
        self._columns, self._lines = (), 0
        self._least = min(map(_judged, beginning.history), default=math.inf)
        return {}

    def epoch(self, row: Mapping[str, object], layers: Sequence["LayerValues"]) -> None:
        """Write a line; before the first one, the head."""
        if not self._columns:
            self._begin(row)
        self._lines += 1
        self._last = row[self._columns[0]]
        is_best = _judged(row) < self._least
        self._least = min(self._least, _judged(row))
        cells = [_right(_cell(name, row.get(name)), name) for name in self._columns]
        self._progress.note(GAP.join([*cells, BEST if is_best else ""]).rstrip())

    def end(self, run: "Run") -> None:
        """Say which line was kept."""
        axis, kept = next(iter(run.card.chosen.items()), ("", None))
        if not isinstance(kept, int | float):
            return
        # A training that was resumed in its last moment has had no line here.
        tried = self._last if axis == "epoch" else self._lines
        of = f" of {tried}" if self._lines else ""
        ending = ENDINGS.get(str(run.card.training.get("stopped")), "")
        self._progress.note(f"kept {axis} {kept:g}{of}{ending}")

    def fail(self, reason: str) -> None:
        """Take no notice: the error says it."""

    def _begin(self, row: Mapping[str, object]) -> None:
        axis, *rest = (name for name in row if name not in LEFT_OUT)
        known = [name for name in ORDER if name in rest]
        self._columns = (axis, *known, *(name for name in rest if name not in ORDER))
        for line in (_groups(self._columns), _heads(self._columns)):
            if line:
                self._progress.note(line)


def _judged(row: Mapping[str, object]) -> float:
    """What a row is chosen by: less is better; infinite where it is no number."""
    found = next((row[name] for name in JUDGES if name in row), None)
    return found if isinstance(found, int | float) and found == found else math.inf


def _groups(columns: Sequence[str]) -> str:
    """The upper line of the head: a word over the first of the columns that it is about."""
    line, start, last = "", 0, ""
    for name in columns:
        group = _group(name)
        if group and group != last:
            line = f"{line:{start}}{group} "
        last = group
        start += _width(name) + len(GAP)
    return line.rstrip()


def _heads(columns: Sequence[str]) -> str:
    return GAP.join(_right(_head(name), name) for name in columns)


def _group(name: str) -> str:
    first, _, rest = name.partition("_")
    return first if first in GROUPS and rest else ""


def _head(name: str) -> str:
    """A column's name: without its group, and of several words about one thing the last."""
    group = _group(name)
    if group:
        return name.rpartition("_")[2]
    return HEADS.get(name, name.replace("_", " "))


def _width(name: str) -> int:
    return max(len(_head(name)), WIDTHS.get(name, 0), WIDTHS["loss"] if "_loss" in name else 0)


def _right(text: str, name: str) -> str:
    return f"{text:>{_width(name)}}"


def _cell(name: str, value: object) -> str:
    """A value as a person reads it; nothing where there is none.

    Example:
        >>> _cell("train_accuracy", 0.9876), _cell("learning_rate", 0.0003), _cell("epoch", 3)
        ('98.8%', '3.0e-04', '3')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, float):
        return " ".join(str(value).split())
    if not math.isfinite(value):
        return str(value)
    if name.endswith("_accuracy"):
        return f"{value:.1%}"
    if name.endswith("_fraction"):
        return f"{value:.0%}"
    if name == "learning_rate":
        return f"{value:.1e}" if value else ""
    if name == "seconds":
        return f"{value:.1f}" if value else ""
    if name == "images_per_second":
        return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
    if "_loss" in name:
        return f"{value:.4f}" if abs(value) < 100 else f"{value:.4g}"
    return f"{value:.4g}"
