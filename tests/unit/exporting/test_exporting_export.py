"""A bundle is its run's graph with a card, and is only made when PyTorch says the same."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file, save_file

from lineament.artifacts.bundle import METADATA_KEY, BundleCard, read_bundle, read_card
from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import Run
from lineament.core.errors import ArtifactError, GateError, UsageError
from lineament.core.files import sha256_file
from lineament.exporting import export as exporting
from lineament.exporting.config import ExportConfig
from lineament.exporting.export import export
from lineament.exporting.golden import golden_files
from lineament.imaging.decode import decode
from lineament.measure.familiarity import Familiarity
from lineament.models.head_graph import familiarity_of
from lineament.runtime.engines import OnnxRuntimeEngine


@pytest.fixture(scope="module")
def engine(small_bundle: Path) -> OnnxRuntimeEngine:
    return OnnxRuntimeEngine(small_bundle, name="bundle")


@pytest.fixture(scope="module")
def card(engine: OnnxRuntimeEngine) -> BundleCard:
    return read_card(engine.metadata, name="bundle")


@pytest.fixture
def copied(small_run: Run, tmp_path: Path) -> Path:
    """A copy of the run, to be tampered with."""
    return shutil.copytree(small_run.root, tmp_path / "run")


def vouch(run: Path) -> None:
    """Make the run's hashes those of its files again, as one who tampers with care would."""
    document = json.loads((run / "run.json").read_text(encoding="utf-8"))
    document["files"] = {name: sha256_file(run / name) for name in document["files"]}
    (run / "run.json").write_text(json.dumps(document), encoding="utf-8")


def change_weights(run: Path, value: float) -> None:
    tensors = load_file(run / "weights.safetensors")
    tensors["backbone.network.conv1.0.weight"] = torch.full((16, 3, 3, 3), value)
    save_file(tensors, run / "weights.safetensors")
    vouch(run)


def test_bundle_is_a_valid_onnx_file(small_bundle: Path) -> None:
    onnx.checker.check_model(onnx.load(small_bundle), full_check=True)


def test_bundle_answers_as_the_run_that_was_evaluated_bit_for_bit(
    engine: OnnxRuntimeEngine, small_run: Run, drawn_dataset: Dataset
) -> None:
    run = OnnxRuntimeEngine(small_run.graph_path, name="run")
    for sample in drawn_dataset.samples("test"):
        image = decode(drawn_dataset.path(sample))[None]
        outputs = ["probabilities", "embedding", "activation"]

        for mine, theirs in zip(engine.run(image, outputs), run.run(image, outputs), strict=True):
            assert np.array_equal(mine, theirs)


def test_bundle_is_the_runs_graph_and_its_metadata_alone(
    small_bundle: Path, small_run: Run
) -> None:
    bundle = onnx.load(small_bundle)
    assert [entry.key for entry in bundle.metadata_props] == [METADATA_KEY]

    del bundle.metadata_props[:]

    assert bundle == onnx.load(small_run.graph_path)


def test_card_states_what_the_run_states(card: BundleCard, small_run: Run) -> None:
    assert card.classes == small_run.card.classes
    assert card.preprocessing == small_run.card.preprocessing
    assert card.temperature == small_run.card.temperature
    stated = {**card.provenance}
    assert set(dict(stated.pop("exported_with"))) >= {"onnxruntime", "torch", "lineament"}  # type: ignore[call-overload]  # an object of unknown type
    assert stated.pop("graph_sha256") == sha256_file(small_run.graph_path)
    assert card.decisions == small_run.card.decisions
    assert stated == json.loads(json.dumps(small_run.card.provenance()))


def test_returned_card_is_the_one_that_was_written(
    small_run: Run, tmp_path: Path, card: BundleCard
) -> None:
    returned = export(small_run, tmp_path / "m.onnx")

    written = OnnxRuntimeEngine(tmp_path / "m.onnx", name="m")
    assert read_card(written.metadata, name="m").metadata() == returned.metadata()
    assert returned.golden == card.golden


def test_export_gives_the_same_bytes_every_time(
    small_run: Run, small_bundle: Path, tmp_path: Path
) -> None:
    export(small_run.root, tmp_path / "m.onnx")

    assert (tmp_path / "m.onnx").read_bytes() == small_bundle.read_bytes()


