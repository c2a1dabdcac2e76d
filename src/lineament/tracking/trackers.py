"""Trackers: Weights & Biases, MLflow and TensorBoard as watchers of a training.

Whatever a tracker's library or its network does, the training goes on: a tracker that fails is
named once and left out from then on.
"""

import contextlib
import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.report import DOCUMENT as REPORT
from lineament.artifacts.report import PAGE, read_report
from lineament.artifacts.run import DOCUMENT, HISTOGRAMS, HISTORY, Run
from lineament.artifacts.watching import Beginning, Memory, Watcher
from lineament.core.errors import UsageError
from lineament.core.extras import require
from lineament.core.machine import machine, versions
from lineament.core.progress import QUIET, Progress
from lineament.core.suggest import did_you_mean
from lineament.tracking.contents import (
    HISTORY_STEP,
    Judgement,
    configuration,
    judgement_in,
    judgement_of,
)
from lineament.tracking.record import Opening, OpenRecord, Record

# By name, the module with its `open_record`: imported when it is asked for, since each is slow.
MODULES = {
    "wandb": "lineament.tracking.wandb_record",
    "mlflow": "lineament.tracking.mlflow_record",
    "tensorboard": "lineament.tracking.tensorboard_record",
}
VALIDATION = Path("predictions") / "validation.parquet"
SMALL_FILES = (DOCUMENT, HISTORY, HISTOGRAMS, VALIDATION)  # neither weights nor graph
# What these libraries are told, unless the environment has told them something else.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # a training tells its makers nothing
    "WANDB_ERROR_REPORTING": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # a server that is gone holds a training up only once,
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",  # for a minute or so instead of ten
}
LONGEST_REASON = 200  # some libraries quote whole pages of a server


def trackers(names: Sequence[str], *, progress: Progress = QUIET) -> dict[str, Watcher]:
    """Give the trackers with these names, ready to watch trainings.

    Args:
        names: Of ``wandb``, ``mlflow``, ``tensorboard``; one named twice is there once.
        progress: Who is told where to look, and which tracker failed.

    Returns:
        By name, in that order.

    Raises:
        UsageError: There is no such tracker.
        MissingExtraError: The package of one is not installed.
    """
    return {name: Tracker(name, _opener(name), progress) for name in _checked(names)}


def add_report(run: Run, report: Path, names: Sequence[str], *, progress: Progress = QUIET) -> None:
    """Add a report to the record of each tracker; a run that was not tracked gets a new record.

    Args:
        run: What was evaluated.
        report: The report's folder.
        names: As for `trackers`.
        progress: As for `trackers`.

    Raises:
        UsageError: There is no such tracker.
        MissingExtraError: The package of one is not installed.
        ArtifactError: The report cannot be read.
    """
    judgement = judgement_in(read_report(report))
    for name in _checked(names):
        Tracker(name, _opener(name), progress).add(run, report, judgement)


