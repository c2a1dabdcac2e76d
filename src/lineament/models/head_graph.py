"""Head graph: from an embedding to logits, probabilities and familiarity, node by node.

`lineament.models.graph` writes these nodes behind a backbone; alone they are a head that can be
laid on one. What was written is read back from the constants' names.
"""

from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lineament.core.errors import ArtifactError
from lineament.measure import familiarity as measure
from lineament.measure.familiarity import Familiarity
from lineament.models.head_spec import COSINES, SHORTEST, HeadSpec
from lineament.models.nodes import EMBEDDING, NAMED, OPSET, Nodes

LEARNT = "familiarity_"  # what the constants' names begin with
IR_VERSION = helper.find_min_ir_version_for([helper.make_opsetid("", OPSET)])


class Scored(NamedTuple):
    """Names of what the logits were computed with.

    Attributes:
        layer: Weight and bias of the last layer.
        hidden: The same of the hidden layer; ``None`` where there is none.
        factor: What the last layer's inputs were multiplied by: 1 where a hidden unit is on, 0
            where it is off; of a cosine the scale over the length; empty where it is 1.
    """

    layer: tuple[str, str]
    hidden: tuple[str, str] | None
    factor: str


def head_graph(
    head: HeadSpec, *, temperature: float, familiarity: Familiarity | None = None
) -> bytes:
    """Make the graph of a head alone.

    Args:
        head: The trained head.
        temperature: What the logits are divided by before the softmax.
        familiarity: What was learnt of the embeddings of training photos.

    Returns:
        The serialised graph: ``embedding float32 (N, D)`` to ``probabilities (N, C)``, ``logits
        (N, C)`` and, where it was given, ``familiarity (N,)``.
    """
    writer = Nodes()
    write_scores(writer, head, EMBEDDING, temperature=temperature)
    outputs: dict[str, list[str | int]] = {
        "probabilities": ["N", head.n_classes],
        "logits": ["N", head.n_classes],
    }
    if familiarity is not None:
        write_familiarity(writer, familiarity, EMBEDDING)
        outputs["familiarity"] = ["N"]
    given = helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, ["N", head.n_features])
    return writer.joined(given, outputs, ir_version=IR_VERSION)


def write_scores(writer: Nodes, head: HeadSpec, embedding: str, *, temperature: float) -> Scored:
    """Write what computes ``logits`` and ``probabilities`` of an embedding."""
    weight, bias = head.layer()
    layer = writer.constant(weight, "head_weight"), writer.constant(bias, "head_bias")
    pooled, hidden, factor = embedding, None, ""
    if head.kind == "mlp":
        assert head.hidden_weight is not None  # an mlp has both
        assert head.hidden_bias is not None
        hidden = (
            writer.constant(head.hidden_weight, "hidden_weight"),
            writer.constant(head.hidden_bias, "hidden_bias"),
        )
        raw = writer.node("Gemm", [embedding, *hidden], transB=1)
        factor = writer.node("Cast", [writer.node("Greater", [raw, writer.number(0.0)])], to=1)
        pooled = writer.node("Relu", [raw])
    elif head.kind in COSINES:
        length = writer.node("ReduceL2", [embedding, writer.ints([1])], keepdims=1)
        safe = writer.node("Max", [length, writer.number(SHORTEST)])
        scale = writer.constant(np.float32(head.scale), "head_scale")
        factor = writer.node("Div", [scale, safe])
        pooled = writer.node("Mul", [embedding, factor])
    divisor = writer.constant(np.float32(temperature), "temperature")
    writer.node("Gemm", [pooled, *layer], "logits", transB=1)
    writer.node("Softmax", [writer.node("Div", ["logits", divisor])], "probabilities", axis=1)
    return Scored(layer, hidden, factor)


def write_familiarity(writer: Nodes, learnt: Familiarity, embedding: str) -> None:
    """Write `lineament.measure.familiarity.Familiarity`."""
    length = writer.node("ReduceL2", [embedding, writer.ints([1])], keepdims=1)
    safe = writer.node("Max", [length, writer.number(measure.SHORTEST)])
    unit = writer.node("Div", [embedding, safe])
    shared, towards = (
        writer.node("Cast", [writer.constant(matrix, f"{LEARNT}{name}")], to=1)
        for name, matrix in (("shared", learnt.shared), ("towards", learnt.towards))
    )
    turned = writer.node("Mul", [writer.node("MatMul", [unit, shared]), unit])
    common = writer.node("ReduceSum", [turned, writer.ints([1])], keepdims=0)
    offsets = writer.constant(learnt.offsets, f"{LEARNT}offsets")
    classes = writer.node("Sub", [writer.node("MatMul", [unit, towards]), offsets])
    nearest = writer.node("ReduceMax", [classes, writer.ints([1])], keepdims=0)
    distance = writer.node("Sub", [common, nearest])
    middle = writer.constant(np.float32(learnt.middle), f"{LEARNT}middle")
    spread = writer.constant(np.float32(learnt.spread), f"{LEARNT}spread")
    steps = writer.node("Div", [writer.node("Sub", [middle, distance]), spread])
    writer.node("Sigmoid", [steps], "familiarity")


def head_of(graph: onnx.ModelProto, *, name: str) -> tuple[HeadSpec, float]:
    """Read back the head and the temperature that `write_scores` was given.

    Args:
        graph: A head's graph.
        name: What to call it in an error.

    Returns:
        The head, whose last layer is as it is multiplied and added, and the temperature. Of a
        cosine the kind is ``cosface``: which margin it was trained with makes no difference to an
        answer, and the graph does not say.

    Raises:
        ArtifactError: The graph was written otherwise.
    """
    parts = _constants(graph, "")
    is_cosine, is_mlp = "head_scale" in parts, "hidden_weight" in parts
    try:
        spec = HeadSpec(
            kind=COSINES[0] if is_cosine else "mlp" if is_mlp else "linear",
            weight=parts["head_weight"].astype(np.float32),
            bias=parts["head_bias"].astype(np.float32),
            hidden_weight=parts["hidden_weight"].astype(np.float32) if is_mlp else None,
            hidden_bias=parts["hidden_bias"].astype(np.float32) if is_mlp else None,
            scale=float(parts["head_scale"]) if is_cosine else 1.0,
        )
        return spec, float(parts["temperature"])
    except KeyError as error:
        raise ArtifactError(
            f"{name} has a graph without {error.args[0]}, so its head cannot be read.",
            fix="Export the head again with `lineament export RUN --head-only`.",
        ) from error


def familiarity_of(graph: onnx.ModelProto) -> Familiarity | None:
    """Read back what `write_familiarity` was given, or ``None`` where it was not called."""
    parts = _constants(graph, LEARNT)
    if not parts:
        return None
    return Familiarity(
        shared=parts["shared"].astype(np.float16),
        towards=parts["towards"].astype(np.float16),
        offsets=parts["offsets"].astype(np.float32),
        middle=float(parts["middle"]),
        spread=float(parts["spread"]),
    )


def _constants(graph: onnx.ModelProto, prefix: str) -> dict[str, NDArray[np.generic]]:
    """Our own constants whose names begin so, by the rest of their names."""
    begin = f"{NAMED}{prefix}"
    return {
        each.name.removeprefix(begin): numpy_helper.to_array(each)
        for each in graph.graph.initializer
        if each.name.startswith(begin)
    }
