"""Faithfulness: is what a map marks what the model answers by? Measured, not admired.

Insertion and deletion (Petsiuk, Das and Saenko 2018, "RISE: Randomized input sampling for
explanation of black-box models"): in the order of the map a photo appears out of its own blur, or
vanishes into its mean colour, and the probability of the answer is asked at every step. A map is
worth something where it beats maps that know nothing of the model, on the same photos: a blob in
the middle, and smooth noise.
"""

import dataclasses
import hashlib
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lineament.artifacts.dataset import decode_shrunk
from lineament.artifacts.findings.faithfulness import Against, Faithful, Faithfulness
from lineament.core.errors import UsageError
from lineament.core.progress import QUIET, Progress, tracked
from lineament.explanation.maps import Centre, Chance, MapMaker
from lineament.imaging.render import place_heat, seen_box
from lineament.measure.intervals import Groups
from lineament.measure.perturbation import area, order_of, replaced
from lineament.measure.shares import bounded_mean
from lineament.measure.units import independent_units
from lineament.runtime.predictor import Predictor

STEPS = 16  # areas by 16 and by 64 steps differed by less than a fiftieth of the photos' spread
BLUR = 10  # the blur's radius as a part of the shorter side: no class is seen through it


class _Measured(NamedTuple):
    """One photo: probabilities ``(maps, 2, steps + 1)``, and the seconds of each map."""

    curves: NDArray[np.float64]
    seconds: NDArray[np.float64]


def faithfulness(
    predictor: Predictor,
    methods: Sequence[MapMaker],
    photos: Sequence[tuple[Path, int]],
    *,
    units: Groups | None = None,
    steps: int = STEPS,
    seed: int = 0,
    level: float = 0.95,
    progress: Progress = QUIET,
) -> Faithfulness:
    """Measure methods on photos, against maps that know nothing.

    Args:
        predictor: The model, asked through the graph that ships.
        methods: One or more.
        photos: Each with the index of the class whose probability is followed: the model's answer.
        units: Group of each photo; ``None`` where photos are independent.
        steps: In how many parts a photo appears and vanishes, 1 or more.
        seed: Of the noise, and of the order of equal places.
        level: Confidence level of the intervals, between 0 and 1.
        progress: Who listens.

    Returns:
        Areas and paired differences with Student's intervals, over whole groups where there are
        any. They are for one figure at a time. One photo or one group says nothing about the next:
        its intervals are all that is possible.

    Raises:
        UsageError: There is no photo, no method or no step.
        DataError: A photo cannot be read.
    """
    if not photos or not methods or steps < 1:
        raise UsageError(
            f"Faithfulness needs a photo, a method and a step, got {len(photos)}, {len(methods)} "
            f"and {steps}.",
            fix="Give one of each, or more.",
        )
    baselines = (Centre(), Chance(seed))
    lock = threading.Lock()  # gradients change the network while they ask it

    def measured(photo: tuple[Path, int]) -> _Measured:
        return _measured(predictor, (*methods, *baselines), photo, steps, seed, lock)

    rows = list(
        tracked(predictor.executor.map(measured, photos), progress, "measuring maps", len(photos))
    )
    curves = np.stack([row.curves for row in rows])
    seconds = np.median(np.stack([row.seconds for row in rows]), axis=0)
    unit = None if units is None else independent_units(units, len(photos))
    areas = area(curves)  # (photos, maps, insertion and deletion)
    made = [
        Faithful(
            title=maker.title,
            insertion=bounded_mean(
                areas[:, index, 0], groups=unit, least=0.0, most=1.0, level=level
            ),
            deletion=bounded_mean(
                areas[:, index, 1], groups=unit, least=0.0, most=1.0, level=level
            ),
            insertion_curve=tuple(curves[:, index, 0].mean(axis=0).tolist()),
            deletion_curve=tuple(curves[:, index, 1].mean(axis=0).tolist()),
            seconds=float(seconds[index]) if index < len(methods) else None,
            against=_against(areas, index, len(methods), baselines, unit, level)
            if index < len(methods)
            else (),
        )
        for index, maker in enumerate((*methods, *baselines))
    ]
    return Faithfulness(
        photos=len(photos),
        seed=seed,
        fractions=tuple(np.linspace(0, 1, steps + 1).tolist()),
        methods=tuple(_said(each, len(photos)) for each in made[: len(methods)]),
        baselines=tuple(made[len(methods) :]),
    )


