"""Spoil: the answers of a model to photos that are spoilt on purpose, and what it loses."""

import base64
import functools
import hashlib
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.dataset import Dataset, Sample, decode_shrunk
from lineament.artifacts.findings.robustness import Robustness
from lineament.core.errors import DataError, UsageError
from lineament.core.executor import Executor, LocalExecutor
from lineament.core.progress import QUIET, Progress, duration, tracked
from lineament.evaluation.robustness import robustness
from lineament.imaging.corrupt import CORRUPTIONS, SEVERITIES, corrupt
from lineament.imaging.decode import encode_jpeg
from lineament.measure.intervals import known_groups
from lineament.runtime.predictor import Predictor

PHOTOS = 200  # an accuracy then moves by 7 points at most, a loss of 5 is usually told
TILE_PX = 112
KEYS = tuple((name, severity) for name in CORRUPTIONS for severity in SEVERITIES)


def spoil(
    predictor: Predictor,
    dataset: Dataset,
    split: str,
    *,
    photos: int = PHOTOS,
    seed: int = 0,
    progress: Progress = QUIET,
    executor: Executor | None = None,
) -> Robustness:
    """Measure what a model loses on spoilt photos: all corruptions at all severities.

    Each photo costs 41 answers. It is spoilt at the size that the model needs, so that neither
    noise nor JPEG is scaled away again, and always in the same way.

    Args:
        predictor: What answers.
        dataset: Where the photos are.
        split: Which of its splits.
        photos: How many to draw, as evenly over the classes as they allow, 2 or more; all of them
            where the split has fewer.
        seed: Which photos are drawn, and how each is spoilt.
        progress: Who listens; told how long it will take once the first photo is done.
        executor: Where photos are spoilt and answered; ``None`` is the predictor's.

    Returns:
        The finding.

    Raises:
        UsageError: ``photos`` is below 2, or there is no such split.
        DataError: The split is empty or has a class that the model does not know, or a photo cannot
            be read.
    """
    if photos < 2:
        raise UsageError(f"`photos` must be 2 or more, got {photos}.")
    drawn = draw(dataset.samples(split), photos, seed=seed)
    unknown = sorted({each.class_name for each in drawn} - set(predictor.classes))
    if unknown:
        raise DataError(
            f"{dataset.root} has classes that the model does not know.",
            at=unknown,
            fix=f"The model knows {', '.join(predictor.classes)}; use a dataset of these.",
        )
    where = executor or predictor.executor
    answer = functools.partial(_right, predictor, dataset, seed)
    example = _photo(predictor, dataset, drawn[0])
    predictor.predict_image(example)  # the first answer of an engine is slow: no measure of others
    started = time.perf_counter()
    first = answer(drawn[0])
    workers = where.workers if isinstance(where, LocalExecutor) else 1
    seconds = (time.perf_counter() - started) * (len(drawn) - 1) / workers
    progress.note(
        f"robustness: {len(drawn)} photos, {len(KEYS) + 1} answers each, about {duration(seconds)}"
    )
    others = tracked(
        where.map(answer, drawn[1:]), progress, "answering spoilt photos", len(drawn) - 1
    )
    rows = np.stack([first, *others])
    groups = [each.group for each in drawn]
    return robustness(
        rows[:, 0],
        {key: rows[:, place] for place, key in enumerate(KEYS, start=1)},
        units=known_groups(groups),
        examples=_examples(example, _seed(drawn[0], seed)),
    )


def draw(samples: Sequence[Sample], photos: int, *, seed: int) -> list[Sample]:
    """Draw photos as evenly over the classes as they allow.

    Args:
        samples: Of a split.
        photos: How many; all of them where there are fewer.
        seed: Another one draws other photos.

    Returns:
        One photo of each class in turn, in an order that only names and seed decide.
    """
    of_class: dict[str, int] = {}
    turns = []
    for each in sorted(samples, key=lambda each: (_seed(each, seed), each.filename)):
        turn = of_class[each.class_name] = of_class.get(each.class_name, 0) + 1
        turns.append((turn, _hash(each.class_name, seed), each))
    turns.sort(key=lambda each: each[:2])
    return [each for _, _, each in turns[:photos]]


def _right(predictor: Predictor, dataset: Dataset, seed: int, sample: Sample) -> NDArray[np.bool_]:
    """Whether a photo is answered rightly as it is, then spoilt in each way, ``bool (41,)``."""
    image = _photo(predictor, dataset, sample)
    label = predictor.classes.index(sample.class_name)
    own = _seed(sample, seed)
    right = [predictor.predict_image(image).argmax() == label]
    for name, severity in KEYS:
        spoilt = corrupt(image, name, severity, seed=own)
        right.append(predictor.predict_image(spoilt).argmax() == label)
    return np.array(right, dtype=bool)


def _photo(predictor: Predictor, dataset: Dataset, sample: Sample) -> NDArray[np.uint8]:
    needed = predictor.preprocessing.needed_short_side_px
    return decode_shrunk(dataset.path(sample), short_side_px=needed)


def _seed(sample: Sample, seed: int) -> int:
    return _hash(sample.filename, seed)


def _hash(name: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big")


def _examples(image: NDArray[np.uint8], seed: int) -> dict[str, str]:
    return {name: _strip(image, name, seed) for name in CORRUPTIONS}


def _strip(image: NDArray[np.uint8], name: str, seed: int) -> str:
    """The severities of one corruption side by side, as a JPEG in base64."""
    tiles = []
    for severity in SEVERITIES:
        picture = Image.fromarray(corrupt(image, name, severity, seed=seed))
        picture.thumbnail((TILE_PX, TILE_PX), Image.Resampling.BILINEAR)
        tiles.append(np.asarray(picture))
    strip = np.concatenate(tiles, axis=1)
    return base64.b64encode(encode_jpeg(strip, quality=80)).decode("ascii")
