"""Listing: every run below a folder as one row, read from what the runs say of themselves.

Nothing is hashed and no network is built, so that thousands of runs are listed in seconds. A run
that cannot be read is a row with its reason, and so is a training that left a checkpoint and no
run. A report belongs to the run whose graph it measured, whatever the folders are called.
"""

import csv
import dataclasses
import errno
import json
import math
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from lineament.artifacts.report import DOCUMENT as REPORT
from lineament.artifacts.report import KIND as REPORT_KIND
from lineament.artifacts.run import COMPLETE, GRAPH, HISTORY, KIND, SCHEMA_VERSION
from lineament.artifacts.run import DOCUMENT as RUN
from lineament.artifacts.schema import DOCUMENTS, check_stamp
from lineament.core.errors import ArtifactError
from lineament.core.files import read_json
from lineament.training.recipe import TrainConfig

Cell = str | int | float | bool | None
Report = Mapping[str, Cell]

INCOMPLETE, DAMAGED, INTERRUPTED = "incomplete", "damaged", "interrupted"
NOT_FOLDERS = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # links to nothing, a file, themselves
TRAINING = ".training"  # what ends the hidden folder of a training's checkpoint
CHECKPOINT = "checkpoint.pt"
COLUMNS = (
    *("name", "status", "mode", "backbone", "weights", "dataset", "seed", "epochs"),
    *("validation_loss", "validation_accuracy", "test_accuracy", "test_low", "test_high"),
    *("test_photos", "seconds", "stopped"),
)
RECIPE_FIELDS = frozenset(field.name for field in dataclasses.fields(TrainConfig))


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunRow:
    """A run, or what there is instead of one.

    Attributes:
        name: Its path below the listed folder.
        folder: Where it lies; of an interrupted training, where its checkpoint does.
        status: ``complete``, ``incomplete``, ``damaged`` or ``interrupted``.
        reason: Why it is not complete; empty where it is.
        figures: Each of `COLUMNS` but name and status, as far as it is known.
        document: All of ``run.json`` but the hashes of its files.
        report: The report whose test figures are shown, if there is one.
    """

    name: str
    folder: Path
    status: str
    reason: str = ""
    figures: Mapping[str, Cell] = dataclasses.field(default_factory=dict)
    document: Mapping[str, object] = dataclasses.field(default_factory=dict)
    report: Path | None = None

    def as_dict(self) -> dict[str, object]:
        """Everything that is known, for ``--json``."""
        return {
            "name": self.name,
            "folder": str(self.folder),
            "status": self.status,
            "reason": self.reason,
            **{name: self.figures.get(name) for name in COLUMNS[2:]},
            "report": None if self.report is None else str(self.report),
            **{
                name: _finite(self.document.get(name, {}))
                for name in ("recipe", "chosen", "training")
            },
        }

    def value(self, name: str) -> Cell:
        """One field of the row; ``None`` where it has none.

        Args:
            name: One of `COLUMNS`, a field of the recipe, or the dotted path of anything else that
                ``run.json`` says, such as ``chosen.epoch``.
        """
        if name in ("name", "status"):
            return self.name if name == "name" else self.status
        if name in COLUMNS:
            return self.figures.get(name)
        path = name.split(".")
        value: object = self.document
        for step in ("recipe", name) if name in RECIPE_FIELDS else path:
            value = value.get(step) if isinstance(value, dict) else None
        return _cell(value)


