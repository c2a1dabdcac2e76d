"""MLflow's own client finds in the database what a training told."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow.entities import Run as MlflowRun
from mlflow.tracking import MlflowClient

from lineament.artifacts.run import Run
from lineament.tracking.mlflow_record import _without_secrets
from lineament.tracking.trackers import add_report

Tell = Callable[..., SimpleNamespace]
pytestmark = pytest.mark.usefixtures("mlflow_database")


def runs_of(client: MlflowClient, experiment: str) -> list[MlflowRun]:
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return list(client.search_runs([found.experiment_id]))


class Found:
    """The only run of the experiment `pets`, as MLflow's client reads it."""

    def __init__(self, folder: Path) -> None:
        self.client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}")
        (self.run,) = runs_of(self.client, "pets")
        self.artifacts = folder / "mlflow" / "artifacts" / self.run.info.run_id / "artifacts"

    def curve(self, name: str) -> list[tuple[int, float]]:
        history = self.client.get_metric_history(self.run.info.run_id, name)
        return [(each.step, each.value) for each in history]

    def document(self, file: str) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.artifacts / file).read_text(encoding="utf-8"))
        return found


@pytest.fixture
def read(tmp_path: Path) -> Callable[[], Found]:
    return lambda: Found(tmp_path)


Read = Callable[[], Found]


def test_numbers_of_history_are_curves_over_the_epoch(tell: Tell, read: Read) -> None:
    tell("mlflow")

    assert read().curve("validation/loss") == [(0, 0.75), (1, 0.25), (2, 0.5)]
    assert read().curve("train/loss") == [(1, 0.5), (2, 0.25)]


def test_sizes_of_layers_are_curves(tell: Tell, read: Read) -> None:
    tell("mlflow")

    assert read().curve("gradient_rms/network.conv1.weight") == [(1, 0.25), (2, 0.25)]
    assert read().curve("update_ratio/network.conv1.weight") == [(1, 0.125), (2, 0.125)]


def test_bins_of_layers_are_a_file_for_each_epoch(tell: Tell, read: Read) -> None:
    tell("mlflow")

    document = read().document("histograms/epoch-0002.json")

    shared = {"layer": "network.conv1.weight", "low": -1.0, "high": 1.0, "counts": [1, 4]}
    assert document["histograms"] == [
        {"kind": "parameter", **shared},
        {"kind": "gradient", **shared},
    ]


def test_configuration_is_parameters(tell: Tell, read: Read) -> None:
    tell("mlflow")

    params = read().run.data.params

    assert (params["learning_rate"], params["dataset.fingerprint"]) == ("0.001", "abc")


def test_confusion_matrix_is_a_table(tell: Tell, read: Read) -> None:
    tell("mlflow")

    assert read().document("judged_validation/confusion_matrix.json") == {
        "columns": ["truth, then answer", "cat", 'dög, "x" | y'],
        "data": [["cat", 1, 1], ['dög, "x" | y', 0, 2]],
    }


def test_confusion_matrix_is_a_picture(tell: Tell, read: Read) -> None:
    tell("mlflow")

    picture = read().artifacts / "judged_validation" / "confusion_matrix.png"
    assert picture.read_bytes()[1:4] == b"PNG"


def test_each_class_has_its_figures(tell: Tell, read: Read) -> None:
    tell("mlflow")

    table = read().document("judged_validation/classes.json")

    assert table["columns"] == ["class", "precision", "recall", "f1", "support"]
    assert table["data"] == [
        ["cat", 1.0, 0.5, pytest.approx(2 / 3), 2],
        ['dög, "x" | y', pytest.approx(2 / 3), 1.0, pytest.approx(0.8), 2],
    ]


def test_what_was_chosen_is_told(tell: Tell, read: Read) -> None:
    tell("mlflow")

    metrics = read().run.data.metrics

    assert (metrics["chosen/epoch"], metrics["judged_validation/accuracy"]) == (1, 0.75)


def test_small_files_of_the_run_are_artifacts(tell: Tell, read: Read) -> None:
    tell("mlflow")

    files = read().client.list_artifacts(read().run.info.run_id, "run-run")
    assert [each.path for each in files] == [
        "run-run/histograms.parquet",
        "run-run/history.csv",
        "run-run/predictions",
        "run-run/run.json",
    ]


def test_run_has_the_name_of_its_folder_and_is_finished(tell: Tell, read: Read) -> None:
    tell("mlflow")

    info = read().run.info
    assert (info.run_name, info.status) == ("run", "FINISHED")


def test_training_that_breaks_off_has_failed(tell: Tell, read: Read) -> None:
    tell("mlflow", last=1)

    assert read().run.info.status == "FAILED"


def test_note_says_how_to_look(tell: Tell, tmp_path: Path) -> None:
    database = tmp_path / "mlflow" / "mlflow.db"
    assert tell("mlflow").notes == [
        f"mlflow: look with `mlflow ui --backend-store-uri sqlite:///{database}`"
    ]


def test_resumed_training_goes_on_in_the_same_record_and_tells_nothing_twice(
    tell: Tell, read: Read
) -> None:
    first = tell("mlflow", last=1)
    tell("mlflow", first=1, remembered=first.remembered)

    assert read().curve("validation/loss") == [(0, 0.75), (1, 0.25), (2, 0.5)]
    assert read().run.info.status == "FINISHED"


def test_record_that_is_gone_is_made_anew(tell: Tell, read: Read) -> None:
    told = tell("mlflow", remembered={"uri": "sqlite:////gone/mlflow.db", "run_id": "a" * 32})

    assert read().run.info.run_id == told.remembered["run_id"]


def test_settings_of_the_environment_win(
    tell: Tell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mlflow_database: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    mlflow_database.rename(elsewhere)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{elsewhere}")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")

    tell("mlflow", last=1)

    client = MlflowClient(tracking_uri=f"sqlite:///{elsewhere}")
    assert len(runs_of(client, "mine")) == 1
    assert list((tmp_path / "mlflow").iterdir()) == []


def test_server_that_is_gone_ends_no_training(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")

    told = tell("mlflow")

    (note,) = told.notes
    assert note.startswith("mlflow failed and is told no more: MlflowException: API request to ")
    assert told.run.root.is_dir()


def test_what_is_remembered_holds_no_password() -> None:
    assert _without_secrets("postgresql://me:secret@host/db") == "postgresql://host/db"
    assert _without_secrets("sqlite:////a@b/mlflow.db") == "sqlite:////a@b/mlflow.db"


def test_report_is_added_to_the_record_of_its_run(tell: Tell, read: Read, report: Path) -> None:
    add_report(tell("mlflow").run, report, ["mlflow"])

    assert read().curve("judged_test/accuracy") == [(3, 0.75)]
    assert read().curve("train/loss") == [(1, 0.5), (2, 0.25)]
    assert read().document("judged_test/confusion_matrix.json")["data"] == [
        ["cat", 1, 1],
        ['dög, "x" | y', 0, 2],
    ]
    page = read().artifacts / "run-test-report" / "report.html"
    assert page.read_text(encoding="utf-8") == "<title>the page</title>"
    assert read().run.info.status == "FINISHED"


def test_report_of_a_run_without_record_makes_one_with_its_past(
    untracked_run: Run, read: Read, report: Path
) -> None:
    add_report(untracked_run, report, ["mlflow"])

    assert read().curve("train/loss") == [(1, 0.5), (2, 0.25)]
    assert read().document("histograms/epoch-0001.json")["epoch"] == 1
    assert read().run.data.metrics["judged_validation/accuracy"] == 0.75
