"""Corrupt: spoil a photo on purpose, by a stated kind and severity, the same way every time.

The kinds and the five severities follow Hendrycks and Dietterich 2019, "Benchmarking neural network
robustness to common corruptions and perturbations"; the strengths are this module's own, so figures
compare with each other, not with theirs. Blur, pixels and the hidden square are measured by the
shorter side, so that a face of 48 pixels and a photo of 12 megapixels look alike once a network has
scaled them. Noise and JPEG act on the pixels: hand the photo over at the size that the network
needs (`lineament.imaging.decode.shrink`), or its scaling takes most of them away again.
"""

import io
import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lineament.core.errors import UsageError
from lineament.core.suggest import did_you_mean

SEVERITIES = (1, 2, 3, 4, 5)

NOISE_LEVELS = (10, 20, 32, 48, 72)  # standard deviation; 10 is a phone in a dim room
BLUR_FRACTION = (0.006, 0.012, 0.018, 0.026, 0.036)  # sigma; 1.3 to 8 pixels of 224
DARKER_STOPS = (1.0, 2.0, 3.0, 4.0, 5.0)
BRIGHTER_STOPS = (0.5, 1.0, 1.5, 2.0, 2.5)  # clipping takes away more than darkness does
CONTRAST_KEPT = (0.6, 0.4, 0.28, 0.18, 0.1)
JPEG_QUALITY = (30, 20, 14, 9, 5)
HIDDEN_FRACTION = (0.15, 0.25, 0.35, 0.45, 0.55)  # at most 30 % of the area of a square photo
PIXELS_LEFT = (80, 56, 40, 28, 20)  # along the shorter side; a smaller photo stays as it is

GAMMA = 2.2  # of stored levels: twice the light is 2 ** (1 / GAMMA) times the level
GREY = 128
JPEG_SIDE_PX = 65_500  # of a photo that libjpeg takes

Pixels = NDArray[np.uint8]


def corrupt(image: Pixels, corruption: str, severity: int, *, seed: int) -> Pixels:
    """Spoil one photo.

    Args:
        image: ``uint8 (H, W, 3)``, RGB, one pixel or more. A grey photo stays grey.
        corruption: One of `CORRUPTIONS`.
        severity: 1 (slight) to 5.
        seed: Of the noise and of the place of the hidden square, 0 or more; best made from the
            photo's name or hash, so that photos differ. All severities share them: what is hidden
            at one stays hidden at the next.

    Returns:
        ``uint8 (H, W, 3)``, a new array of the same size.

    Raises:
        UsageError: There is no such corruption or severity, or ``image`` is of another shape or
            type.

    Example:
        >>> grey = np.full((2, 2, 3), 200, dtype=np.uint8)
        >>> corrupt(grey, "darker", 1, seed=0)[0, 0].tolist()
        [146, 146, 146]
    """
    if corruption not in CORRUPTIONS:
        raise UsageError(
            f"There is no corruption `{corruption}`.{did_you_mean(corruption, CORRUPTIONS)}",
            fix=f"The corruptions are {', '.join(CORRUPTIONS)}.",
        )
    if severity not in SEVERITIES:
        raise UsageError(f"`severity` must be 1 to {len(SEVERITIES)}, got {severity}.")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise UsageError(f"An image must be uint8 (H, W, 3), got {image.dtype} {image.shape}.")
    # Each kind has its own stream: the hidden square is not where the noise begins.
    rng = np.random.default_rng([seed, zlib.crc32(corruption.encode())])
    return CORRUPTIONS[corruption](image, severity - 1, rng)


def _noise(image: Pixels, place: int, rng: np.random.Generator) -> Pixels:
    channels = 1 if _is_grey(image) else 3
    noise = rng.standard_normal((*image.shape[:2], channels), dtype=np.float32)
    return _levels(image + noise * np.float32(NOISE_LEVELS[place]))


def _blur(image: Pixels, place: int, _: np.random.Generator) -> Pixels:
    sigma_px = BLUR_FRACTION[place] * min(image.shape[:2])
    return np.array(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma_px)))


def _darker(image: Pixels, place: int, _: np.random.Generator) -> Pixels:
    return _exposed(image, -DARKER_STOPS[place])


def _brighter(image: Pixels, place: int, _: np.random.Generator) -> Pixels:
    return _exposed(image, BRIGHTER_STOPS[place])


def _exposed(image: Pixels, stops: float) -> Pixels:
    return _levels(np.arange(256) * 2 ** (stops / GAMMA))[image]


def _contrast(image: Pixels, place: int, _: np.random.Generator) -> Pixels:
    mean = image.mean(axis=(0, 1))  # of each channel, as a coloured haze has
    table = mean + (np.arange(256)[:, None] - mean) * CONTRAST_KEPT[place]
    spoilt = _levels(table)
    return np.stack([spoilt[image[..., each], each] for each in range(3)], axis=-1)


def _jpeg(image: Pixels, place: int, _: np.random.Generator) -> Pixels:
    picture = Image.fromarray(image)
    fits = picture.resize((min(picture.width, JPEG_SIDE_PX), min(picture.height, JPEG_SIDE_PX)))
    buffer = io.BytesIO()
    # Colour at half the resolution, as cameras and messengers write it.
    fits.save(buffer, "JPEG", quality=JPEG_QUALITY[place], subsampling=2)
    with Image.open(buffer, formats=("JPEG",)) as opened:
        return np.array(opened.convert("RGB").resize(picture.size))


def _occlusion(image: Pixels, place: int, rng: np.random.Generator) -> Pixels:
    """Hide a square inside the centre square: what lies outside, many networks do not look at."""
    height, width = image.shape[:2]
    shorter = min(height, width)
    side = max(1, round(HIDDEN_FRACTION[place] * shorter))
    down, right = rng.random(2)
    top = (height - shorter) // 2 + round(down * (shorter - side))
    left = (width - shorter) // 2 + round(right * (shorter - side))
    spoilt = image.copy()
    spoilt[top : top + side, left : left + side] = GREY
    return spoilt


def _pixelate(image: Pixels, place: int, _: np.random.Generator) -> Pixels:
    height, width = image.shape[:2]
    shorter = min(height, width)
    if shorter <= PIXELS_LEFT[place]:
        return image.copy()
    factor = PIXELS_LEFT[place] / shorter
    coarse = Image.fromarray(image).resize(
        (round(width * factor), round(height * factor)), Image.Resampling.BOX
    )
    return np.array(coarse.resize((width, height), Image.Resampling.NEAREST))


def _is_grey(image: Pixels) -> bool:
    return bool((image == image[..., :1]).all())


def _levels(values: NDArray[np.float32] | NDArray[np.float64]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


CORRUPTIONS: dict[str, Callable[[Pixels, int, np.random.Generator], Pixels]] = {
    "noise": _noise,
    "blur": _blur,
    "darker": _darker,
    "brighter": _brighter,
    "contrast": _contrast,
    "jpeg": _jpeg,
    "occlusion": _occlusion,
    "pixelate": _pixelate,
}
