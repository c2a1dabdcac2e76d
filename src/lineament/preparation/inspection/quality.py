"""Faults of single photos: blank, dark, bright, blurred, tiny, of extreme aspect ratio.

Each kind has one number and one limit beyond which a person agrees with the name. Where many photos
lie beyond it, the dataset is like that (night photos, 48 px faces), and a finding on every photo
helps nobody: then only those that stand out among their own kind are named.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lineament.imaging.decode import FileFacts
from lineament.imaging.look import Look

COMMON_FRACTION = 0.1  # beyond one photo in ten it is no exception but how the photos are
# Iglewicz and Hoaglin 1993, "How to detect and handle outliers": modified z scores above 3.5.
OUTLIER_Z = 3.5
MAD_OF_NORMAL = 0.6745  # median absolute deviation of a normal distribution, in standard deviations

# Constant colour with the noise of a sensor or of JPEG is below. The flattest photo of the 23,981
# named under RULES that shows anything, a plane in the sky, has 0.13.
BLANK_STRUCTURE = 0.02
MIN_MEASURABLE_PX = 16  # fewer pixels leave no neighbourhood to call blurred


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A photo to look at.

    Attributes:
        index: Its place among the photos that were given.
        kind: ``blank``, ``dark``, ``bright``, ``blurred``, ``tiny`` or ``extreme_aspect``.
        score: The number that was measured: `Look.structure` of a blank photo, `Look.highlights` of
            a dark, `Look.shadows` of a bright, `Look.sharpness` of a blurred one; the shorter side
            in pixels of a tiny photo; longer by shorter side of an extreme aspect ratio.
    """

    index: int
    kind: str
    score: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Rule:
    """What makes a fault.

    Attributes:
        kind: Its name.
        sign: 1 where more is worse, -1 where less is.
        limit: A score beyond it is a fault.
        scale: Turns scores into what is compared with the median.
        least_mad: The least spread that a dataset is taken to have, after ``scale``: photos of one
            size would otherwise make any other an outlier.
    """

    kind: str
    sign: int
    limit: float
    least_mad: float
    scale: Callable[[NDArray[np.float64]], NDArray[np.float64]] = np.asarray


# Limits were set by looking at what they name: 43 of 23,981 photos of cats and dogs, LFW, CIFAR-10,
# FER2013 and CK+.
RULES = (
    # 95 % of the pixels in the darkest three tenths. The mean would name portraits on black.
    _Rule(kind="dark", sign=-1, limit=0.3, least_mad=0.02),
    # 95 % of the pixels in the brightest three tenths. The mean would name products on white.
    _Rule(kind="bright", sign=1, limit=0.7, least_mad=0.02),
    # A Gaussian of 1.5 % of the side brings 99 % of 600 pets and faces (180 and 250 px) below, one
    # of 4 % 98 % of 300 CIFAR-10 photos; untouched, 2 of 900 are.
    _Rule(kind="blurred", sign=-1, limit=0.25, least_mad=0.02),
    # Networks look at 224 px or so: enlarged more than threefold, a photo has no detail left.
    _Rule(kind="tiny", sign=-1, limit=64, least_mad=0.1, scale=np.log2),
    # A centre crop keeps less than a third of the photo.
    _Rule(kind="extreme_aspect", sign=1, limit=3, least_mad=0.1, scale=np.log2),
)


def quality_faults(looks: Sequence[Look], facts: Sequence[FileFacts]) -> list[Fault]:
    """Name the photos that a person should look at.

    A blank photo is named as such alone. A photo may have several of the other faults.

    Args:
        looks: How the photos look.
        facts: What their files say, in the same order.

    Returns:
        The faults in the order of the photos.

    Example:
        >>> from lineament.imaging.look import look
        >>> facts = FileFacts(
        ...     format="", mode="RGB", width=80, height=80, size_bytes=0, taken=""
        ... )
        >>> quality_faults([look(np.zeros((80, 80, 3), dtype=np.uint8))], [facts])
        [Fault(index=0, kind='blank', score=0.0)]
    """
    assert len(looks) == len(facts), (len(looks), len(facts))
    if not looks:
        return []
    structure = np.array([each.structure for each in looks])
    blank = structure < BLANK_STRUCTURE
    shorter = np.array([min(each.width, each.height) for each in facts], dtype=np.float64)
    longer = np.array([max(each.width, each.height) for each in facts], dtype=np.float64)
    scores = {
        "dark": np.array([each.highlights for each in looks]),
        "bright": np.array([each.shadows for each in looks]),
        "blurred": np.array([each.sharpness for each in looks]),
        "tiny": shorter,
        "extreme_aspect": longer / shorter,
    }
    judged = {
        "dark": ~blank,
        "bright": ~blank,
        "blurred": ~blank & (shorter >= MIN_MEASURABLE_PX),
        "tiny": ~blank,
        "extreme_aspect": ~blank,
    }
    faults = [_fault(index, "blank", structure) for index in np.flatnonzero(blank)]
    for rule in RULES:
        named = _named(rule, scores[rule.kind], judged[rule.kind])
        faults += [_fault(index, rule.kind, scores[rule.kind]) for index in named]
    return sorted(faults, key=lambda fault: fault.index)  # stable: kinds stay in the order of RULES


def _named(
    rule: _Rule, scores: NDArray[np.float64], judged: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Find the photos beyond the limit; where these are many, only those that stand out."""
    beyond = judged & (rule.sign * scores > rule.sign * rule.limit)
    if beyond.sum() > COMMON_FRACTION * judged.sum():
        scaled = rule.sign * rule.scale(scores)
        median = np.median(scaled[judged])
        spread = max(float(np.median(np.abs(scaled[judged] - median))), rule.least_mad)
        beyond &= MAD_OF_NORMAL * (scaled - median) / spread > OUTLIER_Z
    return np.flatnonzero(beyond)


def _fault(index: np.int64, kind: str, scores: NDArray[np.float64]) -> Fault:
    return Fault(index=int(index), kind=kind, score=round(float(scores[index]), 4))
