"""Every head, view and part of a photo answers alike in torch, ONNX Runtime and OpenVINO."""

import dataclasses
import functools
import importlib
import importlib.util
from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from lineament.imaging.preprocess import FITS, Preprocessing
from lineament.models.backbones import Backbone, create_backbone
from lineament.models.classifier import Classifier, preprocess
from lineament.models.graph import backbone_graph, classifier_graph, feature_graph
from lineament.models.heads import KINDS, create_head
from lineament.runtime.engines import OnnxRuntimeEngine

Answers = dict[str, NDArray[np.float32]]
Run = Callable[[NDArray[np.uint8]], Answers]

OUTPUTS = ("probabilities", "embedding", "activation")
N_CLASSES = 6
TEMPERATURE = 1.7
SIZES = [(1, 1), (31, 33), (3, 200), (97, 333), (200, 100)]
# Logits here are up to 32; a hundred roundings of float32 at that size.
TOLERANCES = {"onnxruntime": 1e-4, "openvino": 1e-3}

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed"
)
ENGINES = ["onnxruntime", pytest.param("openvino", marks=needs_openvino)]


def runner(engine: str, graph: bytes) -> Run:
    if engine == "onnxruntime":
        session = OnnxRuntimeEngine(graph, name="graph")
        return lambda image: dict(zip(OUTPUTS, session.run(image, OUTPUTS), strict=True))
    ov = importlib.import_module("openvino")
    core = ov.Core()
    options = {"INFERENCE_PRECISION_HINT": "f32"}  # else bfloat16 where the processor can
    compiled = core.compile_model(core.read_model(graph), "CPU", options)

    def run(image: NDArray[np.uint8]) -> Answers:
        answer = compiled(image)
        return {name: np.asarray(answer[name]) for name in OUTPUTS}

    return run


@functools.cache
def exported() -> tuple[Backbone, onnx.ModelProto]:
    backbone = create_backbone("test_resnet", "none", size_px=64, seed=7).eval()
    return backbone, backbone_graph(backbone)


@functools.cache
def made(
    kind: str, mirrored_view: bool, fit: str = "squash", crop_fraction: float = 1.0
) -> tuple[Classifier, Preprocessing, bytes]:
    """A classifier that tells photos apart, what it does to pixels, and its graph."""
    backbone, proto = exported()
    # Unrounded: a level that falls the other way on another engine is no matter of heads.
    spec = dataclasses.replace(
        backbone.preprocessing, fit=fit, crop_fraction=crop_fraction, rounded=False
    )
    torch.manual_seed(4)
    head = create_head(kind, backbone.n_features, N_CLASSES, hidden=40)
    with torch.no_grad():
        head.weight.mul_(20)  # no matter to a cosine
    model = Classifier(backbone, head, mirrored_view=mirrored_view).eval()
    graph = classifier_graph(
        proto, spec, head.spec(), temperature=TEMPERATURE, mirrored_view=mirrored_view
    )
    return model, spec, graph


