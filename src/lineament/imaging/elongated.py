"""Elongated photos: made shorter before a graph that would take memory for every column of them.

The graph resizes the rows of all columns first and keeps that strip: a column of 224 samples takes
seven kilobytes, so a photo of 65,000 columns takes half a gigabyte however low it is.
"""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.imaging.preprocess import Preprocessing

# A panorama of a phone has up to 16,000 columns of 4,000 rows; decoded for a model it is a quarter.
LONGEST_PX = 8192
REACH = 2.0  # of the widest kernel, in samples or in pixels
# Pixels more than the kernel reaches: what rounding may take off where a window begins.
SPARE_PX = 2


def shortened(image: NDArray[np.uint8], spec: Preprocessing) -> NDArray[np.uint8]:
    """Make an image no longer than `LONGEST_PX`, with the same window for the model.

    What a ``crop`` does not show is cut off, which changes nothing. A ``squash`` is averaged along
    its longer side, and a ``letterbox`` along both, over far fewer pixels than make a sample.

    Args:
        image: ``uint8 (H, W, 3)``.
        spec: What the model does to it.

    Returns:
        ``uint8 (h, w, 3)``; the input itself where neither side is longer.

    Example:
        >>> rule = Preprocessing(
        ...     size_px=224,
        ...     fit="crop",
        ...     interpolation="bicubic",
        ...     mean=(0.5, 0.5, 0.5),
        ...     std=(0.5, 0.5, 0.5),
        ... )
        >>> shortened(np.zeros((72, 60_000, 3), np.uint8), rule).shape
        (72, 80, 3)
    """
    if max(image.shape[:2]) <= LONGEST_PX:
        return image
    if spec.fit == "crop":
        image = _cropped(image, spec)
        if max(image.shape[:2]) <= LONGEST_PX:
            return image
    height, width = image.shape[:2]
    if spec.fit == "squash":
        size = (min(width, LONGEST_PX), min(height, LONGEST_PX))
    else:
        factor = LONGEST_PX / max(height, width)
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX), dtype=np.uint8)


def _cropped(image: NDArray[np.uint8], spec: Preprocessing) -> NDArray[np.uint8]:
    """Cut off what the samples of the middle square do not reach, as much at either end."""
    height, width = image.shape[:2]
    shorter = min(height, width)  # stays what it is: the window is measured by it
    reach_px = math.ceil(REACH * max(1.0, shorter / spec.size_px)) + SPARE_PX
    rows, columns = (max(0, (side - shorter) // 2 - reach_px) for side in (height, width))
    return np.ascontiguousarray(image[rows : height - rows, columns : width - columns])
