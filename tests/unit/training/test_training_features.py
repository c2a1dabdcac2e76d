"""Features: many training photos by the fastest engine, validation by the one that answers.

What is on disk changes how long it takes, and nothing else.
"""

import dataclasses
import importlib.util
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.dataset import Dataset
from lineament.core.errors import DataError
from lineament.core.executor import LocalExecutor
from lineament.core.files import cache_folder
from lineament.core.progress import QUIET, Quiet
from lineament.imaging.preprocess import Preprocessing
from lineament.models.backbones import create_backbone
from lineament.models.graph import backbone_graph, feature_graph
from lineament.preparation.build import PrepareConfig, prepare
from lineament.runtime.embedding import embed
from lineament.runtime.engines import Engine, OnnxRuntimeEngine
from lineament.runtime.openvino_engine import OpenVinoEngine
from lineament.training import features
from lineament.training.features import Part, default_features, frozen_features
from lineament.training.recipe import TrainConfig
from lineament.training.train import train

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed"
)

Backbone = tuple[onnx.ModelProto, Preprocessing]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    made = create_backbone("test_resnet", "none", size_px=32, seed=3)
    return backbone_graph(made), made.preprocessing


def frozen(
    dataset: Dataset,
    backbone: Backbone,
    *,
    workers: int = 2,
    mirrored_view: bool = False,
    cache: bool = True,
    progress: Quiet = QUIET,
) -> tuple[Part, Part, str]:
    return frozen_features(
        dataset,
        *backbone,
        executor=LocalExecutor(workers=workers),
        progress=progress,
        mirrored_view=mirrored_view,
        cache=cache,
    )


def bits(answer: tuple[Part, Part, str]) -> list[object]:
    """Everything that `frozen_features` says, to the last bit."""
    return [*(each.tobytes() for part in answer[:2] for each in part), answer[2]]


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
    """Keeps what is said, and which bars are drawn."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.bars: list[str] = []

    def start(self, task: str, total: int | None) -> None:
        self.bars.append(f"{task}: {total}")

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
    one, other = (frozen(drawn_dataset, backbone, workers=count, cache=False) for count in (1, 5))

    assert bits(one) == bits(other)


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


# what is on disk


@needs_openvino
@pytest.mark.usefixtures("few_are_many")
@pytest.mark.parametrize("mirrored_view", [False, True])
def test_features_on_disk_are_those_computed_to_the_last_bit(
    drawn_dataset: Dataset, backbone: Backbone, mirrored_view: bool
) -> None:
    plain, cold, warm = (
        frozen(drawn_dataset, backbone, mirrored_view=mirrored_view, cache=cache)
        for cache in (False, True, True)
    )

    assert bits(plain) == bits(cold) == bits(warm)


@pytest.mark.usefixtures("few_are_many")
def test_all_on_disk_is_one_line_and_no_bar(
    drawn_dataset: Dataset, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, added=0.01)
    cold, warm = Ear(), Ear()

    for ear in (cold, warm):
        frozen(drawn_dataset, backbone, progress=ear)

    assert cold.notes == []
    assert cold.bars == [
        "comparing engines: 15",
        "comparing engines: 15",
        "features of train: 45",
        "features of validation: 30",
    ]
    assert warm.notes == ["features of 90 photos from the cache"]
    assert warm.bars == []


def test_folds_share_what_is_on_disk(write_kinds: Callable[..., Path], tmp_path: Path) -> None:
    made = create_backbone("test_resnet", "none", size_px=32, seed=3)
    backbone = backbone_graph(made), made.preprocessing
    source = write_kinds(tmp_path / "source", per_class=12)
    data = prepare(source, tmp_path / "dataset", config=PrepareConfig(folds=3))
    frozen(data.fold(1), backbone)
    ear = Ear()

    answer = frozen(data.fold(2), backbone, progress=ear)

    assert ear.bars == []
    assert bits(answer) == bits(frozen(data.fold(2), backbone, cache=False))


@pytest.mark.usefixtures("few_are_many")
def test_engine_is_chosen_as_if_nothing_were_on_disk(
    drawn_dataset: Dataset, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is on disk of the exact engine; the other one is asked for the training photos."""
    monkeypatch.setattr(features, "ENOUGH", 1000)
    frozen(drawn_dataset, backbone)
    monkeypatch.setattr(features, "ENOUGH", 10)
    use(monkeypatch, added=0.01)

    answer = frozen(drawn_dataset, backbone)

    assert answer[2] == "Other 1, fp8"
    assert bits(answer) == bits(frozen(drawn_dataset, backbone, cache=False))


