"""Record: what a tracker keeps of one training, the same four things in every tracker."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.watching import Memory
from lineament.tracking.contents import Judgement, Plain


@dataclasses.dataclass(frozen=True, kw_only=True)
class Opening:
    """What a tracker needs to open its record of a training.

    Attributes:
        out: Where the run stands or will stand; what is local to a tracker lies beside it.
        project: Under what records are gathered: the dataset's name.
        configuration: All that the training depends on, flat.
        remembered: What the record said of itself when it was opened before; empty for a new one.
    """

    out: Path
    project: str
    configuration: Mapping[str, Plain]
    remembered: Memory


class Record(Protocol):
    """An open record."""

    @property
    def memory(self) -> Memory:
        """What finds this record again; holds no secret, since the run keeps it."""

    @property
    def is_new(self) -> bool:
        """Whether it was opened for the first time, or what is remembered is gone."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the person who trains: where to look."""

    def log(self, step: int, row: Mapping[str, object], layers: Sequence[LayerValues]) -> None:
        """Add a row of history, and the values of the layers then; again for a step: no harm."""

    def summarise(self, figures: Mapping[str, float]) -> None:
        """Add figures of the whole training."""

    def judge(self, step: int, judgement: Judgement) -> None:
        """Add how a split was answered."""

    def attach(self, name: str, folder: Path, files: Sequence[Path]) -> None:
        """Keep files of a folder, under their paths in it, as an artifact with a name."""

    def close(self, *, failed: bool = False) -> tuple[str, ...]:
        """End, and wait until everything is written; give what the person must know, if any."""


OpenRecord = Callable[[Opening], Record]
