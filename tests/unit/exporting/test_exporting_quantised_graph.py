"""A quantised graph computes nearly the same, from integers where it was asked to."""

import importlib.util
from collections import Counter
from collections.abc import Collection

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lineament.exporting.flows import Flow, measured_flows
from lineament.exporting.integers import layer_in_integers
from lineament.exporting.quantised_graph import quantised_graph
from lineament.exporting.wiring import Wiring

Photos = list[NDArray[np.uint8]]
Rows = NDArray[np.float32]
LAYERS = {"first", "depthwise", "narrow", "last"}


@pytest.fixture(scope="module")
def flows(layered: bytes, noise: Photos) -> dict[str, Flow]:
    model = onnx.load_model_from_string(layered)
    return measured_flows(model, Wiring(model).flows, noise)


def quantised(graph: bytes, flows: dict[str, Flow], layers: Collection[str] = LAYERS) -> bytes:
    model = onnx.load_model_from_string(graph)
    return quantised_graph(model, Wiring(model), flows, layers)


def session(graph: bytes, *, optimised: bool = True) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def answers(graph: bytes, photos: Photos, *, optimised: bool = True) -> Rows:
    engine = session(graph, optimised=optimised)
    return np.concatenate([engine.run(["embedding"], {"image": one[None]})[0] for one in photos])


def kinds(graph: bytes) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load_model_from_string(graph).graph.node)


def test_quantised_graph_computes_nearly_the_same(
    layered: bytes, flows: dict[str, Flow], noise: Photos
) -> None:
    exact, changed = answers(layered, noise), answers(quantised(layered, flows), noise)

    assert 0 < np.abs(changed - exact).mean() < 0.02 * np.abs(exact).mean()


def test_graph_of_no_quantised_layer_is_the_exact_one(
    layered: bytes, flows: dict[str, Flow]
) -> None:
    exact = onnx.load_model_from_string(layered)
    Wiring(exact)  # names every node

    assert onnx.load_model_from_string(quantised(layered, flows, ())) == exact


def test_all_layers_are_quantised_and_read_bytes(layered: bytes, flows: dict[str, Flow]) -> None:
    model = onnx.load_model_from_string(quantised(layered, flows))
    made_by = {name: node for node in model.graph.node for name in node.output}
    stored = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}

    for name in LAYERS:
        (node,) = [each for each in model.graph.node if each.name == name]
        given, weights, bias = (made_by[each] for each in node.input)
        assert {each.op_type for each in (given, weights, bias)} == {"DequantizeLinear"}
        assert stored[weights.input[0]].dtype == np.int8
        assert stored[bias.input[0]].dtype == np.int32
        assert stored[given.input[2]].dtype == np.uint8


def test_weights_that_nothing_reads_are_gone(layered: bytes, flows: dict[str, Flow]) -> None:
    model = onnx.load_model_from_string(quantised(layered, flows))
    read = {name for node in model.graph.node for name in node.input}

    assert {each.name for each in model.graph.initializer} <= read


def test_onnx_runtime_multiplies_integers_in_every_layer(
    layered: bytes, flows: dict[str, Flow], tmp_path: object
) -> None:
    path = f"{tmp_path}/optimised.onnx"
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = path
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 3
    onnxruntime.InferenceSession(quantised(layered, flows), options)

    found = Counter(node.op_type for node in onnx.load(path).graph.node)
    assert found["QLinearConv"] == 4
    assert found["QLinearAdd"] == 1
    assert found["Conv"] == found["Add"] == 0
    # Of pixels, and of the features for the head: nothing between is a float.
    assert found["QuantizeLinear"] == found["DequantizeLinear"] == 1


@pytest.mark.parametrize("kept", sorted(LAYERS))
def test_onnx_runtime_computes_what_the_graph_says_of_kept_layers(
    layered: bytes, flows: dict[str, Flow], noise: Photos, kept: str
) -> None:
    graph = quantised(layered, flows, LAYERS - {kept})
    exact = answers(layered, noise)
    stated, run = (answers(graph, noise, optimised=each) for each in (False, True))

    # Left alone it would quantise a layer that stands between integers, and not by channel.
    assert np.abs(run - stated).mean() < 0.002 * np.abs(exact).mean()
    assert np.abs(run - exact).mean() < np.abs(exact).mean() * 0.02


def test_kept_layer_has_its_own_weights(layered: bytes, flows: dict[str, Flow]) -> None:
    model = onnx.load_model_from_string(quantised(layered, flows, LAYERS - {"narrow"}))
    (node,) = [each for each in model.graph.node if each.name == "narrow"]

    assert node.input[1:] == ["narrow.weight", "narrow.bias"]


def test_others_read_the_floats_that_a_quantised_layer_reads_as_integers(
    layered: bytes, flows: dict[str, Flow]
) -> None:
    model = onnx.load_model_from_string(quantised(layered, flows, {"depthwise"}))
    inputs = {each.name: list(each.input) for each in model.graph.node}

    assert inputs["depthwise"][0] == "b/float"
    assert inputs["MaxPool_8"] == ["b"]


