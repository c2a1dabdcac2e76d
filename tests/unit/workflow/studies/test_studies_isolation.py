"""What happens in a worker's process happens to that process alone."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.report import read_report
from lineament.artifacts.run import Run
from lineament.artifacts.watching import Beginning, Memory
from lineament.workflow.studies.isolation import Isolation, WorkerDied, ended

PATIENCE_S = 60.0
SCRATCH = {
    "mode": "scratch",
    "backbone": "custom_cnn",
    "widths": [8, 8],
    "size_px": 16,
    "batch_size": 16,
    "epochs": 3,
}


@pytest.fixture(scope="module")  # torch takes seconds to import
def worker() -> Iterator[Isolation]:
    with contextlib.closing(Isolation()) as made:
        yield made


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text(encoding="utf-8").split(")")[1].split()[0] != "Z"


def test_unknown_signal_has_its_number() -> None:
    assert ended(-62) == "the process was killed (signal 62)"


def test_worker_that_was_killed_is_told_and_another_takes_its_place(
    worker: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = {"do": "check", "recipes": [{}]}
    worker.start()
    assert worker.process_id is not None
    os.kill(worker.process_id, signal.SIGKILL)

    monkeypatch.setattr(worker, "start", lambda: None)  # it dies after it was looked at

    with pytest.raises(WorkerDied) as caught:
        worker.ask(order)

    monkeypatch.undo()
    assert str(caught.value) == (
        "the process was killed (SIGKILL), as a system does that is out of memory"
    )
    assert worker.ask(order) == {"said": "done", "result": [None]}


def test_what_cannot_be_is_answered_with_its_reason(worker: Isolation) -> None:
    told = worker.ask({"do": "check", "recipes": [{"mode": "scratch", "weights": "hub"}]})

    result = told["result"]
    assert isinstance(result, list)
    assert result[0]["what"] == (
        "`--mode scratch` starts from random weights, but `--weights hub` was given."
    )


def test_bug_in_an_order_is_an_answer_and_its_traceback_is_in_the_log(
    worker: Isolation, tmp_path: Path
) -> None:
    told = worker.ask({"do": "run", "log": str(tmp_path / "logs" / "x.log")})

    assert (told["said"], told["reason"]) == ("failed", "KeyError: 'recipe'")
    assert "Traceback" in (tmp_path / "logs" / "x.log").read_text(encoding="utf-8")


def order_of(data: Dataset, folder: Path, **more: object) -> dict[str, object]:
    return {
        "do": "run",
        "dataset": str(data.root),
        "recipe": SCRATCH,
        "out": str(folder / "run"),
        "report": str(folder / "report"),
        "log": str(folder / "run.log"),
        **more,
    }


class Counting:
    """Who is told of epochs, and has heard enough at one of them."""

    def __init__(self, enough: int | None = None) -> None:
        self.epochs: list[object] = []
        self.enough = enough

    def begin(self, beginning: Beginning) -> Memory:
        return {}

    def epoch(self, row: Mapping[str, object], layers: Sequence[LayerValues]) -> None:
        self.epochs.append(row["epoch"])
        if row["epoch"] == self.enough:
            raise EOFError("enough")

    def end(self, run: Run) -> None: ...
    def fail(self, reason: str) -> None: ...


def test_run_is_trained_and_judged_with_the_figures_of_its_files(
    worker: Isolation, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    told = worker.ask(order_of(drawn_dataset, tmp_path))["result"]

    run, report = Run.open(tmp_path / "run"), read_report(tmp_path / "report")
    assert isinstance(told, dict)
    assert told["validation_accuracy"] == pytest.approx(
        next(
            row["validation_accuracy"]
            for row in run.history()
            if row["epoch"] == run.card.chosen["epoch"]
        )
    )
    assert told["validation_loss"] == run.card.chosen["validation_loss_calibrated"]
    assert told["validation_photos"] == len(drawn_dataset.splits["validation"])
    assert told["test_accuracy"] == report.headline["accuracy"].as_dict()
    assert "\nepoch 3, train_loss " in (tmp_path / "run.log").read_text(encoding="utf-8")


def test_run_that_stands_is_not_trained_again(
    worker: Isolation, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    first = worker.ask(order_of(drawn_dataset, tmp_path))
    written = (tmp_path / "run" / "run.json").stat().st_mtime_ns

    again = worker.ask(order_of(drawn_dataset, tmp_path))
    other = worker.ask(order_of(drawn_dataset, tmp_path, recipe={**SCRATCH, "epochs": 2}))

    assert again == first
    assert other != first
    assert (tmp_path / "run" / "run.json").stat().st_mtime_ns != written


def test_watcher_here_is_told_of_epochs_there(
    worker: Isolation, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    watcher = Counting()

    worker.ask(order_of(drawn_dataset, tmp_path, watched=True), watcher=watcher)

    assert watcher.epochs == [0, 1, 2, 3]


def test_watcher_that_has_heard_enough_stops_the_run_and_leaves_nothing(
    worker: Isolation, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    watcher = Counting(enough=2)

    with pytest.raises(EOFError, match="enough"):
        worker.ask(order_of(drawn_dataset, tmp_path, watched=True), watcher=watcher)

    assert watcher.epochs == [0, 1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["run.log"]


def test_worker_ends_when_the_study_is_killed() -> None:
    program = (
        "from lineament.workflow.studies.isolation import Isolation\n"
        "worker = Isolation()\n"
        "worker.start()\n"
        "print(worker.process_id, flush=True)\n"
        "input()\n"
    )
    study = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert study.stdout is not None
    process = int(study.stdout.readline())

    study.kill()
    study.communicate()

    until = time.monotonic() + PATIENCE_S
    while is_alive(process) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_alive(process)
