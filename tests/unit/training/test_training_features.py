"""Features: many training photos by the fastest engine, validation by the one that answers."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.dataset import Dataset
from lineament.core.executor import LocalExecutor
from lineament.core.progress import QUIET, Quiet
from lineament.imaging.preprocess import Preprocessing
from lineament.models.backbones import create_backbone
from lineament.models.graph import backbone_graph, feature_graph
from lineament.runtime.engines import Engine, OnnxRuntimeEngine, OpenVinoEngine
from lineament.runtime.predictor import embed
from lineament.training import features
from lineament.training.features import Part, frozen_features

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed"
)

Backbone = tuple[onnx.ModelProto, Preprocessing]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    made = create_backbone("test_resnet", "none", size_px=32, seed=3)
    return backbone_graph(made), made.preprocessing


def frozen(
    dataset: Dataset, backbone: Backbone, *, workers: int = 2, mirrored_view: bool = False
) -> tuple[Part, Part, str]:
    return frozen_features(
        dataset,
        *backbone,
        executor=LocalExecutor(workers=workers),
        progress=QUIET,
        mirrored_view=mirrored_view,
    )


def exact(
    dataset: Dataset, split: str, backbone: Backbone, *, mirrored_view: bool = False
) -> NDArray[np.float32]:
    engine = OnnxRuntimeEngine(feature_graph(*backbone, mirrored_view=mirrored_view), name="m")
    paths = [dataset.path(sample) for sample in dataset.samples(split)]
    return np.stack(list(embed(engine, paths, backbone[1], executor=LocalExecutor())))


def cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(axis=1) / lengths)


class Other:
    """An engine that embeds photos as ONNX Runtime does, but for what is added."""

    title = "Other 1, fp8"
    metadata: Mapping[str, str] = {}
    outputs = ("embedding",)

    def __init__(self, graph: bytes, added: float) -> None:
        self._engine = OnnxRuntimeEngine(graph, name="m")
        self._added = added

    def run(self, image: NDArray[np.uint8], outputs: Sequence[str]) -> list[NDArray[np.float32]]:
        (rows,) = self._engine.run(image, outputs)
        return [rows + self._added * rows[:, ::-1]]


class Ear(Quiet):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the drawn photos be enough for the fastest engine."""
    monkeypatch.setattr(features, "ENOUGH", 10)


def use(monkeypatch: pytest.MonkeyPatch, added: float) -> None:
    def make(graph: bytes, *, name: str) -> Engine:
        return Other(graph, added)

    monkeypatch.setattr(features, "fastest_engine", make)


@pytest.mark.usefixtures("few_are_many")
@pytest.mark.parametrize("mirrored_view", [False, True])
def test_validation_features_are_those_of_onnx_runtime(
    drawn_dataset: Dataset, backbone: Backbone, mirrored_view: bool
) -> None:
    _, (embeddings, _), _ = frozen(drawn_dataset, backbone, mirrored_view=mirrored_view)

    expected = exact(drawn_dataset, "validation", backbone, mirrored_view=mirrored_view)
    assert embeddings.tobytes() == expected.tobytes()


@needs_openvino
@pytest.mark.usefixtures("few_are_many")
@pytest.mark.parametrize("mirrored_view", [False, True])
def test_training_features_of_openvino_are_nearly_those_of_onnx_runtime(
    drawn_dataset: Dataset, backbone: Backbone, mirrored_view: bool
) -> None:
    (embeddings, _), _, title = frozen(drawn_dataset, backbone, mirrored_view=mirrored_view)

    expected = exact(drawn_dataset, "train", backbone, mirrored_view=mirrored_view)
    assert title.startswith("OpenVINO ")
    assert embeddings.dtype == np.float32
    assert cosines(embeddings, expected).min() > 0.999


def test_labels_are_those_of_the_photos(drawn_dataset: Dataset, backbone: Backbone) -> None:
    train, validation, _ = frozen(drawn_dataset, backbone)

    for (_, labels), split in ((train, "train"), (validation, "validation")):
        assert labels.tolist() == [each.label for each in drawn_dataset.samples(split)]


@pytest.mark.usefixtures("few_are_many")
def test_number_of_workers_changes_no_bit(drawn_dataset: Dataset, backbone: Backbone) -> None:
    one, other = (frozen(drawn_dataset, backbone, workers=count) for count in (1, 5))

    for (ours, _), (theirs, _) in zip(one[:2], other[:2], strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_few_photos_go_through_onnx_runtime(
    drawn_dataset: Dataset, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, added=0.0)

    (embeddings, _), _, title = frozen(drawn_dataset, backbone)

    assert title.startswith("ONNX Runtime ")
    assert embeddings.tobytes() == exact(drawn_dataset, "train", backbone).tobytes()


@pytest.mark.usefixtures("few_are_many")
def test_engine_that_embeds_nearly_alike_is_used_and_named(
    drawn_dataset: Dataset, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, added=0.01)

    (embeddings, _), _, title = frozen(drawn_dataset, backbone)

    plain = exact(drawn_dataset, "train", backbone)
    assert title == "Other 1, fp8"
    assert np.array_equal(embeddings, plain + 0.01 * plain[:, ::-1])


@pytest.mark.usefixtures("few_are_many")
@pytest.mark.parametrize("added", [3.0, float("nan")])
def test_engine_that_embeds_otherwise_is_not_used_and_that_is_said(
    drawn_dataset: Dataset, backbone: Backbone, monkeypatch: pytest.MonkeyPatch, added: float
) -> None:
    use(monkeypatch, added=added)
    ear = Ear()

    (embeddings, _), _, title = frozen_features(
        drawn_dataset, *backbone, executor=LocalExecutor(), progress=ear
    )

    assert title.startswith("ONNX Runtime ")
    assert embeddings.tobytes() == exact(drawn_dataset, "train", backbone).tobytes()
    (note,) = ear.notes
    assert note.startswith(f"Other 1, fp8 embeds photos otherwise than {title} does (mean cosine ")
    assert note.endswith("); going on without it")


@needs_openvino
def test_bf16_embeds_photos_that_are_shrunk_as_fp32_does(
    draw_photo: Callable[..., NDArray[np.uint8]], tmp_path: Path
) -> None:
    """A resize in bfloat16 would show here: it leaves a mean cosine of 0.981."""
    made = create_backbone("efficientnet_lite0", None)
    graph = feature_graph(backbone_graph(made), made.preprocessing)
    paths = []
    for seed in range(4):
        paths.append(tmp_path / f"{seed}.png")
        Image.fromarray(draw_photo(seed, 330 + seed, 440, kind=seed)).save(paths[-1])
    engines = (
        OnnxRuntimeEngine(graph, name="m"),
        OpenVinoEngine(graph, name="m", precision="bf16"),
    )

    one, other = (
        np.stack(list(embed(engine, paths, made.preprocessing, executor=LocalExecutor())))
        for engine in engines
    )

    assert cosines(one, other).mean() > 0.985