def list_runs(folder: Path) -> tuple[RunRow, ...]:
    """Find and read every run below a folder.

    Runs, datasets, reports and audits are not looked into, and hidden folders are not entered. Test
    figures come from reports below the folder, and from those beside it in folders whose names
    begin with ``report``: of the run's own test split, by the hash of the graph that was measured.

    Args:
        folder: Where to look; a run itself is a list of one.

    Returns:
        One row per run, in the order of their names.

    Raises:
        ArtifactError: There is no such folder, or it cannot be read.
    """
    try:
        with os.scandir(folder):
            pass
    except OSError as error:
        raise ArtifactError(
            f"{folder} cannot be listed: {os.strerror(error.errno or 0)}.",
            fix="Name a folder that has runs below it.",
        ) from error
    found = list(_artifacts(folder))
    rows = [_row(folder, place, what) for place, what in found if what != REPORT]
    reports = [place for place, what in found if what == REPORT]
    beside = sorted(folder.absolute().parent.glob("report*"))
    for each in beside:
        if each.is_dir() and not _is_same(each, folder):
            reports += [place for place, what in _artifacts(each) if what == REPORT]
    measured = _measured(sorted(reports))
    return tuple(sorted((_with_test(row, measured) for row in rows), key=lambda row: row.name))


# Finding


def _artifacts(root: Path) -> Iterator[tuple[Path, str]]:
    """Folders below one that matter, each with the name of the file that says what it is."""
    seen: set[tuple[int, int]] = set()
    folders, links = [root], list[Path]()
    # Links come last, so that a folder has its own name and not that of a link to it.
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        try:
            status = folder.stat()
            identity = (status.st_dev, status.st_ino)
            if identity in seen:
                continue
            seen.add(identity)
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if error.errno not in NOT_FOLDERS:
                yield folder, ""
            continue
        names = {entry.name for entry in listed}
        if RUN in names:
            yield folder, RUN
            continue
        if REPORT in names:
            yield folder, REPORT
            continue
        if names.intersection(DOCUMENTS.values()):
            continue
        for entry in reversed(listed):
            path = folder / entry.name
            if not entry.name.startswith("."):
                if entry.is_symlink():
                    links.append(path)
                elif entry.is_dir():
                    folders.append(path)
            elif entry.name.endswith(TRAINING) and _is_file(path / CHECKPOINT):
                run = folder / entry.name.removeprefix(".").removesuffix(TRAINING)
                if not _is_file(run / RUN):
                    yield path, CHECKPOINT


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113  # Path raises where it may not look


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


# Reading


def _row(root: Path, folder: Path, what: str) -> RunRow:
    name = folder.relative_to(root).as_posix() if folder != root else folder.resolve().name
    if what == "":
        return RunRow(name=name, folder=folder, status=DAMAGED, reason="it may not be looked into")
    if what == CHECKPOINT:
        parent, _, last = name.rpartition("/")
        name = f"{parent}/" * bool(parent) + last.removeprefix(".").removesuffix(TRAINING)
        written = datetime.fromtimestamp((folder / CHECKPOINT).stat().st_mtime, UTC)
        reason = f"no run yet; its checkpoint is of {written:%Y-%m-%d %H:%M} UTC"
        return RunRow(name=name, folder=folder, status=INTERRUPTED, reason=reason)
    try:
        document = read_json(folder / RUN, kind=KIND)
        check_stamp(document, kind=KIND, schema_version=SCHEMA_VERSION, name=str(folder))
    except ArtifactError as error:
        reason = "; ".join((error.what, *error.at))
        return RunRow(name=name, folder=folder, status=DAMAGED, reason=reason)
    files = _mapping(document, "files")
    absent = [file for file in sorted({*files, GRAPH}) if not _is_file(folder / file)]
    status, reason = COMPLETE, ""
    if document.get("status") != COMPLETE:
        status, reason = INCOMPLETE, f"its status is {document.get('status')!r}"
    elif absent:
        status, reason = DAMAGED, f"it lacks {', '.join(absent)}"
    figures: dict[str, Cell] = _figures(document)
    try:
        figures |= _from_history(folder / HISTORY, _mapping(document, "chosen"))
    except (OSError, ValueError, OverflowError, csv.Error) as error:
        status = DAMAGED
        reason = reason or f"{HISTORY} cannot be read ({type(error).__name__})"
    return RunRow(
        name=name,
        folder=folder,
        status=status,
        reason=reason,
        figures=figures,
        document=document,
    )


