"""Fields of a recipe that contradict each other are named before anything is read."""

from pathlib import Path

import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import Run
from lineament.core.config import resolve
from lineament.core.errors import UsageError
from lineament.training import assembling
from lineament.training.checking import checked, is_convex
from lineament.training.recipe import TrainConfig
from lineament.training.recipes import read_recipe, recipe_names
from lineament.training.train import train


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"mode": "scratch", "weights": "hub"},
            "`--mode scratch` starts from random weights, but `--weights hub` was given.\n"
            "  fix: Leave `--weights` out, or use `--mode finetune`.",
        ),
        (
            {"mode": "finetune", "weights": "none"},
            "`--mode finetune` needs weights to start from, but `--weights none` was given.\n"
            "  fix: Use `--mode scratch`, or name weights.",
        ),
        (
            {"rotation": 15.0, "epochs": 3},
            "`--mode head` sees every photo once, as it is, and has no use for "
            "`rotation` and `epochs`.\n"
            "  fix: Use `--mode finetune`, with `--set trainable=head` to train the head alone.",
        ),
        (
            {"average": 0.9},
            "`--mode head` sees every photo once, as it is, and has no use for "
            "`average`.\n"
            "  fix: Use `--mode finetune`, with `--set trainable=head` to train the head alone.",
        ),
        (
            {"head": "mlp", "threads": 2},
            "`--mode head` sees every photo once, as it is, and has no use for `threads`.\n"
            "  fix: Use `--mode finetune`, with `--set trainable=head` to train the head alone.",
        ),
        (
            {"mode": "finetune", "epochs": 3, "time_budget": "5m"},
            "Both `epochs` and `time_budget` say how long to train.\n  fix: Give one of them.",
        ),
        (
            {"mode": "finetune", "time_budget": "soon"},
            "`time_budget` must be a duration such as 45s, 20m or 1.5h, got 'soon'.\n"
            "  fix: Give a number above 0 and s, m or h.",
        ),
        (
            {"mode": "finetune", "head": "arcface", "cutmix": 1.0},
            "The margin of `arcface` is for one right class, but mixup and cutmix make two.\n"
            "  fix: Leave `mixup` and `cutmix` out, or take another head.",
        ),
        (
            {"mode": "scratch", "trainable": "last:1"},
            "`trainable=last:1` would leave layers as they were drawn at random, because `mode` is "
            "scratch.\n"
            "  fix: Leave `trainable` out, or use `--mode finetune`.",
        ),
        (
            {"weight_decay": 0.1, "schedule": "step", "optimiser": "sgd"},
            "`--mode head` sees every photo once, as it is, and has no use for "
            "`optimiser`, `weight_decay` and `schedule`.\n"
            "  fix: Use `--mode finetune`, with `--set trainable=head` to train the head alone.",
        ),
        (
            {"widths": (8, 16)},
            "`widths` is for `backbone=custom_cnn`, not for `backbone=efficientnet_lite0`.\n"
            "  fix: Leave it out; what a recipe gives is taken back by `--set widths=null`.",
        ),
        (
            {"margin": 0.2},
            "`margin` is for `head=cosface` or `head=arcface`, not for `head=linear`.\n"
            "  fix: Leave it out; what a recipe gives is taken back by `--set margin=null`.",
        ),
        (
            {"head": "mlp", "regularisation": 0.1, "scale": 16.0},
            "`scale` is for `head=cosface` or `head=arcface`, not for `head=mlp`; "
            "`regularisation` is for `head=linear`, not for `head=mlp`.\n"
            "  fix: Leave them out; what a recipe gives is taken back by "
            "`--set scale=32.0 --set regularisation=null`.",
        ),
        (
            {"mode": "scratch", "layer_decay": 0.9, "focal_gamma": 1.0},
            "`layer_decay` is for `mode=finetune`, not for `mode=scratch`; "
            "`focal_gamma` is for `imbalance=focal`, not for `imbalance=none`.\n"
            "  fix: Leave them out; what a recipe gives is taken back by "
            "`--set layer_decay=0.7 --set focal_gamma=2.0`.",
        ),
        (
            {"mode": "finetune", "start_size_px": 224},
            "Photos of 224 pixels cannot grow to 224.\n"
            "  fix: Give a smaller `start_size_px`, or leave it out.",
        ),
        (
            {"mode": "scratch", "backbone": "custom_cnn", "widths": ()},
            "`widths` names no block.\n  fix: Give some, such as `--set widths=32,64`.",
        ),
        (
            {"mode": "scratch", "backbone": "custom_cnn", "widths": (8,) * 6, "size_px": 48},
            "6 blocks halve the side 6 times, and 48 pixels are too few for that.\n"
            "  fix: Give at most 5 `widths`, or a larger `size_px`.",
        ),
    ],
)
def test_contradiction_is_said(fields: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked(TrainConfig(**fields))  # type: ignore[arg-type]  # named by the tests

    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("field", "value", "other", "word"),
    [
        ("hidden", 64, "head", "mlp"),
        ("margin", 0.2, "head", "arcface"),
        ("scale", 16.0, "head", "cosface"),
        ("momentum", 0.5, "optimiser", "sgd"),
        ("step_epochs", 2, "schedule", "step"),
        ("plateau_epochs", 3, "schedule", "plateau"),
        ("rate_factor", 0.5, "schedule", "step"),
        ("focal_gamma", 1.0, "imbalance", "focal"),
        ("policy_operations", 1, "policy", "randaugment"),
        ("policy_strength", 0.5, "policy", "randaugment"),
    ],
)
def test_field_is_taken_where_it_belongs_and_nowhere_else(
    field: str, value: float, other: str, word: str
) -> None:
    elsewhere = resolve(TrainConfig, {"mode": "scratch", field: value}, {})
    given = resolve(TrainConfig, {**elsewhere.as_dict(), other: word}, {})

    assert checked(given) is given
    with pytest.raises(UsageError, match=f"^`{field}` is for "):
        checked(elsewhere)


