"""Checking: fields of a recipe that contradict each other, found before anything is read."""

import dataclasses

from lineament.core.errors import UsageError
from lineament.training.fitting.budget import seconds_of
from lineament.training.optimisation.freezing import checked_trainable
from lineament.training.recipe import AugmentationFields, TrainConfig

COSINE_HEADS = ("cosface", "arcface")
# What only the loop reads, beside augmentation.
LOOP_ONLY = (
    "trainable",
    "freeze_batch_norm",
    "average",
    "time_budget",
    "accumulate",
    "start_size_px",
)


def checked(recipe: TrainConfig) -> TrainConfig:
    """Give the recipe back if its fields fit together.

    Raises:
        UsageError: They do not.
    """
    if recipe.mode == "scratch" and recipe.weights not in (None, "none"):
        raise UsageError(
            f"`--mode scratch` starts from random weights, but `--weights {recipe.weights}` was "
            "given.",
            fix="Leave `--weights` out, or use `--mode finetune`.",
        )
    if recipe.mode == "finetune" and recipe.weights == "none":
        raise UsageError(
            "`--mode finetune` needs weights to start from, but `--weights none` was given.",
            fix="Use `--mode scratch`, or name weights.",
        )
    if recipe.mode == "head":
        _check_head_mode(recipe)
    if recipe.widths is not None and recipe.backbone != "custom_cnn":
        raise UsageError(
            f"`widths` is of `custom_cnn`, but the backbone is `{recipe.backbone}`.",
            fix="Leave `widths` out, or use `--backbone custom_cnn`.",
        )
    if recipe.margin is not None and recipe.head not in COSINE_HEADS:
        raise UsageError(
            f"`margin` is of the heads cosface and arcface, but the head is `{recipe.head}`.",
            fix="Leave `margin` out, or use `--set head=cosface`.",
        )
    checked_trainable(recipe.trainable, mode=recipe.mode)
    if recipe.time_budget is not None:
        seconds_of(recipe.time_budget)
        if recipe.epochs is not None:
            raise UsageError(
                "Both `epochs` and `time_budget` say how long to train.", fix="Give one of them."
            )
    if recipe.head in COSINE_HEADS and (recipe.mixup or recipe.cutmix):
        raise UsageError(
            f"The margin of `{recipe.head}` is for one right class, but mixup and cutmix make two.",
            fix="Leave `mixup` and `cutmix` out, or take another head.",
        )
    return recipe


def is_convex(recipe: TrainConfig) -> bool:
    """Whether a head on frozen features has one best solution that a solver finds without steps."""
    return (
        recipe.head == "linear"
        and recipe.dropout == 0
        and recipe.label_smoothing == 0
        and recipe.imbalance in ("none", "weights")
    )


def _check_head_mode(recipe: TrainConfig) -> None:
    defaults = TrainConfig()
    names = [*(each.name for each in dataclasses.fields(AugmentationFields)), *LOOP_ONLY]
    if is_convex(recipe):
        names += ["epochs", "learning_rate"]
    idle = [name for name in names if getattr(recipe, name) != getattr(defaults, name)]
    if idle:
        was = "was" if len(idle) == 1 else "were"
        raise UsageError(
            "`--mode head` sees every photo once, as it is, and has no use for what "
            f"{was} given: {', '.join(idle)}.",
            fix="Use `--mode finetune`, with `--set trainable=head` to train the head alone.",
        )
