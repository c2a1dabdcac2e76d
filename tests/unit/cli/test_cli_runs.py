"""``lineament runs``: the table that a person reads, and the document that a program does."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lineament.artifacts.run import RunCard, write_run
from lineament.imaging.preprocess import Preprocessing

Called = tuple[int, str, str]
Call = Callable[..., Called]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Give ``write("a", loss=0.4, backbone=..., **recipe)``: a run of a few bytes."""

    def write(
        name: str,
        *,
        loss: float = 0.4,
        backbone: str = "resnet18",
        mode: str = "finetune",
        **recipe: object,
    ) -> Path:
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        for file in ("graph.onnx", "weights.safetensors"):
            (folder / file).write_bytes(name.encode())
        preprocessing = Preprocessing(
            size_px=32, fit="squash", interpolation="bicubic", mean=(0.5,) * 3, std=(0.5,) * 3
        )
        card = RunCard(
            mode=mode,
            classes=("cat", "dog"),
            preprocessing=preprocessing,
            temperature=1.0,
            backbone={"name": backbone, "weights": "none"},
            recipe={"learning_rate": 1e-3, **recipe},
            dataset={"name": "pets", "fingerprint": "ab"},
            seed=0,
            chosen={"epoch": 1, "validation_loss": loss},
            versions={},
            machine={},
            training={"seconds": 12.5, "stopped": "epochs"},
        )
        write_run(
            folder, card, [{"epoch": 1, "validation_loss": loss, "validation_accuracy": 1 - loss}]
        )
        return folder

    return write


def measured(run: Path) -> None:
    """Write the report of a run beside it."""
    graph = json.loads((run / "run.json").read_text(encoding="utf-8"))["files"]["graph.onnx"]
    folder = run.parent / "reports" / run.name
    folder.mkdir(parents=True)
    document = {
        "kind": "report",
        "subject": {"sha256": graph},
        "dataset": {"fingerprint": "ab"},
        "split": "test",
        "n_images": 60,
        "headline": {"accuracy": {"value": 0.8, "low": 0.68, "high": 0.89}},
    }
    (folder / "report.json").write_text(json.dumps(document), encoding="utf-8")


def listed(call: Call, folder: Path, *flags: object) -> Mapping[str, object]:
    code, out, err = call("runs", folder, "--json", *flags)
    assert code == 0, err
    document: Mapping[str, object] = json.loads(out)
    return document


def test_table_has_what_differs_as_columns_and_what_does_not_above(
    write: Callable[..., Path], call: Call, tmp_path: Path
) -> None:
    measured(write("a", loss=0.25))
    write("b/deep", loss=0.5, backbone="efficientnet_lite0")

    code, out, err = call("runs", tmp_path / "runs")

    assert (code, out) == (
        0,
        "the same in all: status complete, mode finetune, weights none, dataset pets,\n"
        "  seed 0, epochs 1, seconds 12.5, stopped epochs\n"
        "                            validation  validation                     test\n"
        "name    backbone                  loss    accuracy                 accuracy\n"
        "a       resnet18                0.2500      0.7500  0.8000 (0.680 to 0.890)\n"
        "b/deep  efficientnet_lite0      0.5000      0.5000\n",
    )
    runs = tmp_path / "runs"
    assert err == f"next: lineament curves {runs / 'a'} {runs / 'b/deep'} --out curves.html\n"


def test_no_line_is_longer_than_a_page(
    write: Callable[..., Path], call: Call, tmp_path: Path
) -> None:
    for number, (mode, backbone) in enumerate(
        (mode, backbone)
        for mode in ("scratch", "finetune")
        for backbone in ("sface", "mobilenetv2_100")
    ):
        measured(
            write(f"{backbone}-{mode}-s{number}", loss=0.1 * number, mode=mode, backbone=backbone)
        )
    (tmp_path / "runs" / ".x.training").mkdir()
    (tmp_path / "runs" / ".x.training" / "checkpoint.pt").write_bytes(b"")

    _, out, _ = call("runs", tmp_path / "runs")

    assert max(map(len, out.splitlines())) <= 80
    assert "left out for width, see `--columns`: stopped, weights, dataset, seconds, epochs" in out


def test_columns_that_are_asked_for_are_all_shown(
    write: Callable[..., Path], call: Call, tmp_path: Path
) -> None:
    write("a", optimiser="adamw")
    write("b", optimiser="sgd", flip=True)

    _, out, _ = call("runs", tmp_path / "runs", "--columns", "optimiser, learning_rate,flip")

    assert out == (
        "name  optimiser  learning_rate  flip\n"
        "a     adamw              0.001\n"
        "b     sgd                0.001  yes\n"
    )