def test_mean_of_each_channel_stays_what_it_was(layered: bytes, flows: dict[str, Flow]) -> None:
    model = onnx.load_model_from_string(quantised(layered, flows))
    stored = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    before = onnx.load_model_from_string(layered).graph.initializer
    exact = {each.name: numpy_helper.to_array(each) for each in before}

    expected = layer_in_integers(
        exact["depthwise.weight"],
        exact["depthwise.bias"],
        given=flows["b"].grid,
        means=flows["b"].means,
        groups=8,
    )
    assert np.array_equal(stored["depthwise/bias/integers"], expected.bias)


@pytest.mark.parametrize("is_transposed", [False, True])
def test_matrix_product_is_quantised_by_output_channel(noise: Photos, is_transposed: bool) -> None:
    random = np.random.default_rng(8)
    sizes = 10.0 ** np.linspace(-3, 3, 5)
    weights = (random.normal(0, 1, (3, 5)) * sizes).astype(np.float32)
    stored = {
        "w": weights.T if is_transposed else weights,
        "axes": np.array([2, 3], np.int64),
    }
    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels", "axes"], ["means"], keepdims=0),
        helper.make_node("Gemm", ["means", "w"], ["row"], "product", transB=int(is_transposed)),
        helper.make_node("Unsqueeze", ["row", "axes"], ["features"]),
        helper.make_node("ReduceMean", ["features", "axes"], ["embedding"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "product",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 5])],
        initializer=[numpy_helper.from_array(values, name) for name, values in stored.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    wiring = Wiring(model)
    flows = measured_flows(model, wiring.flows, noise)

    changed = onnx.load_model_from_string(quantised_graph(model, wiring, flows, ["product"]))

    found = {each.name: numpy_helper.to_array(each) for each in changed.graph.initializer}
    integers = found["product/weights/integers"]
    assert np.abs(integers).max(axis=int(is_transposed)).tolist() == [64] * 5
    run = answers(changed.SerializeToString(), noise)
    exact = answers(model.SerializeToString(), noise)
    assert np.abs(run - exact)[:, -1].mean() < 0.02 * np.abs(exact)[:, -1].mean()


@pytest.fixture(scope="module")
def token_flows(tokens: bytes, noise: Photos) -> dict[str, Flow]:
    model = onnx.load_model_from_string(tokens)
    return measured_flows(model, Wiring(model).flows, noise)


def test_tokens_are_multiplied_between_integers_and_nearly_the_same(
    tokens: bytes, token_flows: dict[str, Flow], noise: Photos, tmp_path: object
) -> None:
    graph = quantised(tokens, token_flows, ["patches", "wide", "back"])
    path = f"{tmp_path}/optimised.onnx"
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = path
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 3
    onnxruntime.InferenceSession(graph, options)

    found = Counter(node.op_type for node in onnx.load(path).graph.node)
    assert found["MatMulIntegerToFloat"] == 2
    assert found["QLinearConv"] == 1
    exact, changed = answers(tokens, noise), answers(graph, noise)
    assert 0 < np.abs(changed - exact).mean() < 0.02 * np.abs(exact).mean()


def test_matrix_product_of_tokens_has_a_step_for_each_output(
    tokens: bytes, token_flows: dict[str, Flow]
) -> None:
    model = onnx.load_model_from_string(quantised(tokens, token_flows, ["wide"]))
    (node,) = [each for each in model.graph.node if each.name == "wide"]
    stored = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}

    assert list(node.input) == ["normal/float", "wide/weights"]
    assert np.abs(stored["wide/weights/integers"]).max(axis=0).tolist() == [64] * 16
    assert token_flows["normal"].means.shape == (8,)


def test_pool_keeps_the_grid_of_what_it_is_given(layered: bytes, flows: dict[str, Flow]) -> None:
    model = onnx.load_model_from_string(quantised(layered, flows))
    stored = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}

    assert stored["p/step"] == stored["b/step"]


def test_inputs_and_outputs_are_called_what_they_were(
    layered: bytes, flows: dict[str, Flow]
) -> None:
    model = onnx.load_model_from_string(quantised(layered, flows))
    names = {name for node in model.graph.node for name in node.output}

    assert {"pixels", "features", "embedding"} <= names
    assert [each.name for each in model.graph.output] == ["embedding"]


def test_same_choice_gives_the_same_bytes(layered: bytes, flows: dict[str, Flow]) -> None:
    assert quantised(layered, flows, ["first", "last"]) == quantised(
        layered, flows, ["last", "first"]
    )


@pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="openvino is not installed"
)
def test_openvino_multiplies_integers_between_layers(
    layered: bytes, flows: dict[str, Flow]
) -> None:
    import openvino  # type: ignore[import-untyped]  # it ships no py.typed

    core = openvino.Core()
    network = core.read_model(quantised(layered, flows))
    network.reshape({"image": [1, 16, 16, 3]})
    run = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = {}
    for node in run.get_runtime_model().get_ops():
        stated = node.get_rt_info()
        if stated["layerType"].astype(str) == "Convolution":
            layer = node.get_friendly_name().partition("/")[0]
            found[layer] = stated["runtimePrecision"].astype(str)

    # The first one reads the photo's own bytes here, which OpenVINO sees, and takes as floats.
    assert {layer for layer, precision in found.items() if precision == "u8"} >= LAYERS - {"first"}
