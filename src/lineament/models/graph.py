"""Graph: the classifier as one ONNX graph, from ``uint8`` pixels of any size to probabilities.

torch exports the backbone; what stands before it (resize and normalisation, computed from the
image's own height and width) and after it (pooling, head, temperature, activation map) is written
node by node, so that every engine runs the same plain arithmetic.
"""

import logging
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lineament.core.errors import UsageError
from lineament.core.version import __version__
from lineament.imaging.preprocess import CUBIC_A, TOUCH, Preprocessing
from lineament.models.backbones import Backbone

OPSET = 18
PIXELS = "pixels"
FEATURES = "features"


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


def feature_graph(backbone: onnx.ModelProto, preprocessing: Preprocessing) -> bytes:
    """Make the graph that heads are trained on: ``image uint8 (N, H, W, 3)`` to ``embedding``."""
    writer = _Writer(backbone)
    writer.preprocess(preprocessing)
    writer.node("ReduceMean", [FEATURES, writer.ints([2, 3])], "embedding", keepdims=0)
    return writer.model({"embedding": ["N", "D"]})


def classifier_graph(
    backbone: onnx.ModelProto,
    preprocessing: Preprocessing,
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    *,
    temperature: float,
) -> bytes:
    """Make the whole graph, from pixels to calibrated probabilities.

    Args:
        backbone: What `backbone_graph` gave.
        preprocessing: What is done to pixels.
        weight: Of the head, ``float32 (C, D)``.
        bias: Of the head, ``float32 (C,)``.
        temperature: What the logits are divided by before the softmax.

    Returns:
        The serialised graph: ``image uint8 (N, H, W, 3)`` to ``probabilities (N, C)``, ``embedding
        (N, D)`` and ``activation (N, C, h, w)``, whose mean over ``h, w`` is the logit.
    """
    writer = _Writer(backbone)
    writer.preprocess(preprocessing)
    head = writer.constant(weight, "head_weight")
    offset = writer.constant(bias, "head_bias")
    divisor = writer.constant(np.float32(temperature), "temperature")
    writer.node("ReduceMean", [FEATURES, writer.ints([2, 3])], "embedding", keepdims=0)
    writer.node("Gemm", ["embedding", head, offset], "logits", transB=1)
    writer.node("Softmax", [writer.node("Div", ["logits", divisor])], "probabilities", axis=1)
    kernel = writer.constant(weight[:, :, None, None], "activation_weight")
    writer.node("Conv", [FEATURES, kernel, offset], "activation")
    outputs = {
        "probabilities": ["N", len(bias)],
        "embedding": ["N", weight.shape[1]],
        "activation": ["N", len(bias), "h", "w"],
    }
    return writer.model(outputs)


