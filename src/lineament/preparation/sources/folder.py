"""Folder: a folder of class folders, or of photos without labels, as a source."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from lineament.core.progress import QUIET, Progress
from lineament.preparation.sources.layout import read_layout
from lineament.preparation.sources.listing import Candidate, Content, Layout
from lineament.preparation.sources.scan import find_files


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderSource:
    """Photos below a folder.

    Attributes:
        root: The folder.
        labelled: Whether the folders in it are classes.
    """

    root: Path
    labelled: bool = True

    @property
    def name(self) -> str:
        """The folder as it was given."""
        return str(self.root)

    def layout(self, *, progress: Progress = QUIET) -> Layout:
        """Scan the folder.

        Raises:
            DataError: It cannot be listed, or `read_layout` can make nothing of it.
        """
        files = find_files(self.root, progress=progress)
        return read_layout(self.name, files, labelled=self.labelled)

    def contents(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Content]]:
        """Give the files; they are read by who decodes them."""
        for candidate in candidates:
            assert candidate.path is not None
            yield candidate, candidate.path
