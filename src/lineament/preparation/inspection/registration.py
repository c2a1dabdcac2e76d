"""Lay pairs of signatures over one another, and measure whether what lies there is one photo.

Registration is a least-squares fit of gain, offset, and shift and scale per axis, coarse to fine
(Lucas and Kanade 1981; Baker and Matthews, "Lucas-Kanade 20 Years On", 2004), for many pairs at
once. A mirror is laid as it is: the caller flips one picture.

Two photos that are merely alike (two aligned faces, two discs on plain ground) lie well over one
another, too. What tells a copy is *detail*: in the small neighbourhoods where both have some, it
agrees. And *grain*: where both are quiet, what little there is agrees as well. The first tells
faces apart, the second drawings, whose edges agree by chance and whose noise does not.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

Pictures = NDArray[np.float32]  # (B, n, n)
Numbers = NDArray[np.float32]  # (B,)

# Where a copy shows a window of the other photo: x' = scale x + shift, x from -1 to 1.
Placement = NDArray[np.float32]  # (B, 4): scale and shift along x, scale and shift along y
IN_PLACE = (1.0, 0.0, 1.0, 0.0)

COARSE_PX, MIDDLE_PX = 16, 32
SCALES = (0.72, 1.39)  # 10 % off each side is 0.8, and room to arrive
SHIFT = 0.3
STEP = 0.2  # the longest that one step may go; a fit to noise would jump away
RIDGE = 0.02  # of the picture's energy: what no detail determines stays where it is
COARSE_STEPS, MIDDLE_STEPS, FINE_STEPS = 3, 2, 2


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """How well each pair agrees where it was laid.

    Attributes:
        whole: ``(B,)``, correlation at `COARSE_PX`, -1 to 1.
        detail: ``(B,)``, agreement of detail at `MIDDLE_PX`, -1 to 1.
        grain: ``(B,)``, correlation of what is left in the quiet parts at full size, -1 to 1.
        levels: ``(B,)``, root of the mean squared difference at `COARSE_PX`, in grey levels.
        placement: ``(B, 4)``.
    """

    whole: Numbers
    detail: Numbers
    grain: Numbers
    levels: Numbers
    placement: Placement


def coarse(first: Pictures, second: Pictures, start: Placement) -> tuple[Placement, Numbers]:
    """Lay the second picture's frame into the first, roughly.

    Args:
        first: ``float32 (B, S, S)`` in grey levels; ``S`` a multiple of `MIDDLE_PX`.
        second: ``float32 (B, S, S)``.
        start: ``float32 (B, 4)``.

    Returns:
        The placement, and the correlation there at `COARSE_PX`.
    """
    return _climb(_shrunk(first, COARSE_PX), _shrunk(second, COARSE_PX), start, COARSE_STEPS)


def middle(first: Pictures, second: Pictures, start: Placement) -> Placement:
    """The same to a pixel."""
    return _climb(_shrunk(first, MIDDLE_PX), _shrunk(second, MIDDLE_PX), start, MIDDLE_STEPS)[0]


def fine(first: Pictures, second: Pictures, start: Placement) -> Placement:
    """The same to a fraction of a pixel."""
    return _climb(first, second, start, FINE_STEPS)[0]


def shifted(first: Pictures, second: Pictures) -> tuple[Placement, Numbers]:
    """Lay the second picture's frame into the first by a shift alone, wherever a climb would end.

    The peak of the circular cross-correlation of the finest detail. No pixel of it counts for more
    than is usual in its picture: edges, which agree by chance in drawings, would else speak louder
    than the noise that nothing but a copy shares.

    Args:
        first: ``float32 (B, S, S)``.
        second: ``float32 (B, S, S)``.

    Returns:
        The placement, to a fraction of a pixel, and the correlation at the peak, -1 to 1.
    """
    size = first.shape[1]
    one, other = _finest(first), _finest(second)
    spectrum = np.fft.rfft2(one) * np.conj(np.fft.rfft2(other))
    energy = np.sqrt(np.square(one).sum((1, 2)) * np.square(other).sum((1, 2)))
    correlation = np.fft.irfft2(spectrum) / (energy + 1e-6)[:, None, None]
    reach = int(SHIFT * size / 2)
    # One more on every side, so that a peak has neighbours.
    near = np.roll(correlation, (reach + 1, reach + 1), axis=(1, 2))
    near = near[:, : 2 * reach + 3, : 2 * reach + 3]
    width = 2 * reach + 1
    best = near[:, 1:-1, 1:-1].reshape(len(near), width * width).argmax(axis=1)
    row, column, pair = best // width + 1, best % width + 1, np.arange(len(near))
    peak = near[pair, row, column]
    down = _top(near[pair, row - 1, column], peak, near[pair, row + 1, column])
    across = _top(near[pair, row, column - 1], peak, near[pair, row, column + 1])
    place = np.tile(np.asarray(IN_PLACE, dtype=np.float32), (len(near), 1))
    place[:, 1] = (column - reach - 1 + across) * 2 / size
    place[:, 3] = (row - reach - 1 + down) * 2 / size
    return place, peak.astype(np.float32)


def _finest(pictures: Pictures) -> Pictures:
    """What differs from the mean of 3 x 3 pixels, and no more than is usual."""
    mask = np.ones_like(pictures)
    band = _band(pictures, mask, _area(mask, GRAIN_REACH), GRAIN_REACH)
    flat = np.abs(band).reshape(len(band), pictures.shape[1] * pictures.shape[2])
    # A fifth of the pixels says it as well; the median of all would take half of the time.
    usual = MOST_USUAL * np.median(flat[:, ::5], axis=1)[:, None, None]
    clipped = np.clip(band, -usual, usual)
    finest: Pictures = clipped - clipped.mean((1, 2), keepdims=True)
    return finest


def _top(before: Numbers, peak: Numbers, after: Numbers) -> Numbers:
    """Where the parabola through three values a pixel apart has its top, from the middle one."""
    bend = np.minimum(before - 2 * peak + after, -1e-9)  # which is none at a peak
    top: Numbers = np.clip((before - after) / (2 * bend), -0.5, 0.5)
    return top


def agreement(first: Pictures, second: Pictures, place: Placement) -> Agreement:
    """Measure pairs where they lie.

    Args:
        first: ``float32 (B, S, S)``.
        second: ``float32 (B, S, S)``.
        place: ``float32 (B, 4)``.
    """
    return Agreement(
        whole=whole(first, second, place),
        detail=_detail_at(first, second, place),
        grain=_grain(*_laid(first, second, place)),
        levels=_levels(first, second, place),
        placement=place,
    )


def whole(first: Pictures, second: Pictures, place: Placement) -> Numbers:
    """Correlation at `COARSE_PX`, where each pair lies."""
    return _climb(_shrunk(first, COARSE_PX), _shrunk(second, COARSE_PX), place, 0)[1]


def _climb(
    first: Pictures, second: Pictures, start: Placement, steps: int
) -> tuple[Placement, Numbers]:
    best, best_correlation = start, np.full(len(start), -2, dtype=np.float32)
    place = start
    for _ in range(steps + 1):
        after, correlation = _step(first, second, place)
        better = correlation > best_correlation
        best = np.where(better[:, None], place, best)
        best_correlation = np.where(better, correlation, best_correlation)
        place = after
    return best, best_correlation


def _step(first: Pictures, second: Pictures, place: Placement) -> tuple[Placement, Numbers]:
    """One Gauss-Newton step, and the correlation before it."""
    count, size = len(first), first.shape[1]
    laid, mask = _warped(first, place)
    across, down = _slope(laid, axis=2), _slope(laid, axis=1)
    x = _grid(size)
    columns = np.empty((count, 7, size, size), dtype=np.float32)
    columns[:, 0] = mask
    columns[:, 1] = laid * mask
    columns[:, 2] = across * mask
    columns[:, 3] = columns[:, 2] * x
    columns[:, 4] = down * mask
    columns[:, 5] = columns[:, 4] * x[:, None]
    columns[:, 6] = second * mask
    flat = columns.reshape(count, 7, size * size)
    products = np.matmul(flat, flat.transpose(0, 2, 1)).astype(np.float64)
    area, sums = products[:, 0, 0], products[:, 0]
    spread = products[:, 1, 1] - sums[:, 1] ** 2 / area
    other_spread = products[:, 6, 6] - sums[:, 6] ** 2 / area
    shared = products[:, 1, 6] - sums[:, 1] * sums[:, 6] / area
    correlation = shared / np.sqrt(spread * other_spread + 1e-9)
    normal = products[:, :6, :6].copy()
    diagonal = np.arange(2, 6)
    normal[:, diagonal, diagonal] += (RIDGE * spread + 1e-3)[:, None]
    normal[:, [0, 1], [0, 1]] += 1e-3  # a flat picture has no gain
    fitted = np.linalg.solve(normal, products[:, :6, 6, None])[:, :, 0]
    gain = np.maximum(fitted[:, 1], 0.3)
    move = np.clip(fitted[:, 2:] / gain[:, None], -STEP, STEP)
    after = place.astype(np.float64)
    for axis in (0, 2):
        scale = place[:, axis]
        after[:, axis] = np.clip(scale * (1 + move[:, axis + 1]), *SCALES)
        after[:, axis + 1] = np.clip(place[:, axis + 1] + scale * move[:, axis], -SHIFT, SHIFT)
    return after.astype(np.float32), correlation.astype(np.float32)


def _laid(
    first: Pictures, second: Pictures, place: Placement
) -> tuple[Pictures, Pictures, Pictures, Numbers]:
    """Both of equal mean and spread on their overlap, the overlap, and one grey level's size."""
    laid, mask = _warped(first, place, cubic=True)
    area = mask.sum((1, 2), keepdims=True)
    even, spreads = [], []
    for each in (laid, second):
        centred = (each - (each * mask).sum((1, 2), keepdims=True) / area) * mask
        spread = np.sqrt((centred**2).sum((1, 2), keepdims=True) / area) + 1e-3
        even.append(centred / spread)
        spreads.append(spread)
    level = 1 / np.sqrt(spreads[0] * spreads[1])
    return even[0], even[1], mask, level[:, 0, 0].astype(np.float32)


