"""Preprocessing: how pixels of any size become a model's input, the same on every engine.

The resize is separable and antialiased, written as two matrix products whose weights follow from
the image's height and width. This module states the rule and is its numpy reference; the torch
module that trains and the ONNX graph that ships compute the same and are tested against it.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import cast

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import ArtifactError

FITS = ("squash", "crop", "letterbox")
INTERPOLATIONS = ("bilinear", "bicubic")
# A sample's cell touches the image when they overlap by a thousandth of the cell: where edge meets
# edge, each engine's rounding would decide otherwise.
TOUCH = 0.499
# Taken off a level before it is rounded. Enlarging by simple ratios often gives exactly a half,
# which each engine's last digits would round up or down; so they all round down.
TIE = 2.0**-10
CUBIC_A = -0.5  # Keys 1981, the value of Pillow and of the weights that say "bicubic"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Window:
    """The rectangle of an image, in pixels of that image, that becomes the model's square input.

    Attributes:
        top: Upper edge; negative where a letterbox reaches over the image.
        left: Left edge.
        height: Height.
        width: Width.
    """

    top: float
    left: float
    height: float
    width: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """What a model does to pixels before its first layer.

    Attributes:
        size_px: Side of the square input.
        fit: ``squash`` scales each side alone and shows everything, ``crop`` takes the centre
            square, ``letterbox`` keeps the proportions and pads with the mean colour.
        interpolation: ``bilinear`` (triangle) or ``bicubic`` (Keys, a = -0.5); both widen with the
            scale when shrinking.
        mean: Subtracted per channel, R G B, on a scale of 0 to 1.
        std: Divided by per channel, R G B, on a scale of 0 to 1.
        crop_fraction: Part of each side of what `fit` shows, around its centre, that is seen; above
            0, at most 1.
        rounded: Whether the resized pixels are rounded to whole levels, as those of a decoded photo
            that is kept as bytes are. Every model that is trained now sees whole levels.

    Example:
        >>> rule = Preprocessing(
        ...     size_px=224,
        ...     fit="crop",
        ...     interpolation="bicubic",
        ...     mean=(0.5, 0.5, 0.5),
        ...     std=(0.5, 0.5, 0.5),
        ...     crop_fraction=0.875,
        ... )
        >>> rule.window(256, 400)
        Window(top=16.0, left=88.0, height=224.0, width=224.0)
        >>> rule.needed_short_side_px
        256
    """

    size_px: int
    fit: str
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crop_fraction: float = 1.0
    rounded: bool = True

    @property
    def needed_short_side_px(self) -> int:
        """The shorter side below which a photo has fewer pixels in the window than the input."""
        return math.ceil(self.size_px / self.crop_fraction)

    def window(self, height: int, width: int) -> Window:
        """The part of an image of that size that the model sees."""
        tall, wide = height * self.crop_fraction, width * self.crop_fraction
        if self.fit != "squash":
            tall = wide = min(tall, wide) if self.fit == "crop" else max(tall, wide)
        return Window(top=(height - tall) / 2, left=(width - wide) / 2, height=tall, width=wide)

    def as_dict(self) -> dict[str, object]:
        """For an artifact."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, object]) -> "Preprocessing":
        """Read what `as_dict` wrote.

        Raises:
            ArtifactError: A field is absent or says what this version does not know.
        """
        try:
            made = cls(
                size_px=_whole(document["size_px"]),
                fit=str(document["fit"]),
                interpolation=str(document["interpolation"]),
                mean=_three(document["mean"]),
                std=_three(document["std"]),
                # Artifacts of the time before it was stated show all of what `fit` shows.
                crop_fraction=_fraction(document.get("crop_fraction", 1.0)),
                rounded=bool(document.get("rounded", False)),  # theirs were not
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(
                f"The artifact states no usable preprocessing ({error}).",
                fix="Make it again with this version of Lineament.",
            ) from error
        if min(made.std) <= 0:
            raise ArtifactError(
                f"The artifact states no usable preprocessing (std is {made.std}).",
                fix="Make it again with this version of Lineament.",
            )
        if made.fit not in FITS or made.interpolation not in INTERPOLATIONS:
            raise ArtifactError(
                f"The artifact asks for preprocessing that this version does not know: "
                f"fit {made.fit!r}, interpolation {made.interpolation!r}.",
                fix="Use the version of Lineament that made it, or a newer one.",
            )
        return made


def resize_matrix(
    length_px: int, size_px: int, *, start: float, extent: float, interpolation: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The weights with which the pixels of one axis make the samples of the input's axis.

    Sample ``i`` is centred at ``start + (i + 0.5) * extent / size_px``; pixel ``j`` is centred at
    ``j + 0.5``. The kernel is stretched by the scale when shrinking, so that no pixel is skipped.

    Args:
        length_px: How many pixels the image has on this axis.
        size_px: How many samples are made.
        start: Where the window begins, in pixels.
        extent: How long the window is, in pixels.
        interpolation: ``bilinear`` or ``bicubic``.

    Returns:
        Weights ``float32 (size_px, length_px)`` whose rows sum to 1, and ``float32 (size_px,)``
        that is 1 where the sample's cell touches the image and 0 where it is padding.

    Example:
        >>> weights, inside = resize_matrix(4, 2, start=0.0, extent=4.0, interpolation="bilinear")
        >>> (weights * 7).round().astype(int).tolist()
        [[3, 3, 1, 0], [0, 1, 3, 3]]
    """
    scale = np.float32(extent / size_px)
    stretch = np.maximum(scale, np.float32(1.0))
    centres = np.float32(start) + (np.arange(size_px, dtype=np.float32) + np.float32(0.5)) * scale
    pixels = np.arange(length_px, dtype=np.float32) + np.float32(0.5)
    distance = (np.abs(pixels[None, :] - centres[:, None]) / stretch).astype(np.float32)
    weights = _triangle(distance) if interpolation == "bilinear" else _cubic(distance)
    sums = weights.sum(axis=1, keepdims=True)
    safe = np.where(np.abs(sums) > 1e-6, sums, np.float32(1.0))  # rows of pure padding sum to 0
    reach = scale * np.float32(TOUCH)
    inside = ((centres + reach > 0) & (centres - reach < length_px)).astype(np.float32)
    return (weights / safe).astype(np.float32), inside


def preprocess(image: NDArray[np.uint8], spec: Preprocessing) -> NDArray[np.float32]:
    """Turn an image into the model's input; the reference that other engines are tested against.

    Args:
        image: ``uint8 (H, W, 3)``, RGB.
        spec: The preprocessing.

    Returns:
        ``float32 (3, size_px, size_px)``.
    """
    height, width = image.shape[:2]
    window = spec.window(height, width)
    rows, inside_rows = resize_matrix(
        height,
        spec.size_px,
        start=window.top,
        extent=window.height,
        interpolation=spec.interpolation,
    )
    columns, inside_columns = resize_matrix(
        width,
        spec.size_px,
        start=window.left,
        extent=window.width,
        interpolation=spec.interpolation,
    )
    channels = image.astype(np.float32).transpose(2, 0, 1)
    resized = np.clip(rows @ channels @ columns.T, 0.0, 255.0)
    mean = np.asarray(spec.mean, dtype=np.float32)[:, None, None] * np.float32(255.0)
    std = np.asarray(spec.std, dtype=np.float32)[:, None, None] * np.float32(255.0)
    inside = inside_rows[:, None] * inside_columns[None, :]
    filled = resized * inside + mean * (1 - inside)
    if spec.rounded:
        filled = np.rint(filled - np.float32(TIE))
    return np.asarray((filled - mean) / std, dtype=np.float32)


def _triangle(distance: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.maximum(1 - distance, 0).astype(np.float32)


def _cubic(distance: NDArray[np.float32]) -> NDArray[np.float32]:
    a = CUBIC_A
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return np.asarray(np.where(distance < 1, near, np.where(distance < 2, far, 0)), np.float32)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"size_px is {value!r}")
    return value


def _fraction(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ValueError(f"crop_fraction is {value!r}")
    return float(value)


def _three(values: object) -> tuple[float, float, float]:
    if isinstance(values, str):
        raise ValueError(f"three numbers are wanted, found {values!r}")
    red, green, blue = (float(value) for value in cast(list[float], values))
    if not np.isfinite([red, green, blue]).all():
        raise ValueError(f"three numbers are wanted, found {values!r}")
    return red, green, blue
