"""Graph: the classifier as one ONNX graph, from ``uint8`` pixels of any size to probabilities.

torch exports the backbone; what stands before it (resize, normalisation, a second view) and after
it (pooling, head, temperature, activation map) is written node by node, so that every engine runs
the same plain arithmetic.

Every head ends in a layer that is linear in something pooled from a map, so it has an exact map of
each class: the same layer at every position (class activation map, Zhou et al. 2016, "Learning deep
features for discriminative localization").
"""

import logging
import warnings

import numpy as np
import onnx
import torch

from lineament.core.errors import UsageError
from lineament.imaging.preprocess import Preprocessing
from lineament.measure import familiarity as measure
from lineament.measure.familiarity import Familiarity
from lineament.models.backbones import Backbone
from lineament.models.heads import MARGINS, SHORTEST, HeadSpec
from lineament.models.nodes import FEATURES, OPSET, PIXELS, Writer

LEARNT = "familiarity_"  # what the constants' names begin with


def backbone_graph(backbone: Backbone) -> onnx.ModelProto:
    """Export a backbone alone: ``pixels float32 (N, 3, S, S)`` to ``features (N, D, h, w)``."""
    size = backbone.preprocessing.size_px
    example = torch.zeros(2, 3, size, size)  # two: a batch of one would be taken for a constant
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    was_training = backbone.training
    try:
        with warnings.catch_warnings():
            # The exporter warns of its own internals (copyreg, opset registration), not of ours.
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                backbone.eval(),
                (example,),
                dynamo=True,
                opset_version=OPSET,
                input_names=[PIXELS],
                output_names=[FEATURES],
                dynamic_shapes={PIXELS: {0: torch.export.Dim("N")}},
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise UsageError(
            f"`{backbone.name}` cannot be written as an ONNX graph by torch {torch.__version__}.",
            fix="Use another backbone, such as efficientnet_lite0 or resnet18.",
        ) from error
    finally:
        logger.setLevel(level)
        backbone.train(was_training)
    assert program is not None  # None is returned by the exporter that dynamo=True replaces
    model = program.model_proto
    # torch notes where in whose source tree each node was made; a bundle goes to strangers.
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info):
        del part.metadata_props[:]
    for node in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        del node.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
    return model


def feature_graph(
    backbone: onnx.ModelProto, preprocessing: Preprocessing, *, mirrored_view: bool = False
) -> bytes:
    """Make the graph that heads are trained on: ``image uint8 (N, H, W, 3)`` to ``embedding``.

    Args:
        backbone: What `backbone_graph` gave.
        preprocessing: What is done to pixels.
        mirrored_view: Whether the features are the mean of a photo's and its mirror image's.
    """
    writer = Writer(backbone)
    writer.pixels(preprocessing, mirrored_view=mirrored_view)
    _pool(writer, writer.features(mirrored_view=mirrored_view))
    return writer.model({"embedding": ["N", "D"]})


def classifier_graph(
    backbone: onnx.ModelProto,
    preprocessing: Preprocessing,
    head: HeadSpec,
    *,
    temperature: float,
    mirrored_view: bool = False,
    familiarity: Familiarity | None = None,
) -> bytes:
    """Make the whole graph, from pixels to calibrated probabilities.

    Args:
        backbone: What `backbone_graph` gave.
        preprocessing: What is done to pixels.
        head: The trained head.
        temperature: What the logits are divided by before the softmax.
        mirrored_view: Whether the features are the mean of a photo's and its mirror image's.
        familiarity: What was learnt of the embeddings of training photos.

    Returns:
        The serialised graph: ``image uint8 (N, H, W, 3)`` to ``probabilities (N, C)``, ``embedding
        (N, D)``, ``activation (N, C, h, w)``, whose mean over ``h, w`` is the logit, and, where it
        was given, ``familiarity (N,)``.
    """
    writer = Writer(backbone)
    writer.pixels(preprocessing, mirrored_view=mirrored_view)
    features = writer.features(mirrored_view=mirrored_view)
    embedding = _pool(writer, features)
    layer = _last_layer(writer, head)
    pooled, positions = embedding, features
    if head.kind == "mlp":
        pooled, positions = _hidden(writer, head, embedding, features)
    elif head.kind != "linear":
        pooled, positions = _scaled(writer, head, embedding, features)
    divisor = writer.constant(np.float32(temperature), "temperature")
    writer.node("Gemm", [pooled, *layer], "logits", transB=1)
    writer.node("Softmax", [writer.node("Div", ["logits", divisor])], "probabilities", axis=1)
    _at_every_position(writer, positions, layer, "activation")
    outputs: dict[str, list[str | int]] = {
        "probabilities": ["N", head.n_classes],
        "embedding": ["N", head.n_features],
        "activation": ["N", head.n_classes, "h", "w"],
    }
    if familiarity is not None:
        _how_familiar(writer, familiarity, embedding)
        outputs["familiarity"] = ["N"]
    return writer.model(outputs)


