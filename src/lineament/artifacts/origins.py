"""Origins: where each photo of a dataset came from, and what was scanned and left out.

``sources.csv`` and ``rejected.csv`` of a dataset.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lineament.artifacts.table import read_table, write_table
from lineament.core.errors import ArtifactError
from lineament.imaging.decode import FileFacts

SOURCES, REJECTED = "sources.csv", "rejected.csv"
SOURCE_COLUMNS = (
    *("filename", "source", "sha256", "pixels", "duplicate_set", "near_set"),
    *("format", "mode", "width", "height", "size_bytes", "taken"),
)
REJECTED_COLUMNS = ("filename", "reason")
FIX = "Prepare the dataset again; a dataset is not edited by hand."


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where a photo of a dataset came from.

    Attributes:
        filename: Path below the dataset's folder.
        source: Its name in the source, such as a path below its folder.
        sha256: Hash of the file in the dataset.
        pixels: Hash of the decoded original.
        duplicate_set: Name of the set of photos with the same pixels; empty where there is one.
        near_set: Name of the set of near duplicates; empty where there is none.
        facts: What the original file says of itself.
    """

    filename: str
    source: str
    sha256: str
    pixels: str
    duplicate_set: str
    near_set: str
    facts: FileFacts


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """A scanned file that is not in the dataset, and why."""

    filename: str
    reason: str


def write_origins(folder: Path, origins: Iterable[Origin]) -> None:
    """Write ``sources.csv`` below a dataset's folder that is being made."""
    write_table(folder / SOURCES, SOURCE_COLUMNS, [_source_row(row) for row in origins])


def write_rejections(folder: Path, rejected: Sequence[Rejected]) -> None:
    """Write ``rejected.csv`` below a dataset's folder that is being made."""
    rows = [(row.filename, row.reason) for row in rejected]
    write_table(folder / REJECTED, REJECTED_COLUMNS, rows)


def origins(root: Path) -> list[Origin]:
    """Read ``sources.csv``.

    Raises:
        ArtifactError: The table is absent or has other columns.
    """
    return [_origin(row, root) for row in read_table(root / SOURCES, SOURCE_COLUMNS, fix=FIX)]


def rejections(root: Path) -> list[Rejected]:
    """Read ``rejected.csv``.

    Raises:
        ArtifactError: The table is absent or has other columns.
    """
    return [Rejected(**row) for row in read_table(root / REJECTED, REJECTED_COLUMNS, fix=FIX)]


def _source_row(origin: Origin) -> tuple[object, ...]:
    facts = origin.facts
    return (
        *(origin.filename, origin.source, origin.sha256, origin.pixels),
        *(origin.duplicate_set, origin.near_set),
        *(facts.format, facts.mode, facts.width, facts.height, facts.size_bytes, facts.taken),
    )


def _origin(row: Mapping[str, str], root: Path) -> Origin:
    try:
        facts = FileFacts(
            format=row["format"],
            mode=row["mode"],
            width=int(row["width"]),
            height=int(row["height"]),
            size_bytes=int(row["size_bytes"]),
            taken=row["taken"],
        )
    except ValueError as error:
        raise ArtifactError(
            f"sources.csv of {root} is damaged: {row['filename']} has no size.", fix=FIX
        ) from error
    return Origin(
        filename=row["filename"],
        source=row["source"],
        sha256=row["sha256"],
        pixels=row["pixels"],
        duplicate_set=row["duplicate_set"],
        near_set=row["near_set"],
        facts=facts,
    )