def _levels(first: Pictures, second: Pictures, place: Placement) -> Numbers:
    laid, mask = _warped(_shrunk(first, COARSE_PX), place)
    apart = (laid - _shrunk(second, COARSE_PX)) ** 2 * mask
    levels: Numbers = np.sqrt(apart.sum((1, 2)) / mask.sum((1, 2)))
    return levels


# Neighbourhoods are 7 x 7 at 32 px for detail (smaller ones fail where a 32 px photo was resized)
# and 3 x 3 at 64 px for grain (larger ones reach into edges, which agree by chance in drawings).
DETAIL_REACH, GRAIN_REACH = 3, 1
# Below these, in grey levels, there is rounding to whole levels and nothing else.
DETAIL_FLOOR, GRAIN_FLOOR = 0.3, 0.25
QUIET_FRACTION = 0.4
MOST_USUAL = 1.5  # of the median: some 1 standard deviation of noise


def _detail_at(first: Pictures, second: Pictures, place: Placement) -> Numbers:
    one, other = (_shrunk(each, MIDDLE_PX, smooth=False) for each in (first, second))
    return _detail(*_laid(one, other, place))


def _detail(first: Pictures, second: Pictures, mask: Pictures, level: Numbers) -> Numbers:
    """Mean correlation over all neighbourhoods, weighted by how alike in energy both are.

    A neighbourhood that is textured in one and smooth in the other says little: a resize or a
    strong JPEG does that to a copy.
    """
    area = _area(mask, DETAIL_REACH)
    one, other = (_band(each, mask, area, DETAIL_REACH) for each in (first, second))
    energy, other_energy, shared = (
        _sums(each, DETAIL_REACH) / area for each in (one**2, other**2, one * other)
    )
    floor = (DETAIL_FLOOR * level)[:, None, None] ** 2
    both = np.sqrt(energy * other_energy)
    weight = both / (np.maximum(energy, other_energy) + floor) * mask
    agree = weight * shared / (both + 1e-12)
    total: Numbers = agree.sum((1, 2)) / (weight.sum((1, 2)) + 1e-9)
    return total


