"""Features of a frozen backbone, computed once per photo by the engine that will ship."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from lineament.artifacts.dataset import Dataset
from lineament.core.executor import Executor
from lineament.core.progress import Progress, tracked
from lineament.imaging.preprocess import Preprocessing
from lineament.models.backbones import DEFAULT_BACKBONE, create_backbone
from lineament.models.graph import backbone_graph, feature_graph
from lineament.runtime.engines import OnnxRuntimeEngine
from lineament.runtime.predictor import embed

Part = tuple[NDArray[np.float32], NDArray[np.int64]]


def frozen_features(
    dataset: Dataset,
    backbone: onnx.ModelProto,
    preprocessing: Preprocessing,
    *,
    executor: Executor,
    progress: Progress,
) -> tuple[Part, Part]:
    """Embed the photos of ``train`` and ``validation``; the test split is not opened.

    Args:
        dataset: The photos.
        backbone: The exported backbone.
        preprocessing: What is done to pixels before it.
        executor: Where photos are decoded and run.
        progress: Who listens.

    Returns:
        For each of the two splits, embeddings ``float32 (N, D)`` and labels ``int64 (N,)``.

    Raises:
        DataError: A photo cannot be read, or a split is empty.
    """
    engine = OnnxRuntimeEngine(feature_graph(backbone, preprocessing), name="the backbone's graph")
    parts = []
    for split in ("train", "validation"):
        samples = dataset.samples(split)
        paths = [dataset.path(sample) for sample in samples]
        rows = embed(engine, paths, preprocessing, executor=executor)
        features = np.stack(list(tracked(rows, progress, f"features of {split}", len(paths))))
        parts.append((features, np.asarray([each.label for each in samples], dtype=np.int64)))
    return parts[0], parts[1]


def default_features(
    paths: Sequence[Path], *, executor: Executor, progress: Progress
) -> tuple[NDArray[np.float32], str]:
    """Embed photos with the default backbone, for what needs a good look but no training.

    Args:
        paths: Files of a dataset.
        executor: Where photos are decoded and run.
        progress: Who listens.

    Returns:
        Embeddings ``float32 (N, D)``, and the backbone's name.

    Raises:
        DataError: A photo cannot be read.
    """
    backbone = create_backbone(DEFAULT_BACKBONE, None)
    graph = feature_graph(backbone_graph(backbone), backbone.preprocessing)
    engine = OnnxRuntimeEngine(graph, name="the backbone's graph")
    rows = embed(engine, paths, backbone.preprocessing, executor=executor)
    watched = tracked(rows, progress, "features of all photos", len(paths))
    return np.stack(list(watched)), backbone.name
