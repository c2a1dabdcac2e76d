"""Colours: brightness, contrast, saturation and hue of each photo, as one matrix and one offset.

The four commute as long as nothing is clamped between them: brightness scales, contrast blends with
the photo's mean grey, saturation and hue leave greys and luma as they are. So one matrix per photo
does all four, and only the result is clamped.

Brightness, contrast and saturation mean what they mean in torchvision. Hue does not: torchvision
turns HSV, which makes a pure red a green of three times its luma; here the plane of colour is
turned in YIQ, which keeps luma.
"""

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineament.training.recipe import AugmentationFields

# FCC NTSC 1953: luma, then two axes of colour (orange to blue, purple to green).
YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Colours:
    """What happens to the colours of each photo; ``float64 (B,)`` each.

    Attributes:
        brightness: Factor on every value.
        contrast: Factor on the distance from the photo's mean luma.
        saturation: Factor on the distance from grey.
        hue: Part of a circle by which hues turn, from red towards green.
    """

    brightness: NDArray[np.float64]
    contrast: NDArray[np.float64]
    saturation: NDArray[np.float64]
    hue: NDArray[np.float64]


def draw_colours(count: int, fields: AugmentationFields, rng: np.random.Generator) -> Colours:
    """Draw for a batch, each factor uniformly from 1 less to 1 plus its field, hue around 0."""

    def factors(width: float) -> NDArray[np.float64]:
        return rng.uniform(1 - width, 1 + width, count)

    return Colours(
        brightness=factors(fields.brightness),
        contrast=factors(fields.contrast),
        saturation=factors(fields.saturation),
        hue=rng.uniform(-fields.hue, fields.hue, count),
    )


def recolour(images: Tensor, colours: Colours) -> Tensor:
    """Apply colours.

    Args:
        images: ``float32 (B, 3, S, S)``, RGB, 0 to 255.
        colours: As drawn.

    Returns:
        ``float32 (B, 3, S, S)``, clamped to 0 to 255.
    """
    matrices = torch.from_numpy(_matrices(colours).astype(np.float32)).to(images.device)
    blend = (colours.brightness * (1 - colours.contrast)).astype(np.float32)
    luma = torch.from_numpy(YIQ[0].astype(np.float32)).to(images.device)
    mean_luma = images.mean(dim=(2, 3)) @ luma
    offsets = torch.from_numpy(blend).to(images.device) * mean_luma
    channels = images.contiguous().flatten(2)  # one row per channel: several times faster
    made = torch.baddbmm(offsets[:, None, None], matrices, channels)
    return made.clamp_(0.0, 255.0).view(images.shape)


def _matrices(colours: Colours) -> NDArray[np.float64]:
    """One matrix per photo, RGB to RGB: ``float64 (B, 3, 3)``."""
    turn = 2 * np.pi * colours.hue
    across, aslant = colours.saturation * np.cos(turn), colours.saturation * np.sin(turn)
    in_yiq = np.zeros((len(turn), 3, 3))
    in_yiq[:, 0, 0] = 1
    in_yiq[:, 1, 1] = in_yiq[:, 2, 2] = across
    in_yiq[:, 1, 2], in_yiq[:, 2, 1] = aslant, -aslant
    scale = (colours.brightness * colours.contrast)[:, None, None]
    made: NDArray[np.float64] = scale * (np.linalg.inv(YIQ) @ in_yiq @ YIQ)
    return made