def _grain(first: Pictures, second: Pictures, mask: Pictures, level: Numbers) -> Numbers:
    """Correlation over the parts that are among the quietest of both."""
    area = _area(mask, GRAIN_REACH)
    one, other = (_band(each, mask, area, GRAIN_REACH) for each in (first, second))
    quiet = (mask > 0) & _quietest(one, mask, area) & _quietest(other, mask, area)
    floor = quiet.sum((1, 2)) * (GRAIN_FLOOR * level) ** 2
    energy, other_energy = ((each**2 * quiet).sum((1, 2)) + floor for each in (one, other))
    correlation: Numbers = (one * other * quiet).sum((1, 2)) / np.sqrt(energy * other_energy + 1e-9)
    return correlation


def _quietest(band: Pictures, mask: Pictures, area: Pictures) -> NDArray[np.bool_]:
    energy = np.where(mask > 0, _sums(band**2, GRAIN_REACH) / area, np.float32(np.inf))
    ranks = (QUIET_FRACTION * mask.sum((1, 2))).astype(np.int64)
    limits = [
        np.partition(each.ravel(), rank)[rank] for each, rank in zip(energy, ranks, strict=True)
    ]
    quiet: NDArray[np.bool_] = energy <= np.asarray(limits, dtype=np.float32)[:, None, None]
    return quiet


