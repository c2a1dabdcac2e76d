"""Galleries: which photos are worth looking at, and the pictures of them."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.dataset import decode_photo
from lineament.artifacts.explanation import PHOTOS
from lineament.artifacts.findings.galleries import (
    BORDERLINE,
    RIGHT,
    SUREST,
    WRONG,
    Gallery,
    Shown,
)
from lineament.artifacts.predictions import Predictions
from lineament.core.progress import QUIET, Progress, tracked
from lineament.explanation.maps import MapMaker
from lineament.imaging.decode import encode_jpeg
from lineament.imaging.preprocess import Preprocessing
from lineament.imaging.render import heated

CLOSE = 0.2  # in probability: a few more photos in training could have swapped such two classes
SIDE_PX = 160  # of the pictures: six beside each other on a laptop


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """Photos of one kind, before anything is drawn.

    Attributes:
        kind: As in `Gallery`.
        class_name: Whose photos; ``None`` for all classes.
        n_photos: How many there are.
        rows: Those to show, in the order of the page.
    """

    kind: str
    class_name: str | None
    n_photos: int
    rows: tuple[int, ...]


def choose(
    predictions: Predictions,
    *,
    surest: int = 12,
    borderline: int = 8,
    per_class: int = 3,
    most_classes: int = 20,
) -> list[Choice]:
    """Choose photos by how they were answered.

    Args:
        predictions: The answers; photos whose class is not known are left out.
        surest: How many of the most confident mistakes.
        borderline: How many of the photos whose two most probable classes are within `CLOSE`.
        per_class: How many right and how many wrong ones of each class, the surest first.
        most_classes: Of how many classes: those with the lowest recall first.

    Returns:
        Mistakes, borderline photos, then right and wrong ones class by class in column order;
        without what has no photos.
    """
    ranked = np.sort(predictions.probabilities, axis=1)[:, ::-1]
    confidence = ranked[:, 0]
    known = predictions.labels >= 0
    is_right = known & (predictions.answers == predictions.labels)
    is_wrong = known & ~is_right
    found = [_choice(SUREST, None, is_wrong, -confidence, surest)]
    if ranked.shape[1] > 1:
        margin = ranked[:, 0] - ranked[:, 1]
        found.append(_choice(BORDERLINE, None, known & (margin < CLOSE), margin, borderline))
    for index in _classes(predictions.labels, is_right, most_classes):
        own = predictions.labels == index
        name = predictions.classes[index]
        found.append(_choice(RIGHT, name, own & is_right, -confidence, per_class))
        found.append(_choice(WRONG, name, own & is_wrong, -confidence, per_class))
    return [each for each in found if each.n_photos]


def _choice(
    kind: str,
    class_name: str | None,
    of: NDArray[np.bool_],
    key: NDArray[np.float32],
    most: int,
) -> Choice:
    rows = np.flatnonzero(of)
    # Equal keys keep the order of the photos.
    first = rows[np.argsort(key[rows], kind="stable")[:most]]
    return Choice(kind=kind, class_name=class_name, n_photos=len(rows), rows=tuple(map(int, first)))


def _classes(labels: NDArray[np.int64], is_right: NDArray[np.bool_], most: int) -> Iterator[int]:
    """The classes that have photos: all, or those with the lowest recall, in column order."""
    present = [int(index) for index in np.unique(labels[labels >= 0])]
    recall = {index: float(is_right[labels == index].mean()) for index in present}
    yield from sorted(sorted(present, key=lambda index: (recall[index], index))[:most])


def draw(
    choices: Sequence[Choice],
    predictions: Predictions,
    maker: MapMaker,
    folder: Path,
    *,
    root: Path,
    preprocessing: Preprocessing,
    progress: Progress = QUIET,
) -> tuple[Gallery, ...]:
    """Draw the chosen photos, each once, however many galleries it is in.

    Args:
        choices: What `choose` gave.
        predictions: The answers.
        maker: Whose maps are shown.
        folder: Where the pictures go, into ``photos/``.
        root: The dataset's folder.
        preprocessing: What the model does to pixels.
        progress: Who listens.

    Returns:
        The galleries, in the order of ``choices``.

    Raises:
        DataError: A photo cannot be read.
    """
    (folder / PHOTOS).mkdir(exist_ok=True)
    wanted = list(dict.fromkeys(row for choice in choices for row in choice.rows))
    shown: dict[int, Shown] = {}
    for number, row in enumerate(tracked(wanted, progress, "drawing maps", len(wanted))):
        image = decode_photo(
            root / predictions.samples[row], short_side_px=preprocessing.needed_short_side_px
        )
        pictures = _pictures(image, maker, preprocessing)
        shown[row] = _shown(predictions, row, f"{PHOTOS}/{number:04d}", folder, pictures)
    return tuple(
        Gallery(
            kind=choice.kind,
            class_name=choice.class_name,
            n_photos=choice.n_photos,
            shown=tuple(shown[row] for row in choice.rows),
        )
        for choice in choices
    )


Pictures = Callable[[int | None], bytes]  # the photo for ``None``, or with the heat of a class


def _pictures(image: NDArray[np.uint8], maker: MapMaker, preprocessing: Preprocessing) -> Pictures:
    plain = _sized(image)

    def picture(class_index: int | None) -> bytes:
        if class_index is None:
            return encode_jpeg(plain, quality=80)
        shown = heated(plain, maker(image, class_index), preprocessing)
        return encode_jpeg(shown, quality=80)

    return picture


def _sized(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image with a longer side of `SIDE_PX`: small ones are enlarged, to be seen at all."""
    height, width = image.shape[:2]
    scale = SIDE_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(image).resize(size, way))


def _shown(
    predictions: Predictions, row: int, name: str, folder: Path, pictures: Pictures
) -> Shown:
    probabilities = predictions.probabilities[row]
    order = np.argsort(-probabilities, kind="stable")
    answer, second = int(order[0]), int(order[min(1, len(order) - 1)])
    truth = int(predictions.labels[row])
    files = {"": None, "-answer": answer} | ({"-truth": truth} if truth != answer else {})
    for ending, class_index in files.items():
        (folder / f"{name}{ending}.jpg").write_bytes(pictures(class_index))
    return Shown(
        sample=predictions.samples[row],
        truth=predictions.classes[truth],
        answer=predictions.classes[answer],
        confidence=float(probabilities[answer]),
        truth_probability=float(probabilities[truth]),
        second=predictions.classes[second],
        second_probability=float(probabilities[second]),
        photo=f"{name}.jpg",
        overlay=f"{name}-answer.jpg",
        truth_overlay=f"{name}-truth.jpg" if truth != answer else None,
    )