class _Writer:
    """Collects nodes before and after an exported backbone."""

    def __init__(self, backbone: onnx.ModelProto) -> None:
        self._backbone = backbone
        self._before: list[onnx.NodeProto] = []
        self._after: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._nodes = self._before
        self._count = 0

    def node(
        self, kind: str, inputs: Sequence[str], output: str = "", **attributes: int | float
    ) -> str:
        """Add a node and name its only output."""
        name = output or self._name(kind.lower())
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: NDArray[np.generic] | np.generic, name: str = "") -> str:
        """Add a constant."""
        label = f"lineament/{name}" if name else self._name("constant")
        self._constants.append(numpy_helper.from_array(np.asarray(values), label))
        return label

    def ints(self, values: list[int]) -> str:
        """Add a list of integers, as axes and indices are given."""
        return self.constant(np.asarray(values, dtype=np.int64))

    def number(self, value: float) -> str:
        """Add a scalar ``float32``."""
        return self.constant(np.asarray(value, dtype=np.float32))

    def preprocess(self, spec: Preprocessing) -> None:
        """Write `lineament.imaging.preprocess` as nodes, from ``image`` to ``pixels``."""
        shape = self.node("Shape", ["image"])
        sizes = [
            self.node("Cast", [self.node("Gather", [shape, self.constant(np.int64(axis))])], to=1)
            for axis in (1, 2)
        ]
        sides = {"squash": None, "crop": "Min", "letterbox": "Max"}
        side = None if sides[spec.fit] is None else self.node(str(sides[spec.fit]), sizes)
        rows, inside_rows = self._resize(sizes[0], side, spec)
        columns, inside_columns = self._resize(sizes[1], side, spec)
        channels = helper.make_node("Transpose", ["image"], ["channels"], perm=[0, 3, 1, 2])
        self._nodes.append(channels)
        tall = self.node("MatMul", [rows, self.node("Cast", ["channels"], to=1)])
        turned = self.node("Transpose", [columns])
        resized = self.node("MatMul", [tall, turned])
        bounded = self.node("Clip", [resized, self.number(0.0), self.number(255.0)])
        scale = np.float32(255.0)
        mean = self.constant(np.asarray(spec.mean, np.float32).reshape(1, 3, 1, 1) * scale)
        std = self.constant(np.asarray(spec.std, np.float32).reshape(1, 3, 1, 1) * scale)
        centred = self.node("Sub", [bounded, mean])
        if spec.fit != "letterbox":  # only a letterbox has padding to blank out
            self.node("Div", [centred, std], PIXELS)
        else:
            normal = self.node("Div", [centred, std])
            inside = self.node(
                "Mul",
                [
                    self.node("Unsqueeze", [inside_rows, self.ints([1])]),
                    self.node("Unsqueeze", [inside_columns, self.ints([0])]),
                ],
            )
            self.node("Mul", [normal, inside], PIXELS)
        self._nodes = self._after

    def _resize(self, length: str, side: str | None, spec: Preprocessing) -> tuple[str, str]:
        """Write `lineament.imaging.preprocess.resize_matrix` for one axis."""
        if side is None:
            start, extent = self.number(0.0), length
        else:
            gap = self.node("Sub", [length, side])
            start, extent = self.node("Div", [gap, self.number(2.0)]), side
        scale = self.node("Div", [extent, self.number(float(spec.size_px))])
        stretch = self.node("Max", [scale, self.number(1.0)])
        half_steps = np.arange(spec.size_px, dtype=np.float32) + np.float32(0.5)
        steps = self.node("Mul", [self.constant(half_steps), scale])
        centres = self.node("Add", [start, steps])
        counted = self.node("Range", [self.number(0.0), length, self.number(1.0)])
        pixels = self.node("Add", [counted, self.number(0.5)])
        across = self.node("Unsqueeze", [pixels, self.ints([0])])
        down = self.node("Unsqueeze", [centres, self.ints([1])])
        apart = self.node("Abs", [self.node("Sub", [across, down])])
        distance = self.node("Div", [apart, stretch])
        weights = self._kernel(distance, spec.interpolation)
        sums = self.node("ReduceSum", [weights, self.ints([1])], keepdims=1)
        solid = self.node("Greater", [self.node("Abs", [sums]), self.number(1e-6)])
        safe = self.node("Where", [solid, sums, self.number(1.0)])
        reach = self.node("Mul", [scale, self.number(TOUCH)])
        after_start = self.node("Greater", [self.node("Add", [centres, reach]), self.number(0.0)])
        before_end = self.node("Less", [self.node("Sub", [centres, reach]), length])
        inside = self.node("Cast", [self.node("And", [after_start, before_end])], to=1)
        return self.node("Div", [weights, safe]), inside

    def _kernel(self, distance: str, interpolation: str) -> str:
        if interpolation == "bilinear":
            return self.node("Relu", [self.node("Sub", [self.number(1.0), distance])])
        a = CUBIC_A
        near = self._polynomial(distance, [a + 2, -(a + 3), 0.0, 1.0])
        far = self._polynomial(distance, [a, -5 * a, 8 * a, -4 * a])
        is_far = self.node("Less", [distance, self.number(2.0)])
        outer = self.node("Where", [is_far, far, self.number(0.0)])
        is_near = self.node("Less", [distance, self.number(1.0)])
        return self.node("Where", [is_near, near, outer])

    def _polynomial(self, x: str, coefficients: list[float]) -> str:
        """Horner's rule, highest power first."""
        value = self.number(coefficients[0])
        for coefficient in coefficients[1:]:
            product = self.node("Mul", [value, x])
            value = self.node("Add", [product, self.number(coefficient)])
        return value

    def model(self, outputs: Mapping[str, Sequence[str | int]]) -> bytes:
        """Join everything to one checked model."""
        graph = self._backbone.graph
        image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])
        results = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
            for name, shape in outputs.items()
        ]
        joined = helper.make_graph(
            [*self._before, *graph.node, *self._after],
            "lineament",
            [image],
            results,
            initializer=[*graph.initializer, *self._constants],
        )
        model = helper.make_model(
            joined,
            producer_name="lineament",
            producer_version=__version__,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=self._backbone.ir_version,
        )
        onnx.checker.check_model(model)
        serialised: bytes = model.SerializeToString()
        return serialised

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"lineament/{kind}_{self._count}"