def _band(pictures: Pictures, mask: Pictures, area: Pictures, reach: int) -> Pictures:
    """What differs from the mean of its neighbourhood; the pictures are 0 where the mask is."""
    band: Pictures = (pictures - _sums(pictures, reach) / area) * mask
    return band


def _area(mask: Pictures, reach: int) -> Pictures:
    """How many pixels of each neighbourhood lie on both; never 0, for what divides by it."""
    return np.maximum(_sums(mask, reach), np.float32(0.5), dtype=np.float32)


def _sums(pictures: Pictures, reach: int) -> Pictures:
    """Sum over each pixel's square neighbourhood, as far as it lies inside."""
    rows = pictures.copy()
    for by in range(1, reach + 1):
        rows[:, by:] += pictures[:, :-by]
        rows[:, :-by] += pictures[:, by:]
    both = rows.copy()
    for by in range(1, reach + 1):
        both[:, :, by:] += rows[:, :, :-by]
        both[:, :, :-by] += rows[:, :, by:]
    return both


def _shrunk(pictures: Pictures, size: int, *, smooth: bool = True) -> Pictures:
    """Averaged over blocks; smooth, because a step sees only slopes that reach as far as it."""
    shrink = np.repeat(np.eye(size), pictures.shape[1] // size, axis=1)
    shrink /= shrink.sum(1, keepdims=True)
    if smooth:
        padded = np.pad(shrink, ((1, 1), (0, 0)), mode="edge")
        shrink = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    weights = shrink.astype(np.float32)
    smaller: Pictures = np.matmul(np.matmul(weights, pictures), weights.T)
    return smaller


def _slope(pictures: Pictures, *, axis: int) -> Pictures:
    """Derivative by a coordinate that runs from -1 to 1."""
    return np.gradient(pictures, np.float32(2 / pictures.shape[1]), axis=axis).astype(np.float32)


def _grid(size: int) -> NDArray[np.float32]:
    return ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1).astype(np.float32)


def _warped(
    pictures: Pictures, place: Placement, *, cubic: bool = False
) -> tuple[Pictures, Pictures]:
    """The pictures' windows, and 1 where a window lies on its picture."""
    size = pictures.shape[1]
    across, on_x = _weights(place[:, 0], place[:, 1], size, cubic=cubic)
    down, on_y = _weights(place[:, 2], place[:, 3], size, cubic=cubic)
    window = np.matmul(np.matmul(down, pictures), across.transpose(0, 2, 1))
    return window, on_y[:, :, None] * on_x[:, None, :]


def _weights(
    scale: Numbers, shift: Numbers, size: int, *, cubic: bool
) -> tuple[Pictures, NDArray[np.float32]]:
    """Along one axis, each sample's weights of the pixels (Keys 1981), and whether it is inside."""
    at = scale[:, None] * _grid(size) + shift[:, None]
    pixel = np.clip((at + 1) * np.float32(size / 2) - np.float32(0.5), 0, size - 1)
    left = np.floor(pixel).astype(np.int64)
    t = (pixel - left).astype(np.float32)
    taps = (
        {
            -1: ((-0.5 * t + 1) * t - 0.5) * t,
            0: (1.5 * t - 2.5) * t**2 + 1,
            1: ((-1.5 * t + 2) * t + 0.5) * t,
            2: (0.5 * t - 0.5) * t**2,
        }
        if cubic
        else {0: 1 - t, 1: t}
    )
    weights = np.zeros((len(at), size, size), dtype=np.float32)
    pair, sample = np.arange(len(at))[:, None], np.arange(size)
    for offset, weight in taps.items():
        weights[pair, sample, np.clip(left + offset, 0, size - 1)] += weight
    return weights, (np.abs(at) <= 1).astype(np.float32)