def familiarity_of(graph: onnx.ModelProto) -> Familiarity | None:
    """Read back what `classifier_graph` was given, or ``None`` where it was given none."""
    parts = {
        each.name.removeprefix(f"lineament/{LEARNT}"): onnx.numpy_helper.to_array(each)
        for each in graph.graph.initializer
        if each.name.startswith(f"lineament/{LEARNT}")
    }
    if not parts:
        return None
    return Familiarity(
        shared=parts["shared"],
        towards=parts["towards"],
        offsets=parts["offsets"],
        middle=float(parts["middle"]),
        spread=float(parts["spread"]),
    )


def _how_familiar(writer: Writer, learnt: Familiarity, embedding: str) -> None:
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


def _pool(writer: Writer, features: str) -> str:
    return writer.node("ReduceMean", [features, writer.ints([2, 3])], "embedding", keepdims=0)


def _last_layer(writer: Writer, head: HeadSpec) -> tuple[str, str]:
    """Weight and bias of the last layer; a cosine's weights are directions, and it has no bias."""
    weight = head.weight
    bias = np.zeros(len(weight), np.float32) if head.bias is None else head.bias
    if head.kind in MARGINS:
        lengths = np.linalg.norm(weight, axis=1, keepdims=True)
        weight = weight / np.maximum(lengths, np.float32(SHORTEST))
    return writer.constant(weight, "head_weight"), writer.constant(bias, "head_bias")


def _hidden(writer: Writer, head: HeadSpec, embedding: str, features: str) -> tuple[str, str]:
    """Write the hidden layer, of the embedding and at every position.

    A ReLU layer is linear for as long as the same units are on. Those that the embedding turns on
    are on at every position, so the mean over positions is what the embedding gives. Shown at the
    map, that is gradient times input (HiResCAM, Draelos & Carin 2020, "Use HiResCAM instead of
    Grad-CAM for faithful explanations of convolutional neural networks").
    """
    assert head.hidden_weight is not None  # an mlp has both
    assert head.hidden_bias is not None
    layer = (
        writer.constant(head.hidden_weight, "hidden_weight"),
        writer.constant(head.hidden_bias, "hidden_bias"),
    )
    raw = writer.node("Gemm", [embedding, *layer], transB=1)
    on = writer.node("Cast", [writer.node("Greater", [raw, writer.number(0.0)])], to=1)
    raw_map = _at_every_position(writer, features, layer)
    return writer.node("Relu", [raw]), writer.node("Mul", [raw_map, _as_map(writer, on)])


def _scaled(writer: Writer, head: HeadSpec, embedding: str, features: str) -> tuple[str, str]:
    """Write the embedding's direction times the scale, and its share at every position."""
    length = writer.node("ReduceL2", [embedding, writer.ints([1])], keepdims=1)
    safe = writer.node("Max", [length, writer.number(SHORTEST)])
    factor = writer.node("Div", [writer.number(head.scale), safe])
    scaled = writer.node("Mul", [embedding, factor])
    return scaled, writer.node("Mul", [features, _as_map(writer, factor)])


def _at_every_position(
    writer: Writer, features: str, layer: tuple[str, str], output: str = ""
) -> str:
    """Apply a layer to every position of a map."""
    weight, bias = layer
    return writer.node("Conv", [features, _as_map(writer, weight), bias], output)


def _as_map(writer: Writer, name: str) -> str:
    """Make ``(A, B)`` a map of one position, ``(A, B, 1, 1)``."""
    return writer.node("Unsqueeze", [name, writer.ints([2, 3])])
