"""Train: a dataset in, a run out, whichever of the three modes."""

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from safetensors.torch import save

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.run import DOCUMENT, GRAPH, WEIGHTS, Run, RunCard, write_run
from lineament.core.errors import UsageError
from lineament.core.executor import Executor, LocalExecutor
from lineament.core.files import atomic_folder, require_free
from lineament.core.machine import machine, versions
from lineament.core.progress import QUIET, Progress
from lineament.measure.calibration import fit_temperature, softmax
from lineament.models.backbones import Backbone, create_backbone
from lineament.models.classifier import Classifier
from lineament.models.graph import backbone_graph, classifier_graph
from lineament.runtime.engines import OnnxRuntimeEngine
from lineament.runtime.predictor import logits_of
from lineament.training.features import frozen_features
from lineament.training.heads import Head, fit_head
from lineament.training.loop import fit
from lineament.training.recipe import TrainConfig

__all__ = ["TrainConfig", "train"]

FloatArray = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Trained:
    """A trained model, before calibration."""

    model: Classifier
    backbone: onnx.ModelProto
    validation_logits: FloatArray
    chosen: dict[str, object]
    history: tuple[dict[str, object], ...]


def train(
    dataset: Path | Dataset,
    out: Path,
    *,
    config: TrainConfig | None = None,
    overwrite: bool = False,
    progress: Progress = QUIET,
    executor: Executor | None = None,
) -> Run:
    """Train a classifier on a dataset's train split, choosing on its validation split.

    The test split is not read.

    Args:
        dataset: A dataset, or its folder.
        out: The run's folder, made whole or not at all.
        config: The recipe; ``None`` is a head on the default backbone.
        overwrite: Replace what stands at ``out``.
        progress: Who listens.
        executor: Where photos are decoded and run; ``None`` is one thread per core.

    Returns:
        The run.

    Raises:
        UsageError: The recipe asks for what cannot be, or training diverged.
        ArtifactError: The dataset or a weights file is absent or damaged, a photo is not the one
            that was prepared, or ``out`` is in the way.
        DataError: A photo cannot be read, or the dataset has no such fold.
        MissingExtraError: The package with the weights is not installed.
    """
    recipe = _checked(config or TrainConfig())
    require_free(out, overwrite=overwrite, marker=DOCUMENT)
    data = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    if recipe.fold is not None:
        data = data.fold(recipe.fold)
    data.verify("train", "validation")
    where = executor or LocalExecutor()
    weights = "none" if recipe.mode == "scratch" else recipe.weights
    backbone = create_backbone(
        recipe.backbone, weights, size_px=recipe.size_px, fit=recipe.fit, seed=recipe.seed
    )
    if recipe.mode == "head":
        trained = _train_head(data, backbone, recipe, where, progress)
    else:
        trained = _train_all(data, backbone, recipe, where, progress)
    labels = np.asarray([each.label for each in data.samples("validation")], dtype=np.int64)
    temperature = fit_temperature(trained.validation_logits, labels)
    card = RunCard(
        mode=recipe.mode,
        classes=data.classes,
        preprocessing=backbone.preprocessing,
        temperature=temperature.value,
        backbone=backbone.provenance,
        recipe=recipe.as_dict(),
        dataset={
            "fingerprint": data.fingerprint,
            "name": data.root.name,
            "path": str(data.root.absolute()),
            "photos": {split: len(samples) for split, samples in data.splits.items()},
        },
        seed=recipe.seed,
        chosen={
            **trained.chosen,
            "validation_loss_calibrated": temperature.nll_after,
        },
        versions=versions(),
        machine=machine(),
    )
    with atomic_folder(out, overwrite=overwrite, marker=DOCUMENT) as folder:
        _write_model(folder, trained, card)
        validation = _validation_predictions(data, trained.validation_logits, labels, card)
        validation.write_parquet(folder / "predictions" / "validation.parquet")
        write_run(folder, card, trained.history)
    return Run.open(out)


def _checked(recipe: TrainConfig) -> TrainConfig:
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
    idle = [name for name in ("epochs", "learning_rate") if getattr(recipe, name) is not None]
    if recipe.mode == "head" and idle:
        raise UsageError(
            f"`--mode head` has no epochs and no rate, but {' and '.join(idle)} was given.",
            fix="Use `--mode finetune` to train all layers.",
        )
    return recipe


