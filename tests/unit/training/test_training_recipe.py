"""A recipe has a sensible default for everything, and refuses what cannot be."""

import pytest

from lineament.core.errors import UsageError
from lineament.training.recipe import TrainConfig


def test_defaults_are_a_head_on_the_packaged_backbone() -> None:
    recipe = TrainConfig()

    assert (recipe.mode, recipe.backbone, recipe.weights) == ("head", "efficientnet_lite0", None)
    assert (recipe.seed, recipe.fit, recipe.regularisation) == (0, "squash", None)


@pytest.mark.parametrize(
    ("mode", "epochs", "rate"), [("finetune", 5, 1e-4), ("scratch", 30, 1e-3), ("head", 30, 1e-2)]
)
def test_epochs_and_rate_follow_the_mode(mode: str, epochs: int, rate: float) -> None:
    recipe = TrainConfig(mode=mode)

    assert (recipe.resolved_epochs, recipe.resolved_rate) == (epochs, rate)


def test_epochs_and_rate_that_are_given_are_taken() -> None:
    recipe = TrainConfig(mode="finetune", epochs=2, learning_rate=0.0)

    assert (recipe.resolved_epochs, recipe.resolved_rate) == (2, 0.0)


def test_misspelt_mode_gets_a_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        TrainConfig(mode="fine-tune")

    assert str(caught.value) == (
        "TrainConfig: `mode` must be one of head, finetune, scratch, got 'fine-tune'. "
        "Did you mean `finetune`?\n"
        "  fix: Give a value in that range, or leave it out for the default."
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"size_px": 15},
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": -1e-3},
        {"learning_rate": float("nan")},
        {"layer_decay": 0.0},
        {"layer_decay": 1.1},
        {"label_smoothing": 1.0},
        {"warmup_fraction": 1.0},
        {"seed": -1},
        {"seed": True},
        {"regularisation": float("inf")},
        {"fit": "stretch"},
    ],
    ids=str,
)
def test_value_out_of_its_range_is_refused_by_name(fields: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=f"`{next(iter(fields))}` must be"):
        TrainConfig(**fields)  # type: ignore[arg-type]  # values of the wrong kind are the point
