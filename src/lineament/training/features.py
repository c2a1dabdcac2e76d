"""Features of a frozen backbone, computed once per photo.

Many training photos go through the fastest engine there is, validation photos through the one that
will answer: what is chosen and calibrated on validation is then true of what ships.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from lineament.artifacts.dataset import Dataset, Sample
from lineament.core.executor import Executor, LocalExecutor
from lineament.core.progress import Progress, tracked
from lineament.imaging.preprocess import Preprocessing
from lineament.models.backbones import DEFAULT_BACKBONE, create_backbone
from lineament.models.graph import backbone_graph, feature_graph
from lineament.runtime.engines import Engine, OnnxRuntimeEngine, fastest_engine
from lineament.runtime.predictor import embed

Part = tuple[NDArray[np.float32], NDArray[np.int64]]

NAME = "the backbone's graph"
# With fewer training photos the exact engine takes a minute at most, and bfloat16 may cost over a
# tenth of a point of accuracy; from there on it cost 0.03 to 0.05.
ENOUGH = 5000
COMPARED = 16  # photos that both engines embed, a second's work
# Mean cosine of the two engines' embeddings. bfloat16 left 0.9967 and more with networks that bear
# it, 0.991 where it cost 0.2 points, and 0.82 to 0.983, at a point, where it did the resize, too.
LEAST_COSINE = 0.995


def frozen_features(
    dataset: Dataset,
    backbone: onnx.ModelProto,
    preprocessing: Preprocessing,
    *,
    executor: Executor,
    progress: Progress,
    mirrored_view: bool = False,
) -> tuple[Part, Part, str]:
    """Embed the photos of ``train`` and ``validation``; the test split is not opened.

    The fastest engine is used where training photos are many, and where it embeds a few of them
    nearly as ONNX Runtime does: not every network bears bfloat16.

    Args:
        dataset: The photos.
        backbone: The exported backbone.
        preprocessing: What is done to pixels before it.
        executor: Where photos are decoded and run.
        progress: Who listens.
        mirrored_view: Whether features are the mean of a photo's and its mirror image's.

    Returns:
        For each of the two splits, embeddings ``float32 (N, D)`` and labels ``int64 (N,)``; then
        what embedded the training photos, for the run.

    Raises:
        DataError: A photo cannot be read, or a split is empty.
    """
    graph = feature_graph(backbone, preprocessing, mirrored_view=mirrored_view)
    exact = OnnxRuntimeEngine(graph, name=NAME)
    samples = {split: dataset.samples(split) for split in ("train", "validation")}

    def embedded(engine: Engine, some: Sequence[Sample], task: str) -> NDArray[np.float32]:
        paths = [dataset.path(sample) for sample in some]
        where = executor if engine is exact else _busier(executor)
        rows = embed(engine, paths, preprocessing, executor=where)
        return np.stack(list(tracked(rows, progress, task, len(paths))))

    fast: Engine = exact
    if len(samples["train"]) >= ENOUGH:
        fast = fastest_engine(graph, name=NAME)
    if fast.title != exact.title:
        # Spread over the split, whose photos stand class by class.
        few = samples["train"][:: -(-len(samples["train"]) // COMPARED)]
        pair = [embedded(engine, few, "comparing engines") for engine in (exact, fast)]
        likeness = _mean_cosine(*pair)
        if not likeness >= LEAST_COSINE:  # NaN is no likeness either
            progress.note(
                f"{fast.title} embeds photos otherwise than {exact.title} does (mean cosine "
                f"{likeness:.3f}); going on without it"
            )
            fast = exact
    train, validation = (
        (
            embedded(engine, samples[split], f"features of {split}"),
            np.asarray([each.label for each in samples[split]], dtype=np.int64),
        )
        for split, engine in (("train", fast), ("validation", exact))
    )
    return train, validation, fast.title


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
    engine = OnnxRuntimeEngine(graph, name=NAME)
    rows = embed(engine, paths, backbone.preprocessing, executor=executor)
    watched = tracked(rows, progress, "features of all photos", len(paths))
    return np.stack(list(watched)), backbone.name


def _busier(executor: Executor) -> Executor:
    """Twice as many workers: OpenVINO computes in threads of its own, and ours decode meanwhile."""
    if isinstance(executor, LocalExecutor):
        return LocalExecutor(2 * executor.workers)
    return executor


def _mean_cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(axis=1) / np.maximum(lengths, 1e-12)).mean())
