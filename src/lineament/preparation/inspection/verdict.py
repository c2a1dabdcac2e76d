"""The verdict on pairs of signatures: one photo, or two that are merely alike."""

import numpy as np
from numpy.typing import NDArray

from lineament.preparation.inspection.registration import (
    IN_PLACE,
    Agreement,
    Pictures,
    Placement,
    agreement,
    coarse,
    fine,
    middle,
    shifted,
    whole,
)

# What is not worth a closer look.
IN_PLACE_LEAST, COARSE_LEAST = 0.98, 0.93
ROUGH_DETAIL_LEAST, ROUGH_GRAIN_LEAST = 0.6, 0.04

# The verdict's bounds, from planted copies and from the closest pairs that are none. Grain: of the
# 59,000 closest pairs of 3,000 plain drawings, whose edges agree by chance, none is above 0.14.
# Detail: aligned faces of two people (CK+), laid over one another by shift and scale, reach 0.82,
# and 0.33 in grain.
GRAIN_LEAST, DETAIL_LEAST, MOVED_DETAIL_LEAST = 0.14, 0.8, 0.85
GRAINY_LEAST = 0.33  # of what moved and whose detail is only `DETAIL_LEAST`
# A strong JPEG takes the grain of a plain picture. Then it counts that nothing moved at all: edges
# of different drawings agree, but hardly ever to this.
UNMOVED, EXACT_LEAST, EXACT_DETAIL_LEAST = 0.01, 0.9996, 0.7
FAINT_EXACT_LEAST, FAINT_GRAIN_LEAST = 0.999, 0.07
# Or that the grey levels are the same: of 80 drawings saved again at quality 40 none is more than
# 0.42 levels from its original; of 2,000 others, half saved so, no two that agree as well are less
# than 0.96 apart.
SAME_LEVELS, SAME_WHOLE_LEAST, SAME_DETAIL_LEAST = 0.7, 0.997, 0.65
# The next frame is shifted and nothing else, in the same light; part of its grain is new. Of 80
# drawn ones none is more than 5.1 levels away, below 0.31 in grain or 0.73 in detail. Aligned faces
# of two people reach that grain and detail, and are 13 levels apart at least; other drawings reach
# 0.2 in grain.
LIGHT, PEAK_LEAST = 4.0, 0.2  # what their means differ by, and the correlation of finest detail
LIKE_LEVELS, LIKE_GRAIN_LEAST, LIKE_DETAIL_LEAST = 9.0, 0.23, 0.65


def verify(
    one: Pictures, other: Pictures, *, scale: NDArray[np.float32]
) -> tuple[int, list[tuple[int, float]]]:
    """Tell which pairs are near duplicates.

    Args:
        one: ``float32 (B, S, S)``, signatures in grey levels; mirrored where the pair may be.
        other: ``float32 (B, S, S)``.
        scale: ``(B,)``, how much of the one's sides the other may show; 1 where it shows all, more
            than 1 where the one is the crop.

    Returns:
        How many pairs were worth a close look, and of each near duplicate its place among the pairs
        and how well its detail agrees.
    """
    place = np.tile(np.asarray(IN_PLACE, dtype=np.float32), (len(one), 1))
    # Most copies lie where the original does, and a fit could slide away along a stripe.
    here = np.flatnonzero((scale == 1) & (whole(one, other, place) >= IN_PLACE_LEAST))
    lying = agreement(one[here], other[here], place[here])
    same = _same(lying)
    found = list(zip(here[same].tolist(), lying.detail[same].tolist(), strict=True))
    # The others are laid over one another, and only what may still agree is laid with more care.
    left = np.setdiff1d(np.arange(len(one)), here[same])
    place[:, [0, 2]] = scale[:, None]
    place, score = coarse(one[left], other[left], place[left])
    good = score >= COARSE_LEAST
    close = len(here) + int(good.sum())
    left, place = left[good], place[good]
    # First by a shift alone: a climb is held by edges that agree nearly as well elsewhere.
    which, moved = _moved(one[left], other[left])
    same = _same_shifted(moved)
    found += zip(left[which[same]].tolist(), moved.detail[same].tolist(), strict=True)
    rest = np.setdiff1d(np.arange(len(left)), which[same])
    left, place = left[rest], middle(one[left[rest]], other[left[rest]], place[rest])
    rough = agreement(one[left], other[left], place)
    good = (rough.detail >= ROUGH_DETAIL_LEAST) & (rough.grain >= ROUGH_GRAIN_LEAST)
    left, place = left[good], fine(one[left[good]], other[left[good]], place[good])
    laid = agreement(one[left], other[left], place)
    same = _same(laid)
    found += zip(left[same].tolist(), laid.detail[same].tolist(), strict=True)
    return close, found