def noise(height: int, width: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng([height, width])
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def expected(model: Classifier, spec: Preprocessing, image: NDArray[np.uint8]) -> Answers:
    """What torch says; the map by its gradient, which knows nothing of how the graph makes it."""
    pixels = preprocess(torch.from_numpy(image), spec)[None]
    features = model.features(pixels).detach().requires_grad_()
    logits: Tensor = model.head(features.mean(dim=(2, 3)))
    answers = {
        "probabilities": torch.softmax(logits / TEMPERATURE, dim=1),
        "embedding": features.mean(dim=(2, 3)),
        "logits": logits,
    }
    if model.head.kind in ("linear", "mlp"):
        positions = features.shape[2] * features.shape[3]
        slopes = [
            torch.autograd.grad(logits[0, index], features, retain_graph=True)[0]
            for index in range(N_CLASSES)
        ]
        maps = torch.cat([(slope * features * positions).sum(1) for slope in slopes])[None]
        constant = logits - maps.mean(dim=(2, 3))
        answers["activation"] = maps + constant[:, :, None, None]
    return {name: value.detach().numpy() for name, value in answers.items()}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("crop_fraction", [1.0, 0.6])
@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("mirrored_view", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_engine_answers_as_torch_does(
    kind: str, mirrored_view: bool, fit: str, crop_fraction: float, engine: str
) -> None:
    model, spec, graph = made(kind, mirrored_view, fit, crop_fraction)
    run = runner(engine, graph)
    for height, width in SIZES:
        image = noise(height, width)
        theirs, mine = run(image[None]), expected(model, spec, image)
        theirs["logits"] = theirs["activation"].mean(axis=(2, 3))

        for name, values in mine.items():
            difference = np.abs(theirs[name] - values).max()
            assert difference < TOLERANCES[engine], (name, height, width)


@given(
    height=st.integers(1, 150),
    width=st.integers(1, 150),
    kind=st.sampled_from(KINDS),
    mirrored_view=st.booleans(),
    fit=st.sampled_from(FITS),
)
@example(height=64, width=128, kind="mlp", mirrored_view=True, fit="letterbox")
def test_mean_of_the_activation_map_is_the_logit_of_the_probability(
    height: int, width: int, kind: str, mirrored_view: bool, fit: str
) -> None:
    answers = runner("onnxruntime", made(kind, mirrored_view, fit, 0.75)[2])(
        noise(height, width)[None]
    )

    logits = torch.from_numpy(answers["activation"].mean(axis=(2, 3)))
    probabilities = torch.softmax(logits / TEMPERATURE, dim=1).numpy()
    assert np.abs(probabilities - answers["probabilities"]).max() < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_answers_differ_between_photos_and_over_the_map(kind: str) -> None:
    run = runner("onnxruntime", made(kind, False)[2])
    first, second = (run(noise(60 + side, 80)[None]) for side in (0, 9))

    assert np.abs(first["probabilities"] - second["probabilities"]).max() > 1e-4
    assert np.ptp(first["activation"], axis=(2, 3)).max() > 0.1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", KINDS)
def test_photos_are_answered_together_with_their_mirror_images_as_one_by_one(
    kind: str, engine: str
) -> None:
    run = runner(engine, made(kind, True)[2])
    photos = np.random.default_rng(0).integers(0, 256, (3, 45, 70, 3), dtype=np.uint8)

    together = run(photos)

    for number, photo in enumerate(photos):
        for name, values in run(photo[None]).items():
            assert np.abs(together[name][number] - values[0]).max() < TOLERANCES[engine], name


@pytest.mark.parametrize("engine", ENGINES)
def test_mirrored_view_answers_a_photo_and_its_mirror_image_alike(engine: str) -> None:
    run = runner(engine, made("mlp", True)[2])
    image = noise(50, 70)

    straight, mirrored = run(image[None]), run(image[None, :, ::-1].copy())

    # The resize of a mirrored photo rounds otherwise.
    assert np.abs(straight["probabilities"] - mirrored["probabilities"]).max() < 1e-3
    turned = mirrored["activation"][:, :, :, ::-1]
    assert np.abs(straight["activation"] - turned).max() < 1e-2


@pytest.mark.parametrize("mirrored_view", [False, True])
def test_heads_are_trained_on_the_embedding_that_ships(mirrored_view: bool) -> None:
    _, spec, graph = made("linear", mirrored_view, "crop", 0.6)
    features = OnnxRuntimeEngine(
        feature_graph(exported()[1], spec, mirrored_view=mirrored_view), name="features"
    )
    image = noise(60, 80)[None]

    trained_on = features.run(image, ["embedding"])[0]

    assert np.array_equal(trained_on, runner("onnxruntime", graph)(image)["embedding"])


@pytest.mark.parametrize("kind", ["cosface", "arcface"])
@pytest.mark.parametrize("engine", ENGINES)
def test_embedding_of_nothing_has_no_direction_and_no_favourite(engine: str, kind: str) -> None:
    nothing = onnx.ModelProto()
    nothing.CopyFrom(exported()[1])
    del nothing.graph.node[:], nothing.graph.initializer[:]
    zero = onnx.numpy_helper.from_array(np.zeros((), np.float32), "zero")
    nothing.graph.initializer.append(zero)
    nothing.graph.node.append(onnx.helper.make_node("Mul", ["pixels", "zero"], ["features"]))
    head = create_head(kind, 3, N_CLASSES).spec()
    graph = classifier_graph(nothing, exported()[0].preprocessing, head, temperature=1.0)

    answers = runner(engine, graph)(noise(20, 30)[None])

    assert np.allclose(answers["probabilities"], 1 / N_CLASSES)
    assert np.abs(answers["activation"]).max() == 0
