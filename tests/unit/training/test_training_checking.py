"""Fields of a recipe that contradict each other are named before anything is read."""

import pytest

from lineament.core.config import resolve
from lineament.core.errors import UsageError
from lineament.training.checking import checked, is_convex
from lineament.training.recipe import TrainConfig
from lineament.training.recipes import read_recipe, recipe_names


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
            "`--mode head` sees every photo once, as it is, and has no use for what were given: "
            "rotation, epochs.\n"
            "  fix: Use `--mode finetune`, with `--set trainable=head` to train the head alone.",
        ),
        (
            {"average": 0.9},
            "`--mode head` sees every photo once, as it is, and has no use for what was given: "
            "average.\n"
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
            {"head": "cosface", "widths": (8, 16)},
            "`widths` is of `custom_cnn`, but the backbone is `efficientnet_lite0`.\n"
            "  fix: Leave `widths` out, or use `--backbone custom_cnn`.",
        ),
        (
            {"margin": 0.2},
            "`margin` is of the heads cosface and arcface, but the head is `linear`.\n"
            "  fix: Leave `margin` out, or use `--set head=cosface`.",
        ),
    ],
)
def test_contradiction_is_said(fields: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked(TrainConfig(**fields))  # type: ignore[arg-type]  # named by the tests

    assert str(caught.value) == text


def test_a_head_that_is_trained_in_steps_has_epochs_and_a_rate() -> None:
    recipe = TrainConfig(head="mlp", epochs=3, learning_rate=0.01)

    assert checked(recipe) is recipe
    assert not is_convex(recipe)


@pytest.mark.parametrize("name", recipe_names())
def test_built_in_recipes_contradict_nothing(name: str) -> None:
    recipe = {key: value for key, value in read_recipe(name).items() if value is not None}

    checked(resolve(TrainConfig, recipe))
