"""Render what a person looks at: heat laid over a photo, thumbnails."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.imaging.decode import encode_jpeg
from lineament.imaging.preprocess import Preprocessing, Window

# Black, purple, red, orange, pale yellow: lightness rises all the way, so it also reads without
# colour vision and in print.
HEAT_STOPS = np.array(
    [[0, 0, 0], [84, 15, 109], [187, 55, 84], [249, 142, 9], [252, 255, 164]], dtype=np.float32
)

FLAT = 1e-12  # a map whose values differ by less says nothing
STRENGTH = 0.55  # how much of a photo the greatest heat covers: it is still seen below


def heat_colours(heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colour a map of 0 to 1.

    Args:
        heat: ``float32 (H, W)``, 0 to 1.

    Returns:
        ``uint8 (H, W, 3)``, RGB.

    Example:
        >>> heat_colours(np.array([[0.0, 1.0]], dtype=np.float32)).tolist()
        [[[0, 0, 0], [252, 255, 164]]]
    """
    positions = np.linspace(0.0, 1.0, len(HEAT_STOPS))
    channels = [np.interp(heat, positions, HEAT_STOPS[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def from_least_to_greatest(grid: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale a map so that its least value is 0 and its greatest 1; a flat one is 0 everywhere."""
    low, high = float(grid.min()), float(grid.max())
    if high - low < FLAT:
        return np.zeros_like(grid, dtype=np.float32)
    return ((grid - low) / (high - low)).astype(np.float32)


def place_heat(
    grid: NDArray[np.float32], window: Window, height: int, width: int
) -> NDArray[np.float32]:
    """Lay a model's coarse map back over the image that it was computed from.

    Args:
        grid: ``float32 (h, w)``, any range.
        window: Which part of the image the grid covers.
        height: Height of the image.
        width: Width of the image.

    Returns:
        ``float32 (height, width)`` from 0 (the grid's least) to 1 (its greatest); 0 outside the
        window, and 0 everywhere for a flat grid.
    """
    scaled = from_least_to_greatest(grid)
    top, left, bottom, right = seen_box(window, height, width)
    # Only the part that lies on the image is made: a letterbox around a strip is huge.
    across, down = grid.shape[1] / window.width, grid.shape[0] / window.height
    box = (
        max(0.0, (left - window.left) * across),
        max(0.0, (top - window.top) * down),
        min(grid.shape[1], (right - window.left) * across),
        min(grid.shape[0], (bottom - window.top) * down),
    )
    smooth = Image.fromarray(scaled).resize(
        (right - left, bottom - top), Image.Resampling.BICUBIC, box=box
    )
    placed = np.zeros((height, width), dtype=np.float32)
    placed[top:bottom, left:right] = np.clip(np.asarray(smooth), 0.0, 1.0)
    return placed


def seen_box(window: Window, height: int, width: int) -> tuple[int, int, int, int]:
    """Give the pixels of an image that lie in a window: top, left, bottom and right, in this order.

    Bottom and right are one beyond the last. A part of a tiny image may be less than a pixel; the
    one at its centre is then meant.
    """
    top, left = max(0, round(window.top)), max(0, round(window.left))
    bottom = min(height, max(top + 1, round(window.top + window.height)))
    right = min(width, max(left + 1, round(window.left + window.width)))
    return top, left, bottom, right


def overlay(
    image: NDArray[np.uint8], heat: NDArray[np.float32], *, strength: float = STRENGTH
) -> NDArray[np.uint8]:
    """Lay heat over a photo: where it is 0 the photo stays as it is.

    Args:
        image: ``uint8 (H, W, 3)``.
        heat: ``float32 (H, W)``, 0 to 1.
        strength: How much of the photo the greatest heat covers, 0 to 1.

    Returns:
        ``uint8 (H, W, 3)``.
    """
    weight = (heat * np.float32(strength))[:, :, None]
    mixed = image.astype(np.float32) * (1 - weight) + heat_colours(heat) * weight
    return mixed.round().astype(np.uint8)


def heated(
    image: NDArray[np.uint8],
    grid: NDArray[np.float32],
    spec: Preprocessing,
    *,
    strength: float = STRENGTH,
) -> NDArray[np.uint8]:
    """Lay what a model computed per place over the photo that it saw; arguments as `overlay`.

    Args:
        image: ``uint8 (H, W, 3)``.
        grid: ``float32 (h, w)``, any range, of what the model saw of the image.
        spec: What the model does to pixels, from which follows what it saw.
        strength: How much of the photo the greatest heat covers, 0 to 1.
    """
    height, width = image.shape[:2]
    heat = place_heat(grid, spec.window(height, width), height, width)
    return overlay(image, heat, strength=strength)


def thumbnail_jpeg(image: NDArray[np.uint8], *, side_px: int = 160) -> bytes:
    """A small JPEG of an image whose longer side is at most ``side_px``."""
    picture = Image.fromarray(image)
    picture.thumbnail((side_px, side_px), Image.Resampling.BILINEAR)
    return encode_jpeg(np.asarray(picture), quality=80)
