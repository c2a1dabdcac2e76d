"""Train: a dataset in, a run out, whichever of the three modes."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from safetensors.torch import save

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.histograms import LayerValues, write_histograms
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.run import (
    DOCUMENT,
    GRAPH,
    HISTOGRAMS,
    WEIGHTS,
    Run,
    RunCard,
    write_run,
)
from lineament.artifacts.watching import NOBODY, Beginning, Memory, Watcher
from lineament.core.errors import DataError
from lineament.core.executor import Executor, LocalExecutor
from lineament.core.files import atomic_folder, require_free
from lineament.core.machine import machine, versions
from lineament.core.progress import QUIET, Progress
from lineament.measure.calibration import fit_temperature, softmax
from lineament.measure.familiarity import Familiarity, fit_familiarity
from lineament.models.classifier import Classifier
from lineament.models.graph import backbone_graph, classifier_graph
from lineament.runtime.embedding import logits_and_embeddings
from lineament.runtime.engines import OnnxRuntimeEngine
from lineament.training.assembling import (
    both_pixels,
    make_backbone,
    make_classifier,
    solve_head,
)
from lineament.training.checking import checked
from lineament.training.deciding import decisions_of, figures_of
from lineament.training.features import Part
from lineament.training.fitting.budget import Clock, seconds_of
from lineament.training.fitting.checkpoints import Checkpoints, State
from lineament.training.fitting.fit import fit
from lineament.training.fitting.processes import (
    accelerator_for,
    is_main_process,
    n_processes,
)
from lineament.training.known import some_embeddings
from lineament.training.recipe import TrainConfig

__all__ = ["TrainConfig", "train"]

FloatArray = NDArray[np.float32]

# Nats by which the graph's validation loss may lie above the loop's, or as a part of it: the loop
# may have computed in bfloat16. What lies further apart are two different models.
APART_NATS, APART_FRACTION = 0.05, 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Trained:
    """A trained model, before calibration.

    Attributes:
        model: In PyTorch.
        graph: The backbone's.
        train: Embeddings of training photos, all or enough of them, with their labels.
        validation: Embeddings of the validation photos, ``float32 (N, D)``.
        validation_logits: Their logits, ``float32 (N, C)``.
        chosen: What validation chose.
        history: One row per epoch or per tried regularisation.
        training: What it cost, or what computed the frozen features.
        layers: The values of each trained layer at each epoch.
    """

    model: Classifier
    graph: onnx.ModelProto
    train: Part
    validation: FloatArray
    validation_logits: FloatArray
    chosen: Mapping[str, object]
    history: tuple[Mapping[str, object], ...]
    training: Mapping[str, object]
    layers: tuple[LayerValues, ...] = ()


def train(
    dataset: Path | Dataset,
    out: Path,
    *,
    config: TrainConfig | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress = QUIET,
    executor: Executor | None = None,
    watcher: Watcher = NOBODY,
) -> Run:
    """Train a classifier on a dataset's train split, choosing on its validation split.

    The test split is not read. Started by a launcher (``accelerate launch``, ``torchrun``), several
    processes train one model together; the first of them speaks and writes.

    Args:
        dataset: A dataset, or its folder.
        out: The run's folder, made whole or not at all.
        config: The recipe; ``None`` is a head on the default backbone.
        overwrite: Replace what stands at ``out``, and throw away an interrupted training.
        resume: Go on with an interrupted training of the same recipe and dataset, if there is one.
        progress: Who listens.
        executor: Where photos are decoded and run; ``None`` is one thread per core.
        watcher: Who is told of epochs and of the run; what it raises ends the training.

    Returns:
        The run.

    Raises:
        UsageError: The recipe asks for what cannot be, training diverged, or an interrupted
            training is in the way.
        ArtifactError: The dataset or a weights file is absent or damaged, a photo is not the one
            that was prepared, or ``out`` is in the way.
        DataError: A photo cannot be read, or the dataset has no such fold.
        MissingExtraError: The package with the weights is not installed.
    """
    recipe = checked(config or TrainConfig())
    clock = Clock(seconds_of(recipe.time_budget) if recipe.time_budget else None)
    require_free(out, overwrite=overwrite, marker=DOCUMENT)
    data = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    if recipe.fold is not None:
        data = data.fold(recipe.fold)
    if len(data.classes) == 1:
        raise DataError(
            f"{data.root} has one class only, {data.classes[0]}; a classifier needs two or more.",
            fix="Prepare it with photos of other classes, or extend a head by it: `lineament "
            "extend`.",
        )
    where = executor or LocalExecutor()
    checkpoints = Checkpoints(out, _identity(recipe, data), writes=is_main_process())
    state = checkpoints.begin(resume=resume, overwrite=overwrite)
    data.verify("train", "validation")
    told = watcher if is_main_process() else NOBODY
    beginning = Beginning(
        out=out,
        configuration=recipe.as_dict(),
        dataset=_about(data),
        remembered={} if state is None else state["tracking"],
        history=() if state is None else tuple(state["place"]["history"]),
    )
    try:
        memory = told.begin(beginning)
        accelerator = None if recipe.mode == "head" else accelerator_for(recipe)
        trained: _Trained | None
        if accelerator is None:
            trained = _train_head(data, recipe, watcher=told, executor=where, progress=progress)
        else:
            trained = _train_layers(
                data,
                recipe,
                accelerator,
                checkpoints,
                state,
                clock,
                memory,
                watcher=told,
                executor=where,
                progress=progress if is_main_process() else QUIET,
            )
        if trained is not None:
            _write(out, data, recipe, trained, memory, overwrite=overwrite, progress=progress)
        if accelerator is not None:
            accelerator.wait_for_everyone()
            checkpoints.clear()
        run = Run.open(out)
    except BaseException as error:
        told.fail(str(error) or type(error).__name__)
        raise
    told.end(run)
    return run


def _identity(recipe: TrainConfig, data: Dataset) -> dict[str, object]:
    """What a training depends on: it is resumed only where all of this is the same."""
    return {
        "recipe": recipe.as_dict(),
        "dataset": data.fingerprint,
        "processes": n_processes(),
    }


def _train_head(
    data: Dataset,
    recipe: TrainConfig,
    *,
    watcher: Watcher,
    executor: Executor,
    progress: Progress,
) -> _Trained:
    backbone = make_backbone(recipe, progress)
    solved = solve_head(data, backbone, recipe, executor, progress)
    for row in solved.history:
        watcher.epoch(row, ())
    with torch.no_grad():
        logits = solved.head.eval()(torch.from_numpy(solved.validation)).numpy()
    return _Trained(
        model=Classifier(backbone, solved.head, mirrored_view=recipe.mirrored_view),
        graph=solved.graph,
        train=solved.train,
        validation=solved.validation,
        validation_logits=logits,
        chosen=solved.chosen,
        history=solved.history,
        training={"engine": solved.engine},
    )


def _train_layers(
    data: Dataset,
    recipe: TrainConfig,
    accelerator: Accelerator,
    checkpoints: Checkpoints,
    state: State | None,
    clock: Clock,
    memory: Memory,
    *,
    watcher: Watcher,
    executor: Executor,
    progress: Progress,
) -> _Trained | None:
    """Train in the loop; only the process that writes gets the model."""
    is_warm = recipe.mode == "finetune" and state is None
    model = make_classifier(data, recipe, is_warm=is_warm, executor=executor, progress=progress)
    with accelerator.main_process_first():  # the others find the photos decoded
        train, validation = both_pixels(
            data, model.backbone, recipe, executor=executor, progress=progress
        )
    outcome = fit(
        model,
        train,
        validation,
        recipe,
        accelerator=accelerator,
        checkpoints=checkpoints,
        state=state,
        clock=clock,
        progress=progress,
        watcher=watcher,
        memory=memory,
    )
    if not accelerator.is_main_process:
        return None
    model = model.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # torch's stubs lack it
    progress.note("writing the graph")
    graph = backbone_graph(model.backbone)
    # Calibrated on what ships: float32 through ONNX Runtime, whatever precision it was trained in.
    shipped = OnnxRuntimeEngine(
        _shipped(graph, model, temperature=1.0, familiarity=None), name="the trained graph"
    )
    preprocessing = model.backbone.preprocessing
    logits, embeddings = logits_and_embeddings(
        shipped,
        [data.path(each) for each in data.samples("validation")],
        preprocessing,
        executor=executor,
    )
    return _Trained(
        model=model,
        graph=graph,
        train=some_embeddings(
            data, shipped, preprocessing, seed=recipe.seed, executor=executor, progress=progress
        ),
        validation=embeddings,
        validation_logits=logits,
        chosen={"epoch": outcome.epoch, "validation_loss": outcome.validation_loss},
        history=outcome.history,
        training={"stopped": outcome.stopped, **outcome.cost},
        layers=outcome.layers,
    )


def _shipped(
    graph: onnx.ModelProto,
    model: Classifier,
    *,
    temperature: float,
    familiarity: Familiarity | None,
) -> bytes:
    """The whole graph, from pixels to probabilities."""
    return classifier_graph(
        graph,
        model.backbone.preprocessing,
        model.head.spec(),
        temperature=temperature,
        mirrored_view=model.mirrored_view,
        familiarity=familiarity,
    )


def _apart(chosen: Mapping[str, object], shipped_loss: float) -> str:
    """A sentence if the graph answers validation otherwise than what the choice was made by."""
    loss = float(cast(float, chosen["validation_loss"]))
    if shipped_loss - loss <= max(APART_NATS, APART_FRACTION * loss):
        return ""
    return (
        f"the graph that ships has a validation loss of {shipped_loss:.4f} where training had "
        f"{loss:.4f}: it answers otherwise than what was trained, and `evaluate` will show that"
    )


def _about(data: Dataset) -> dict[str, object]:
    """What a run says of its dataset."""
    return {
        "fingerprint": data.fingerprint,
        "name": data.root.name,
        "path": str(data.root.absolute()),
        "photos": {split: len(samples) for split, samples in data.splits.items()},
    }


def _write(
    out: Path,
    data: Dataset,
    recipe: TrainConfig,
    trained: _Trained,
    memory: Memory,
    *,
    overwrite: bool,
    progress: Progress,
) -> None:
    """Calibrate and write the run."""
    model, samples = trained.model, data.samples("validation")
    labels = np.asarray([each.label for each in samples], dtype=np.int64)
    temperature = fit_temperature(trained.validation_logits, labels)
    embeddings, known = trained.train
    learnt = fit_familiarity(embeddings, known, n_classes=len(data.classes))
    familiarity = learnt.scaled_by(trained.validation)
    training = dict(trained.training)
    warning = _apart(trained.chosen, temperature.nll_before)
    if warning:
        progress.note(warning)
        training["warnings"] = [*cast(list[str], training.get("warnings", [])), warning]
    answers = Predictions(
        samples=tuple(each.filename for each in samples),
        classes=data.classes,
        probabilities=softmax(trained.validation_logits, temperature=temperature.value),
        logits=trained.validation_logits,
        labels=labels,
        groups=tuple(each.group for each in samples),
        familiarity=familiarity(trained.validation),
    )
    decisions = decisions_of(
        answers, unknown_share=recipe.unknown_share, set_coverage=recipe.set_coverage
    )
    if recipe.unknown_share and decisions.unknown_threshold is None:
        progress.note(
            f"no photo will be called unknown: a share of {recipe.unknown_share:g} needs "
            f"{math.ceil(1 / recipe.unknown_share) - 1} validation photos or more, each a group of "
            "its own where photos are grouped"
        )
    card = RunCard(
        mode=recipe.mode,
        classes=data.classes,
        preprocessing=model.backbone.preprocessing,
        temperature=temperature.value,
        backbone=model.backbone.provenance,
        head=model.head.as_dict(),
        mirrored_view=recipe.mirrored_view,
        recipe=recipe.as_dict(),
        dataset=_about(data),
        seed=recipe.seed,
        chosen={**trained.chosen, "validation_loss_calibrated": temperature.nll_after},
        training=training,
        tracking=memory,
        versions=versions(),
        machine=machine(),
        validation=figures_of(answers, temperature),
        decisions=decisions,
    )
    with atomic_folder(out, overwrite=overwrite, marker=DOCUMENT) as folder:
        shipped = _shipped(
            trained.graph, model, temperature=temperature.value, familiarity=familiarity
        )
        (folder / GRAPH).write_bytes(shipped)
        tensors = {key: value.contiguous() for key, value in model.state_dict().items()}
        (folder / WEIGHTS).write_bytes(save(tensors))  # its `save_file` makes files private
        answers.write_parquet(folder / "predictions" / "validation.parquet")
        if trained.layers:
            write_histograms(folder / HISTOGRAMS, trained.layers)
        write_run(folder, card, trained.history)