class Tracker:
    """A watcher that keeps one tracker's record of a training.

    Args:
        name: The tracker.
        open_record: How its records are opened.
        progress: Who is told.
    """

    def __init__(self, name: str, open_record: OpenRecord, progress: Progress) -> None:
        self._name, self._open_record, self._progress = name, open_record, progress
        self._record: Record | None = None
        self._rows, self._step = 0, 0

    def begin(self, beginning: Beginning) -> Memory:
        """Open a record, or the one that is remembered."""
        opening = Opening(
            out=beginning.out.absolute(),
            project=_project(beginning.dataset),
            configuration=configuration(
                beginning.configuration, beginning.dataset, versions(), machine()
            ),
            remembered=beginning.remembered,
        )
        self._try(lambda: self._open(opening))
        return beginning.remembered if self._record is None else self._record.memory

    def epoch(self, row: Mapping[str, object], layers: Sequence[LayerValues]) -> None:
        """Add the row and the values of the layers."""
        self._rows += 1
        self._step = _step(row, self._rows)
        self._tell(lambda record: record.log(self._step, row, layers))

    def end(self, run: Run) -> None:
        """Add what the run says of itself, and its small files."""
        self._tell(lambda record: _add_run(record, run, self._step))
        self._close()

    def fail(self, reason: str) -> None:
        """Close the record as that of a training that ended without a run."""
        self._close(failed=True)

    def add(self, run: Run, report: Path, judgement: Judgement) -> None:
        """Add a report to the record of a run; one that has none gets it now, with all its past."""
        card = run.card
        remembered = card.tracking.get(self._name)
        opening = Opening(
            out=run.root.absolute(),
            project=_project(card.dataset),
            configuration=configuration(card.recipe, card.dataset, card.versions, card.machine),
            remembered=remembered if isinstance(remembered, Mapping) else {},
        )

        def tell(record: Record) -> None:
            rows = [(_step(row, count), row) for count, row in enumerate(run.history(), start=1)]
            last = max((step for step, _ in rows), default=0)
            if record.is_new:
                layers = run.layers()
                for step, row in rows:
                    record.log(step, row, [each for each in layers if each.epoch == step])
                _add_run(record, run, last)
            record.judge(last + 1, judgement)
            name = f"{run.root.name}-{judgement.split}-report"
            record.attach(name, report, [report / PAGE, report / REPORT])

        self._try(lambda: self._open(opening))
        self._tell(tell)
        self._close()

    def _open(self, opening: Opening) -> None:
        self._record = self._open_record(opening)
        self._say(self._record.notes)

    def _tell(self, tell: Callable[[Record], None]) -> None:
        record = self._record
        if record is not None:
            self._try(lambda: tell(record))

    def _close(self, *, failed: bool = False) -> None:
        def close(record: Record) -> None:
            self._record = None
            self._say(record.close(failed=failed))

        self._tell(close)

    def _say(self, notes: Sequence[str]) -> None:
        for note in notes:
            self._progress.note(note)

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        # A tracker fails in whatever way its library, the network and the disk do.
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".rstrip(": ").partition("\n")[0][
                :LONGEST_REASON
            ]
            self._progress.note(f"{self._name} failed and is told no more: {reason}")
            record, self._record = self._record, None
            if record is not None:
                with contextlib.suppress(Exception):  # it has failed before
                    self._say(record.close(failed=True))


def _add_run(record: Record, run: Run, step: int) -> None:
    """Add what was chosen, how validation was answered, and the small files of a run."""
    answers = Predictions.read_parquet(run.root / VALIDATION)
    judgement = judgement_of(answers, split="validation")
    chosen = {
        f"chosen/{name}": float(value)
        for name, value in run.card.chosen.items()
        if isinstance(value, (int, float))
    }
    record.summarise({**chosen, "chosen/temperature": run.card.temperature})
    record.judge(step, judgement)
    files = [run.root / name for name in SMALL_FILES]
    record.attach(f"{run.root.name}-run", run.root, [each for each in files if each.is_file()])


def _step(row: Mapping[str, object], count: int) -> int:
    """Where a row stands on the axis: its epoch, or, of tried regularisations, its number."""
    epoch = row.get(HISTORY_STEP)
    return int(epoch) if isinstance(epoch, (int, float)) else count


def _project(dataset: Mapping[str, object]) -> str:
    return str(dataset.get("name") or "lineament")


def _checked(names: Sequence[str]) -> list[str]:
    """The names, each once, of trackers that there are and that are installed."""
    distinct = list(dict.fromkeys(names))
    for name in distinct:
        if name not in MODULES:
            raise UsageError(
                f"There is no tracker `{name}`.{did_you_mean(name, MODULES)}",
                fix=f"Use {', '.join(MODULES)}.",
            )
    for variable, value in SETTINGS.items():
        os.environ.setdefault(variable, value)
    for name in distinct:
        require(name, extra="track", purpose=f"`--track {name}`")
    return distinct


def _opener(name: str) -> OpenRecord:
    opener: OpenRecord = importlib.import_module(MODULES[name]).open_record
    return opener
