"""Known: embeddings of the training photos from which a trained graph learns what it knows."""

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.dataset import Dataset
from lineament.core.executor import Executor
from lineament.core.progress import Progress, tracked
from lineament.imaging.preprocess import Preprocessing
from lineament.runtime.embedding import embed
from lineament.runtime.engines import Engine
from lineament.training.features import Part

# With 1,000 photos the familiarity of eleven pairs of known and unknown collections was as good as
# with 2,500, with 300 a point worse (docs/concepts/unknown.md).
ENOUGH, ENOUGH_PER_CLASS = 2000, 5


def some_embeddings(
    dataset: Dataset,
    engine: Engine,
    preprocessing: Preprocessing,
    *,
    seed: int,
    executor: Executor,
    progress: Progress,
) -> Part:
    """Embed training photos, at most `ENOUGH` or so many per class that each has a few.

    Args:
        dataset: The photos.
        engine: The trained graph.
        preprocessing: What is done to pixels.
        seed: Which photos are taken.
        executor: Where photos are decoded and run.
        progress: Who listens.

    Returns:
        Embeddings ``float32 (M, D)`` and labels ``int64 (M,)``, in the dataset's order.

    Raises:
        DataError: A photo cannot be read.
    """
    samples = dataset.samples("train")
    labels = np.asarray([each.label for each in samples], dtype=np.int64)
    chosen = evenly(labels, max(ENOUGH, ENOUGH_PER_CLASS * len(dataset.classes)), seed=seed)
    paths = [dataset.path(samples[index]) for index in chosen]
    rows = embed(engine, paths, preprocessing, executor=executor)
    embeddings = np.stack(list(tracked(rows, progress, "learning what is known", len(paths))))
    return embeddings, labels[chosen]


def evenly(labels: NDArray[np.int64], most: int, *, seed: int) -> NDArray[np.int64]:
    """Choose photos so that no class has two more than another that has photos left.

    Args:
        labels: Class indices, ``int64 (N,)``.
        most: How many photos at most.
        seed: Which of a class.

    Returns:
        Their positions, ascending.

    Example:
        >>> evenly(np.array([0, 0, 0, 0, 1, 2]), 4, seed=0).tolist()[2:]
        [4, 5]
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    starts = np.searchsorted(labels[order], labels[order], side="left")
    turn = np.arange(len(labels)) - starts  # the how manieth of its class
    return np.sort(order[np.argsort(turn, kind="stable")[:most]])
