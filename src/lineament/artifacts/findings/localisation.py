"""Localisation: how much of a map lies where the thing is."""

import dataclasses

from lineament.measure.intervals import Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Localised:
    """One method.

    Attributes:
        title: The method.
        hits: Photos whose highest point lies inside, as a fraction (pointing game).
        energy: Part of the map's sum that lies inside, the mean over photos.
        surplus: That less the part of the window's area that lies inside, photo by photo.
        sentence: The same in words.
    """

    title: str
    hits: Interval
    energy: Interval
    surplus: Interval
    sentence: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Localisation:
    """Maps against given regions.

    Attributes:
        region: What the regions are, such as ``the boxes of faces.csv``.
        photos: Photos that have a region, and were measured.
        area: Part of what the model sees that lies inside, the mean: what a map that knows nothing
            would reach.
        methods: One entry per method.
    """

    region: str
    photos: int
    area: Interval
    methods: tuple[Localised, ...]
