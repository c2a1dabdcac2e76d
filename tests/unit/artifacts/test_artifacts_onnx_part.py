"""The beginning of a graph is a graph of its own, with no more than it needs."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from lineament.artifacts.onnx_part import beginning


def network() -> bytes:
    """Two steps to `pixels`, a side road that they do not need, and what follows them."""
    nodes = [
        helper.make_node("Cast", ["image"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["numbers", "hundred"], ["aside"]),
        helper.make_node("Mul", ["numbers", "third"], ["pixels"]),
        helper.make_node("Add", ["pixels", "hundred"], ["out"]),
    ]
    constants = {"third": np.float32(1 / 3), "hundred": np.float32(100)}
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])],
        [
            helper.make_tensor_value_info("out", TensorProto.FLOAT, ["N", "H", "W", 3]),
            helper.make_tensor_value_info("aside", TensorProto.FLOAT, ["N", "H", "W", 3]),
        ],
        [numpy_helper.from_array(np.asarray(each), name) for name, each in constants.items()],
        value_info=[helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["N", "a", "b", 3])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    serialised: bytes = made.SerializeToString()
    return serialised


def part() -> bytes:
    made = beginning(network(), "pixels")
    assert made is not None
    return made


def test_part_computes_the_tensor_as_the_whole_does() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)
    session = onnxruntime.InferenceSession(part(), providers=["CPUExecutionProvider"])

    (found,) = session.run(None, {"image": image})

    assert np.array_equal(found, image.astype(np.float32) * np.float32(1 / 3))


def test_part_is_a_valid_model() -> None:
    onnx.checker.check_model(part())


def test_part_has_only_the_nodes_and_the_constants_that_it_needs() -> None:
    graph = onnx.load_from_string(part()).graph

    assert [node.op_type for node in graph.node] == ["Cast", "Mul"]
    assert [constant.name for constant in graph.initializer] == ["third"]
    assert [output.name for output in graph.output] == ["pixels"]
    assert len(graph.value_info) == 0


@pytest.mark.parametrize("tensor", ["absent", "image", "third", ""])
def test_tensor_that_no_node_makes_has_no_part(tensor: str) -> None:
    assert beginning(network(), tensor) is None


@pytest.mark.parametrize("content", [b"no model at all", b"\x0a", network()[:-5]])
def test_what_is_no_graph_has_no_part(content: bytes) -> None:
    assert beginning(content, "pixels") is None


def test_no_cut_of_a_graph_is_a_bug() -> None:
    whole = network()

    for end in range(len(whole)):
        beginning(whole[:end], "pixels")


def test_bytes_of_no_model_have_no_part() -> None:
    assert beginning(b"", "pixels") is None
