"""A quantiser tells the layers that bear integers from those that do not."""

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import Run
from lineament.core.errors import UsageError
from lineament.exporting import quantising
from lineament.exporting.quantising import Quantiser
from lineament.imaging.decode import decode
from lineament.runtime.engines import OnnxRuntimeEngine

Photos = list[NDArray[np.uint8]]


@pytest.fixture(scope="module")
def drawn_photos(drawn_dataset: Dataset) -> Photos:
    return [decode(drawn_dataset.path(each)) for each in drawn_dataset.samples("validation")]


@pytest.fixture(scope="module")
def quantiser(layered: bytes, noise: Photos) -> Quantiser:
    return Quantiser(layered, noise)


def moved(graph: bytes, exact: bytes, photos: Photos) -> float:
    """By what part of their size embeddings are moved."""
    one, other = (
        np.concatenate([engine.run(photo[None], ["embedding"])[0] for photo in photos])
        for engine in (OnnxRuntimeEngine(each, name="m") for each in (graph, exact))
    )
    return float(np.abs(one - other).mean() / np.abs(other).mean())


def test_layers_are_named_in_the_graphs_order(quantiser: Quantiser) -> None:
    assert quantiser.layers == ("first", "depthwise", "narrow", "last")


def test_graph_of_kept_layers_alone_answers_exactly(
    quantiser: Quantiser, layered: bytes, noise: Photos
) -> None:
    assert moved(quantiser.graph(kept=quantiser.layers), layered, noise) == 0.0


def test_graph_of_a_real_backbone_is_smaller_and_complete(
    small_run: Run, drawn_photos: Photos
) -> None:
    exact = small_run.graph_path.read_bytes()
    graph = Quantiser(exact, drawn_photos).graph()

    onnx.checker.check_model(onnx.load_model_from_string(graph), full_check=True)
    assert len(graph) < 0.75 * len(exact)
    assert moved(graph, exact, drawn_photos) < 0.1


def test_harm_is_what_the_layer_alone_does(
    quantiser: Quantiser, layered: bytes, noise: Photos
) -> None:
    harms = {harm.layer: harm.difference for harm in quantiser.harms()}

    for name in quantiser.layers:
        graph = quantiser.graph(kept=set(quantiser.layers) - {name})
        assert harms[name] == pytest.approx(moved(graph, layered, noise))
        assert harms[name] > 0


def test_most_harmful_layer_comes_first_and_keeping_it_helps(
    quantiser: Quantiser, layered: bytes, noise: Photos
) -> None:
    harms = quantiser.harms()
    assert [harm.difference for harm in harms] == sorted(
        (harm.difference for harm in harms), reverse=True
    )

    with_it = moved(quantiser.graph(), layered, noise)
    assert moved(quantiser.graph(kept=[harms[0].layer]), layered, noise) < with_it


def test_harms_are_measured_on_a_bounded_number_of_photos(
    layered: bytes, noise: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantising, "PROBES", 3)
    few = Quantiser(layered, noise)
    graph = few.graph(kept=["first", "depthwise", "narrow"])

    harms = {harm.layer: harm.difference for harm in few.harms()}

    assert harms["last"] == pytest.approx(moved(graph, layered, noise[:3]))


def test_one_photo_is_enough_to_quantise(layered: bytes, noise: Photos) -> None:
    assert moved(Quantiser(layered, noise[:1]).graph(), layered, noise[:1]) < 0.03


def test_black_photos_give_a_graph_that_answers(layered: bytes) -> None:
    black = [np.zeros((5, 5, 3), np.uint8)]
    graph = Quantiser(layered, black).graph()

    (answer,) = OnnxRuntimeEngine(graph, name="m").run(black[0][None], ["embedding"])
    assert np.isfinite(answer).all()


def test_backbone_without_layers_is_refused(noise: Photos) -> None:
    graph = helper.make_graph(
        [
            helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
            helper.make_node("Cast", ["planes"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("Relu", ["pixels"], ["features"]),
            helper.make_node("ReduceMean", ["features", "axes"], ["embedding"], keepdims=0),
        ],
        "bare",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 3])],
        initializer=[numpy_helper.from_array(np.array([2, 3], np.int64), "axes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])

    with pytest.raises(UsageError) as caught:
        Quantiser(model.SerializeToString(), noise)

    assert str(caught.value) == (
        "The backbone has no layer that int8 would make faster: no convolution and no matrix "
        "product of constant weights.\n"
        "  fix: Export it in fp32 or bf16."
    )
