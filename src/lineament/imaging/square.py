"""Square: the pixels that a model sees of a photo, kept as bytes for who needs them again.

The resize is that of `lineament.imaging.preprocess`, rounded to whole levels. It takes a tenth of
the time, because a sample's weights are zero for all but a few neighbouring pixels: eight samples
at a time are made from the pixels that they touch.
"""

import functools

import numpy as np
from numpy.typing import NDArray

from lineament.imaging.preprocess import TIE, Preprocessing, resize_matrix

# Samples made by one matrix product: fewer are many small products, more multiply by many zeros.
# Of 4 to 64, 8 was the fastest from 125 to 1000 pixels.
BAND = 8
CHANNELS = 3
REMEMBERED = 256  # axes whose weights are kept; a large one takes 0.4 MB

FloatArray = NDArray[np.float32]
_Band = tuple[slice, slice, FloatArray]  # samples, the pixels they are made from, weights


def square(image: NDArray[np.uint8], spec: Preprocessing) -> NDArray[np.uint8]:
    """Fit and resize an image as a model's preprocessing does, before mean and std.

    Args:
        image: ``uint8 (H, W, 3)``, RGB.
        spec: The preprocessing.

    Returns:
        ``uint8 (size_px, size_px, 3)``: the nearest levels to what the preprocessing computes;
        around a letterbox the nearest to the mean colour.

    Example:
        >>> rule = Preprocessing(
        ...     size_px=2, fit="squash", interpolation="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3
        ... )
        >>> image = np.repeat(np.uint8([[[0], [10], [20], [30]]]), 3, axis=2)
        >>> square(image, rule)[0, :, 0].tolist()
        [7, 23]
    """
    height, width = image.shape[:2]
    size, window = spec.size_px, spec.window(height, width)
    tall = (height, size, window.top, window.height)
    wide = (width, size, window.left, window.width)
    if _is_whole(*tall) and _is_whole(*wide):
        top, left = int(window.top), int(window.left)
        return np.array(image[top : top + size, left : left + size], order="C")
    pixels = image.reshape(height, width * CHANNELS).astype(np.float32)
    rows = np.empty((size, width * CHANNELS), dtype=np.float32)
    for samples, touched, weights in _row_bands(*tall, spec.interpolation):
        np.matmul(weights, pixels[touched], out=rows[samples])
    resized = np.empty((size, size * CHANNELS), dtype=np.float32)
    for samples, touched, weights in _column_bands(*wide, spec.interpolation):
        np.matmul(rows[:, touched], weights, out=resized[:, samples])
    resized -= np.float32(TIE)
    np.clip(np.rint(resized, out=resized), 0.0, 255.0, out=resized)
    levels = resized.astype(np.uint8).reshape(size, size, CHANNELS)
    if spec.fit == "letterbox":
        inside = np.outer(*(_inside(*axis, spec.interpolation) for axis in (tall, wide)))
        mean = np.rint(np.asarray(spec.mean) * 255.0 - TIE)
        levels[~inside] = np.clip(mean, 0, 255).astype(np.uint8)
    return levels


def _is_whole(length: int, size: int, start: float, extent: float) -> bool:
    """Whether each sample of an axis lies on a pixel of its own, so that nothing is resized."""
    return extent == size and start.is_integer() and start >= 0 and start + size <= length


@functools.lru_cache(REMEMBERED)
def _row_bands(
    length: int, size: int, start: float, extent: float, interpolation: str
) -> tuple[_Band, ...]:
    dense, _ = resize_matrix(length, size, start=start, extent=extent, interpolation=interpolation)
    bands = []
    for first in range(0, size, BAND):
        part = dense[first : first + BAND]
        touched = np.flatnonzero(part.any(axis=0))  # none where all of the band is padding
        low, high = (int(touched[0]), int(touched[-1]) + 1) if len(touched) else (0, 1)
        weights = np.ascontiguousarray(part[:, low:high])
        bands.append((slice(first, first + len(part)), slice(low, high), weights))
    return tuple(bands)


@functools.lru_cache(REMEMBERED)
def _column_bands(
    length: int, size: int, start: float, extent: float, interpolation: str
) -> tuple[_Band, ...]:
    """The same for an axis whose pixels have three channels each.

    Weights for all three, two thirds of them zero, cost less than parting the channels and joining
    them again.
    """
    each = np.eye(CHANNELS, dtype=np.float32)
    return tuple(
        (_channels(samples), _channels(touched), np.ascontiguousarray(np.kron(weights, each).T))
        for samples, touched, weights in _row_bands(length, size, start, extent, interpolation)
    )


def _channels(pixels: slice) -> slice:
    return slice(pixels.start * CHANNELS, pixels.stop * CHANNELS)


@functools.lru_cache(REMEMBERED)
def _inside(
    length: int, size: int, start: float, extent: float, interpolation: str
) -> NDArray[np.bool_]:
    _, inside = resize_matrix(length, size, start=start, extent=extent, interpolation=interpolation)
    return inside.astype(bool)
