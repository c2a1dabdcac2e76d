"""The graph that ships answers as torch and numpy do, whatever the photo, backbone or engine."""

import dataclasses
import functools
import importlib
import importlib.util
from collections.abc import Callable, Sequence

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper

from lineament.imaging.preprocess import FITS, INTERPOLATIONS, Preprocessing
from lineament.imaging.preprocess import preprocess as reference
from lineament.models.backbones import Backbone, create_backbone
from lineament.models.classifier import Classifier, preprocess
from lineament.models.graph import backbone_graph, classifier_graph, feature_graph
from lineament.models.head_spec import HeadSpec
from lineament.models.heads import create_head
from lineament.models.nodes import OPSET
from lineament.runtime.engines import OnnxRuntimeEngine

Run = Callable[[NDArray[np.uint8], Sequence[str]], list[NDArray[np.float32]]]

N_CLASSES = 5
TEMPERATURE = 1.7
SIZES = [
    *((1, 1), (1, 9), (3, 200), (24, 1500), (900, 25), (31, 33), (97, 333), (64, 64)),
    # Here edges of the photo fall exactly on edges of a letterbox's samples.
    *((100, 200), (200, 100), (77, 44), (50, 150)),
]
FRACTIONS = [1.0, 0.875, 0.37]
PIXEL_TOLERANCE = 1e-4  # of the normalised scale, where a level of 255 is 0.017
PROBABILITY_TOLERANCE = 1e-5
# It divides by multiplying with a reciprocal; 2e-3 is a ninth of a level of 255.
OPENVINO_PIXEL_TOLERANCE = 2e-3
OPENVINO_PROBABILITY_TOLERANCE = 1e-4

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed"
)


def rule(
    fit: str,
    interpolation: str,
    *,
    size_px: int = 96,
    crop_fraction: float = 1.0,
    rounded: bool = False,
) -> Preprocessing:
    return Preprocessing(
        size_px=size_px,
        fit=fit,
        interpolation=interpolation,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        crop_fraction=crop_fraction,
        rounded=rounded,
    )


def pixels_graph(spec: Preprocessing) -> bytes:
    """A graph whose activation is its preprocessed pixels: no backbone, and the unit matrix."""
    shape: list[str | int] = ["N", 3, "S", "S"]
    nothing = helper.make_model(
        helper.make_graph(
            [helper.make_node("Identity", ["pixels"], ["features"])],
            "nothing",
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, shape)],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=10,
    )
    unit = HeadSpec(kind="linear", weight=np.eye(3, dtype=np.float32), bias=np.zeros(3, np.float32))
    return classifier_graph(nothing, spec, unit, temperature=1.0)


def onnxruntime(graph: bytes) -> Run:
    return OnnxRuntimeEngine(graph, name="graph").run


def openvino(graph: bytes) -> Run:
    ov = importlib.import_module("openvino")
    core = ov.Core()
    # Left alone it computes in bfloat16 where the processor can.
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(graph), "CPU", options)

    def run(image: NDArray[np.uint8], outputs: Sequence[str]) -> list[NDArray[np.float32]]:
        answer = compiled(image)
        return [np.asarray(answer[name]) for name in outputs]

    return run


@functools.cache
def noise(height: int, width: int) -> NDArray[np.uint8]:
    """Bytes by chance: no photo is harder to resample alike."""
    rng = np.random.default_rng([height, width])
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@functools.cache
def exported(name: str, size_px: int) -> tuple[Backbone, onnx.ModelProto]:
    """A backbone with random weights, and its graph."""
    backbone = create_backbone(name, "none", size_px=size_px, seed=7).eval()
    return backbone, backbone_graph(backbone)


def classifier(name: str, size_px: int, spec: Preprocessing | None = None) -> Classifier:
    """A classifier whose head tells photos apart, so that equal answers mean something."""
    backbone, _ = exported(name, size_px)
    # Unrounded: one level that falls the other way is more than what engines differ by.
    backbone.preprocessing = spec or dataclasses.replace(backbone.preprocessing, rounded=False)
    head = create_head("linear", backbone.n_features, N_CLASSES)
    model = Classifier(backbone, head).eval()
    draw = torch.Generator().manual_seed(3)
    side = backbone.preprocessing.size_px
    with torch.no_grad():
        noise = torch.randn(8, 3, side, side, generator=draw)
        features = backbone(noise).mean(dim=(2, 3))
        # Standardised features, of which some never fire; deep random networks hardly vary.
        spread = features.std(dim=0)
        weight = torch.randn(N_CLASSES, backbone.n_features, generator=draw) / spread
        weight[:, spread < spread.max() / 100] = 0.0
        head.weight.copy_(weight / backbone.n_features**0.5)
        assert head.bias is not None
        head.bias.copy_(-head.weight @ features.mean(dim=0))
    return model


