"""Assembling: what a recipe asks for, made: backbone, head, classifier, decoded photos."""

import dataclasses
from collections.abc import Mapping
from typing import cast

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from lineament.artifacts.dataset import Dataset
from lineament.core.errors import UsageError
from lineament.core.executor import Executor
from lineament.core.progress import QUIET, Progress
from lineament.models.backbones import Backbone, create_backbone
from lineament.models.classifier import Classifier
from lineament.models.heads import Head, create_head
from lineament.models.stored_graph import stored_graph
from lineament.training.checking import is_convex
from lineament.training.features import Part, frozen_features
from lineament.training.head_on_features import fit_head_on_features
from lineament.training.heads import fit_head
from lineament.training.optimisation.freezing import checked_stages
from lineament.training.pixels import Pixels, open_pixels
from lineament.training.recipe import TrainConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Solved:
    """A head fitted on a frozen backbone.

    Attributes:
        head: The head.
        graph: The backbone's.
        train: Embeddings of the training photos, ``float32 (M, D)``, and labels ``int64 (M,)``.
        validation: Embeddings of the validation photos, ``float32 (N, D)``.
        chosen: What validation chose.
        history: One row per epoch or per tried regularisation.
        engine: What computed the embeddings.
    """

    head: Head
    graph: onnx.ModelProto
    train: Part
    validation: NDArray[np.float32]
    chosen: Mapping[str, object]
    history: tuple[Mapping[str, object], ...]
    engine: str


def make_backbone(recipe: TrainConfig, progress: Progress = QUIET) -> Backbone:
    """Make the backbone with its weights; of a file, say what matched."""
    backbone = create_backbone(
        recipe.backbone,
        "none" if recipe.mode == "scratch" else recipe.weights,
        size_px=recipe.size_px,
        fit=recipe.fit,
        crop_fraction=recipe.crop_fraction,
        widths=recipe.widths,
        seed=recipe.seed,
    )
    said = backbone.provenance
    if "matched" in said:
        left = ", ".join(cast(list[str], said["left_out"]))
        progress.note(
            f"{said['tag']}: {said['matched']} tensors matched {said['matched_how']}"
            + (f"; left out: {left}" if left else "")
        )
    return backbone


def make_head(recipe: TrainConfig, backbone: Backbone, n_classes: int) -> Head:
    """Make the head with random weights, the same for the same seed."""
    torch.manual_seed(recipe.seed)
    return create_head(
        recipe.head,
        backbone.n_features,
        n_classes,
        hidden=recipe.hidden,
        dropout=recipe.dropout,
        margin=recipe.margin,
        scale=recipe.scale,
    )


def make_classifier(
    data: Dataset,
    recipe: TrainConfig,
    *,
    is_warm: bool,
    executor: Executor,
    progress: Progress,
) -> Classifier:
    """Make what the loop starts from.

    Args:
        data: The photos.
        recipe: The recipe.
        is_warm: Whether the head is first fitted on the frozen backbone.
        executor: Where photos are decoded and run.
        progress: Who listens.
    """
    backbone = make_backbone(recipe, progress)
    checked_stages(recipe, backbone)  # before the head is fitted, which may take minutes
    _check_growth(recipe, backbone)
    if is_warm:
        head = solve_head(data, backbone, recipe, executor, progress).head
    else:
        head = make_head(recipe, backbone, len(data.classes))
    return Classifier(backbone, head, mirrored_view=recipe.mirrored_view)


def solve_head(
    data: Dataset, backbone: Backbone, recipe: TrainConfig, executor: Executor, progress: Progress
) -> Solved:
    """Fit the head on the frozen backbone: by a solver where it has one best solution."""
    graph = stored_graph(backbone, progress=progress, cache=recipe.cache)
    train, validation, engine = frozen_features(
        data,
        graph,
        backbone.preprocessing,
        mirrored_view=recipe.mirrored_view,
        executor=executor,
        progress=progress,
        cache=recipe.cache,
    )
    n_classes = len(data.classes)
    # As a start for the loop the best linear head is good, whatever the loop will ask of it.
    starts_linear = recipe.mode != "head" and recipe.head == "linear"
    if not (is_convex(recipe) or starts_linear):
        head, history, chosen = fit_head_on_features(
            train, validation, recipe, n_classes=n_classes, progress=progress
        )
        return Solved(
            head=head,
            graph=graph,
            train=train,
            validation=validation[0],
            chosen=chosen,
            history=tuple(history),
            engine=engine,
        )
    solved = fit_head(
        train,
        validation,
        n_classes=n_classes,
        regularisation=recipe.regularisation,
        is_balanced=recipe.imbalance in ("weights", "sampler"),
        progress=progress,
    )
    head = make_head(recipe, backbone, n_classes)
    head.load_state_dict(
        {"weight": torch.from_numpy(solved.weight), "bias": torch.from_numpy(solved.bias)}
    )
    return Solved(
        head=head,
        graph=graph,
        train=train,
        validation=validation[0],
        chosen={
            "regularisation": solved.regularisation,
            "validation_loss": solved.validation_loss,
        },
        history=solved.history,
        engine=engine,
    )


def _check_growth(recipe: TrainConfig, backbone: Backbone) -> None:
    """Refuse growing photos for a network that takes one size."""
    if recipe.start_size_px is None:
        return
    try:
        with torch.no_grad():
            backbone(torch.zeros(2, 3, recipe.start_size_px, recipe.start_size_px))
    # What a network does with a size is its own affair.
    except (RuntimeError, AssertionError, ValueError) as error:
        raise UsageError(
            f"`{backbone.name}` cannot begin with photos of {recipe.start_size_px} pixels: {error}",
            fix="Leave `start_size_px` out.",
        ) from error


def both_pixels(
    data: Dataset,
    backbone: Backbone,
    recipe: TrainConfig,
    *,
    executor: Executor,
    progress: Progress,
) -> tuple[Pixels, Pixels]:
    """Open the decoded photos of train and validation, decoding what was not decoded before."""
    train, validation = (
        open_pixels(
            data,
            split,
            backbone.preprocessing,
            executor=executor,
            progress=progress,
            cache=recipe.cache,
        )
        for split in ("train", "validation")
    )
    return train, validation
