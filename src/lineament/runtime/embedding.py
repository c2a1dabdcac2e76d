"""Embeddings and logits of many photo files, in order."""

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.dataset import decode_photo
from lineament.core.executor import Executor
from lineament.imaging.preprocess import Preprocessing
from lineament.runtime.engines import Engine


def embed(
    engine: Engine,
    paths: Iterable[Path],
    preprocessing: Preprocessing,
    *,
    executor: Executor,
) -> Iterator[NDArray[np.float32]]:
    """Compute the embedding of each photo, ``float32 (D,)``, in order.

    Raises:
        DataError: A photo cannot be read.
    """
    return executor.map(functools.partial(_embedding, engine, preprocessing), paths)


def logits_and_embeddings(
    engine: Engine,
    paths: Iterable[Path],
    preprocessing: Preprocessing,
    *,
    executor: Executor,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute the logits ``float32 (N, C)`` and the embeddings ``(N, D)`` of photos, in order.

    Raises:
        DataError: A photo cannot be read.
    """
    rows = list(executor.map(functools.partial(_logits, engine, preprocessing), paths))
    return np.stack([logits for logits, _ in rows]), np.stack([row for _, row in rows])


def _logits(
    engine: Engine, preprocessing: Preprocessing, path: Path
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    image = decode_photo(path, short_side_px=preprocessing.needed_short_side_px)
    activation, embedding = engine.run(image[None], ["activation", "embedding"])
    return activation[0].mean(axis=(1, 2)), embedding[0]


def _embedding(engine: Engine, preprocessing: Preprocessing, path: Path) -> NDArray[np.float32]:
    image = decode_photo(path, short_side_px=preprocessing.needed_short_side_px)
    (embedding,) = engine.run(image[None], ["embedding"])
    row: NDArray[np.float32] = embedding[0]
    return row
