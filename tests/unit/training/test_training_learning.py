"""Every mode and every built-in recipe learns what is there, and nothing where there is nothing."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import Run
from lineament.core.config import resolve
from lineament.core.executor import LocalExecutor
from lineament.preparation.build import PrepareConfig, prepare
from lineament.runtime.predictor import Predictor
from lineament.training.recipe import TrainConfig
from lineament.training.recipes import read_recipe, recipe_names
from lineament.training.train import train

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
    "threads": 1,
    "patience": None,
}
STEPPED = {"epochs": 10, "learning_rate": 3e-3}
SGD = {"epochs": 10, "learning_rate": 0.05}


@pytest.fixture(scope="module")
def shuffled(write_kinds: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The drawn photos, dealt to their classes by chance."""
    root = tmp_path_factory.mktemp("shuffled")
    config = PrepareConfig(split=(0.5, 0.25, 0.25))
    return prepare(write_kinds(root / "source", shuffled=True), root / "dataset", config=config)


@pytest.fixture(scope="module")
def pretrained(drawn_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights to tune from: of a network that saw the train split for three epochs."""
    config = dataclasses.replace(SCRATCH, epochs=3)
    run = train(drawn_dataset, tmp_path_factory.mktemp("pretrained") / "run", config=config)
    return run.weights_path


def right(run: Run, data: Dataset) -> int:
    """How many of the 30 test photos the shipped graph answers rightly."""
    judged = Predictor(run.root, executor=LocalExecutor(workers=1)).predict_split(data, "test")
    return int((judged.answers == judged.labels).sum())


def small(name: str, weights: Path) -> TrainConfig:
    """A built-in recipe, made small."""
    recipe = {key: value for key, value in read_recipe(name).items() if value is not None}
    recipe.update(SMALL)
    if recipe.get("mode", "head") != "head":
        recipe.update(SGD if recipe.get("optimiser") == "sgd" else STEPPED)
        recipe.pop("time_budget", None)
    if recipe.get("mode") == "scratch":
        recipe["backbone"] = read_recipe(name)["backbone"]
    else:
        recipe["weights"] = f"file:{weights}"
    return resolve(TrainConfig, {key: value for key, value in recipe.items() if value is not None})


@pytest.mark.slow
@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_learns(
    name: str, drawn_dataset: Dataset, pretrained: Path, tmp_path: Path
) -> None:
    run = train(drawn_dataset, tmp_path / "run", config=small(name, pretrained))

    assert right(run, drawn_dataset) >= 27


@pytest.mark.parametrize("trainable", ["all", "head", "last:2", "gradual:1"])
def test_every_way_of_freezing_learns(
    trainable: str, drawn_dataset: Dataset, pretrained: Path, tmp_path: Path
) -> None:
    config = dataclasses.replace(
        SCRATCH,
        mode="finetune",
        weights=f"file:{pretrained}",
        epochs=4,
        trainable=trainable,
    )

    run = train(drawn_dataset, tmp_path / "run", config=config)

    assert right(run, drawn_dataset) >= 27


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"head": "mlp", "hidden": 32, "dropout": 0.2, "precision": "fp32"},
        {"head": "cosface", "scale": 8.0, "margin": 0.1},
        {"head": "arcface", "scale": 8.0, "margin": 0.1, "precision": "bf16"},
        {"optimiser": "sgd", "learning_rate": 0.05, "schedule": "onecycle"},
        {"optimiser": "adam", "schedule": "step", "step_epochs": 5, "accumulate": 2},
        {"schedule": "plateau", "average": 0.9, "mirrored_view": True},
        {"schedule": "constant", "imbalance": "sampler", "policy": "trivialaugment"},
        {"imbalance": "weights", "policy": "randaugment", "cache": False},
        {"imbalance": "focal", "erasing": 0.3, "label_smoothing": 0.1},
        {"mixup": 0.2, "cutmix": 0.5, "epochs": 12},
        {"rotation": 10.0, "shift": 0.05, "zoom": 0.1, "brightness": 0.2, "contrast": 0.2},
        {"saturation": 0.2, "hue": 0.1, "size_px": 48, "start_size_px": 32, "clip_norm": None},
    ],
    ids=lambda options: " ".join(options),
)
def test_every_option_learns(
    options: dict[str, object], drawn_dataset: Dataset, tmp_path: Path
) -> None:
    config = resolve(TrainConfig, {**SCRATCH.as_dict(), "epochs": 10, **options})

    run = train(drawn_dataset, tmp_path / "run", config=config)

    assert right(run, drawn_dataset) >= 27


@pytest.mark.parametrize("mode", ["head", "finetune", "scratch"])
def test_nothing_is_learnt_where_labels_mean_nothing(
    mode: str, shuffled: Dataset, pretrained: Path, tmp_path: Path
) -> None:
    config = dataclasses.replace(
        SCRATCH,
        mode=mode,
        weights=None if mode == "scratch" else f"file:{pretrained}",
        epochs=None if mode == "head" else 6,
        learning_rate=None if mode == "head" else 3e-3,
    )

    run = train(shuffled, tmp_path / "run", config=config)

    assert right(run, shuffled) < GUESSED


def test_photos_of_a_rare_class_are_found_when_it_weighs_more(
    write_kinds: Callable[..., Path], pretrained: Path, tmp_path: Path
) -> None:
    source = write_kinds(tmp_path / "source")
    for number, photo in enumerate(sorted((source / "disc").iterdir())):
        if number % 4:
            photo.unlink()
    data = prepare(source, tmp_path / "data", config=PrepareConfig(split=(0.5, 0.25, 0.25)))
    config = TrainConfig(
        backbone="test_resnet", weights=f"file:{pretrained}", size_px=32, imbalance="weights"
    )

    run = train(data, tmp_path / "run", config=config)

    judged = Predictor(run.root).predict_split(data, "train")
    rare = judged.labels == data.classes.index("disc")
    assert np.mean(judged.answers[rare] == judged.labels[rare]) >= 0.9
