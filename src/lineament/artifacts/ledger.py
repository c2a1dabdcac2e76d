"""Ledger: every evaluation of a dataset's splits, so that nobody forgets how often a test was used.

``ledger.jsonl`` in the dataset's folder, one evaluation per line in the order they ended. It is no
part of what `prepare` wrote: neither the fingerprint nor `Dataset.open` looks at it. Each line
states the fingerprint of the dataset that was measured on, and only lines with the present one
count: what was prepared anew starts at none. A copy of the folder takes the ledger along.

A line is appended by one write, so evaluations that end together do not mix theirs. Lines that
cannot be read (a disk that was full, a hand that edited) are counted as damaged and passed over.
"""

import dataclasses
import errno
import json
import os
import shutil
from datetime import datetime
from pathlib import Path

from lineament.artifacts.plain import read_plain
from lineament.artifacts.table import printable
from lineament.core.errors import ArtifactError

LEDGER = "ledger.jsonl"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Opening:
    """One evaluation.

    Attributes:
        time: When it ended, in ISO 8601, UTC.
        fingerprint: Of the dataset.
        split: ``train``, ``validation`` or ``test``.
        kind: What was measured: ``run`` or ``bundle``.
        path: Where it lay.
        sha256: Hash of its graph, which tells models apart.
        report: Where the report was written.
        photos: How many photos were measured.
        accuracy: On them, 0 to 1.
        low: Lower limit of its 95 % interval.
        high: Upper limit of its 95 % interval.
        lineament: The version that measured.
    """

    time: str
    fingerprint: str
    split: str
    kind: str
    path: str
    sha256: str
    report: str
    photos: int
    accuracy: float
    low: float
    high: float
    lineament: str

    def __post_init__(self) -> None:
        """Check that the time is one and the figures are fractions.

        Raises:
            ArtifactError: One is not.
        """
        if not 0 <= self.low <= self.accuracy <= self.high <= 1:
            raise ArtifactError("An evaluation's accuracy must lie in its interval, in 0 to 1.")
        try:
            zone = datetime.fromisoformat(self.time).utcoffset()
        except ValueError as error:
            raise ArtifactError(f"`{self.time}` is no time in ISO 8601.") from error
        if zone is None:
            raise ArtifactError(f"The time `{self.time}` states no zone.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ledger:
    """What a dataset's ledger says.

    Attributes:
        openings: Every evaluation that can be read, of whatever fingerprint, as they stand.
        damaged: Numbers of the lines that cannot be read, from 1.
    """

    openings: tuple[Opening, ...]
    damaged: tuple[int, ...]

    def of(self, fingerprint: str, split: str) -> tuple[Opening, ...]:
        """The evaluations of a split of the dataset as it is now, in the order of their time."""
        found = [
            each for each in self.openings if (each.fingerprint, each.split) == (fingerprint, split)
        ]
        return tuple(sorted(found, key=lambda each: datetime.fromisoformat(each.time)))


def record(root: Path, opening: Opening) -> None:
    """Add an evaluation to a dataset's ledger.

    Args:
        root: The dataset's folder.
        opening: The evaluation.

    Raises:
        ArtifactError: The ledger cannot be written (a dataset that is read-only, a full disk). The
            evaluation itself is not harmed: its caller says so and goes on.
    """
    path = root / LEDGER
    fields = dataclasses.asdict(opening)
    whole = {name: printable(v) if isinstance(v, str) else v for name, v in fields.items()}
    line = json.dumps(whole, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"
    try:
        # What a write that failed halfway left behind must not swallow this line.
        if path.is_file() and not _ends_whole(path):
            line = b"\n" + line
        binary = getattr(os, "O_BINARY", 0)  # Windows would write \r\n
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | binary, 0o666)
        try:
            if os.write(handle, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise ArtifactError(
            f"This evaluation could not be added to {path}: {error.strerror}.",
            fix="The report is whole without it, but later ones will not count this evaluation.",
        ) from error


def read_ledger(root: Path) -> Ledger:
    """Read a dataset's ledger.

    Args:
        root: The dataset's folder.

    Returns:
        Nothing recorded and nothing damaged where there is no ledger.

    Raises:
        ArtifactError: There is one that may not be read.
    """
    path = root / LEDGER
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Ledger(openings=(), damaged=())
    except OSError as error:
        raise ArtifactError(
            f"{path} cannot be read: {error.strerror}.", fix="Give yourself permission to read it."
        ) from error
    found, damaged = [], []
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            found.append(read_plain(Opening, json.loads(line), name=str(path)))
        except (ValueError, AttributeError, TypeError, RecursionError, ArtifactError):
            damaged.append(number)
    return Ledger(openings=tuple(found), damaged=tuple(damaged))


def keep_ledger(old: Path, new: Path) -> None:
    """Take the ledger of a dataset that is about to be replaced along, if there is one."""
    if (old / LEDGER).is_file():
        shutil.copyfile(old / LEDGER, new / LEDGER)


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