def test_field_that_orders_is_shown(write: Callable[..., Path], call: Call, tmp_path: Path) -> None:
    write("a", learning_rate=0.1)
    write("b", learning_rate=0.2)

    _, out, _ = call("runs", tmp_path / "runs", "--sort", "learning_rate", "--reverse")

    assert out.splitlines()[-3:] == [
        "name  learning_rate",
        "b               0.2",
        "a               0.1",
    ]


def test_runs_are_filtered_ordered_and_limited(
    write: Callable[..., Path], call: Call, tmp_path: Path
) -> None:
    for name, loss in (("a", 0.4), ("b", 0.1), ("c", 0.3), ("d", 0.2)):
        write(name, loss=loss, optimiser="sgd" if name == "b" else "adamw")
    flags = ("--where", "optimiser=adamw", "--where", "validation_loss<0.35")

    document = listed(call, tmp_path / "runs", *flags, "--sort", "validation_loss", "--limit", 1)

    assert document["found"] == 4
    assert isinstance(document["runs"], list)
    assert [each["name"] for each in document["runs"]] == ["d"]


def test_number_of_hidden_rows_is_said(
    write: Callable[..., Path], call: Call, tmp_path: Path
) -> None:
    write("a")
    write("b")

    assert call("runs", tmp_path / "runs", "--limit", 1)[1].startswith("1 of 2 runs\n")
    assert call("runs", tmp_path / "runs", "--where", "mode=head")[1] == "0 of 2 runs\n"


def test_document_has_everything_or_the_columns_asked_for(
    write: Callable[..., Path], call: Call, tmp_path: Path
) -> None:
    measured(write("a"))

    whole = listed(call, tmp_path / "runs")["runs"]
    part = listed(call, tmp_path / "runs", "--columns", "seed,chosen.epoch")["runs"]

    assert isinstance(whole, list)
    assert whole[0]["recipe"] == {"learning_rate": 1e-3}
    assert (whole[0]["test_accuracy"], whole[0]["status"]) == (0.8, "complete")
    assert part == [{"name": "a", "seed": 0, "chosen.epoch": 1}]


def test_reasons_stand_below_the_table(
    write: Callable[..., Path], call: Call, tmp_path: Path
) -> None:
    (write("a") / "graph.onnx").unlink()
    write("b")

    code, out, _ = call("runs", tmp_path / "runs", "--columns", "status")

    assert (code, out) == (
        0,
        "name  status\na     damaged\nb     complete\na is damaged: it lacks graph.onnx\n",
    )


def test_many_reasons_are_cut_short(call: Call, tmp_path: Path) -> None:
    for number in range(12):
        folder = tmp_path / "runs" / f"{number:02d}"
        folder.mkdir(parents=True)
        (folder / "run.json").write_text("{}", encoding="utf-8")

    _, out, _ = call("runs", tmp_path / "runs", "--columns", "status")

    assert out.splitlines()[-2:] == [
        f"09 is damaged: {tmp_path / 'runs' / '09'} is not a run.",
        "and 2 more that are not complete",
    ]


def test_next_command_goes_on_with_an_interrupted_training(call: Call, tmp_path: Path) -> None:
    hidden = tmp_path / "runs" / ".a.training"
    hidden.mkdir(parents=True)
    (hidden / "checkpoint.pt").write_bytes(b"")

    _, _, err = call("runs", tmp_path / "runs")

    assert err == f"next: lineament train DATASET --out {tmp_path / 'runs' / 'a'} --resume\n"


def test_folder_without_runs_says_so(call: Call, tmp_path: Path) -> None:
    code, out, err = call("runs", tmp_path)

    assert (code, out) == (0, f"no runs below {tmp_path}\n")
    assert err == f"next: lineament train DATASET --out {tmp_path / 'run'}\n"


def test_misspelt_field_is_a_usage_error(
    write: Callable[..., Path], call: Call, tmp_path: Path
) -> None:
    write("a")

    code, out, err = call("runs", tmp_path / "runs", "--sort", "validation_los")

    assert (code, out) == (2, "")
    assert err.startswith(
        "error: Runs have no field `validation_los`. Did you mean `validation_loss`?\n"
    )


def test_listing_needs_no_extra(write: Callable[..., Path], tmp_path: Path) -> None:
    write("a")
    program = (
        "import sys; from lineament.cli.application import run; "
        f"code = run(['runs', {str(tmp_path / 'runs')!r}]); "
        "heavy = {'torch', 'pyarrow', 'onnxruntime', 'optuna', 'sklearn'} & set(sys.modules); "
        "sys.exit(code or ', '.join(sorted(heavy)) or 0)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr
