"""Every mode, recipe and option learns what is there, and nothing where there is nothing."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import Run
from lineament.core.config import resolve
from lineament.core.executor import LocalExecutor
from lineament.core.progress import QUIET, Progress
from lineament.models.backbones import Backbone
from lineament.models.graph import backbone_graph
from lineament.preparation.build import PrepareConfig, prepare
from lineament.runtime.predictor import Predictor
from lineament.training import assembling
from lineament.training.assembling import both_pixels, make_classifier
from lineament.training.fitting import estimate
from lineament.training.fitting.batching import plain_batches
from lineament.training.fitting.budget import Clock, seconds_of
from lineament.training.fitting.checkpoints import Checkpoints
from lineament.training.fitting.fit import Outcome, fit
from lineament.training.fitting.processes import accelerator_for
from lineament.training.pixels import open_pixels
from lineament.training.recipe import (
    HEADS,
    IMBALANCES,
    OPTIMISERS,
    POLICIES,
    SCHEDULES,
    TrainConfig,
)
from lineament.training.recipes import read_recipe, recipe_names
from lineament.training.train import train

WORKERS = LocalExecutor(workers=1)
LEARNT = 27  # of 30 test photos
GUESSED = 19  # of 30 photos of three classes: as many by guessing once in 1,600 tries (binomial)
SCRATCH = TrainConfig(
    mode="scratch",
    backbone="test_resnet",
    size_px=32,
    epochs=8,
    batch_size=10,
    learning_rate=3e-3,
    threads=1,
)
# What makes a recipe small: another network, small photos, few epochs at a rate for so few steps.
# What it is about (mode, head, optimiser, schedule, augmentation, freezing) stays.
SMALL: dict[str, object] = {
    "backbone": "test_resnet",
    "size_px": 32,
    "crop_fraction": 1.0,
    "batch_size": 10,
    "patience": None,
    "time_budget": None,
}
RATES = {"adam": 3e-3, "adamw": 3e-3, "sgd": 0.05}
OPTIONS: list[dict[str, object]] = [
    {"head": "mlp", "hidden": 32, "dropout": 0.2, "precision": "fp32"},
    {"head": "cosface", "scale": 8.0, "margin": 0.1},
    {"head": "arcface", "scale": 8.0, "margin": 0.1, "precision": "bf16"},
    {"optimiser": "sgd", "learning_rate": 0.05, "schedule": "onecycle"},
    {"optimiser": "adam", "schedule": "step", "step_epochs": 5, "accumulate": 2, "batch_size": 5},
    {"schedule": "plateau", "average": 0.9, "mirrored_view": True},
    {"schedule": "constant", "imbalance": "sampler", "policy": "trivialaugment"},
    {"imbalance": "weights", "policy": "randaugment", "cache": False},
    {"imbalance": "focal", "erasing": 0.3, "label_smoothing": 0.1},
    {"mixup": 0.2, "cutmix": 0.5, "epochs": 12},
    {"rotation": 10.0, "shift": 0.05, "zoom": 0.1, "brightness": 0.2, "contrast": 0.2},
    {"saturation": 0.2, "hue": 0.1, "size_px": 48, "start_size_px": 32, "clip_norm": None},
    {"epochs": None, "time_budget": "6s"},
]


@pytest.fixture(scope="module")
def shuffled(write_kinds: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The drawn photos, dealt to their classes by chance."""
    root = tmp_path_factory.mktemp("shuffled")
    config = PrepareConfig(split=(0.5, 0.25, 0.25))
    return prepare(write_kinds(root / "source", shuffled=True), root / "dataset", config=config)


@pytest.fixture(scope="module")
def begun(drawn_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights to tune from: of a network that was still wrong on half of the photos."""
    config = dataclasses.replace(SCRATCH, epochs=3)
    run = train(drawn_dataset, tmp_path_factory.mktemp("begun") / "run", config=config)
    return run.weights_path


@pytest.fixture(scope="module", autouse=True)
def haste() -> Iterator[None]:
    """Leave out what has nothing to do with learning and takes seconds every time.

    The graph of the same frozen network is written once, and steps are measured briefly.
    """
    written: dict[object, onnx.ModelProto] = {}

    def graph(backbone: Backbone, *, progress: Progress, cache: bool) -> onnx.ModelProto:
        network = (backbone.name, backbone.provenance["sha256"])
        if network not in written:
            written[network] = backbone_graph(backbone)
        return written[network]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assembling, "stored_graph", graph)
        patch.setattr(estimate, "PROBE_S", 0.0)
        yield


def right(run: Run, data: Dataset) -> int:
    """How many of the 30 test photos the shipped graph answers rightly."""
    judged = Predictor(run.root, executor=WORKERS).predict_split(data, "test")
    return int((judged.answers == judged.labels).sum())


def fitted(data: Dataset, root: Path, config: TrainConfig) -> tuple[int, Outcome]:
    """Run the loop from a random head, and nothing else of a training.

    Returns:
        How many of the 30 test photos the network answers rightly, and how it came to that.
    """
    model = make_classifier(data, config, is_warm=False, executor=WORKERS, progress=QUIET)
    outcome = fit(
        model,
        *both_pixels(data, model.backbone, config, executor=WORKERS, progress=QUIET),
        config,
        accelerator=accelerator_for(config),
        checkpoints=Checkpoints(root / "run", {}),
        clock=Clock(seconds_of(config.time_budget) if config.time_budget else None),
    )
    seen = model.backbone.preprocessing
    photos = open_pixels(data, "test", seen, executor=WORKERS, progress=QUIET, cache=False)
    pixels, labels = plain_batches(photos, seen, batch_size=len(photos))[0](0)
    with torch.no_grad():
        return int((model(pixels).argmax(dim=1) == labels).sum()), outcome


def small(name: str, weights: Path) -> TrainConfig:
    """A built-in recipe, made small."""
    recipe = read_recipe(name)
    mode = recipe.get("mode", "head")
    own = {"backbone": recipe["backbone"]} if mode == "scratch" else {"weights": f"file:{weights}"}
    rate = RATES[str(recipe.get("optimiser", "adamw"))]
    steps = {} if mode == "head" else {"epochs": 10, "learning_rate": rate, "threads": 1}
    return resolve(TrainConfig, recipe, SMALL, own, steps, {})


@pytest.mark.slow
@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_learns(
    name: str, drawn_dataset: Dataset, begun: Path, tmp_path: Path
) -> None:
    config = small(name, begun)

    run = train(drawn_dataset, tmp_path / "run", config=config)

    assert right(run, drawn_dataset) >= LEARNT
    if config.mode != "head":  # what the loop gave is better than what it began with
        assert int(str(run.card.chosen["epoch"])) > 0


@pytest.mark.parametrize("trainable", ["all", "head", "last:2", "gradual:2"])
def test_every_way_of_freezing_learns(
    trainable: str, drawn_dataset: Dataset, begun: Path, tmp_path: Path
) -> None:
    config = dataclasses.replace(
        SCRATCH, mode="finetune", weights=f"file:{begun}", learning_rate=0.01, trainable=trainable
    )

    found, outcome = fitted(drawn_dataset, tmp_path, config)

    assert float(str(outcome.history[0]["validation_accuracy"])) < 0.8  # its head is random
    assert found >= LEARNT


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_every_option_learns(
    options: dict[str, object], drawn_dataset: Dataset, tmp_path: Path
) -> None:
    config = resolve(TrainConfig, {**SCRATCH.as_dict(), "epochs": 10, **options})

    assert fitted(drawn_dataset, tmp_path, config)[0] >= LEARNT


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("head", HEADS),
        ("optimiser", OPTIMISERS),
        ("schedule", SCHEDULES),
        ("imbalance", IMBALANCES),
        ("policy", POLICIES),
    ],
)
def test_no_word_of_a_recipe_is_left_out(field: str, words: tuple[str, ...]) -> None:
    default = getattr(SCRATCH, field)

    assert {options.get(field, default) for options in OPTIONS} == set(words)


@pytest.mark.parametrize("mode", ["head", "finetune", "scratch"])
def test_nothing_is_learnt_where_labels_mean_nothing(
    mode: str, shuffled: Dataset, begun: Path, tmp_path: Path
) -> None:
    config = dataclasses.replace(
        SCRATCH,
        mode=mode,
        weights=None if mode == "scratch" else f"file:{begun}",
        epochs=None if mode == "head" else 6,
        learning_rate=None if mode == "head" else 3e-3,
        threads=None if mode == "head" else 1,
    )

    run = train(shuffled, tmp_path / "run", config=config)

    assert right(run, shuffled) < GUESSED


def test_photos_of_a_rare_class_are_found_when_it_weighs_more(
    write_kinds: Callable[..., Path], begun: Path, tmp_path: Path
) -> None:
    source = write_kinds(tmp_path / "source")
    for number, photo in enumerate(sorted((source / "disc").iterdir())):
        if number % 4:
            photo.unlink()
    data = prepare(source, tmp_path / "data", config=PrepareConfig(split=(0.5, 0.25, 0.25)))
    config = TrainConfig(
        backbone="test_resnet", weights=f"file:{begun}", size_px=32, imbalance="weights"
    )

    run = train(data, tmp_path / "run", config=config)

    judged = Predictor(run.root, executor=WORKERS).predict_split(data, "test")
    rare = judged.labels == data.classes.index("disc")
    assert rare.sum() < 10
    assert np.mean(judged.answers[rare] == judged.labels[rare]) >= 0.9
