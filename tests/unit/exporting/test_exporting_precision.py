"""A faster arithmetic is measured on validation photos, and refused where it costs too much."""

import dataclasses
import importlib.util
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from lineament.artifacts.bundle import BundleCard, read_bundle
from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import Run
from lineament.core.errors import ArtifactError, GateError
from lineament.exporting import precision, refusing
from lineament.exporting.config import ExportConfig
from lineament.exporting.export import export
from lineament.exporting.quantising import Harm, Quantiser
from lineament.exporting.validating import Validation
from lineament.imaging.decode import decode
from lineament.runtime.engines import Engine, OnnxRuntimeEngine
from lineament.runtime.predictor import Predictor
from lineament.runtime.proving import Proof
from lineament.runtime.verifying import verify

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="openvino is not installed"
)


@pytest.fixture(scope="module")
def photos(drawn_dataset: Dataset) -> list[NDArray[np.uint8]]:
    return [decode(drawn_dataset.path(each)) for each in drawn_dataset.samples("validation")]


@pytest.fixture(scope="module")
def quantiser(small_run: Run, photos: list[NDArray[np.uint8]]) -> Quantiser:
    return Quantiser(small_run.graph_path.read_bytes(), photos)


@pytest.fixture(scope="module")
def int8(small_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("int8") / "m.onnx"
    # Three classes on a random network of few channels: the gate itself is tested below.
    export(small_run, path, config=ExportConfig(precision="int8", max_drop=20.0))
    return path


def kinds(graph: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_model_from_string(graph).graph.node]


def embeddings(graph: bytes, photos: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    engine = OnnxRuntimeEngine(graph, name="m")
    return np.concatenate([engine.run(photo[None], ["embedding"])[0] for photo in photos])


def test_quantised_graph_computes_almost_the_same(
    quantiser: Quantiser, photos: list[NDArray[np.uint8]]
) -> None:
    exact = embeddings(quantiser.exact, photos)
    changed = embeddings(quantiser.graph(), photos)

    assert np.abs(changed - exact).max() > 0
    similar = [np.corrcoef(one, other)[0, 1] for one, other in zip(changed, exact, strict=True)]
    assert min(similar) > 0.95


def test_layers_that_are_kept_stay_as_they_were(quantiser: Quantiser) -> None:
    everything = kinds(quantiser.graph()).count("QuantizeLinear")
    kept = kinds(quantiser.graph(kept=quantiser.layers[:2])).count("QuantizeLinear")

    assert 0 < kept < everything
    assert len(quantiser.layers) > 5


def test_head_and_resize_stay_in_float32(quantiser: Quantiser) -> None:
    exact = onnx.load_model_from_string(quantiser.exact)
    changed = onnx.load_model_from_string(quantiser.graph())
    weights = {each.name: each for each in changed.graph.initializer}

    for each in exact.graph.initializer:
        if each.name.startswith("lineament/"):
            mine, theirs = (onnx.numpy_helper.to_array(one) for one in (weights[each.name], each))
            assert np.array_equal(mine, theirs)


def test_harms_are_of_every_layer_and_fall(quantiser: Quantiser) -> None:
    harms = quantiser.harms()

    assert {harm.layer for harm in harms} == set(quantiser.layers)
    assert [harm.difference for harm in harms] == sorted(
        (harm.difference for harm in harms), reverse=True
    )
    # A layer of a random network whose output a ReLU takes away does no harm.
    assert harms[0].difference > harms[-1].difference >= 0


def test_bundle_in_int8_states_what_it_costs(int8: Path, drawn_dataset: Dataset) -> None:
    _, card = read_bundle(int8)
    found = card.precision

    assert found is not None
    assert (found.arithmetic, card.arithmetic) == ("int8", "int8")
    assert found.photos == len(drawn_dataset.samples("validation"))
    answers = Predictor(int8).predict_split(drawn_dataset, "validation")
    accuracy = float((answers.answers == answers.labels).mean())
    assert min(accuracy, found.accuracy) > 0.5
    assert found.drop == pytest.approx(100 * (found.exact_accuracy - found.accuracy))
    if found.engine.startswith("ONNX Runtime"):
        assert found.accuracy == accuracy


def test_bundle_in_int8_is_another_model_than_its_run(int8: Path, small_bundle: Path) -> None:
    _, card = read_bundle(int8)
    _, exact = read_bundle(small_bundle)

    assert card.provenance["graph_sha256"] == card.content_sha256 != exact.content_sha256
    assert card.backbone_sha256 != exact.backbone_sha256
    assert card.parity["exact"] == exact.parity


def test_bundle_in_int8_is_proved_by_its_own_answers(int8: Path) -> None:
    found = verify(int8)

    assert found.passed
    assert [proof.engine.rpartition(", ")[2] for proof in found.proofs] == ["int8"] * len(
        found.proofs
    )
    assert found.proofs[0].largest == 0.0  # ONNX Runtime gave the answers that travel in it


def test_ever_more_layers_are_kept_until_little_enough_is_lost(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    measured = Validation.measured

    def bad_at_first(self: Validation, *args: object, **kwargs: object) -> object:
        found = measured(self, *args, **kwargs)  # type: ignore[arg-type]  # passed through
        kept.append(len(found.kept))
        lost = 0.3 if len(found.kept) < 4 else 0.0
        return dataclasses.replace(found, accuracy=found.exact_accuracy - lost)

    monkeypatch.setattr(Validation, "measured", bad_at_first)
    monkeypatch.setattr(precision, "HARMFUL", 1e9)
    monkeypatch.setattr(precision, "MAX_DIFFERENCE", 1.0)  # no layer at all is kept at first
    monkeypatch.setattr(refusing, "LEAST_SHARE", 0.0)

    card = export(small_run, tmp_path / "m.onnx", config=ExportConfig(precision="int8"))

    assert list(dict.fromkeys(kept)) == [0, 1, 2, 4]
    assert card.precision is not None
    assert len(card.precision.kept) == 4


def test_precision_that_costs_too_much_is_refused_with_the_layers_to_blame(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = Validation.measured

    def bad(self: Validation, *args: object, **kwargs: object) -> object:
        found = measured(self, *args, **kwargs)  # type: ignore[arg-type]  # passed through
        return dataclasses.replace(found, accuracy=0.5, exact_accuracy=0.75)

    harms = [Harm(layer=f"Conv_{n}", difference=1 / (n + 1)) for n in range(8)]
    monkeypatch.setattr(Validation, "measured", bad)
    monkeypatch.setattr(Quantiser, "harms", lambda self, progress: harms)

    with pytest.raises(GateError) as caught:
        export(small_run, tmp_path / "m.onnx", config=ExportConfig(precision="int8"))

    assert caught.value.what == (
        "The bundle was not exported in int8: that costs 25.00 points of accuracy on 30 validation "
        "photos (from 75.00 to 50.00 %), more than `max_drop` allows (0.5)."
    )
    assert caught.value.at[:2] == (
        "Conv_0 (moves embeddings by 100 %)",
        "Conv_1 (moves embeddings by 50 %)",
    )
    assert list(tmp_path.iterdir()) == []


def disagree(monkeypatch: pytest.MonkeyPatch, *, until: int) -> None:
    """Let OpenVINO answer one golden photo otherwise until so many layers are kept."""

    def proved(card: BundleCard, engine: Engine) -> Proof:
        assert card.precision is not None
        off = 0.4 if len(card.precision.kept) < until else 0.02
        return Proof(
            engine=engine.title,
            differences={"usual": 0.0, "wide": off},
            familiarity_differences={},
            allowed=card.allowed_difference,
        )

    monkeypatch.setattr(precision, "prove", proved)
    monkeypatch.setattr(precision, "HARMFUL", 1e9)  # no layer at all is kept at first
    monkeypatch.setattr(refusing, "LEAST_SHARE", 0.0)


@needs_openvino
def test_ever_more_layers_are_kept_until_engines_agree(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disagree(monkeypatch, until=2)
    config = ExportConfig(precision="int8", max_drop=100.0)

    card = export(small_run, tmp_path / "m.onnx", config=config)

    assert card.precision is not None
    assert len(card.precision.kept) == 2
    engines = card.parity["engines"]
    assert isinstance(engines, dict)
    (stated,) = engines.values()
    assert stated["largest_difference"] == 0.02
    assert set(stated["validation"]) == {"agreement", "largest_difference"}
    assert 0.5 < stated["validation"]["agreement"] <= 1.0


@needs_openvino
def test_layer_that_another_engine_alone_gets_wrong_is_kept_first(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = ["Conv_0", "Conv_1", "Conv_2", "Conv_3"]
    ours = [Harm(layer=name, difference=0.04 - n / 100) for n, name in enumerate(layers)]
    theirs = [Harm(layer="Conv_3", difference=0.9), Harm(layer="Conv_0", difference=0.03)]
    seen: list[tuple[str, ...]] = []
    tried = precision._tried

    def noted(*args: object) -> object:
        seen.append(args[-1])  # type: ignore[arg-type]  # the names that are kept
        return tried(*args)  # type: ignore[arg-type]  # passed through

    disagree(monkeypatch, until=2)
    monkeypatch.setattr(
        Quantiser, "harms", lambda self, opened=None, progress=None: theirs if opened else ours
    )
    monkeypatch.setattr(precision, "_tried", noted)
    config = ExportConfig(precision="int8", max_drop=100.0)

    export(small_run, tmp_path / "m.onnx", config=config)

    assert seen == [(), ("Conv_3",), ("Conv_3", "Conv_0")]


@needs_openvino
def test_engines_that_never_agree_are_refused_with_photos_and_layers(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disagree(monkeypatch, until=1000)
    harms = [Harm(layer=f"Conv_{n}", difference=1 / (n + 1)) for n in range(8)]
    monkeypatch.setattr(Quantiser, "harms", lambda self, **_: harms)

    with pytest.raises(GateError) as caught:
        export(
            small_run, tmp_path / "m.onnx", config=ExportConfig(precision="int8", max_drop=100.0)
        )

    assert caught.value.what == (
        "The bundle was not exported in int8: engines answer the golden photos differently, by "
        "more than 0.25 in a probability, also with 4 of 8 layers in float32."
    )
    assert caught.value.at[0].startswith("wide (0.4) by OpenVINO ")
    assert caught.value.at[1] == "Conv_0 (moves embeddings by 100 %)"
    assert list(tmp_path.iterdir()) == []


def test_share_between_integers_is_in_the_card(int8: Path) -> None:
    _, card = read_bundle(int8)

    share = card.provenance["int8_share"]
    assert isinstance(share, float)
    assert 0.5 <= share <= 1.0


@needs_openvino
def test_bundle_for_bfloat16_has_the_exact_graph(
    small_run: Run, small_bundle: Path, tmp_path: Path
) -> None:
    config = ExportConfig(precision="bf16", max_drop=20.0)
    card = export(small_run, tmp_path / "m.onnx", config=config)

    graph, exact = read_bundle(small_bundle)
    assert read_bundle(tmp_path / "m.onnx") == (graph, card)
    assert card.golden == exact.golden
    assert card.precision is not None
    assert (card.arithmetic, card.precision.engine.rpartition(", ")[2]) == ("bf16", "bf16")


def moved(run: Run, folder: Path, path: Path) -> Run:
    """A copy of a run that names another dataset."""
    copy = shutil.copytree(run.root, folder / "run")
    document = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    document["dataset"]["path"] = str(path)
    (copy / "run.json").write_text(json.dumps(document), encoding="utf-8")
    return Run.open(copy)


def test_dataset_that_is_gone_is_said(small_run: Run, tmp_path: Path) -> None:
    run = moved(small_run, tmp_path, tmp_path / "gone")

    with pytest.raises(ArtifactError) as caught:
        export(run, tmp_path / "m.onnx", config=ExportConfig(precision="int8"))

    assert str(caught.value) == (
        f"{run.root} was trained on {tmp_path}/gone, which is gone; its validation photos are "
        "wanted.\n"
        "  fix: Name the dataset that the run was trained on with `--dataset DATASET`."
    )


def test_other_dataset_than_the_runs_is_refused(
    small_run: Run, tmp_path: Path, drawn_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = dataclasses.replace(drawn_dataset, fingerprint="another")
    monkeypatch.setattr(Dataset, "open", lambda root: other)

    with pytest.raises(ArtifactError) as caught:
        export(small_run, tmp_path / "m.onnx", config=ExportConfig(precision="int8"))

    assert caught.value.what == f"{drawn_dataset.root} is not what {small_run.root} was trained on."


def test_dataset_may_be_named(
    small_run: Run, tmp_path: Path, drawn_dataset: Dataset, int8: Path
) -> None:
    run = moved(small_run, tmp_path, tmp_path / "gone")
    config = ExportConfig(precision="int8", max_drop=20.0, dataset=str(drawn_dataset.root))

    card: BundleCard = export(run, tmp_path / "m.onnx", config=config)

    assert card.content_sha256 == read_bundle(int8)[1].content_sha256
