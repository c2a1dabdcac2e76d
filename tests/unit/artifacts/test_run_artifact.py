"""A run opens as it was written, and only with the files that training wrote."""

import csv
import json
from pathlib import Path

import pytest

from lineament.artifacts.histograms import LayerValues, write_histograms
from lineament.artifacts.run import Run, RunCard, write_run
from lineament.core.errors import ArtifactError
from lineament.imaging.preprocess import Preprocessing

PREPROCESSING = Preprocessing(
    size_px=224,
    fit="squash",
    interpolation="bicubic",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
CARD = RunCard(
    mode="head",
    classes=("cat", 'dög, "x"'),
    preprocessing=PREPROCESSING,
    temperature=1.25,
    backbone={"name": "tiny", "licence": "MIT"},
    recipe={"epochs": 3, "rate": 0.1},
    dataset={"fingerprint": "ab"},
    seed=7,
    chosen={"epoch": 2},
    versions={"python": "3.11"},
    machine={"cores": 2},
    head={"kind": "mlp", "dropout": 0.5, "hidden": 256},
    mirrored_view=True,
)
HISTORY = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]
FIX = "\n  fix: Train again; a run is not edited by hand."


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    (folder / "predictions").mkdir(parents=True)
    (folder / "graph.onnx").write_bytes(b"graph")
    (folder / "weights.safetensors").write_bytes(b"weights")
    (folder / "predictions" / "validation.parquet").write_bytes(b"predictions")
    write_run(folder, CARD, HISTORY)
    return folder


def change(root: Path, **fields: object) -> None:
    document = json.loads((root / "run.json").read_text(encoding="utf-8"))
    (root / "run.json").write_text(json.dumps({**document, **fields}), encoding="utf-8")


