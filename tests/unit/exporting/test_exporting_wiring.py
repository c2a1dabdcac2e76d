"""What can be quantised lies between pixels and features; integers flow where all agree."""

import onnx
import pytest
from onnx import helper

from lineament.artifacts.run import Run
from lineament.exporting.wiring import CHANNELS, LAST, Wiring


@pytest.fixture
def wiring(layered: bytes) -> Wiring:
    return Wiring(onnx.load_model_from_string(layered))


def test_layers_are_the_backbones_in_their_order(wiring: Wiring) -> None:
    assert list(wiring.layers) == ["first", "depthwise", "narrow", "last"]


def test_layers_of_the_head_are_left_out(small_run: Run) -> None:
    layers = Wiring(onnx.load(small_run.graph_path)).layers

    assert len(layers) > 5
    assert all(not name.startswith("lineament/") for node in layers.values() for name in node.input)


def test_activation_is_folded_into_the_layer_before(wiring: Wiring) -> None:
    assert [wiring.after(node) for node in wiring.layers.values()] == ["b", "d", "e", "features"]


def test_activation_stands_alone_where_others_read_what_it_reads(layered: bytes) -> None:
    model = onnx.load_model_from_string(layered)
    model.graph.node[8].input[0] = "a"  # the pool, before the ReLU
    wiring = Wiring(model)

    assert wiring.after(wiring.layers["first"]) == "a"


def test_activation_behind_the_features_is_not_the_backbones(layered: bytes) -> None:
    model = onnx.load_model_from_string(layered)
    last, final, mean = model.graph.node[10:]
    last.output[0] = final.input[0] = "features"
    final.output[0] = mean.input[0] = "beyond"
    wiring = Wiring(model)

    assert wiring.after(wiring.layers["last"]) == "features"


def test_everything_flows_as_integers_where_all_layers_are_quantised(wiring: Wiring) -> None:
    flows = wiring.integers(wiring.layers)

    assert flows == {"b": "b", "d": "d", "e": "e", "p": "b", "sum": "sum", "features": "features"}


@pytest.mark.parametrize(
    ("kept", "floats"),
    [
        ("first", {"b", "p", "sum"}),  # what is added or pooled of a float is one
        ("depthwise", {"d"}),
        ("narrow", {"e", "sum"}),
        ("last", {"features"}),
    ],
)
def test_layer_in_float32_gives_floats(wiring: Wiring, kept: str, floats: set[str]) -> None:
    everything = set(wiring.integers(wiring.layers))

    assert everything - set(wiring.integers(set(wiring.layers) - {kept})) == floats


def test_flows_are_all_that_is_ever_written_as_integers(wiring: Wiring) -> None:
    assert set(wiring.flows) == {"pixels", "b", "d", "e", "p", "sum", "features"}
    assert set(wiring.flows.values()) == {CHANNELS}


def test_node_without_a_name_is_given_one(layered: bytes) -> None:
    model = onnx.load_model_from_string(layered)
    for node in model.graph.node:
        node.name = ""

    assert list(Wiring(model).layers) == ["Conv_3", "Conv_5", "Conv_7", "Conv_10"]


@pytest.mark.parametrize(
    ("attributes", "is_layer"),
    [
        ({}, True),
        ({"transB": 1}, True),
        ({"alpha": 1.0, "beta": 1.0, "transA": 0}, True),
        ({"alpha": 0.5}, False),
        ({"beta": 2.0}, False),
        ({"transA": 1}, False),
    ],
)
def test_matrix_product_is_a_layer_if_it_does_no_more(
    layered: bytes, attributes: dict[str, float | int], is_layer: bool
) -> None:
    model = onnx.load_model_from_string(layered)
    inputs = ["e", "last.weight", "last.bias"]
    model.graph.node[9].CopyFrom(helper.make_node("Gemm", inputs, ["sum"], "g", **attributes))

    assert ("g" in Wiring(model).layers) == is_layer


def test_convolution_with_computed_weights_is_no_layer(layered: bytes) -> None:
    model = onnx.load_model_from_string(layered)
    model.graph.node[7].input[1] = "levels"

    assert "narrow" not in Wiring(model).layers


@pytest.fixture
def rows(tokens: bytes) -> Wiring:
    return Wiring(onnx.load_model_from_string(tokens))


def test_matrix_product_of_tokens_is_a_layer_if_its_weights_are_constant(rows: Wiring) -> None:
    assert list(rows.layers) == ["patches", "wide", "back"]
    assert list(rows.multiplying) == ["patches", "similar", "wide", "back", "mixing"]


def test_matrix_product_gives_floats(rows: Wiring) -> None:
    assert set(rows.integers(rows.layers)) == {"map"}


def test_channels_of_tokens_are_their_last_axis(rows: Wiring) -> None:
    assert rows.flows == {"pixels": CHANNELS, "normal": LAST, "active": LAST, "map": CHANNELS}


def test_matrix_product_of_what_a_convolution_reads_is_no_layer(tokens: bytes) -> None:
    model = onnx.load_model_from_string(tokens)
    (wide,) = [node for node in model.graph.node if node.name == "wide"]
    wide.input[0] = "pixels"  # two steps for one flow would be one too many

    assert "wide" not in Wiring(model).layers