def graph_of(model: Classifier, name: str, size_px: int) -> bytes:
    return classifier_graph(
        exported(name, size_px)[1],
        model.backbone.preprocessing,
        model.head.spec(),
        temperature=TEMPERATURE,
    )


def torch_answer(model: Classifier, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    with torch.no_grad():
        answer = model.probabilities(torch.from_numpy(image), temperature=TEMPERATURE)
    return np.asarray(answer.numpy(), dtype=np.float32)


@pytest.mark.parametrize("crop_fraction", FRACTIONS)
@pytest.mark.parametrize("size_px", [32, 97])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("fit", FITS)
def test_graph_preprocesses_as_numpy_does(
    fit: str, interpolation: str, size_px: int, crop_fraction: float
) -> None:
    spec = rule(fit, interpolation, size_px=size_px, crop_fraction=crop_fraction)
    run = onnxruntime(pixels_graph(spec))
    for height, width in SIZES:
        image = noise(height, width)

        pixels = run(image[None], ["activation"])[0][0]

        assert np.abs(pixels - reference(image, spec)).max() < PIXEL_TOLERANCE, (height, width)


@given(
    height=st.integers(1, 400),
    width=st.integers(1, 400),
    size_px=st.integers(1, 96),
    fit=st.sampled_from(FITS),
    interpolation=st.sampled_from(INTERPOLATIONS),
    crop_fraction=st.floats(0.1, 1.0),
)
def test_any_part_of_any_photo_is_preprocessed_alike(
    height: int, width: int, size_px: int, fit: str, interpolation: str, crop_fraction: float
) -> None:
    spec = rule(fit, interpolation, size_px=size_px, crop_fraction=crop_fraction)
    image = noise(height, width)

    expected = reference(image, spec)

    shipped = onnxruntime(pixels_graph(spec))(image[None], ["activation"])[0][0]
    assert np.abs(shipped - expected).max() < 5 * PIXEL_TOLERANCE
    trained = preprocess(torch.from_numpy(image), spec).numpy()
    assert np.abs(trained - expected).max() < 5 * PIXEL_TOLERANCE


@needs_openvino
@pytest.mark.parametrize("crop_fraction", FRACTIONS)
@pytest.mark.parametrize("size_px", [96, 224])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("fit", FITS)
def test_openvino_preprocesses_as_numpy_does(
    fit: str, interpolation: str, size_px: int, crop_fraction: float
) -> None:
    spec = rule(fit, interpolation, size_px=size_px, crop_fraction=crop_fraction)
    run = openvino(pixels_graph(spec))
    off = {}
    for height, width in SIZES:
        image = noise(height, width)
        difference = np.abs(run(image[None], ["activation"])[0][0] - reference(image, spec)).max()
        if difference > OPENVINO_PIXEL_TOLERANCE:
            off[height, width] = float(difference)

    assert off == {}


@pytest.mark.parametrize(
    ("engine", "in_a_million"),
    [("onnxruntime", 10), ("torch", 10), pytest.param("openvino", 500, marks=needs_openvino)],
)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("fit", FITS)
def test_few_levels_are_rounded_to_the_other_side_and_none_further(
    fit: str, interpolation: str, engine: str, in_a_million: int
) -> None:
    spec = rule(fit, interpolation, size_px=224, rounded=True)
    level = 1 / (255 * np.asarray(spec.std, np.float32)[:, None, None])
    off = []
    for height, width in SIZES:
        image = noise(height, width)
        if engine == "torch":
            pixels = preprocess(torch.from_numpy(image), spec).numpy()
        else:
            run = onnxruntime if engine == "onnxruntime" else openvino
            pixels = run(pixels_graph(spec))(image[None], ["activation"])[0][0]
        off.append(np.abs(pixels - reference(image, spec)) / level)

    assert np.max(off) < 1.01
    assert (np.asarray(off) > 0.5).mean() <= in_a_million / 1e6


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("fit", FITS)
def test_graph_answers_as_torch_does(fit: str, interpolation: str) -> None:
    model = classifier("test_resnet", 64, rule(fit, interpolation, size_px=64))
    run = onnxruntime(graph_of(model, "test_resnet", 64))
    for height, width in SIZES:
        image = noise(height, width)

        shipped = run(image[None], ["probabilities"])[0][0]

        difference = np.abs(shipped - torch_answer(model, image)).max()
        assert difference < PROBABILITY_TOLERANCE, (height, width)


@needs_openvino
def test_openvino_answers_as_torch_does() -> None:
    model = classifier("test_resnet", 64, rule("squash", "bicubic", size_px=64))
    run = openvino(graph_of(model, "test_resnet", 64))
    for height, width in SIZES:
        image = noise(height, width)

        answer = run(image[None], ["probabilities"])[0][0]

        difference = np.abs(answer - torch_answer(model, image)).max()
        assert difference < OPENVINO_PROBABILITY_TOLERANCE, (height, width)


# Kinds of network: residual, depthwise, layer norm, tokens, channels last, plain stacked.
@pytest.mark.parametrize(
    ("name", "size_px"),
    [
        ("test_resnet", 64),
        ("test_efficientnet", 64),
        ("test_convnext", 64),
        ("test_vit", 64),
        ("test_mambaout", 64),
        pytest.param("resnet18", 64, marks=pytest.mark.slow),
        pytest.param("mobilenetv2_100", 64, marks=pytest.mark.slow),
        pytest.param("vgg11", 48, marks=pytest.mark.slow),
    ],
)
def test_each_kind_of_backbone_answers_the_same_after_export(
    name: str, size_px: int, draw_photo: Callable[..., NDArray[np.uint8]]
) -> None:
    model = classifier(name, size_px)
    run = onnxruntime(graph_of(model, name, size_px))
    answers = []
    for kind, (height, width) in enumerate([(48, 64), (33, 97), (200, 120)]):
        image = draw_photo(2, height, width, kind=kind)

        probabilities, activation = run(image[None], ["probabilities", "activation"])
        expected = torch_answer(model, image)

        assert np.abs(probabilities[0] - expected).max() < PROBABILITY_TOLERANCE
        logits = activation[0].mean(axis=(1, 2)) / np.float32(TEMPERATURE)
        softmax = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        assert np.abs(softmax - expected).max() < PROBABILITY_TOLERANCE
        answers.append(expected)
    assert np.ptp(np.stack(answers), axis=0).max() > 0.01  # the photos are told apart at all


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_mambaout"])
@pytest.mark.parametrize("count", [1, 3, 4])
def test_photos_of_one_size_are_answered_together_as_one_by_one(
    name: str, count: int, draw_photo: Callable[..., NDArray[np.uint8]]
) -> None:
    model = classifier(name, 64)
    run = onnxruntime(graph_of(model, name, 64))
    photos = np.stack([draw_photo(seed, 45, 70, kind=seed) for seed in range(count)])
    outputs = ["probabilities", "embedding", "activation"]

    together = run(photos, outputs)

    for number, photo in enumerate(photos):
        for whole, alone in zip(together, run(photo[None], outputs), strict=True):
            assert np.abs(whole[number] - alone[0]).max() < 1e-4


def test_probabilities_sum_to_one_and_no_temperature_is_left_out(
    draw_photo: Callable[..., NDArray[np.uint8]],
) -> None:
    model = classifier("test_resnet", 64)
    head = model.head.spec()
    proto, spec = exported("test_resnet", 64)[1], model.backbone.preprocessing
    image = draw_photo(0, 60, 80)[None]
    logits = torch.tensor(
        onnxruntime(classifier_graph(proto, spec, head, temperature=1.0))(image, ["activation"])[
            0
        ].mean(axis=(2, 3))
    )
    for temperature in (0.05, 1.0, 20.0):
        graph = classifier_graph(proto, spec, head, temperature=temperature)
        probabilities = onnxruntime(graph)(image, ["probabilities"])[0]
        expected = torch.softmax(logits / temperature, dim=1).numpy()

        assert probabilities.sum() == pytest.approx(1.0, abs=1e-6)
        assert np.abs(probabilities - expected).max() < PROBABILITY_TOLERANCE


def test_embedding_is_what_heads_are_trained_on(
    draw_photo: Callable[..., NDArray[np.uint8]],
) -> None:
    model = classifier("test_resnet", 64)
    proto = exported("test_resnet", 64)[1]
    image = draw_photo(0, 60, 80)[None]

    trained = onnxruntime(feature_graph(proto, model.backbone.preprocessing))
    shipped = onnxruntime(graph_of(model, "test_resnet", 64))

    assert np.array_equal(trained(image, ["embedding"])[0], shipped(image, ["embedding"])[0])


def test_graph_takes_bytes_and_nothing_else(draw_photo: Callable[..., NDArray[np.uint8]]) -> None:
    run = onnxruntime(pixels_graph(rule("squash", "bilinear")))
    image = draw_photo(0, 20, 30)[None]

    assert run(image, ["activation"])[0].shape == (1, 3, 96, 96)
    for other in (image.astype(np.float32), image.astype(np.int64), image / 255):
        # ONNX Runtime's exceptions have no common base, and their texts are its own.
        with pytest.raises(Exception, match="Unexpected input data type"):
            run(other.astype(other.dtype), ["activation"])
