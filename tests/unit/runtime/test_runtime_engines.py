"""An engine runs graphs from pixels, and says in one sentence why it does not run the rest."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lineament.artifacts.bundle import read_bundle, with_card
from lineament.core.errors import ArtifactError, MissingExtraError
from lineament.core.executor import LocalExecutor
from lineament.runtime import choosing
from lineament.runtime.choosing import fastest_engine
from lineament.runtime.engines import OnnxRuntimeEngine
from lineament.runtime.openvino_engine import OpenVinoEngine
from lineament.runtime.predictor import Predictor

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed"
)

FIX = "\n  fix: Name a bundle made by `lineament export`."


def model(*, name: str = "image", kind: int = TensorProto.UINT8) -> onnx.ModelProto:
    """A graph that casts its input to numbers."""
    node = helper.make_node("Cast", [name], ["out"], to=TensorProto.FLOAT)
    pixels = helper.make_tensor_value_info(name, kind, ["N", "H", "W", 3])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["N", "H", "W", 3])
    return helper.make_model(
        helper.make_graph([node], "cast", [pixels], [out]),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    )


def refusal(path: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        Predictor(path)
    return str(caught.value)


def test_outputs_come_in_the_order_asked_for() -> None:
    engine = OnnxRuntimeEngine(model().SerializeToString(), name="m")
    image = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)

    (out,) = engine.run(image, ["out"])

    assert np.array_equal(out, image.astype(np.float32))


def test_metadata_is_that_of_the_file(tmp_path: Path) -> None:
    proto = model()
    helper.set_model_props(proto, {"a": "1"})
    onnx.save(proto, tmp_path / "m.onnx")

    assert OnnxRuntimeEngine(tmp_path / "m.onnx", name="m").metadata == {"a": "1"}


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\0" * 64])
def test_file_that_is_no_onnx_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)

    text = refusal(path)

    assert text == f"{path} is not an ONNX model.{FIX[:-1]}; the model comes before the photos."


def test_cut_bundle_is_refused(small_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.onnx"
    data = small_bundle.read_bytes()
    path.write_bytes(data[: len(data) // 2])

    assert refusal(path).startswith(f"{path} is not an ONNX model.")


def test_absent_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "absent.onnx"

    assert refusal(path) == f"{path} cannot be read (No such file or directory).{FIX}"


def test_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (
        f"{tmp_path} is not a run: it has no run.json.\n"
        "  fix: Name the folder of a run that Lineament wrote."
    )


def test_onnx_without_the_card_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(model(), path)

    assert refusal(path) == f"{path} is an ONNX file without Lineament's metadata.{FIX}"


@pytest.mark.parametrize(
    "other", [model(name="pixels"), model(kind=TensorProto.FLOAT)], ids=["name", "type"]
)
def test_onnx_with_another_input_is_refused(other: onnx.ModelProto) -> None:
    with pytest.raises(ArtifactError) as caught:
        OnnxRuntimeEngine(other.SerializeToString(), name="m.onnx")

    assert str(caught.value) == (
        f"m.onnx is an ONNX model, but not one that takes `image` as uint8.{FIX}"
    )


def test_graph_that_onnx_runtime_cannot_run_is_refused() -> None:
    broken = model()
    broken.graph.node[0].op_type = "Cost"

    with pytest.raises(ArtifactError, match="m is not an ONNX model that can be run ") as caught:
        OnnxRuntimeEngine(broken.SerializeToString(), name="m")

    assert str(caught.value).endswith(f").{FIX[:-1]}; the model comes before the photos.")


def test_card_on_a_graph_with_other_outputs_is_refused(small_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    _, card = read_bundle(small_bundle)
    path.write_bytes(with_card(model().SerializeToString(), card))

    assert "probabilities" in refusal(path)


def network(*, pixels: str = "pixels") -> bytes:
    """A graph as ours are: pixels on another scale, a convolution, its mean."""
    draw = np.random.default_rng(0)
    constants = {
        "third": np.float32(1 / 3),
        "kernel": draw.normal(0, 1, (4, 3, 3, 3)).astype(np.float32),
        "axes": np.array([2, 3]),
    }
    nodes = [
        helper.make_node("Transpose", ["image"], ["channels"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["channels"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["numbers", "third"], [pixels]),
        helper.make_node("Conv", [pixels, "kernel"], ["map"]),
        helper.make_node("ReduceMean", ["map", "axes"], ["embedding"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])],
        [
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 4]),
            helper.make_tensor_value_info("map", TensorProto.FLOAT, ["N", 4, "h", "w"]),
        ],
        [numpy_helper.from_array(np.asarray(each), name) for name, each in constants.items()],
    )
    made = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10, producer_name="test"
    )
    helper.set_model_props(made, {"a": "1"})
    serialised: bytes = made.SerializeToString()
    return serialised


def photos(count: int, *, height: int = 9, width: int = 7) -> NDArray[np.uint8]:
    draw = np.random.default_rng(1)
    return draw.integers(0, 256, (count, height, width, 3), dtype=np.uint8)


@needs_openvino
@pytest.mark.parametrize("size", [(3, 3), (9, 7), (40, 200)])
def test_openvino_in_fp32_answers_as_onnx_runtime(size: tuple[int, int]) -> None:
    image = photos(2, height=size[0], width=size[1])

    ours = OpenVinoEngine(network(), name="m", precision="fp32").run(image, ["map", "embedding"])
    theirs = OnnxRuntimeEngine(network(), name="m").run(image, ["map", "embedding"])

    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)


@needs_openvino
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_pixels_of_openvino_are_made_by_onnx_runtime(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = OpenVinoEngine(network(), name="m", precision=precision)
    run, asked = OnnxRuntimeEngine.run, []

    def noted(
        self: OnnxRuntimeEngine, image: NDArray[np.uint8], outputs: list[str]
    ) -> list[NDArray[np.float32]]:
        asked.append((image.shape, outputs))
        return run(self, image, outputs)

    monkeypatch.setattr(OnnxRuntimeEngine, "run", noted)

    engine.run(photos(2), ["embedding"])

    assert asked == [((1, 9, 7, 3), ["pixels"])] * 2


@needs_openvino
def test_graph_that_does_not_say_where_its_pixels_end_runs_on_openvino_alone() -> None:
    image = photos(1)
    whole = network(pixels="other")

    (ours,) = OpenVinoEngine(whole, name="m", precision="fp32").run(image, ["embedding"])
    (theirs,) = OnnxRuntimeEngine(whole, name="m").run(image, ["embedding"])

    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-3)


@needs_openvino
def test_openvino_in_bf16_stays_within_its_rounding() -> None:
    image = photos(3)

    (ours,) = OpenVinoEngine(network(), name="m", precision="bf16").run(image, ["map"])
    (theirs,) = OnnxRuntimeEngine(network(), name="m").run(image, ["map"])

    # 27 products of which each factor is off by at most 2 ** -9, and the sum once more.
    assert np.abs(ours - theirs).max() < 3 * 2.0**-9 * np.abs(theirs).max()


@needs_openvino
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_photo_gets_the_same_answer_in_any_company(precision: str) -> None:
    engine = OpenVinoEngine(network(), name="m", precision=precision)
    image = photos(24)

    (alone,) = engine.run(image[5:6], ["embedding"])
    (together,) = engine.run(image, ["embedding"])
    at_once = list(
        LocalExecutor(workers=6).map(
            lambda row: engine.run(image[row : row + 1], ["embedding"])[0][0], range(24)
        )
    )

    assert alone[0].tobytes() == together[5].tobytes()
    assert np.stack(at_once).tobytes() == together.tobytes()


@needs_openvino
def test_openvino_has_answered_once_before_threads_can_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answers of a process, asked for by several threads at once, may never come."""
    asked: list[tuple[str, ...]] = []
    run = OpenVinoEngine.run

    def counted(
        self: OpenVinoEngine, image: NDArray[np.uint8], outputs: tuple[str, ...]
    ) -> list[NDArray[np.float32]]:
        asked.append(outputs)
        return run(self, image, outputs)

    monkeypatch.setattr(OpenVinoEngine, "run", counted)

    OpenVinoEngine(network(), name="m")

    assert asked == [("embedding", "map")]


