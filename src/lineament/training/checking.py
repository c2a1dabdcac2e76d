"""Checking: fields of a recipe that contradict each other, found before anything is read."""

import dataclasses
from collections.abc import Sequence

from lineament.core.errors import UsageError
from lineament.models.heads import MARGINS
from lineament.models.table import TABLE
from lineament.training.fitting.budget import seconds_of
from lineament.training.optimisation.freezing import checked_trainable
from lineament.training.recipe import AugmentationFields, TrainConfig

# What only the loop reads, beside augmentation.
LOOP_ONLY = (
    "trainable",
    "freeze_batch_norm",
    "average",
    "time_budget",
    "accumulate",
    "start_size_px",
    "layer_decay",
    "precision",
    "threads",
)
# What a solver has no steps for.
STEPS_ONLY = (
    "epochs",
    "learning_rate",
    "optimiser",
    "weight_decay",
    "schedule",
    "warmup_fraction",
    "clip_norm",
    "patience",
)
# Fields that say something only where another field is one of these words.
BELONGS = (
    ("widths", "backbone", ("custom_cnn",)),
    ("hidden", "head", ("mlp",)),
    ("margin", "head", tuple(MARGINS)),
    ("scale", "head", tuple(MARGINS)),
    ("regularisation", "head", ("linear",)),
    ("regularisation", "mode", ("head", "finetune")),
    ("layer_decay", "mode", ("finetune",)),
    ("momentum", "optimiser", ("sgd",)),
    ("warmup_fraction", "schedule", ("cosine", "constant", "step", "plateau")),
    ("step_epochs", "schedule", ("step",)),
    ("plateau_epochs", "schedule", ("plateau",)),
    ("rate_factor", "schedule", ("step", "plateau")),
    ("focal_gamma", "imbalance", ("focal",)),
    ("policy_operations", "policy", ("randaugment",)),
    ("policy_strength", "policy", ("randaugment",)),
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
    _check_belonging(recipe)
    _check_sizes(recipe)
    checked_trainable(recipe.trainable, mode=recipe.mode)
    if recipe.time_budget is not None:
        seconds_of(recipe.time_budget)
        if recipe.epochs is not None:
            raise UsageError(
                "Both `epochs` and `time_budget` say how long to train.", fix="Give one of them."
            )
    if recipe.head in MARGINS and (recipe.mixup or recipe.cutmix):
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
    names = [*(each.name for each in dataclasses.fields(AugmentationFields)), *LOOP_ONLY]
    if is_convex(recipe):
        names += STEPS_ONLY
    idle = [name for name in names if _is_changed(recipe, name)]
    if idle:
        raise UsageError(
            f"`--mode head` sees every photo once, as it is, and has no use for {_listed(idle)}.",
            fix="Use `--mode finetune`, with `--set trainable=head` to train the head alone.",
        )


def _check_belonging(recipe: TrainConfig) -> None:
    wrong: dict[str, str] = {}
    for name, field, words in BELONGS:
        chosen = getattr(recipe, field)
        if chosen not in words and _is_changed(recipe, name):
            wanted = " or ".join(f"`{field}={word}`" for word in words)
            wrong.setdefault(name, f"`{name}` is for {wanted}, not for `{field}={chosen}`")
    if wrong:
        defaults = TrainConfig()
        back = " ".join(f"--set {name}={_written(getattr(defaults, name))}" for name in wrong)
        them = "it" if len(wrong) == 1 else "them"
        raise UsageError(
            f"{'; '.join(wrong.values())}.",
            fix=f"Leave {them} out; what a recipe gives is taken back by `{back}`.",
        )


def _check_sizes(recipe: TrainConfig) -> None:
    known = TABLE.get(recipe.backbone)
    size_px = recipe.size_px or (known.size_px if known else None)
    if recipe.start_size_px and size_px and recipe.start_size_px >= size_px:
        raise UsageError(
            f"Photos of {recipe.start_size_px} pixels cannot grow to {size_px}.",
            fix="Give a smaller `start_size_px`, or leave it out.",
        )
    if recipe.widths is None or size_px is None:
        return
    if not recipe.widths:
        raise UsageError("`widths` names no block.", fix="Give some, such as `--set widths=32,64`.")
    blocks = len(recipe.widths)
    if 2**blocks > size_px:
        raise UsageError(
            f"{blocks} blocks halve the side {blocks} times, and {size_px} pixels are too few for "
            "that.",
            fix=f"Give at most {size_px.bit_length() - 1} `widths`, or a larger `size_px`.",
        )


def _is_changed(recipe: TrainConfig, name: str) -> bool:
    """Whether a field was given something else than its default."""
    return bool(getattr(recipe, name) != getattr(TrainConfig(), name))


def _listed(names: Sequence[str]) -> str:
    """Names as a sentence lists them."""
    *others, last = (f"`{name}`" for name in names)
    return f"{', '.join(others)} and {last}" if others else last


def _written(value: object) -> str:
    """A value as ``--set`` reads it."""
    return "null" if value is None else str(value)
