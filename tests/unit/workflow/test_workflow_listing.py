"""Every run below a folder is a row, whatever its state, with the figures that belong to it."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import Run, RunCard, write_run
from lineament.core.errors import ArtifactError
from lineament.imaging.preprocess import Preprocessing
from lineament.workflow.evaluating import EvaluateConfig, evaluate
from lineament.workflow.listing import RunRow, list_runs

WriteRun = Callable[..., Path]
EPOCHS = (
    {"epoch": 0, "train_loss": None, "validation_loss": 0.9, "validation_accuracy": 0.5},
    {"epoch": 1, "train_loss": 0.8, "validation_loss": 0.4, "validation_accuracy": 0.75},
    {"epoch": 2, "train_loss": 0.3, "validation_loss": 0.6, "validation_accuracy": 0.7},
)
TRIED = (
    {"regularisation": 1.0, "validation_loss": 0.3, "validation_accuracy": 0.9},
    {"regularisation": 0.1, "validation_loss": 0.2, "validation_accuracy": 0.95},
)


@pytest.fixture
def write_small(tmp_path: Path) -> WriteRun:
    """Give ``write_small("a/b", mode=..., history=..., **fields)``: a run of a few bytes."""

    def write(
        name: str,
        *,
        mode: str = "finetune",
        history: tuple[Mapping[str, object], ...] = EPOCHS,
        graph: bytes = b"graph",
        recipe: Mapping[str, object] | None = None,
    ) -> Path:
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "graph.onnx").write_bytes(graph)
        (folder / "weights.safetensors").write_bytes(b"weights")
        by = "epoch" if "epoch" in history[0] else "regularisation"
        best = min(history, key=lambda row: float(str(row["validation_loss"])))
        card = RunCard(
            mode=mode,
            classes=("cat", "dog"),
            preprocessing=Preprocessing(
                size_px=32,
                fit="squash",
                interpolation="bicubic",
                mean=(0.5, 0.5, 0.5),
                std=(0.5, 0.5, 0.5),
            ),
            temperature=1.0,
            backbone={"name": "resnet18", "weights": "none", "tag": "random"},
            recipe={"learning_rate": 1e-3, "mode": mode, **(recipe or {})},
            dataset={"name": "pets", "fingerprint": "ab"},
            seed=7,
            chosen={by: best[by], "validation_loss": best["validation_loss"]},
            versions={"torch": "2.14.1"},
            machine={"cores": 2},
            training={"seconds": 12.5, "stopped": "epochs"} if by == "epoch" else {},
        )
        write_run(folder, card, history)
        return folder

    return write


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


def report(folder: Path, run: Path, *, split: str = "test", fingerprint: str = "ab") -> None:
    """Write as much of a report as a listing reads."""
    graph = json.loads((run / "run.json").read_text(encoding="utf-8"))["files"]["graph.onnx"]
    folder.mkdir(parents=True)
    document = {
        "kind": "report",
        "schema_version": 1,
        "subject": {"kind": "run", "sha256": graph},
        "dataset": {"fingerprint": fingerprint},
        "split": split,
        "n_images": 60,
        "headline": {"accuracy": {"value": 0.8, "low": 0.68, "high": 0.89}},
    }
    (folder / "report.json").write_text(json.dumps(document), encoding="utf-8")


def change(folder: Path, **fields: object) -> None:
    document = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    (folder / "run.json").write_text(json.dumps({**document, **fields}), encoding="utf-8")


def only(folder: Path) -> RunRow:
    (row,) = list_runs(folder)
    return row


def names(folder: Path) -> list[str]:
    return [row.name for row in list_runs(folder)]


def test_row_says_what_was_trained_and_what_validation_chose(
    write_small: WriteRun, runs: Path
) -> None:
    write_small("a")

    row = only(runs)

    assert {name: row.value(name) for name in ("name", "status", "mode", "backbone")} == {
        "name": "a",
        "status": "complete",
        "mode": "finetune",
        "backbone": "resnet18",
    }
    assert {name: row.value(name) for name in ("weights", "dataset", "seed", "epochs")} == {
        "weights": "none",
        "dataset": "pets",
        "seed": 7,
        "epochs": 2,
    }
    assert (row.value("validation_loss"), row.value("validation_accuracy")) == (0.4, 0.75)
    assert (row.value("seconds"), row.value("stopped"), row.reason) == (12.5, "epochs", "")


def test_accuracy_of_a_solved_head_is_that_of_the_chosen_regularisation(
    write_small: WriteRun, runs: Path
) -> None:
    write_small("a", mode="head", history=TRIED)

    row = only(runs)

    assert (row.value("validation_accuracy"), row.value("epochs")) == (0.95, None)


def test_fields_of_the_recipe_and_dotted_names_are_found(write_small: WriteRun, runs: Path) -> None:
    write_small("a", recipe={"widths": [8, 16]})

    row = only(runs)

    assert row.value("learning_rate") == 1e-3
    assert row.value("chosen.epoch") == 1
    assert row.value("versions.torch") == "2.14.1"
    assert row.value("widths") == "[8, 16]"
    assert row.value("chosen.epoch.more") is None


def test_rows_come_in_the_order_of_their_names_from_any_depth(
    write_small: WriteRun, runs: Path
) -> None:
    for name in ("z", "b/c/d", "b/a", "10"):
        write_small(name)

    assert names(runs) == ["10", "b/a", "b/c/d", "z"]


def test_run_itself_is_a_list_of_one(write_small: WriteRun) -> None:
    assert names(write_small("a")) == ["a"]


def test_hidden_folders_and_the_inside_of_artifacts_are_not_entered(
    write_small: WriteRun, runs: Path
) -> None:
    for name in ("a", "a/inner", ".a.partial-7-x", "set/images"):
        write_small(name)
    (runs / "set" / "dataset.json").write_text("{}", encoding="utf-8")

    assert names(runs) == ["a"]


def test_links_are_followed_without_end_or_repetition(write_small: WriteRun, runs: Path) -> None:
    elsewhere = runs.parent / "disk"
    elsewhere.mkdir()
    write_small("z").rename(elsewhere / "far")
    write_small("m")
    (runs / "again").symlink_to(runs / "m")
    (runs / "disk").symlink_to(elsewhere)
    (runs / "loop").symlink_to(runs)
    (runs / "self").symlink_to(runs / "self")
    (runs / "gone").symlink_to(runs / "nowhere")

    assert names(runs) == ["disk/far", "m"]


def test_checkpoint_without_a_run_is_an_interrupted_training(runs: Path) -> None:
    hidden = runs / "deep" / ".a.training"
    hidden.mkdir(parents=True)
    (hidden / "checkpoint.pt").write_bytes(b"state")
    os.utime(hidden / "checkpoint.pt", (1_700_000_000, 1_700_000_000))

    row = only(runs)

    assert (row.name, row.status, row.folder) == ("deep/a", "interrupted", hidden)
    assert row.reason == "no run yet; its checkpoint is of 2023-11-14 22:13 UTC"


def test_checkpoint_beside_its_run_is_no_row_of_its_own(write_small: WriteRun, runs: Path) -> None:
    write_small("a")
    (runs / ".a.training").mkdir()
    (runs / ".a.training" / "checkpoint.pt").write_bytes(b"state")

    assert [row.status for row in list_runs(runs)] == ["complete"]


def test_run_that_cannot_be_read_is_a_row_with_its_reason(
    write_small: WriteRun, runs: Path
) -> None:
    (write_small("a") / "run.json").write_text("{", encoding="utf-8")
    change(write_small("b"), kind="dataset")
    change(write_small("c"), schema_version=99)
    change(write_small("d"), status="writing")
    (write_small("e") / "weights.safetensors").unlink()
    (write_small("f") / "history.csv").write_text("epoch,x\n1\n", encoding="utf-8")
    (write_small("g") / "history.csv").unlink()
    write_small("h")

    found = {row.name: (row.status, row.reason) for row in list_runs(runs)}

    assert found == {
        "a": (
            "damaged",
            f"{runs}/a/run.json cannot be read as JSON.; Expecting property name enclosed in "
            "double quotes: line 1 column 2 (char 1)",
        ),
        "b": ("damaged", f"{runs}/b is not a run but a dataset."),
        "c": (
            "damaged",
            f"{runs}/c has run schema 99; this Lineament 0.1.0 reads 1 to 1.",
        ),
        "d": ("incomplete", "its status is 'writing'"),
        "e": ("damaged", "it lacks weights.safetensors"),
        "f": ("damaged", "history.csv cannot be read (ValueError)"),
        "g": ("damaged", "it lacks history.csv"),
        "h": ("complete", ""),
    }


def test_what_is_known_of_a_damaged_run_is_shown(write_small: WriteRun, runs: Path) -> None:
    (write_small("a") / "weights.safetensors").unlink()

    assert only(runs).value("validation_accuracy") == 0.75


@pytest.mark.parametrize("odd", [3, "x", None, [1], {"epoch": [1]}, {"epoch": None}])
def test_odd_documents_are_no_crash(write_small: WriteRun, runs: Path, odd: object) -> None:
    change(write_small("a"), chosen=odd, backbone=odd, dataset=odd, training=odd, files=odd)

    assert only(runs).name == "a"


def test_numbers_that_json_does_not_know_are_empty(write_small: WriteRun, runs: Path) -> None:
    change(write_small("a"), chosen={"epoch": 1, "validation_loss": float("nan")})

    row = only(runs)

    assert row.value("validation_loss") is None
    json.dumps(row.as_dict(), allow_nan=False)


def test_test_figures_come_from_the_report_of_the_same_graph(
    write_small: WriteRun, runs: Path
) -> None:
    report(runs / "elsewhere" / "b", write_small("a", graph=b"one"))
    write_small("b", graph=b"other")  # the report's folder has this run's name

    first, second = list_runs(runs)

    assert [first.value(name) for name in ("test_accuracy", "test_low", "test_high")] == [
        *(0.8, 0.68, 0.89)
    ]
    assert (first.value("test_photos"), first.report) == (60, runs / "elsewhere" / "b")
    assert (second.value("test_accuracy"), second.report) == (None, None)


def test_reports_beside_the_folder_are_found(write_small: WriteRun, runs: Path) -> None:
    report(runs.parent / "reports" / "x", write_small("a"))

    assert only(runs).value("test_accuracy") == 0.8


@pytest.mark.parametrize("odd", [{"split": "validation"}, {"fingerprint": "cd"}])
def test_report_of_other_photos_is_not_shown(
    write_small: WriteRun, runs: Path, odd: Mapping[str, str]
) -> None:
    report(runs / "report", write_small("a"), **odd)

    assert only(runs).value("test_accuracy") is None


def test_damaged_report_takes_nothing_from_its_run(write_small: WriteRun, runs: Path) -> None:
    report(runs / "report", write_small("a"))
    (runs / "report" / "report.json").write_text("{", encoding="utf-8")

    assert only(runs).status == "complete"


def test_real_run_and_its_report_are_matched(
    small_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    measured = evaluate(
        small_run.root, drawn_dataset, tmp_path / "report", config=EvaluateConfig(n_mistakes=0)
    )
    (tmp_path / "run").symlink_to(small_run.root)

    row = only(tmp_path)

    assert row.value("test_accuracy") == measured.headline["accuracy"].value
    assert row.value("validation_loss") == small_run.card.chosen["validation_loss"]


def test_folder_without_runs_is_an_empty_list(runs: Path) -> None:
    assert list_runs(runs) == ()


def test_absent_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        list_runs(tmp_path / "nowhere")

    assert str(caught.value) == (
        f"{tmp_path / 'nowhere'} cannot be listed: No such file or directory.\n"
        "  fix: Name a folder that has runs below it."
    )


def test_folder_that_may_not_be_entered_is_a_row(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (runs / "secret").mkdir()
    whole = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "secret":
            raise PermissionError(13, "Permission denied")
        return whole(path)

    monkeypatch.setattr(os, "scandir", scandir)

    assert [(row.name, row.reason) for row in list_runs(runs)] == [
        ("secret", "it may not be looked into")
    ]