def _moved(one: Pictures, other: Pictures) -> tuple[NDArray[np.intp], Agreement]:
    """Which pairs may be one picture shifted, and how they agree there."""
    # A shift hardly changes the mean, and looking is dear.
    apart = np.abs(one.mean((1, 2)) - other.mean((1, 2)))
    which = np.flatnonzero(apart <= LIGHT)
    place, peak = shifted(one[which], other[which])
    clear = peak >= PEAK_LEAST
    which, place = which[clear], place[clear]
    return which, agreement(one[which], other[which], place)


def _same(agreed: Agreement) -> NDArray[np.bool_]:
    """The verdict."""
    detail, grain, level = agreed.detail, agreed.grain, agreed.whole
    unmoved = np.abs(agreed.placement - np.asarray(IN_PLACE)).max(axis=1) < UNMOVED
    exact = (level >= EXACT_LEAST) | ((level >= FAINT_EXACT_LEAST) & (grain >= FAINT_GRAIN_LEAST))
    unchanged = (agreed.levels <= SAME_LEVELS) & (level >= SAME_WHOLE_LEAST)
    in_place = (
        (exact & (detail >= EXACT_DETAIL_LEAST))
        | (unchanged & (detail >= SAME_DETAIL_LEAST))
        | ((grain >= GRAIN_LEAST) & (detail >= DETAIL_LEAST))
    )
    moved = ((grain >= GRAIN_LEAST) & (detail >= MOVED_DETAIL_LEAST)) | (
        (grain >= GRAINY_LEAST) & (detail >= DETAIL_LEAST)
    )
    same: NDArray[np.bool_] = np.where(unmoved, in_place, moved & _a_crop(agreed.placement))
    return same


def _same_shifted(agreed: Agreement) -> NDArray[np.bool_]:
    """The verdict on pairs that were laid by a shift alone."""
    detail, grain = agreed.detail, agreed.grain
    like = (
        (agreed.levels <= LIKE_LEVELS) & (grain >= LIKE_GRAIN_LEAST) & (detail >= LIKE_DETAIL_LEAST)
    )
    same: NDArray[np.bool_] = like | ((grain >= GRAINY_LEAST) & (detail >= DETAIL_LEAST))
    return same


# Logarithms of scale: 10 % off each side is 0.22, off both sides of one axis alone 0.22 apart.
LARGEST_CROP, APART, CROSSED = 0.27, 0.16, 0.03


def _a_crop(place: Placement) -> NDArray[np.bool_]:
    """Whether one may be a slight crop of the other: not wider and lower, nor much narrower alone.

    Stripes and discs agree when stretched at will, and nobody crops so.
    """
    across, down = np.log(place[:, 0]), np.log(place[:, 2])
    crossed = (np.minimum(across, down) < -CROSSED) & (np.maximum(across, down) > CROSSED)
    far = np.maximum(np.abs(across), np.abs(down)) > LARGEST_CROP
    possible: NDArray[np.bool_] = ~crossed & ~far & (np.abs(across - down) < APART)
    return possible