def test_messages_travel_in_the_bundle(small_run: Run, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("disc: Round!\n")

    export(small_run, tmp_path / "m.onnx", config=ExportConfig(messages=str(tmp_path / "m.yaml")))

    assert read_bundle(tmp_path / "m.onnx")[1].messages == {"disc": "Round!"}


def test_golden_photos_travel_with_answers_that_the_bundle_gives(
    card: BundleCard, engine: OnnxRuntimeEngine
) -> None:
    assert {photo.name: photo.data for photo in card.golden} == golden_files()
    for photo in card.golden:
        image = decode(photo.data, short_side_px=card.preprocessing.needed_short_side_px)
        answer = engine.run(image[None], ["probabilities"])[0][0]

        assert np.abs(answer - np.asarray(photo.probabilities)).max() <= 1e-3, photo.name


def test_golden_photos_are_not_all_answered_alike(card: BundleCard) -> None:
    answers = np.array([photo.probabilities for photo in card.golden])

    assert np.ptp(answers, axis=0).max() > 0.05


def test_card_says_how_far_the_engines_were_apart(card: BundleCard) -> None:
    photos = card.parity["photos"]

    assert isinstance(photos, dict)
    assert photos.keys() == golden_files().keys()
    assert card.parity["largest_difference"] == max(photos.values())
    assert max(photos.values()) < 1e-5
    assert (card.parity["against"], card.parity["allowed"]) == ("PyTorch float32", 1e-3)


def test_golden_photos_carry_the_familiarity_of_pytorch(card: BundleCard) -> None:
    stated = card.parity["familiarity"]

    assert isinstance(stated, dict)
    assert stated["allowed"] == 1e-2
    assert stated["photos"].keys() == golden_files().keys()
    assert max(stated["photos"].values()) < 1e-4
    values = [photo.familiarity for photo in card.golden]
    assert all(value is not None and 0 <= value <= 1 for value in values)


def test_a_graph_whose_familiarity_is_another_is_refused(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moved(graph: onnx.ModelProto) -> Familiarity:
        found = familiarity_of(graph)
        assert found is not None
        return dataclasses.replace(found, middle=found.middle + 3 * found.spread)

    monkeypatch.setattr(exporting, "familiarity_of", moved)

    with pytest.raises(GateError, match=r"by more than 0\.01 in familiarity"):
        export(small_run, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_bundle_names_no_path_of_the_machine_but_the_datasets(
    small_bundle: Path, small_run: Run
) -> None:
    assert b"/site-packages/" not in small_bundle.read_bytes()
    assert str(small_run.root).encode() not in small_bundle.read_bytes()


def test_what_stands_there_is_not_overwritten(small_run: Run, tmp_path: Path) -> None:
    out = tmp_path / "m.onnx"
    out.write_text("mine")

    with pytest.raises(ArtifactError) as caught:
        export(small_run, out)

    assert out.read_text() == "mine"
    assert str(caught.value) == (
        f"{out} exists; nothing was written.\n"
        "  fix: Name another `--out`, or run again with `--overwrite` to replace it."
    )


def test_what_stands_there_is_replaced_when_that_is_asked_for(
    small_run: Run, small_bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m.onnx"
    out.write_text("mine")

    export(small_run, out, overwrite=True)

    assert out.read_bytes() == small_bundle.read_bytes()


def test_folder_is_never_replaced_by_a_bundle(small_run: Run, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").mkdir()
    (tmp_path / "m.onnx" / "a.jpg").write_text("mine")

    with pytest.raises(ArtifactError, match=r"m\.onnx"):
        export(small_run, tmp_path / "m.onnx", overwrite=True)

    assert (tmp_path / "m.onnx" / "a.jpg").read_text() == "mine"


def test_name_without_the_suffix_is_refused(small_run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        export(small_run, tmp_path / "model")

    assert str(caught.value) == (
        f"A bundle's name ends in .onnx, got {tmp_path / 'model'}.\n"
        f"  fix: Use `--out {tmp_path / 'model'}.onnx`."
    )


def test_bundle_does_not_tell_where_the_photos_lay(small_bundle: Path, small_run: Run) -> None:
    assert str(small_run.card.dataset["path"]).encode() not in small_bundle.read_bytes()


@pytest.mark.parametrize("value", [0.5, float("nan")])
def test_run_whose_graph_answers_differently_is_refused_and_leaves_no_file(
    value: float, copied: Path, tmp_path: Path
) -> None:
    change_weights(copied, value)
    (tmp_path / "out").mkdir()

    with pytest.raises(GateError) as caught:
        export(copied, tmp_path / "out" / "m.onnx")

    assert caught.value.what == (
        f"{copied} was not exported: its graph answers differently from PyTorch, by more than "
        "0.001 in a probability."
    )
    assert caught.value.fix == (
        "Train again; if it happens again, report the backbone: its graph is wrong."
    )
    assert caught.value.at
    assert list((tmp_path / "out").iterdir()) == []


def test_refused_run_leaves_the_older_bundle_as_it_was(copied: Path, tmp_path: Path) -> None:
    change_weights(copied, 0.5)
    out = tmp_path / "m.onnx"
    out.write_text("older")

    with pytest.raises(GateError):
        export(copied, out, overwrite=True)

    assert out.read_text() == "older"


def test_temperature_that_the_graph_does_not_have_is_noticed(copied: Path, tmp_path: Path) -> None:
    document = json.loads((copied / "run.json").read_text(encoding="utf-8"))
    document["temperature"] = document["temperature"] * 2
    (copied / "run.json").write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(GateError):
        export(copied, tmp_path / "m.onnx")


def test_run_that_was_changed_by_hand_is_refused(copied: Path, tmp_path: Path) -> None:
    (copied / "weights.safetensors").write_bytes(b"other")

    with pytest.raises(ArtifactError) as caught:
        export(copied, tmp_path / "m.onnx")

    assert str(caught.value) == (
        f"{copied} has files that are absent or are not those that training wrote.\n"
        "  at:  weights.safetensors\n"
        "  fix: Train again; a run is not edited by hand."
    )


def test_parents_of_the_target_are_made(small_run: Run, tmp_path: Path) -> None:
    export(small_run, tmp_path / "a" / "b" / "m.onnx")

    assert (tmp_path / "a" / "b" / "m.onnx").is_file()
