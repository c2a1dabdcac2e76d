"""A training that never was, whose numbers are known, told to trackers as `train` tells it."""

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from lineament.artifacts.histograms import LayerValues
    from lineament.artifacts.predictions import Predictions
    from lineament.artifacts.run import Run

CLASSES = ("cat", 'dög, "x" | y')
RECIPE = {"mode": "finetune", "learning_rate": 0.001, "patience": None}
DATASET = {"name": "pets", "fingerprint": "abc", "path": "/home/me/pets", "photos": {"train": 4}}
HISTORY: tuple[dict[str, object], ...] = (
    {"epoch": 0, "train_loss": None, "validation_loss": 0.75, "validation_accuracy": 0.5},
    {"epoch": 1, "train_loss": 0.5, "validation_loss": 0.25, "validation_accuracy": 0.75},
    {"epoch": 2, "train_loss": 0.25, "validation_loss": 0.5, "validation_accuracy": 0.75},
)
Tell = Callable[..., SimpleNamespace]


def layers_of(epoch: int) -> "tuple[LayerValues, ...]":
    """Some values of a parameter and of its gradient, in two bins; none at the start."""
    from lineament.artifacts.histograms import LayerValues

    parameter = LayerValues(
        epoch=epoch,
        layer="network.conv1.weight",
        kind="parameter",
        low=-1.0,
        high=1.0,
        counts=(1, 2 + epoch),
        rms=0.5,
        zero_fraction=0.0,
        update_ratio=0.125,
    )
    gradient = dataclasses.replace(parameter, kind="gradient", rms=0.25, update_ratio=None)
    return (parameter, gradient) if epoch else ()


def answers() -> "Predictions":
    """Four photos, of which three are answered rightly: confusion [[1, 1], [0, 2]]."""
    from lineament.artifacts.predictions import Predictions

    probabilities = np.array([[0.75, 0.25], [0.25, 0.75], [0.25, 0.75], [0.25, 0.75]], np.float32)
    return Predictions(
        samples=("a.jpg", "b.jpg", "c.jpg", "d.jpg"),
        classes=CLASSES,
        probabilities=probabilities,
        logits=np.log(probabilities),
        labels=np.array([0, 0, 1, 1]),
        groups=("", "", "", ""),
    )


def write_the_run(out: Path, tracking: dict[str, object]) -> "Run":
    """Write the run that a training with `HISTORY` leaves."""
    from lineament.artifacts.histograms import write_histograms
    from lineament.artifacts.run import Run, RunCard, write_run
    from lineament.imaging.preprocess import Preprocessing

    (out / "predictions").mkdir(parents=True)
    (out / "graph.onnx").write_bytes(b"graph")
    (out / "weights.safetensors").write_bytes(b"weights")
    answers().write_parquet(out / "predictions" / "validation.parquet")
    write_histograms(out / "histograms.parquet", [*layers_of(1), *layers_of(2)])
    card = RunCard(
        mode="finetune",
        classes=CLASSES,
        preprocessing=Preprocessing(
            size_px=32,
            fit="squash",
            interpolation="bicubic",
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
        ),
        temperature=1.5,
        backbone={"name": "tiny"},
        recipe=RECIPE,
        dataset=DATASET,
        seed=0,
        chosen={"epoch": 1, "validation_loss": 0.25},
        versions={"python": "3.11"},
        machine={"cores": 2},
        tracking=tracking,
    )
    write_run(out, card, HISTORY)
    return Run.open(out)


class _Listener:
    """A `Progress` that keeps what is noted."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def start(self, task: str, total: int | None) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        pass

    def finish(self) -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)


def clear_settings(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Leave no key, server or setting of whoever runs the tests, and no settings file above."""
    for variable in list(os.environ):
        if variable.startswith(("WANDB_", "MLFLOW_")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder)
    # What `trackers` sets by default would outlive the test.
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")


@pytest.fixture(autouse=True)
def _nobody_elses_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clear_settings(monkeypatch, tmp_path)


@pytest.fixture(scope="session")
def apart() -> Callable[[pytest.MonkeyPatch, Path], None]:
    """Give what clears settings, for fixtures that live longer than a test."""
    return clear_settings


@pytest.fixture(scope="session")
def teller() -> Callable[[Path], Tell]:
    """Give ``teller(folder)``, which gives what `tell` is, with its run in another folder."""
    from lineament.artifacts.watching import Beginning
    from lineament.tracking.trackers import trackers

    def in_folder(folder: Path) -> Tell:
        def told(
            name: str, *, first: int = 0, last: int = 2, remembered: dict[str, object] | None = None
        ) -> SimpleNamespace:
            out, heard = folder / "run", _Listener()
            watcher = trackers([name], progress=heard)[name]
            beginning = Beginning(
                out=out, configuration=RECIPE, dataset=DATASET, remembered=remembered or {}
            )
            memory = dict(watcher.begin(beginning))
            for epoch in range(first, last + 1):
                watcher.epoch(HISTORY[epoch], layers_of(epoch))
            run = None
            if last == 2:
                run = write_the_run(out, {name: memory})
                watcher.end(run)
            else:
                watcher.fail("killed")
            return SimpleNamespace(run=run, remembered=memory, notes=heard.notes)

        return told

    return in_folder


@pytest.fixture
def tell(teller: Callable[[Path], Tell], tmp_path: Path) -> Tell:
    """Give ``tell(name, first=0, last=2, remembered={})``: a training told to a tracker.

    It ends with a run if its last epoch is 2, and breaks off otherwise. What comes back has the
    ``run``, what is ``remembered``, and the ``notes``.
    """
    return teller(tmp_path)


@pytest.fixture
def untracked_run(tmp_path: Path) -> "Run":
    """A run of which no tracker knows."""
    return write_the_run(tmp_path / "run", {})


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """The report of the same answers, as if they had been given to the test split."""
    from lineament.artifacts.report import write_report
    from lineament.evaluation.score import score

    folder = tmp_path / "report"
    folder.mkdir()
    figures = score(answers(), split="test", subject={}, dataset={}, thumbnail=lambda sample: None)
    write_report(folder, figures, page="<title>the page</title>")
    return folder


@pytest.fixture(scope="session")
def _empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database with its tables, which take seconds to make."""
    from mlflow.tracking import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}")
    return path


@pytest.fixture
def mlflow_database(_empty_mlflow: Path, tmp_path: Path) -> Path:
    """The database beside the run, with nothing in it."""
    (tmp_path / "mlflow").mkdir()
    return Path(shutil.copyfile(_empty_mlflow, tmp_path / "mlflow" / "mlflow.db"))
