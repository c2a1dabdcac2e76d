"""Localising: how much of a method's maps lies where the thing is known to be."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.dataset import decode_shrunk
from lineament.artifacts.findings.localisation import Localisation, Localised
from lineament.core.errors import DataError
from lineament.core.progress import QUIET, Progress, tracked
from lineament.explanation.maps import MapMaker
from lineament.explanation.regions import Region
from lineament.imaging.render import place_heat, seen_box
from lineament.measure.intervals import Groups, Interval
from lineament.measure.localisation import energy, pointing
from lineament.measure.shares import bounded_mean
from lineament.measure.units import independent_units
from lineament.runtime.predictor import Predictor


def localisation(
    predictor: Predictor,
    methods: Sequence[MapMaker],
    photos: Sequence[tuple[Path, int]],
    regions: Sequence[Region],
    *,
    region: str,
    units: Groups | None = None,
    level: float = 0.95,
    progress: Progress = QUIET,
) -> Localisation:
    """Measure how much of maps lies inside regions, by the pointing game and by energy.

    Args:
        predictor: The model.
        methods: One or more.
        photos: Each with the index of the class whose map is made.
        regions: Of each photo.
        region: What the regions are, for the sentences: a file's name, say.
        units: Group of each photo; ``None`` where photos are independent.
        level: Confidence level of the intervals, between 0 and 1.
        progress: Who listens.

    Returns:
        Means over photos with Student's intervals, over whole groups where there are any. What the
        model does not see of a region or of a photo does not count.

    Raises:
        DataError: No photo has a region that the model sees, or one cannot be read.
    """
    lock = threading.Lock()  # gradients change the network while they ask it

    def measured(asked: tuple[tuple[Path, int], Region]) -> NDArray[np.float64] | None:
        return _measured(predictor, methods, *asked, lock)

    asked = list(zip(photos, regions, strict=True))
    rows = list(
        tracked(predictor.executor.map(measured, asked), progress, "measuring maps", len(asked))
    )
    kept = [index for index, row in enumerate(rows) if row is not None]
    if not kept:
        raise DataError(
            f"{region} has no region that the model sees in {len(photos)} photos.",
            fix="Name regions of the photos of this split.",
        )
    values = np.stack([row for row in rows if row is not None])  # (photos, 1 + 2 methods)
    unit = None
    if units is not None:
        unit = independent_units(units, len(photos))[kept]
    covered = values[:, 0]
    found = []
    for number, maker in enumerate(methods):
        hits, inside = values[:, 1 + 2 * number], values[:, 2 + 2 * number]
        surplus = bounded_mean(inside - covered, groups=unit, least=-1.0, most=1.0, level=level)
        energies = bounded_mean(inside, groups=unit, least=0.0, most=1.0, level=level)
        found.append(
            Localised(
                title=maker.title,
                hits=bounded_mean(hits, groups=unit, least=0.0, most=1.0, level=level),
                energy=energies,
                surplus=surplus,
                sentence=in_words(maker.title, energies, surplus, region),
            )
        )
    return Localisation(
        region=region,
        photos=len(kept),
        area=bounded_mean(covered, groups=unit, least=0.0, most=1.0, level=level),
        methods=tuple(found),
    )


def _measured(
    predictor: Predictor,
    methods: Sequence[MapMaker],
    photo: tuple[Path, int],
    region: Region,
    lock: threading.Lock,
) -> NDArray[np.float64] | None:
    """Share of the area, then hit and energy of each method; ``None`` where nothing is seen."""
    path, class_index = photo
    needed = predictor.preprocessing.needed_short_side_px
    image = decode_shrunk(path, short_side_px=needed)
    height, width = image.shape[:2]
    window = predictor.preprocessing.window(height, width)
    top, left, bottom, right = seen_box(window, height, width)
    seen = (slice(top, bottom), slice(left, right))
    inside = region.mask(height, width)[seen]
    if not inside.any():
        return None
    values = [float(inside.mean())]
    for maker in methods:
        with lock:
            grid = maker(image, class_index)
        heat = place_heat(grid, window, height, width)[seen]
        values += [pointing(heat, inside), energy(heat, inside)]
    return np.array(values)


def in_words(title: str, inside: Interval, surplus: Interval, region: str) -> str:
    """Say for a reader whether a method's maps lie inside more than their area would have it.

    Args:
        title: The method.
        inside: Part of the maps that lies inside.
        surplus: That less the part of the area.
        region: What the regions are.
    """
    name = title[:1].upper() + title[1:]
    told = f"{name}: {inside.value:.0%} of a map lies inside the regions of {region}, "
    photos = "1 photo" if inside.n == 1 else f"{inside.n:,} photos"
    area = f"{inside.value - surplus.value:.0%}"
    limits = f"{surplus.low * 100:+.0f} to {surplus.high * 100:+.0f} points, {photos}"
    if surplus.low > 0:
        return f"{told}which are {area} of the area: more than by chance ({limits})."
    if surplus.high < 0:
        return f"{told}which are {area} of the area: less than by chance ({limits})."
    return f"{told}which are {area} of the area: no more than by chance can be told ({limits})."
