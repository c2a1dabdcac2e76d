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

import onnx
import torch

from lineament.core.errors import UsageError
from lineament.imaging.preprocess import Preprocessing
from lineament.measure.familiarity import Familiarity
from lineament.models.backbones import Backbone
from lineament.models.head_graph import write_familiarity, write_scores
from lineament.models.head_spec import HeadSpec
from lineament.models.nodes import EMBEDDING, FEATURES, OPSET, PIXELS
from lineament.models.writer import Writer


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
    return writer.model({EMBEDDING: ["N", "D"]})


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
    scored = write_scores(writer, head, embedding, temperature=temperature)
    positions = features
    if scored.hidden is not None:
        positions = _at_every_position(writer, features, scored.hidden)
    if scored.factor:
        # A ReLU layer is linear for as long as the same units are on. Those that the embedding
        # turns on are on at every position, so the mean over positions is what the embedding gives.
        # Shown at the map, that is gradient times input (HiResCAM, Draelos & Carin 2020, "Use
        # HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks").
        positions = writer.node("Mul", [positions, _as_map(writer, scored.factor)])
    _at_every_position(writer, positions, scored.layer, "activation")
    outputs: dict[str, list[str | int]] = {
        "probabilities": ["N", head.n_classes],
        EMBEDDING: ["N", head.n_features],
        "activation": ["N", head.n_classes, "h", "w"],
    }
    if familiarity is not None:
        write_familiarity(writer, familiarity, embedding)
        outputs["familiarity"] = ["N"]
    return writer.model(outputs)


def _pool(writer: Writer, features: str) -> str:
    return writer.node("ReduceMean", [features, writer.ints([2, 3])], EMBEDDING, keepdims=0)


def _at_every_position(
    writer: Writer, features: str, layer: tuple[str, str], output: str = ""
) -> str:
    """Apply a layer to every position of a map."""
    weight, bias = layer
    return writer.node("Conv", [features, _as_map(writer, weight), bias], output)


def _as_map(writer: Writer, name: str) -> str:
    """Make ``(A, B)`` a map of one position, ``(A, B, 1, 1)``."""
    return writer.node("Unsqueeze", [name, writer.ints([2, 3])])