def test_one_cycle_has_a_warm_up_of_its_own() -> None:
    recipe = TrainConfig(mode="scratch", schedule="onecycle", warmup_fraction=0.3)

    with pytest.raises(UsageError, match=r"^`warmup_fraction` is for .*, not for `schedule=onecyc"):
        checked(recipe)


def test_field_at_its_default_belongs_anywhere() -> None:
    recipe = TrainConfig(mode="scratch", hidden=512, scale=32.0, momentum=0.9, focal_gamma=2.0)

    assert checked(recipe) is recipe


def test_a_head_that_is_trained_in_steps_has_epochs_and_a_rate() -> None:
    recipe = TrainConfig(head="mlp", epochs=3, learning_rate=0.01)

    assert checked(recipe) is recipe
    assert not is_convex(recipe)


@pytest.mark.parametrize("name", recipe_names())
def test_built_in_recipes_contradict_nothing(name: str) -> None:
    recipe = {key: value for key, value in read_recipe(name).items() if value is not None}

    checked(resolve(TrainConfig, recipe))


def test_network_of_one_size_cannot_grow(drawn_dataset: Dataset, tmp_path: Path) -> None:
    config = TrainConfig(
        mode="scratch", backbone="vit_tiny_patch16_224", start_size_px=112, epochs=1, threads=1
    )

    with pytest.raises(UsageError) as caught:
        train(drawn_dataset, tmp_path / "run", config=config)

    assert caught.value.what.startswith(
        "`vit_tiny_patch16_224` cannot begin with photos of 112 pixels: "
    )
    assert caught.value.fix == "Leave `start_size_px` out."
    assert list(tmp_path.iterdir()) == []


def test_stages_are_counted_before_the_head_is_fitted(
    small_run: Run, drawn_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(assembling, "solve_head")
    config = TrainConfig(
        mode="finetune",
        backbone="test_resnet",
        weights=f"file:{small_run.weights_path}",
        size_px=32,
        trainable="last:20",
    )

    with pytest.raises(UsageError) as caught:
        train(drawn_dataset, tmp_path / "run", config=config)

    assert str(caught.value) == (
        "`trainable=last:20`: test_resnet has 5 stages.\n"
        "  fix: Name as many or fewer, or write `--set trainable=all`."
    )