def refusal(root: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        Run.open(root)
    return str(caught.value)


def test_round_trip_keeps_the_card(root: Path) -> None:
    assert Run.open(root).card == CARD


def test_run_of_the_time_before_heads_were_stated_has_a_linear_one(root: Path) -> None:
    document = json.loads((root / "run.json").read_text(encoding="utf-8"))
    del document["head"], document["mirrored_view"], document["preprocessing"]["crop_fraction"]
    (root / "run.json").write_text(json.dumps(document), encoding="utf-8")

    card = Run.open(root).card

    assert card.head == {"kind": "linear", "dropout": 0.0}
    assert card.mirrored_view is False
    assert card.preprocessing.crop_fraction == 1.0


def test_provenance_tells_the_head_and_the_views() -> None:
    provenance = CARD.provenance()

    assert provenance["head"] == {"kind": "mlp", "dropout": 0.5, "hidden": 256}
    assert provenance["mirrored_view"] is True


def test_paths_are_inside_the_run(root: Path) -> None:
    run = Run.open(root)

    assert run.graph_path.read_bytes() == b"graph"
    assert run.weights_path.read_bytes() == b"weights"


def test_history_is_a_table_with_a_row_per_epoch(root: Path) -> None:
    with (root / "history.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["epoch", "loss"], ["1", "0.5"], ["2", "0.25"]]


def test_every_file_is_listed_with_its_hash(root: Path) -> None:
    document = json.loads((root / "run.json").read_text(encoding="utf-8"))

    assert list(document["files"]) == [
        "graph.onnx",
        "history.csv",
        "predictions/validation.parquet",
        "weights.safetensors",
    ]
    assert (document["kind"], document["status"]) == ("run", "complete")


@pytest.mark.parametrize("file", ["graph.onnx", "history.csv", "predictions/validation.parquet"])
def test_changed_file_is_refused(file: str, root: Path) -> None:
    with (root / file).open("ab") as changed:
        changed.write(b"x")

    assert refusal(root) == (
        f"{root} has files that are absent or are not those that training wrote.\n"
        f"  at:  {file}" + FIX
    )


@pytest.mark.parametrize("file", ["graph.onnx", "weights.safetensors"])
def test_absent_file_is_refused(file: str, root: Path) -> None:
    (root / file).unlink()

    assert refusal(root) == (
        f"{root} has files that are absent or are not those that training wrote.\n"
        f"  at:  {file}" + FIX
    )


def test_folder_without_a_card_is_no_run(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (
        f"{tmp_path} is not a run: it has no run.json.\n"
        "  fix: Name the folder of a run that Lineament wrote."
    )


def test_newer_schema_is_refused(root: Path) -> None:
    change(root, schema_version=2)

    assert refusal(root) == (
        f"{root} has run schema 2; this Lineament 0.1.0 reads 1 to 1.\n"
        "  fix: Install the version of Lineament that wrote it, or a newer one."
    )


def test_other_kind_is_refused(root: Path) -> None:
    change(root, kind="dataset")

    assert refusal(root) == (
        f"{root} is not a run but a dataset.\n  fix: Name a run that Lineament wrote."
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("classes", ["cat", 3]),
        ("classes", "cat"),
        ("temperature", "1"),
        ("temperature", None),
        ("seed", 1.5),
        ("backbone", []),
        ("head", []),
        ("head", None),
        ("mirrored_view", 1),
        ("mirrored_view", None),
        ("mode", None),
        ("files", None),
        ("preprocessing", {}),
        ("preprocessing", None),
    ],
)
def test_damaged_field_is_refused(field: str, value: object, root: Path) -> None:
    change(root, **{field: value})

    refusal(root)


def test_unfinished_run_is_refused(root: Path) -> None:
    change(root, status="running")

    refusal(root)


def test_run_whose_graph_is_not_vouched_for_is_refused(root: Path) -> None:
    change(root, files={})
    (root / "graph.onnx").unlink()

    refusal(root)


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan"), float("inf")])
def test_temperature_that_cannot_be_is_refused(temperature: float, root: Path) -> None:
    change(root, temperature=temperature)

    refusal(root)


def test_all_changed_files_are_named_in_one_error(root: Path) -> None:
    (root / "graph.onnx").unlink()
    (root / "weights.safetensors").unlink()

    text = refusal(root)
    assert "graph.onnx" in text
    assert "weights.safetensors" in text


def test_history_reads_back_as_numbers_and_empty_cells_as_none(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("graph.onnx", "weights.safetensors"):
        (folder / name).write_bytes(b"there")
    write_run(
        folder,
        CARD,
        [{"epoch": 0, "loss": None, "done": False}, {"epoch": 1, "loss": 0.25, "done": True}],
    )

    assert Run.open(folder).history() == (
        {"epoch": 0.0, "loss": None, "done": 0.0},
        {"epoch": 1.0, "loss": 0.25, "done": 1.0},
    )


def test_history_that_holds_words_is_refused(root: Path) -> None:
    run = Run.open(root)
    (root / "history.csv").write_text("epoch,loss\n1,low\n", encoding="utf-8")

    with pytest.raises(ArtifactError) as caught:
        run.history()

    assert str(caught.value) == (
        f"{root / 'history.csv'} cannot be read (could not convert string to float: 'low').\n"
        "  fix: Train again."
    )


def test_layers_read_back_as_they_were_written(root: Path) -> None:
    layers = (
        LayerValues(
            epoch=1,
            layer="head.weight",
            kind="parameter",
            low=-0.5,
            high=1.5,
            counts=(3, 0, 5),
            rms=0.7,
            zero_fraction=0.125,
            update_ratio=1e-3,
        ),
        LayerValues(
            epoch=1,
            layer="head.weight",
            kind="gradient",
            low=0.0,
            high=0.0,
            counts=(8,),
            rms=0.0,
            zero_fraction=1.0,
        ),
    )
    write_histograms(root / "histograms.parquet", layers)

    assert Run.open(root).layers() == layers


def test_run_without_recorded_layers_has_none(root: Path) -> None:
    assert Run.open(root).layers() == ()


def test_damaged_histograms_are_refused(root: Path) -> None:
    (root / "histograms.parquet").write_bytes(b"PAR1")

    with pytest.raises(ArtifactError) as caught:
        Run.open(root).layers()

    assert str(caught.value) == (
        f"{root / 'histograms.parquet'} cannot be read (ArrowInvalid).\n  fix: Train again."
    )


def test_edges_of_equal_bins_end_at_the_largest_value() -> None:
    layer = LayerValues(
        epoch=1,
        layer="bias",
        kind="gradient",
        low=-1.0,
        high=3.0,
        counts=(1, 1, 2, 0),
        rms=1.0,
        zero_fraction=0.0,
    )

    assert layer.edges == (-1.0, 0.0, 1.0, 2.0, 3.0)