@needs_openvino
def test_answer_is_not_overwritten_by_the_next_one() -> None:
    engine = OpenVinoEngine(network(), name="m")
    (first,) = engine.run(photos(1), ["embedding"])
    before = first.copy()

    engine.run(photos(1) // 2, ["embedding"])

    assert np.array_equal(first, before)


@needs_openvino
def test_openvino_states_what_the_file_states() -> None:
    engine = OpenVinoEngine(network(), name="m", precision="fp32")

    assert engine.outputs == ("embedding", "map")
    assert engine.metadata["a"] == "1"


@needs_openvino
def test_titles_say_engine_version_and_arithmetic() -> None:
    import onnxruntime
    import openvino  # type: ignore[import-untyped]  # it ships no py.typed

    version = openvino.__version__.split("-")[0]
    titles = [
        OpenVinoEngine(network(), name="m", precision=each).title for each in ("fp32", "bf16")
    ]

    assert titles == [f"OpenVINO {version}, fp32", f"OpenVINO {version}, bf16"]
    assert OnnxRuntimeEngine(network(), name="m").title == (
        f"ONNX Runtime {onnxruntime.__version__}, fp32"
    )


@needs_openvino
@pytest.mark.parametrize("content", [b"no model at all", model(name="pixels").SerializeToString()])
def test_what_openvino_cannot_run_is_refused(content: bytes) -> None:
    with pytest.raises(ArtifactError) as caught:
        OpenVinoEngine(content, name="m", precision="fp32")

    assert str(caught.value) == (
        "m is not a model from `image` that OpenVINO can run.\n"
        "  fix: Uninstall openvino, and it runs on ONNX Runtime."
    )


@needs_openvino
def test_bf16_wants_to_know_where_the_pixels_end() -> None:
    with pytest.raises(ArtifactError, match="OpenVINO can run") as caught:
        OpenVinoEngine(network(pixels="other"), name="m", precision="bf16")

    assert str(caught.value.__cause__) == "the graph has 0 tensors called `pixels`"


def test_openvino_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)

    with pytest.raises(MissingExtraError) as caught:
        OpenVinoEngine(network(), name="m")

    assert str(caught.value) == (
        "The faster engine needs openvino, which is not installed.\n"
        "  fix: Install it with `pip install 'lineament[openvino]'`."
    )


@needs_openvino
def test_fastest_engine_is_openvino_where_it_is_installed() -> None:
    assert fastest_engine(network(), name="m").title.startswith("OpenVINO ")


def test_fastest_engine_is_onnx_runtime_where_openvino_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    assert fastest_engine(network(), name="m").title.startswith("ONNX Runtime ")


def test_graph_that_openvino_cannot_run_goes_to_onnx_runtime(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(model: bytes, *, name: str) -> OpenVinoEngine:
        raise ArtifactError("no")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(choosing, "OpenVinoEngine", refuse)

    assert fastest_engine(network(), name="m").title.startswith("ONNX Runtime ")


def test_what_no_engine_can_run_is_refused_in_the_words_of_onnx_runtime() -> None:
    with pytest.raises(ArtifactError) as caught:
        fastest_engine(b"no model at all", name="m")

    assert str(caught.value).startswith("m is not an ONNX model that can be run (")
