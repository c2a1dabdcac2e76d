"""Familiarity is one thing in numpy, ONNX Runtime and OpenVINO, and survives the way to a file."""

import functools
import importlib
import importlib.util

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from lineament.imaging.preprocess import Preprocessing
from lineament.measure.familiarity import Familiarity, fit_familiarity
from lineament.models.backbones import create_backbone
from lineament.models.graph import backbone_graph, classifier_graph
from lineament.models.head_graph import familiarity_of
from lineament.models.heads import create_head
from lineament.runtime.engines import OnnxRuntimeEngine

N_CLASSES = 4
needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed"
)


@functools.cache
def exported() -> tuple[Preprocessing, onnx.ModelProto, int]:
    backbone = create_backbone("test_resnet", "none", size_px=64, seed=7).eval()
    return backbone.preprocessing, backbone_graph(backbone), backbone.n_features


@functools.cache
def learnt() -> Familiarity:
    """Learnt from noise of another kind per class, scaled by more of the same."""
    graph = OnnxRuntimeEngine(made(None), name="graph")
    known = [graph.run(photo(seed)[None], ["embedding"])[0][0] for seed in range(40)]
    labels = np.arange(40) % N_CLASSES
    fitted = fit_familiarity(np.stack(known[:30]), labels[:30], n_classes=N_CLASSES)
    return fitted.scaled_by(np.stack(known[30:]))


def made(familiarity: Familiarity | None, *, mirrored_view: bool = False) -> bytes:
    spec, proto, n_features = exported()
    torch.manual_seed(4)
    head = create_head("linear", n_features, N_CLASSES).spec()
    return classifier_graph(
        proto,
        spec,
        head,
        temperature=1.5,
        mirrored_view=mirrored_view,
        familiarity=familiarity,
    )


def photo(seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(20, 120, 2)
    picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture[:: 2 + seed % N_CLASSES] //= 3
    return picture


@pytest.mark.parametrize("mirrored_view", [False, True])
def test_graph_computes_what_numpy_does(mirrored_view: bool) -> None:
    engine = OnnxRuntimeEngine(made(learnt(), mirrored_view=mirrored_view), name="graph")

    for seed in range(30, 45):
        embedding, value = engine.run(photo(seed)[None], ["embedding", "familiarity"])
        assert value.shape == (1,)
        assert value == pytest.approx(learnt()(embedding), abs=1e-4)


def test_values_differ_between_photos() -> None:
    engine = OnnxRuntimeEngine(made(learnt()), name="graph")

    values = [float(engine.run(photo(seed)[None], ["familiarity"])[0][0]) for seed in range(30, 40)]

    assert np.ptp(values) > 0.2


@needs_openvino
def test_openvino_computes_what_onnx_runtime_does() -> None:
    openvino = importlib.import_module("openvino")
    core = openvino.Core()
    options = {"INFERENCE_PRECISION_HINT": "f32"}  # else bfloat16 where the processor can
    compiled = core.compile_model(core.read_model(made(learnt())), "CPU", options)
    engine = OnnxRuntimeEngine(made(learnt()), name="graph")

    for seed in range(30, 40):
        (wanted,) = engine.run(photo(seed)[None], ["familiarity"])
        assert compiled(photo(seed)[None])["familiarity"] == pytest.approx(wanted, abs=1e-3)


def test_photos_of_a_batch_do_not_touch_each_other() -> None:
    engine = OnnxRuntimeEngine(made(learnt()), name="graph")
    batch = np.random.default_rng(1).integers(0, 256, (5, 50, 40, 3), dtype=np.uint8)

    (together,) = engine.run(batch, ["familiarity"])

    alone = [engine.run(batch[i : i + 1], ["familiarity"])[0][0] for i in range(5)]
    assert together == pytest.approx(alone, abs=1e-5)


def test_what_was_learnt_is_read_back_from_the_graph() -> None:
    read = familiarity_of(onnx.load_model_from_string(made(learnt())))

    assert read is not None
    for name in ("shared", "towards", "offsets"):
        stored, given = getattr(read, name), getattr(learnt(), name)
        assert stored.dtype == given.dtype
        np.testing.assert_array_equal(stored, given)
    assert read.middle == pytest.approx(learnt().middle)
    assert read.spread == pytest.approx(learnt().spread)


def test_graph_without_it_has_neither_output_nor_constants() -> None:
    graph = onnx.load_model_from_string(made(None))

    assert familiarity_of(graph) is None
    assert [each.name for each in graph.graph.output] == [
        "probabilities",
        "embedding",
        "activation",
    ]


def test_the_other_outputs_are_the_same_with_and_without_it() -> None:
    names = ["probabilities", "embedding", "activation"]
    one, other = (
        OnnxRuntimeEngine(made(each), name="graph").run(photo(3)[None], names)
        for each in (None, learnt())
    )

    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)
