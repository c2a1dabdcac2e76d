"""An engine runs graphs from pixels, and says in one sentence why it does not run the rest."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lineament.core.errors import ArtifactError
from lineament.runtime.engines import OnnxRuntimeEngine
from lineament.runtime.predictor import Predictor

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

    assert text.startswith(f"{path} is not an ONNX model that can be run (")
    assert text.endswith(f").{FIX[:-1]}; the model comes before the photos.")


def test_cut_bundle_is_refused(small_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.onnx"
    data = small_bundle.read_bytes()
    path.write_bytes(data[: len(data) // 2])

    assert refusal(path).startswith(f"{path} is not an ONNX model that can be run (")


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
def test_onnx_with_another_input_is_refused(other: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(other, path)

    assert refusal(path) == (
        f"{path} is an ONNX model, but not one that takes `image` as uint8.{FIX}"
    )


def test_card_on_a_graph_with_other_outputs_is_refused(small_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    proto, card = model(), onnx.load(small_bundle).metadata_props[0]
    helper.set_model_props(proto, {card.key: card.value})
    onnx.save(proto, path)

    assert "probabilities" in refusal(path)
