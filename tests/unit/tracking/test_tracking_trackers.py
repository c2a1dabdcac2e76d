"""Trackers are found by name, and whatever they do, a training goes on."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.run import Run
from lineament.artifacts.watching import Beginning, Memory
from lineament.core.errors import ArtifactError, MissingExtraError, UsageError
from lineament.core.progress import Quiet
from lineament.tracking.contents import Judgement
from lineament.tracking.record import Opening, Record
from lineament.tracking.trackers import Tracker, add_report, trackers


class Listener(Quiet):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


class Notebook:
    """A record that keeps what it is told, and breaks when told of a step."""

    def __init__(self, opening: Opening, breaks_at: int | None) -> None:
        self.opening, self.breaks_at = opening, breaks_at
        self.is_new = True
        self.memory: Memory = {"page": 7}
        self.notes = ("look at page 7",)
        self.told: list[str] = []

    def log(self, step: int, row: Mapping[str, object], layers: Sequence[LayerValues]) -> None:
        if step == self.breaks_at:
            raise OSError("No space left on device\nand a page more")
        self.told.append(f"step {step}")

    def summarise(self, figures: Mapping[str, float]) -> None:
        self.told.append("figures")

    def judge(self, step: int, judgement: Judgement) -> None:
        self.told.append(f"{judgement.split} at {step}")

    def attach(self, name: str, folder: Path, files: Sequence[Path]) -> None:
        self.told.append(name)

    def close(self, *, failed: bool = False) -> tuple[str, ...]:
        self.told.append("failed" if failed else "done")
        return ("it is closed",)


class Library:
    """Opens notebooks; the last one is ``opened``."""

    def __init__(self, *, breaks_at: int | None = None, is_closed: bool = False) -> None:
        self.breaks_at, self.is_closed = breaks_at, is_closed
        self.opened: Notebook | None = None

    def __call__(self, opening: Opening) -> Record:
        if self.is_closed:
            raise ConnectionError
        self.opened = Notebook(opening, self.breaks_at)
        return self.opened

    @property
    def told(self) -> list[str]:
        assert self.opened is not None
        return self.opened.told


def beginning(tmp_path: Path, remembered: Memory | None = None) -> Beginning:
    return Beginning(
        out=tmp_path / "run",
        configuration={"epochs": 2},
        dataset={"name": "pets"},
        remembered=remembered or {},
    )


def test_tracker_that_is_misspelt_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        trackers(["wandb", "mlfow"])

    assert str(caught.value) == (
        "There is no tracker `mlfow`. Did you mean `mlflow`?\n"
        "  fix: Use wandb, mlflow, tensorboard."
    )


def test_tracker_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)

    with pytest.raises(MissingExtraError) as caught:
        trackers(["wandb"])

    assert str(caught.value) == (
        "`--track wandb` needs wandb, which is not installed.\n"
        "  fix: Install it with `pip install 'lineament[track]'`."
    )


def test_each_tracker_is_there_once_in_the_order_of_the_names() -> None:
    assert list(trackers(["tensorboard", "mlflow", "tensorboard"])) == ["tensorboard", "mlflow"]


def test_settings_of_the_user_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")

    trackers(["tensorboard"])

    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "false"


def test_record_is_opened_for_the_dataset_and_remembered(tmp_path: Path) -> None:
    library, listener = Library(), Listener()

    memory = Tracker("notebook", library, listener).begin(beginning(tmp_path))

    assert library.opened is not None
    opening = library.opened.opening
    assert (opening.project, opening.out) == ("pets", tmp_path / "run")
    assert opening.configuration["epochs"] == 2
    assert memory == {"page": 7}
    assert listener.notes == ["look at page 7"]


def test_whole_training_is_told(tmp_path: Path, untracked_run: Run) -> None:
    library, listener = Library(), Listener()
    tracker = Tracker("notebook", library, listener)

    tracker.begin(beginning(tmp_path))
    tracker.epoch({"epoch": 0}, ())
    tracker.epoch({"epoch": 1}, ())
    tracker.end(untracked_run)

    whole = ["figures", "validation at 1", "run-run", "done"]
    assert library.told == ["step 0", "step 1", *whole]
    assert listener.notes == ["look at page 7", "it is closed"]


def test_rows_without_an_epoch_are_counted(tmp_path: Path) -> None:
    library = Library()
    tracker = Tracker("notebook", library, Listener())

    tracker.begin(beginning(tmp_path))
    tracker.epoch({"regularisation": 1.0}, ())
    tracker.epoch({"regularisation": 0.1}, ())

    assert library.told == ["step 1", "step 2"]


def test_training_without_a_run_closes_the_record_as_failed(tmp_path: Path) -> None:
    library = Library()
    tracker = Tracker("notebook", library, Listener())

    tracker.begin(beginning(tmp_path))
    tracker.fail("killed")

    assert library.told == ["failed"]


def test_tracker_that_breaks_is_named_once_closed_and_told_no_more(
    tmp_path: Path, untracked_run: Run
) -> None:
    library, listener = Library(breaks_at=1), Listener()
    tracker = Tracker("notebook", library, listener)

    tracker.begin(beginning(tmp_path))
    for epoch in range(4):
        tracker.epoch({"epoch": epoch}, ())
    tracker.end(untracked_run)

    assert library.told == ["step 0", "failed"]
    assert listener.notes == [
        "look at page 7",
        "notebook failed and is told no more: OSError: No space left on device",
        "it is closed",
    ]


def test_tracker_that_cannot_be_opened_leaves_the_memory_as_it_was(
    tmp_path: Path, untracked_run: Run
) -> None:
    listener = Listener()
    tracker = Tracker("notebook", Library(is_closed=True), listener)

    memory = tracker.begin(beginning(tmp_path, {"page": 3}))
    tracker.epoch({"epoch": 0}, ())
    tracker.end(untracked_run)

    assert memory == {"page": 3}
    assert listener.notes == ["notebook failed and is told no more: ConnectionError"]


def test_interrupt_is_not_swallowed(tmp_path: Path) -> None:
    def interrupted(opening: Opening) -> Record:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Tracker("notebook", interrupted, Listener()).begin(beginning(tmp_path))


def test_report_that_cannot_be_read_is_refused(untracked_run: Run, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError):
        add_report(untracked_run, tmp_path / "nothing", ["tensorboard"])
