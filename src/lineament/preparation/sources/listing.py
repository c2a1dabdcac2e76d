"""Listing: what a source says it holds, before any photo is read, and how photos are got from it.

Whatever it is (folders, a table, an archive, arrays, a video), a source gives a `Layout`: what is
meant as a photo, what is not and why. Every file, row or frame is in one of the two.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.origins import Origin
from lineament.core.errors import ImageError
from lineament.core.progress import QUIET, Progress


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A photo of a dataset, which is taken as it is: its file, and what the dataset says of it."""

    path: Path
    origin: Origin


# A file, its bytes, an array of RGB (H, W, 3) or grey (H, W) pixels, or a file of a dataset; or why
# there is none.
Content = Path | bytes | NDArray[np.uint8] | Prepared | ImageError

NOT_REGULAR = "not a regular file"
HIDDEN_FOLDER = "in a hidden folder"
HIDDEN = "hidden file"
OTHER_NAME = "not named like an image"
NO_CLASS = "in no class folder"
NO_LABEL = "no label in the table"
UNREADABLE = "cannot be read"
COPY = "same pixels as a photo of another split"
NEAR_COPY = "near duplicate of a photo of another split"
TIED = "tied to photos of another split"
BALANCE = "left out by balance"
DECISION = "left out by decision"
ABSENT = "photo is not there"
NO_ROW = "no row of photos.csv"
DAMAGED_ROW = "damaged row"
FORGOTTEN = "not in the collection any more"
CORRECTION = "correction that is tied to a photo of another split than train"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """What was scanned and is left out: its name in the source, the kind of reason, the reason."""

    relative: str
    kind: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A file, row or frame that is meant as a photo.

    Attributes:
        relative: Its name in the source: unique, with forward slashes, such as a path.
        class_name: Its class; empty where the source gives no labels.
        split: The split that the source puts it in; empty where it gives none.
        group: What it must stay together with, as the source says; empty where it says nothing.
        metadata: Further columns of the source, kept for slices.
        path: Its file; ``None`` where it is not a file of its own.
        stamp: What changes when the content does, and is cheap to know (size and time of the
            file); empty where nothing is.
        correction: Whether it was kept because a model got it wrong; such photos are for training,
            since figures on them would say little of other photos.
        origin: What the dataset says that it was taken from; ``None`` for a new photo.
    """

    relative: str
    class_name: str
    split: str = ""
    group: str = ""
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    path: Path | None = None
    stamp: str = ""
    correction: bool = False
    origin: Origin | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """What a source holds.

    Attributes:
        candidates: In order of their names; all labelled, or none.
        rejected: Everything else that was scanned.
        given: Split to what the source calls it; empty where the source gives none.
        notes: What a person should know about how the source was read.
        document: What ``dataset.json`` says of the source beside its name.
    """

    candidates: tuple[Candidate, ...]
    rejected: tuple[Rejection, ...] = ()
    given: Mapping[str, str] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    document: Mapping[str, object] = dataclasses.field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, sorted; none for photos without labels."""
        return tuple(sorted({each.class_name for each in self.candidates} - {""}))

    @property
    def scanned(self) -> int:
        """How many files, rows or frames there are."""
        return len(self.candidates) + len(self.rejected)


class Source(Protocol):
    """Where photos come from; it is only read."""

    @property
    def name(self) -> str:
        """The source as ``dataset.json`` and errors name it."""

    def layout(self, *, progress: Progress = QUIET) -> Layout:
        """Say what is there.

        Raises:
            DataError: Nothing that can be used is there.
        """

    def contents(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Content]]:
        """Give the contents of some candidates, each once, in whatever order reads best.

        A few are asked for at a time, so an iterator that reads as it goes bounds memory. It may
        be called more than once, for other candidates.
        """
