"""A bundle is only made when every engine answers the golden photos as PyTorch does."""

import dataclasses
import importlib.util
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from lineament.artifacts.bundle import BundleCard, read_bundle
from lineament.artifacts.run import Run
from lineament.core.errors import ArtifactError, GateError, UsageError
from lineament.core.progress import Quiet
from lineament.exporting import certificate
from lineament.exporting.certificate import certified, engines_here, photos_of
from lineament.exporting.config import ExportConfig
from lineament.exporting.export import export
from lineament.exporting.golden import golden_files
from lineament.runtime.engines import Engine, OnnxRuntimeEngine
from lineament.runtime.predictor import Predictor

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="openvino is not installed"
)


class Off:
    """An engine that is off by something."""

    title = "Off 1.0, fp32"
    metadata: dict[str, str] = {}  # noqa: RUF012  # as the protocol has it

    def __init__(self, bundle: Path, *, by: float = 0.0, familiarity_by: float = 0.0) -> None:
        self._engine = OnnxRuntimeEngine(bundle, name="m")
        self._by = {"probabilities": by, "familiarity": familiarity_by}
        self.outputs = self._engine.outputs

    def run(self, image: NDArray[np.uint8], outputs: Sequence[str]) -> list[NDArray[np.float32]]:
        found = self._engine.run(image, outputs)
        return [each + self._by[name] for each, name in zip(found, outputs, strict=True)]


@pytest.fixture(scope="module")
def card(small_bundle: Path) -> BundleCard:
    return read_bundle(small_bundle)[1]


def test_bundle_states_what_every_engine_answered(card: BundleCard) -> None:
    engines = card.parity["engines"]

    assert isinstance(engines, dict)
    assert next(iter(engines)).startswith("ONNX Runtime ")
    for stated in engines.values():
        assert set(stated["photos"]) == {photo.name for photo in card.golden}
        assert stated["largest_difference"] == max(stated["photos"].values()) < 1e-3


def test_engine_within_the_limits_is_written_down(card: BundleCard, small_bundle: Path) -> None:
    found = certified(card, [Off(small_bundle, by=0.0009)], name="run")

    stated = found.parity["engines"]
    assert isinstance(stated, dict)
    assert stated["Off 1.0, fp32"]["largest_difference"] == pytest.approx(0.0009, abs=2e-5)
    assert found == dataclasses.replace(card, parity=found.parity)


@pytest.mark.parametrize(
    ("by", "familiarity_by", "first"),
    [
        (0.0011, 0.0, "usual (0.0011) by Off 1.0, fp32"),
        (0.0, 0.02, "usual (familiarity 0.02) by Off 1.0, fp32"),
        (float("nan"), 0.0, "usual (nan) by Off 1.0, fp32"),
    ],
)
def test_engine_beyond_the_limits_ends_the_export(
    by: float, familiarity_by: float, first: str, card: BundleCard, small_bundle: Path
) -> None:
    with pytest.raises(GateError) as caught:
        certified(card, [Off(small_bundle, by=by, familiarity_by=familiarity_by)], name="run")

    assert caught.value.what == (
        "run was not exported: an engine answers the golden photos differently, by more than 0.001 "
        "in a probability or 0.01 in familiarity."
    )
    assert caught.value.at[0] == first
    assert len(caught.value.at) == len(card.golden)


def unreadable() -> bytes:
    """A graph with an operator that ONNX Runtime has and OpenVINO lacks."""
    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Det", ["pixels"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "determinants",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", "D"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    content: bytes = model.SerializeToString()
    return content


@needs_openvino
def test_engine_that_lacks_an_operator_is_named_with_it() -> None:
    found = engines_here(unreadable(), arithmetic="fp32")

    assert [engine.title.split()[0] for engine in found.able] == ["ONNX"]
    ((title, reason),) = found.unable.items()
    assert (title.split()[0], title.split()[-1]) == ("OpenVINO", "fp32")
    assert reason == "No conversion rule found for operations: Det-18"


class Told(Quiet):
    """What the person was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@needs_openvino
def test_bundle_ships_for_the_engines_that_can_run_it(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(*args: object, **kwargs: object) -> Engine:
        raise ArtifactError("no", fix="none") from RuntimeError(" -- No rule for: Det-18\nAdvice\n")

    monkeypatch.setattr(certificate, "OpenVinoEngine", lacking)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "9.9")
    progress = Told()
    export(small_run, tmp_path / "m.onnx", progress=progress)

    _, card = read_bundle(tmp_path / "m.onnx")
    engines = card.parity["engines"]
    assert isinstance(engines, dict)
    (proved,) = engines
    assert proved.startswith("ONNX Runtime ")
    assert card.parity["unable"] == {"OpenVINO 9.9, fp32": "No rule for: Det-18"}
    assert progress.notes[-1] == (
        "OpenVINO 9.9, fp32 cannot run this graph (No rule for: Det-18); the bundle is proved for "
        f"{proved} alone"
    )


def test_card_of_engines_that_all_run_it_names_none_that_cannot(card: BundleCard) -> None:
    assert "unable" not in card.parity


def test_photo_that_was_named_travels_in_the_bundle(
    small_run: Run, tmp_path: Path, draw_photo: Callable[..., NDArray[np.uint8]]
) -> None:
    photo = tmp_path / "mine.png"
    Image.fromarray(draw_photo(5, 50, 40)).save(photo)

    export(small_run, tmp_path / "m.onnx", config=ExportConfig(golden=(str(photo),)))

    _, card = read_bundle(tmp_path / "m.onnx")
    assert card.golden[-1].name == "mine.png"
    assert card.golden[-1].data == photo.read_bytes()
    (answer,) = Predictor(tmp_path / "m.onnx").predict([photo])
    assert answer.probabilities is not None
    assert np.abs(answer.probabilities - card.golden[-1].probabilities).max() < 1e-3


def test_golden_photo_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        photos_of([str(tmp_path / "no.jpg")])

    assert str(caught.value) == (
        f"{tmp_path}/no.jpg cannot be a golden photo (no such file).\n  fix: Name a photo."
    )


def test_two_golden_photos_of_one_name_are_refused(
    tmp_path: Path, draw_photo: Callable[..., NDArray[np.uint8]]
) -> None:
    files = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        files.append(tmp_path / folder / "photo.png")
        Image.fromarray(draw_photo(1, 9, 9)).save(files[-1])

    with pytest.raises(UsageError) as caught:
        photos_of([str(file) for file in files])

    assert str(caught.value) == (
        "Two golden photos are called photo.png.\n  fix: Give each a name of its own."
    )
    assert list(photos_of([])) == list(golden_files())


def test_torchscript_is_asked_for_in_float32_alone() -> None:
    with pytest.raises(UsageError) as caught:
        ExportConfig(format="torchscript", precision="int8")

    assert str(caught.value) == (
        "TorchScript is exported in fp32 alone, not in int8.\n"
        "  fix: Leave the precision out, or export to onnx."
    )


def test_card_is_json(card: BundleCard) -> None:
    assert json.loads(json.dumps(card.as_dict()))["content_sha256"] == card.content_sha256
