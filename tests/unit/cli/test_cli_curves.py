"""``lineament curves``: what it says, what it writes, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lineament.artifacts.run import RunCard, write_run
from lineament.imaging.preprocess import Preprocessing

Called = tuple[int, str, str]
Call = Callable[..., Called]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Give ``write("a", 0.4)``: the name of a run of a few bytes with this validation loss."""

    def write(name: str, loss: float, *, path: str | None = None) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        for file in ("graph.onnx", "weights.safetensors"):
            (folder / file).write_bytes(b"bytes")
        card = RunCard(
            mode="finetune",
            classes=("cat", "dog"),
            preprocessing=Preprocessing(
                size_px=32, fit="squash", interpolation="bicubic", mean=(0.5,) * 3, std=(0.5,) * 3
            ),
            temperature=1.0,
            backbone={"name": "tiny", "tag": "random"},
            recipe={"learning_rate": loss},
            dataset={
                "name": "pets",
                "fingerprint": "ab",
                "path": path,
                "photos": {"validation": 20},
            },
            seed=3,
            chosen={"epoch": 1, "validation_loss": loss},
            versions={},
            machine={},
            training={"stopped": "epochs"},
        )
        rows: list[dict[str, object]] = [
            {"epoch": 0, "train_loss": None, "validation_loss": 0.7, "validation_accuracy": 0.5},
            {"epoch": 1, "train_loss": 0.3, "validation_loss": loss, "validation_accuracy": 0.9},
        ]
        write_run(folder, card, rows)
        return Path(name)

    return write


def test_one_run_is_drawn(call: Call, write: Callable[..., Path]) -> None:
    assert call("curves", write("run", 0.4), "--out", "curves.html") == (
        0,
        "curves.html: 1 training\n"
        "  run: validation loss 0.4000, accuracy 0.9000 (0.6990 to 0.9721); kept epoch 1 of 1\n",
        "next: lineament evaluate run DATASET --out report\n",
    )
    assert Path("curves.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_next_command_names_the_dataset_where_it_still_is(
    call: Call, write: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "my pets").mkdir()

    _, _, err = call("curves", write("run", 0.4, path="my pets"), "--out", "curves.html")
    assert err == "next: lineament evaluate run 'my pets' --out report\n"


def test_several_runs_are_listed_from_the_least_loss(
    call: Call, write: Callable[..., Path]
) -> None:
    code, out, err = call(
        "curves", write("worse", 0.5), write("sub/better", 0.4), "--out", "curves.html"
    )

    assert code == 0
    assert [line.split(":")[0].strip() for line in out.splitlines()] == [
        "curves.html",
        "better",
        "worse",
    ]
    assert err == "next: lineament evaluate sub/better DATASET --out sub/report\n"


def test_json_holds_what_each_reached_in_the_order_given(
    call: Call, write: Callable[..., Path]
) -> None:
    _, out, _ = call("curves", write("b", 0.5), write("a", 0.4), "--out", "c.html", "--json")

    document = json.loads(out)
    assert document["page"] == "c.html"
    assert [each["name"] for each in document["runs"]] == ["b", "a"]
    first = document["runs"][0]
    assert first["run"] == "b"
    assert (first["over"], first["kept"], first["tried"]) == ("epoch", 1, 1)
    assert (first["mode"], first["backbone"], first["seed"]) == ("finetune", "tiny", 3)
    assert first["validation_loss"] == 0.5
    assert first["validation_accuracy"]["value"] == 0.9
    assert [row["validation_loss"] for row in first["history"]] == [0.7, 0.5]


def test_a_page_is_replaced_only_when_asked(call: Call, write: Callable[..., Path]) -> None:
    run = write("run", 0.4)
    Path("curves.html").write_text("mine", encoding="utf-8")

    code, out, err = call("curves", run, "--out", "curves.html")
    assert (code, out) == (4, "")
    assert err == (
        "error: curves.html exists; nothing was written.\n"
        "  fix: Name another `--out`, or run again with `--overwrite` to replace it.\n"
    )
    assert call("curves", run, "--out", "curves.html", "--overwrite")[0] == 0


def test_no_run_at_all_is_refused(call: Call) -> None:
    code, _, err = call("curves", "--out", "curves.html")

    assert code == 2
    assert err == "error: Missing argument 'RUN...'.\n  fix: See `lineament curves --help`.\n"


def test_a_run_that_is_given_twice_is_refused(call: Call, write: Callable[..., Path]) -> None:
    run = write("run", 0.4)

    code, _, err = call("curves", run, run, "--out", "curves.html")
    assert code == 2
    assert err == ("error: A run is given twice.\n  at:  run\n  fix: Name each run once.\n")
    assert not Path("curves.html").exists()


def test_a_changed_run_is_refused(call: Call, write: Callable[..., Path]) -> None:
    run = write("run", 0.4)
    (run / "history.csv").write_text("epoch,validation_loss\n1,0.01\n", encoding="utf-8")

    code, _, err = call("curves", run, "--out", "curves.html")
    assert code == 4
    assert err == (
        "error: run has files that are absent or are not those that training wrote.\n"
        "  at:  history.csv\n"
        "  fix: Train again; a run is not edited by hand.\n"
    )


def test_without_the_extra_it_is_named(
    call: Call, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lineament.core.extras._found", lambda module: module != "jinja2")

    code, _, err = call("curves", write("run", 0.4), "--out", "curves.html")
    assert code == 5
    assert err == (
        "error: Drawing curves needs Jinja2, which is not installed.\n"
        "  fix: Install with `pip install 'lineament[report]'`.\n"
    )
