"""Features of a frozen backbone, computed once per photo, in this run or in an earlier one.

Many training photos go through the fastest engine there is, validation photos through the one that
will answer: what is chosen and calibrated on validation is then true of what ships.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.origins import origins
from lineament.core.errors import DataError
from lineament.core.executor import Executor, LocalExecutor
from lineament.core.files import sha256_file
from lineament.core.progress import Progress
from lineament.imaging.preprocess import Preprocessing
from lineament.models.backbones import DEFAULT_BACKBONE, create_backbone
from lineament.models.graph import feature_graph
from lineament.models.stored_graph import stored_graph
from lineament.runtime.choosing import fastest_engine
from lineament.runtime.engines import Engine, OnnxRuntimeEngine
from lineament.training.stored_features import Photo, StoredFeatures

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
    cache: bool = True,
) -> tuple[Part, Part, str]:
    """Embed the photos of ``train`` and ``validation``; the test split is not opened.

    The fastest engine is used where training photos are many, and where it embeds a few of them
    nearly as ONNX Runtime does: not every network bears bfloat16. What is on disk has no say in it.

    Args:
        dataset: The photos, whose hashes are those that it states: `Dataset.verify` is asked
            before.
        backbone: The exported backbone.
        preprocessing: What is done to pixels before it.
        executor: Where photos are decoded and run.
        progress: Who listens.
        mirrored_view: Whether features are the mean of a photo's and its mirror image's.
        cache: Whether features of earlier runs are taken from disk, and these kept there.

    Returns:
        For each of the two splits, embeddings ``float32 (N, D)`` and labels ``int64 (N,)``; then
        what embedded the training photos, for the run.

    Raises:
        DataError: A photo cannot be read, or a split is empty.
        UsageError: The limit of the cache is no number.
    """
    graph = feature_graph(backbone, preprocessing, mirrored_view=mirrored_view)
    stored = StoredFeatures(graph, preprocessing, progress=progress, cache=cache)
    exact = OnnxRuntimeEngine(graph, name=NAME)
    samples = {split: dataset.samples(split) for split in ("train", "validation")}
    hashes = {origin.filename: origin.sha256 for origin in origins(dataset.root)}
    photos = {
        split: [Photo(sha256=hashes[each.filename], path=dataset.path(each)) for each in some]
        for split, some in samples.items()
    }

    def embedded(engine: Engine, some: Sequence[Photo], task: str) -> NDArray[np.float32]:
        where = executor if engine is exact else _busier(executor)
        return stored.embed(some, engine, executor=where, task=task)

    fast: Engine = exact
    if len(photos["train"]) >= ENOUGH:
        fast = fastest_engine(graph, name=NAME)
    if fast.title != exact.title:
        # Spread over the split, whose photos stand class by class.
        few = photos["train"][:: -(-len(photos["train"]) // COMPARED)]
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
            embedded(engine, photos[split], f"features of {split}"),
            np.asarray([each.label for each in samples[split]], dtype=np.int64),
        )
        for split, engine in (("train", fast), ("validation", exact))
    )
    _tell(stored, progress)
    return train, validation, fast.title


def default_features(
    paths: Sequence[Path], *, executor: Executor, progress: Progress
) -> tuple[NDArray[np.float32], str]:
    """Embed photos with the default backbone, for what needs a good look but no training.

    Args:
        paths: Files that stay as they are meanwhile.
        executor: Where photos are decoded and run.
        progress: Who listens.

    Returns:
        Embeddings ``float32 (N, D)``, and the backbone's name.

    Raises:
        DataError: A photo cannot be read.
        UsageError: The limit of the cache is no number.
    """
    backbone = create_backbone(DEFAULT_BACKBONE, None)
    graph = feature_graph(stored_graph(backbone, progress=progress), backbone.preprocessing)
    stored = StoredFeatures(graph, backbone.preprocessing, progress=progress)
    rows = stored.embed(
        [Photo(sha256=_hash(path), path=path) for path in paths],
        OnnxRuntimeEngine(graph, name=NAME),
        executor=executor,
        task="features of all photos",
    )
    _tell(stored, progress)
    return rows, backbone.name


def _hash(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}.",
            fix="The photo was there when this began; run again when nothing else changes it.",
        ) from error


def _tell(stored: StoredFeatures, progress: Progress) -> None:
    if stored.found:
        progress.note(f"features of {len(stored.found):,} photos from the cache")


def _busier(executor: Executor) -> Executor:
    """Twice as many workers: OpenVINO computes in threads of its own, and ours decode meanwhile."""
    if isinstance(executor, LocalExecutor):
        return LocalExecutor(2 * executor.workers)
    return executor


def _mean_cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(axis=1) / np.maximum(lengths, 1e-12)).mean())
