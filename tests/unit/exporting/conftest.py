"""A graph of a few layers that is known to the last number, for what rewrites graphs."""

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 8


def _layer(
    name: str, weights: NDArray[np.float64], given: str, gives: str, *, groups: int = 1
) -> tuple[onnx.NodeProto, list[onnx.TensorProto]]:
    bias = np.random.default_rng(len(name)).normal(0, 0.1, len(weights))
    stored = [
        numpy_helper.from_array(values.astype(np.float32), f"{name}.{kind}")
        for kind, values in (("weight", weights), ("bias", bias))
    ]
    inputs = [given, f"{name}.weight", f"{name}.bias"]
    side = (weights.shape[2] - 1) // 2
    pads = [side] * 4
    return helper.make_node("Conv", inputs, [gives], name, group=groups, pads=pads), stored


@pytest.fixture(scope="session")
def layered() -> bytes:
    """Convolutions ``first``, ``depthwise``, ``narrow`` and ``last``, with a pool and a sum.

    The channels of ``depthwise`` have weights of very different size, so that one step for all of
    them would round most of them to nothing.
    """
    random = np.random.default_rng(5)
    sizes = 10.0 ** np.linspace(-2, 1, CHANNELS)[:, None, None, None]
    first = _layer("first", random.normal(0, 0.4, (CHANNELS, 3, 3, 3)), "pixels", "a")
    depthwise = _layer(
        "depthwise",
        sizes * random.normal(0, 0.3, (CHANNELS, 1, 3, 3)),
        "b",
        "c",
        groups=CHANNELS,
    )
    narrow = _layer(
        "narrow", random.normal(0, 0.3, (CHANNELS, CHANNELS, 1, 1)) / sizes[:, 0], "d", "e"
    )
    last = _layer("last", random.normal(0, 0.3, (CHANNELS, CHANNELS, 1, 1)), "sum", "f")
    layers = [first, depthwise, narrow, last]
    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["levels", "part"], ["pixels"]),
        first[0],
        helper.make_node("Relu", ["a"], ["b"]),
        depthwise[0],
        helper.make_node("Clip", ["c", "least", "most"], ["d"]),
        narrow[0],
        helper.make_node("MaxPool", ["b"], ["p"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["e", "p"], ["sum"]),
        last[0],
        helper.make_node("Relu", ["f"], ["features"]),
        helper.make_node("ReduceMean", ["features", "axes"], ["embedding"], keepdims=0),
    ]
    numbers = {"part": 1 / 128, "least": 0.0, "most": 6.0}
    graph = helper.make_graph(
        nodes,
        "layered",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", "D"])],
        initializer=[
            *(tensor for _, stored in layers for tensor in stored),
            *(numpy_helper.from_array(np.float32(value), name) for name, value in numbers.items()),
            numpy_helper.from_array(np.array([2, 3], np.int64), "axes"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


@pytest.fixture(scope="session")
def noise() -> list[NDArray[np.uint8]]:
    """Eight photos of noise, of different sizes."""
    random = np.random.default_rng(6)
    return [np.asarray(random.integers(0, 256, (12 + n, 16, 3)), dtype=np.uint8) for n in range(8)]


@pytest.fixture(scope="session")
def tokens() -> bytes:
    """A transformer's block: convolution ``patches``, matrix products ``wide`` and ``back``.

    ``similar`` multiplies tokens by tokens, and so nothing that is constant.
    """
    random = np.random.default_rng(7)
    patches = _layer("patches", random.normal(0, 0.3, (CHANNELS, 3, 1, 1)), "pixels", "map")
    stored = {
        "part": np.float32(1 / 128),
        "rows": np.array([0, CHANNELS, -1], np.int64),
        "square": np.array([0, CHANNELS, -1, 1], np.int64),
        "axes": np.array([2, 3], np.int64),
        "scale": np.linspace(0.1, 2, CHANNELS).astype(np.float32),
        "wide.weight": random.normal(0, 0.3, (CHANNELS, 2 * CHANNELS)).astype(np.float32),
        "wide.bias": random.normal(0, 0.3, 2 * CHANNELS).astype(np.float32),
        "back.weight": random.normal(0, 0.3, (2 * CHANNELS, CHANNELS)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["levels", "part"], ["pixels"]),
        patches[0],
        helper.make_node("Reshape", ["map", "rows"], ["columns"]),
        helper.make_node("Transpose", ["columns"], ["tokens"], perm=[0, 2, 1]),
        helper.make_node("LayerNormalization", ["tokens", "scale"], ["normal"]),
        helper.make_node("Transpose", ["normal"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["normal", "turned"], ["likeness"], "similar"),
        helper.make_node("Softmax", ["likeness"], ["weights"]),
        helper.make_node("MatMul", ["normal", "wide.weight"], ["hidden"], "wide"),
        helper.make_node("Add", ["hidden", "wide.bias"], ["shifted"]),
        helper.make_node("Relu", ["shifted"], ["active"]),
        helper.make_node("MatMul", ["active", "back.weight"], ["changed"], "back"),
        helper.make_node("MatMul", ["weights", "changed"], ["mixed"], "mixing"),
        helper.make_node("Add", ["tokens", "mixed"], ["sum"]),
        helper.make_node("Transpose", ["sum"], ["last"], perm=[0, 2, 1]),
        helper.make_node("Reshape", ["last", "square"], ["features"]),
        helper.make_node("ReduceMean", ["features", "axes"], ["embedding"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "tokens",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", "D"])],
        initializer=[
            *patches[1],
            *(numpy_helper.from_array(np.asarray(values), name) for name, values in stored.items()),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content
