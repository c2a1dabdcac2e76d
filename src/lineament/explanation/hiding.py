"""Hiding: does the model still answer when the middle of the photo, or all but it, is hidden?

A model that tells wolves by the snow stays right when the wolf is painted over. Most photographers
put what they mean into the middle, so the middle stands for the thing where nobody said where it
is. That is a rule of thumb, and the page says so.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.dataset import decode_shrunk
from lineament.artifacts.findings.hiding import Hiding
from lineament.core.errors import UsageError
from lineament.core.progress import QUIET, Progress, tracked
from lineament.measure.intervals import Groups, Interval
from lineament.measure.shares import share_interval
from lineament.measure.units import independent_units
from lineament.runtime.predictor import Predictor

# Of each side: 36 % of the area. With 0.4 three of four models without a planted shortcut raised an
# alarm, with 0.5 two: animals and faces reach beyond so small a middle. With 0.6 none did, and a
# model that could only answer by a painted frame raised one at every size.
CENTRE = 0.6
KEPT = 0.5  # of the way from chance to the whole photo's accuracy: most of what the model can do


def hiding(
    predictor: Predictor,
    photos: Sequence[tuple[Path, int]],
    *,
    units: Groups | None = None,
    centre_fraction: float = CENTRE,
    level: float = 0.95,
    progress: Progress = QUIET,
) -> Hiding:
    """Measure the accuracy without the middle, and with the middle alone.

    What is hidden is painted in the photo's mean colour. It is an alarm if the model is told from
    chance on whole photos, and the surroundings alone keep more than half of the way from chance to
    that accuracy, with the whole interval. Chance is the share of the most frequent class.

    What the middle alone reaches is no part of the rule: a model that knows the thing and its
    surroundings answers by either, and fails where the surroundings change. It is said beside the
    alarm, for a thing that fills the photo looks the same.

    Args:
        predictor: The model, asked through the graph that ships.
        photos: Each with the index of its true class.
        units: Group of each photo; ``None`` where photos are independent.
        centre_fraction: Side of the middle as a part of the photo's sides, above 0 and below 1.
        level: Confidence level of the intervals, between 0 and 1.
        progress: Who listens.

    Raises:
        UsageError: There is no photo, or ``centre_fraction`` is out of range.
        DataError: A photo cannot be read.
    """
    if not photos or not 0 < centre_fraction < 1:
        raise UsageError(
            "Hiding needs a photo or more and a middle above 0 and below 1, got "
            f"{len(photos)} and {centre_fraction}."
        )

    def asked(photo: tuple[Path, int]) -> NDArray[np.bool_]:
        return _right(predictor, photo, centre_fraction)

    rows = tracked(predictor.executor.map(asked, photos), progress, "hiding parts", len(photos))
    right = np.stack(list(rows))
    unit = None if units is None else independent_units(units, len(photos))
    whole, no_centre, no_background = (
        share_interval(right[:, column], groups=unit, level=level) for column in range(3)
    )
    counts = np.bincount([class_index for _, class_index in photos])
    chance = float(counts.max() / counts.sum())
    return Hiding(
        photos=len(photos),
        centre_fraction=centre_fraction,
        whole=whole,
        centre_hidden=no_centre,
        background_hidden=no_background,
        chance=chance,
        is_alarm=_is_alarm(whole, no_centre, chance),
        sentences=in_words(whole, no_centre, no_background, chance, centre_fraction),
    )


def _right(
    predictor: Predictor, photo: tuple[Path, int], centre_fraction: float
) -> NDArray[np.bool_]:
    """Whether the whole photo, the one without and the one of the middle are answered rightly."""
    path, class_index = photo
    needed = predictor.preprocessing.needed_short_side_px
    image = decode_shrunk(path, short_side_px=needed)
    height, width = image.shape[:2]
    paint = image.mean(axis=(0, 1)).round().astype(np.uint8)
    middle = (_middle(height, centre_fraction), _middle(width, centre_fraction))
    without = image.copy()
    without[middle] = paint
    alone = np.broadcast_to(paint, image.shape).copy()
    alone[middle] = image[middle]
    return np.array(
        [
            int(predictor.predict_image(each).argmax()) == class_index
            for each in (image, without, alone)
        ]
    )


def _middle(length: int, fraction: float) -> slice:
    size = max(1, round(length * fraction))
    start = (length - size) // 2
    return slice(start, start + size)


def _halfway(whole: Interval, chance: float) -> float:
    return chance + KEPT * (whole.value - chance)


def _is_alarm(whole: Interval, no_centre: Interval, chance: float) -> bool:
    return whole.low > chance and no_centre.low > _halfway(whole, chance)


def in_words(
    whole: Interval,
    no_centre: Interval,
    no_background: Interval,
    chance: float,
    centre_fraction: float,
) -> tuple[str, ...]:
    """Say for a reader what became of the accuracy, and what that means.

    Args:
        whole: Accuracy on whole photos.
        no_centre: With the middle hidden.
        no_background: With all but the middle hidden.
        chance: The share of the most frequent class.
        centre_fraction: Side of the middle as a part of the sides.
    """
    photos = "1 photo" if whole.n == 1 else f"{whole.n:,} photos"
    told = (
        f"On {photos} {_percent(whole)} are answered rightly; with the middle hidden "
        f"({centre_fraction:.0%} of each side) {_percent(no_centre)}, with all but the middle "
        f"hidden {_percent(no_background)}. Always answering the most frequent class reaches "
        f"{chance * 100:.1f} %."
    )
    if whole.low <= chance:
        return (told, "On whole photos the model is not told from chance, so hiding says nothing.")
    half = _halfway(whole, chance)
    if _is_alarm(whole, no_centre, chance):
        either = (
            " The middle alone is enough as well: what the photos show may fill them."
            if no_background.low > half
            else ""
        )
        return (
            told,
            "Alarm: without the middle the model keeps more than half of what it can do. If what "
            "the photos show stands in the middle, the model answers by the surroundings: look at "
            "the maps, and for a background, a frame or a watermark that goes with the class."
            + either,
        )
    if no_centre.high < half:
        return (
            told,
            "Without the middle the model loses more than half of what it can do: it does not "
            "answer by the surroundings alone.",
        )
    return (
        told,
        "Whether the model keeps more than half of what it can do without the middle cannot be "
        "told from these photos.",
    )


def _percent(interval: Interval) -> str:
    value, low, high = (
        f"{each * 100:.1f}" for each in (interval.value, interval.low, interval.high)
    )
    return f"{value} % ({low} to {high})"