@pytest.mark.usefixtures("few_are_many")
def test_engine_that_was_refused_is_refused_again(
    drawn_dataset: Dataset, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, added=3.0)
    cold, warm = Ear(), Ear()

    answers = [frozen(drawn_dataset, backbone, progress=ear) for ear in (cold, warm)]

    assert bits(answers[0]) == bits(answers[1])
    assert warm.notes == [*cold.notes, "features of 90 photos from the cache"]


@pytest.mark.parametrize("changed", ["weights", "size", "crop", "view"])
def test_other_network_or_view_computes_anew(
    changed: str, drawn_dataset: Dataset, backbone: Backbone
) -> None:
    graph, rule = backbone
    frozen(drawn_dataset, backbone)
    ear = Ear()
    if changed == "weights":
        graph = onnx.ModelProto.FromString(graph.SerializeToString())
        weight = graph.graph.initializer[0]
        weight.raw_data = bytes([weight.raw_data[0] ^ 1]) + weight.raw_data[1:]
    elif changed == "size":
        rule = dataclasses.replace(rule, size_px=40)
    elif changed == "crop":
        rule = dataclasses.replace(rule, crop_fraction=0.9)

    frozen(drawn_dataset, (graph, rule), mirrored_view=changed == "view", progress=ear)

    assert ear.bars == ["features of train: 60", "features of validation: 30"]


def test_nothing_is_kept_where_that_is_asked_for(
    drawn_dataset: Dataset, backbone: Backbone
) -> None:
    frozen(drawn_dataset, backbone, cache=False)

    assert not cache_folder().exists()


@pytest.fixture
def small_default(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tiny network be the default one."""
    made = create_backbone("test_resnet", "none", size_px=32, seed=3)
    monkeypatch.setattr(features, "create_backbone", lambda *_: made)
    monkeypatch.setattr(features, "stored_graph", lambda *_, **__: backbone[0])


@pytest.mark.usefixtures("small_default")
def test_default_features_are_found_again_wherever_the_photos_are(
    drawn_dataset: Dataset, tmp_path: Path
) -> None:
    paths = [drawn_dataset.path(each) for each in drawn_dataset.samples("test")]
    cold, _ = default_features(paths, executor=LocalExecutor(), progress=QUIET)
    copies = [Path(shutil.copy(path, tmp_path)) for path in paths]
    ear = Ear()

    warm, name = default_features(copies[::-1], executor=LocalExecutor(), progress=ear)

    assert name == "test_resnet"
    assert ear.bars == []
    assert ear.notes == ["features of 30 photos from the cache"]
    assert warm.tobytes() == cold[::-1].tobytes()


@pytest.mark.usefixtures("small_default")
def test_default_features_name_a_photo_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        default_features([tmp_path / "gone.png"], executor=LocalExecutor(), progress=QUIET)

    assert str(caught.value) == (
        f"{tmp_path / 'gone.png'} cannot be read: No such file or directory.\n"
        "  fix: The photo was there when this began; run again when nothing else changes it."
    )


FILES = ("graph.onnx", "weights.safetensors", "history.csv", "predictions/validation.parquet")


@pytest.mark.parametrize(
    "recipe",
    [
        {"mode": "head"},
        {"mode": "head", "head": "mlp", "hidden": 8, "epochs": 2, "mirrored_view": True},
    ],
    ids=["solver", "loop"],
)
def test_model_trained_from_the_cache_is_the_model_trained_without(
    recipe: dict[str, object], drawn_dataset: Dataset, tmp_path: Path
) -> None:
    plain = TrainConfig(backbone="test_resnet", weights="none", size_px=32, cache=False, **recipe)  # type: ignore[arg-type]
    cached = dataclasses.replace(plain, cache=True)
    ears = [Ear() for _ in range(3)]

    runs = [
        train(drawn_dataset, tmp_path / f"{number}", config=config, progress=ear).root
        for number, (config, ear) in enumerate(zip((plain, cached, cached), ears, strict=True))
    ]

    assert "writing the graph of test_resnet" in ears[1].notes
    assert ears[2].notes[0] == "features of 90 photos from the cache"
    for name in FILES:
        assert len({(run / name).read_bytes() for run in runs}) == 1, name
