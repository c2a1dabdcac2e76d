"""Forecast: the pace of a kind of training, measured on a few photos in a few seconds."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from lineament.artifacts.dataset import Dataset, decode_photo
from lineament.core.executor import Executor, LocalExecutor
from lineament.core.progress import QUIET
from lineament.models.backbones import Backbone
from lineament.models.classifier import Classifier
from lineament.models.graph import feature_graph
from lineament.models.stored_graph import stored_graph
from lineament.runtime.choosing import fastest_engine
from lineament.runtime.embedding import embed
from lineament.runtime.engines import Engine, OnnxRuntimeEngine
from lineament.training.assembling import make_backbone, make_head
from lineament.training.checking import checked, is_convex
from lineament.training.features import ENOUGH, NAME
from lineament.training.fitting.estimate import estimated
from lineament.training.fitting.learner import Learner
from lineament.training.fitting.processes import accelerator_for
from lineament.training.heads import fit_head
from lineament.training.pace import Pace
from lineament.training.recipe import TrainConfig

EMBEDDED = 16  # photos, after two that warm up
LEARNT = 8  # photos of a step; a large network is measured on two
PATIENCE_S = 1.0  # that many seconds for two photos are a large network
SOLVED = 200  # photos of made-up features that a head is fitted on
# Calibrating, hashing, writing, the intervals of a report.
CLOSING_S = 1.0
# Writing the graph of layers that were trained: 1.5 s for a small net, 6 s for EfficientNet-Lite0.
WRITING_S = 4.0


def forecast(dataset: Dataset, config: TrainConfig, *, executor: Executor | None = None) -> Pace:
    """Measure what the parts of a training take.

    Args:
        dataset: The photos; a few of ``train`` are read.
        config: The recipe.
        executor: Where photos are decoded and run; ``None`` is one thread per core.

    Raises:
        UsageError: The recipe asks for what cannot be.
        ArtifactError: A weights file is absent or damaged.
        DataError: A photo cannot be read.
        MissingExtraError: The package with the weights is not installed.
    """
    recipe = checked(config)
    where = executor or LocalExecutor()
    samples = dataset.samples("train")
    few = [dataset.path(each) for each in samples[:: max(1, len(samples) // EMBEDDED)]][:EMBEDDED]
    make_backbone(recipe)  # the first one in a process waits for imports
    started = time.perf_counter()
    backbone = make_backbone(recipe)
    pace = Pace(build_s=time.perf_counter() - started + CLOSING_S, answer_s=0.0)
    if recipe.mode != "scratch":
        pace = _with_features(pace, dataset, recipe, backbone, few, where)
    if recipe.mode == "head":
        return pace
    return _with_loop(pace, dataset, recipe, backbone, few)


def _with_features(
    pace: Pace,
    dataset: Dataset,
    recipe: TrainConfig,
    backbone: Backbone,
    few: Sequence[Path],
    where: Executor,
) -> Pace:
    """Add what frozen features take, and a head on them.

    The graph that is written on the way is kept, so that the run itself finds it.
    """
    graph = feature_graph(
        stored_graph(backbone, progress=QUIET, cache=recipe.cache),
        backbone.preprocessing,
        mirrored_view=recipe.mirrored_view,
    )
    many = len(dataset.samples("train")) >= ENOUGH
    engine = fastest_engine(graph, name=NAME) if many else OnnxRuntimeEngine(graph, name=NAME)
    return dataclasses.replace(
        pace,
        answer_s=_per_photo(lambda some: _embedded(engine, some, backbone, where), few),
        solve_s=_solve_s(dataset, backbone, recipe),
    )


def _embedded(engine: Engine, some: Sequence[Path], backbone: Backbone, where: Executor) -> None:
    for _ in embed(engine, some, backbone.preprocessing, executor=where):
        pass


def _per_photo(work: Callable[[Sequence[Path]], None], photos: Sequence[Path]) -> float:
    """Seconds per photo, after two that warm up."""
    work(photos[:2])
    started = time.perf_counter()
    work(photos)
    return (time.perf_counter() - started) / len(photos)


def _solve_s(dataset: Dataset, backbone: Backbone, recipe: TrainConfig) -> float:
    """Fit a head on a few made-up features and scale up: its work grows with their number."""
    if recipe.mode == "head" and not is_convex(recipe):
        return 0.0  # epochs over embeddings: what they take is lost beside making these
    n_classes, n_photos = len(dataset.classes), len(dataset.samples("train"))
    few = min(SOLVED, n_photos)
    rng = np.random.default_rng(0)
    labels = np.arange(few, dtype=np.int64) % n_classes
    centres = rng.normal(size=(n_classes, backbone.n_features))
    features = (centres[labels] + rng.normal(size=(few, backbone.n_features))).astype(np.float32)
    started = time.perf_counter()
    fit_head(
        (features, labels),
        (features, labels),
        n_classes=n_classes,
        regularisation=recipe.regularisation,
        is_balanced=False,
        progress=QUIET,
    )
    return (time.perf_counter() - started) * n_photos / few


def _with_loop(
    pace: Pace, dataset: Dataset, recipe: TrainConfig, backbone: Backbone, few: Sequence[Path]
) -> Pace:
    """Add what the loop takes, from steps on made-up pixels: what they show costs nothing."""
    size_px, n_classes = backbone.preprocessing.size_px, len(dataset.classes)

    def decoded(some: Sequence[Path]) -> None:
        for path in some:
            decode_photo(path, short_side_px=size_px)

    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(LEARNT, 3, size_px, size_px, generator=generator)
    labels = torch.arange(LEARNT) % n_classes
    with torch.no_grad():
        started = time.perf_counter()
        backbone.eval()(pixels[:2])
        if time.perf_counter() - started > PATIENCE_S:
            pixels, labels = pixels[:2], labels[:2]
    threads = torch.get_num_threads()
    model = Classifier(
        backbone, make_head(recipe, backbone, n_classes), mirrored_view=recipe.mirrored_view
    )
    counts = np.bincount(
        [each.label for each in dataset.samples("train")], minlength=n_classes
    ).astype(np.int64)
    learner = Learner(model, recipe, counts, accelerator_for(recipe), QUIET)
    learner.begin(1)
    try:  # on the way it sets the number of threads with which a step is fastest
        measured = estimated(learner, pixels, labels, labels)
    finally:
        torch.set_num_threads(threads)
    decode_s = _per_photo(decoded, few)
    return dataclasses.replace(
        pace,
        build_s=pace.build_s + WRITING_S,
        # Where no graph was run, as fast as torch; ONNX Runtime is mostly faster.
        answer_s=pace.answer_s or measured.judge_s + decode_s,
        decode_s=decode_s,
        learn_s=measured.step_s / len(pixels),
        judge_s=measured.judge_s,
    )