def _measured(
    predictor: Predictor,
    makers: Sequence[MapMaker],
    photo: tuple[Path, int],
    steps: int,
    seed: int,
    lock: threading.Lock,
) -> _Measured:
    path, class_index = photo
    needed = predictor.preprocessing.needed_short_side_px
    image = decode_shrunk(path, short_side_px=needed)
    height, width = image.shape[:2]
    window = predictor.preprocessing.window(height, width)
    radius = max(1.0, min(height, width) / BLUR)
    blurred = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))
    plain = np.broadcast_to(image.mean(axis=(0, 1)).round().astype(np.uint8), image.shape).copy()
    # Where a map says nothing it is the noise that it is measured against: no better and no worse.
    ties = place_heat(Chance(seed)(image, class_index), window, height, width)
    own_seed = int.from_bytes(hashlib.sha256(f"{seed} ".encode() + image.tobytes()).digest()[:8])
    top, left, bottom, right = seen_box(window, height, width)
    inside = (slice(top, bottom), slice(left, right))
    ends = [
        (_asked(predictor, blurred, class_index), _asked(predictor, image, class_index)),
        (_asked(predictor, image, class_index), _asked(predictor, plain, class_index)),
    ]
    curves = np.empty((len(makers), 2, steps + 1))
    seconds = np.empty(len(makers))
    for index, maker in enumerate(makers):
        with lock:
            started = time.perf_counter()
            grid = maker(image, class_index)
            seconds[index] = time.perf_counter() - started
        # What the model does not see is never changed: that would be asked in vain.
        heat = np.full((height, width), -np.inf, dtype=np.float32)
        heat[inside] = place_heat(grid, window, height, width)[inside]
        order = order_of(heat, ties, seed=own_seed)
        for side, (start, end) in enumerate(((blurred, image), (image, plain))):
            curves[index, side, [0, steps]] = ends[side]
            for step in range(1, steps):
                places = order[: len(order) * step // steps]
                changed = replaced(start, end, places)
                curves[index, side, step] = _asked(predictor, changed, class_index)
    return _Measured(curves, seconds)


def _asked(predictor: Predictor, image: NDArray[np.uint8], class_index: int) -> float:
    return float(predictor.predict_image(image)[class_index])


def _against(
    areas: NDArray[np.float64],
    index: int,
    first: int,
    baselines: Sequence[MapMaker],
    unit: NDArray[np.int64] | None,
    level: float,
) -> tuple[Against, ...]:
    """One method against each baseline, photo by photo."""
    found = []
    for number, baseline in enumerate(baselines, first):
        # Signs such that more is better: sooner there, sooner gone.
        insertion, deletion = (
            bounded_mean(difference, groups=unit, least=-1.0, most=1.0, level=level)
            for difference in (
                areas[:, index, 0] - areas[:, number, 0],
                areas[:, number, 1] - areas[:, index, 1],
            )
        )
        found.append(
            Against(
                baseline=baseline.title,
                insertion=insertion,
                deletion=deletion,
                beats=insertion.low > 0 and deletion.low > 0,
            )
        )
    return tuple(found)


def _said(method: Faithful, photos: int) -> Faithful:
    return dataclasses.replace(method, sentence=in_words(method.title, method.against, photos))


def in_words(title: str, against: Sequence[Against], photos: int) -> str:
    """Say for a reader whether a method is worth more than maps that know nothing.

    Args:
        title: The method.
        against: Each baseline.
        photos: On how many photos.
    """
    beaten = [each.baseline for each in against if each.beats]
    rest = [each for each in against if not each.beats]
    name = title[:1].upper() + title[1:]
    on = "on 1 photo" if photos == 1 else f"on {photos:,} photos"
    if not rest:
        return (
            f"{name} marks what the model answers by: by insertion and by deletion it beats "
            f"{_joined(beaten)} {on}."
        )
    lost = [each.baseline for each in rest if each.insertion.high < 0 and each.deletion.high < 0]
    partly = "; ".join(_partly(each) for each in rest if each.baseline not in lost)
    told = [f"{name} does not beat every map that knows nothing, {on}"]
    if beaten:
        told.append(f"it beats {_joined(beaten)}")
    if lost:
        told.append(f"it is worse than {_joined(lost)}")
    if partly:
        told.append(partly)
    return f"{told[0]}: {'; '.join(told[1:])}. Take what it marks with care."


def _partly(against: Against) -> str:
    """Which of the two measures tells the method from a baseline."""
    words = []
    for name, interval in (("insertion", against.insertion), ("deletion", against.deletion)):
        if interval.low > 0:
            words.append(f"better by {name}")
        elif interval.high < 0:
            words.append(f"worse by {name}")
        else:
            words.append(f"not told apart by {name}")
    return f"against {against.baseline} it is {words[0]} and {words[1]}"


def _joined(names: Sequence[str]) -> str:
    return " and ".join(names)