def _train_head(
    data: Dataset, backbone: Backbone, recipe: TrainConfig, executor: Executor, progress: Progress
) -> _Trained:
    head, graph, validation = _head_on_frozen(data, backbone, recipe, executor, progress)
    model = Classifier(backbone, len(data.classes))
    _set_head(model, head)
    return _Trained(
        model=model,
        backbone=graph,
        validation_logits=head.logits(validation),
        chosen={
            "regularisation": head.regularisation,
            "validation_loss": head.validation_loss,
        },
        history=head.history,
    )


def _train_all(
    data: Dataset, backbone: Backbone, recipe: TrainConfig, executor: Executor, progress: Progress
) -> _Trained:
    torch.manual_seed(recipe.seed)
    model = Classifier(backbone, len(data.classes))
    if recipe.mode == "finetune":
        _set_head(model, _head_on_frozen(data, backbone, recipe, executor, progress)[0])
    photos = {
        split: [(data.path(each), each.label) for each in data.samples(split)]
        for split in ("train", "validation")
    }
    outcome = fit(
        model,
        photos["train"],
        photos["validation"],
        recipe,
        executor=executor,
        progress=progress,
    )
    model = model.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # torch's stubs lack it
    progress.note("writing the graph")
    graph = backbone_graph(backbone)
    weight, bias = _head_arrays(model)
    shipped = classifier_graph(graph, backbone.preprocessing, weight, bias, temperature=1.0)
    # Calibrated on what ships: float32 through ONNX Runtime, whatever precision it was trained in.
    logits = logits_of(
        OnnxRuntimeEngine(shipped, name="the trained graph"),
        [path for path, _ in photos["validation"]],
        backbone.preprocessing,
        executor=executor,
    )
    return _Trained(
        model=model,
        backbone=graph,
        validation_logits=logits,
        chosen={"epoch": outcome.epoch, "validation_loss": outcome.validation_loss},
        history=outcome.history,
    )


def _head_on_frozen(
    data: Dataset, backbone: Backbone, recipe: TrainConfig, executor: Executor, progress: Progress
) -> tuple[Head, onnx.ModelProto, FloatArray]:
    """Fit a head on the frozen backbone; also give the graph and the validation features."""
    progress.note(f"writing the graph of {backbone.name}")
    graph = backbone_graph(backbone)
    train_part, validation_part = frozen_features(
        data, graph, backbone.preprocessing, executor=executor, progress=progress
    )
    head = fit_head(
        train_part,
        validation_part,
        n_classes=len(data.classes),
        regularisation=recipe.regularisation,
        progress=progress,
    )
    return head, graph, validation_part[0]


def _set_head(model: Classifier, head: Head) -> None:
    with torch.no_grad():
        model.head.weight.copy_(torch.from_numpy(head.weight))
        model.head.bias.copy_(torch.from_numpy(head.bias))


def _head_arrays(model: Classifier) -> tuple[FloatArray, FloatArray]:
    weight: FloatArray = model.head.weight.detach().numpy().astype(np.float32)
    bias: FloatArray = model.head.bias.detach().numpy().astype(np.float32)
    return weight, bias


def _write_model(folder: Path, trained: _Trained, card: RunCard) -> None:
    weight, bias = _head_arrays(trained.model)
    graph = classifier_graph(
        trained.backbone, card.preprocessing, weight, bias, temperature=card.temperature
    )
    (folder / GRAPH).write_bytes(graph)
    tensors = {key: value.contiguous() for key, value in trained.model.state_dict().items()}
    (folder / WEIGHTS).write_bytes(save(tensors))  # its `save_file` makes files private


def _validation_predictions(
    data: Dataset, logits: FloatArray, labels: NDArray[np.int64], card: RunCard
) -> Predictions:
    samples = data.samples("validation")
    return Predictions(
        samples=tuple(each.filename for each in samples),
        classes=data.classes,
        probabilities=softmax(logits, temperature=card.temperature),
        logits=logits,
        labels=labels,
        groups=tuple(each.group for each in samples),
    )