def _figures(document: Mapping[str, object]) -> dict[str, Cell]:
    """What ``run.json`` itself says."""
    backbone, training = _mapping(document, "backbone"), _mapping(document, "training")
    chosen, dataset = _mapping(document, "chosen"), _mapping(document, "dataset")
    return {
        "mode": _cell(document.get("mode")),
        "backbone": _cell(backbone.get("name")),
        "weights": _cell(backbone.get("weights", backbone.get("tag"))),
        "dataset": _cell(dataset.get("name")),
        "seed": _cell(document.get("seed")),
        "validation_loss": _cell(chosen.get("validation_loss")),
        "seconds": _cell(training.get("seconds")),
        "stopped": _cell(training.get("stopped")),
    }


def _from_history(path: Path, chosen: Mapping[str, object]) -> dict[str, Cell]:
    """How many epochs were done, and the accuracy of what was chosen."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows:
        return {}
    header, *rows = rows
    place = {name: number for number, name in enumerate(header)}
    by = next((name for name in ("epoch", "regularisation") if name in place), "")
    if not by or not rows:
        return {}
    if any(len(row) != len(header) for row in rows):
        raise ValueError("a row has other cells than the header")
    epochs = int(max(float(row[place[by]]) for row in rows)) if by == "epoch" else None
    kept = [row for row in rows if float(row[place[by]]) == chosen.get(by)]
    accuracy = (
        kept[0][place["validation_accuracy"]] if kept and "validation_accuracy" in place else ""
    )
    return {"epochs": epochs, "validation_accuracy": float(accuracy) if accuracy else None}


# Reports


def _measured(folders: list[Path]) -> dict[tuple[Cell, Cell], tuple[Path, Report]]:
    """The test figures of each report, by the graph and the dataset that they are of."""
    found: dict[tuple[Cell, Cell], tuple[Path, Report]] = {}
    for folder in folders:
        try:
            document = read_json(folder / REPORT, kind=REPORT_KIND)
        except ArtifactError:
            continue  # a damaged report takes nothing from its run
        subject, dataset = _mapping(document, "subject"), _mapping(document, "dataset")
        accuracy = _mapping(_mapping(document, "headline"), "accuracy")
        if document.get("kind") != REPORT_KIND or document.get("split") != "test" or not accuracy:
            continue
        figures = {
            "test_accuracy": _cell(accuracy.get("value")),
            "test_low": _cell(accuracy.get("low")),
            "test_high": _cell(accuracy.get("high")),
            "test_photos": _cell(document.get("n_images")),
        }
        # Two reports of one graph and one split say the same; the first name is as good as any.
        key = (_cell(subject.get("sha256")), _cell(dataset.get("fingerprint")))
        found.setdefault(key, (folder, figures))
    return found


def _with_test(row: RunRow, measured: Mapping[tuple[Cell, Cell], tuple[Path, Report]]) -> RunRow:
    """The row with its test figures, and without the hashes, which nobody sorts by."""
    graph = _cell(_mapping(row.document, "files").get(GRAPH))
    fingerprint = _cell(_mapping(row.document, "dataset").get("fingerprint"))
    document = {name: value for name, value in row.document.items() if name != "files"}
    if graph is None or (graph, fingerprint) not in measured:
        return dataclasses.replace(row, document=document)
    report, figures = measured[graph, fingerprint]
    return dataclasses.replace(
        row, document=document, report=report, figures={**row.figures, **figures}
    )


def _mapping(document: Mapping[str, object], key: str) -> Mapping[str, object]:
    """A part of a document; empty where it is absent or something else."""
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _cell(value: object) -> Cell:
    """A value as a table can show it."""
    value = _finite(value)
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return json.dumps(value, ensure_ascii=False)


def _finite(value: object) -> object:
    """A value without what JSON has no word for; only a document changed by hand has such."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list) else value
