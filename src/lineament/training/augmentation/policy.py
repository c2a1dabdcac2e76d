"""Policies: operations drawn at random for each photo, instead of chosen by the user.

TrivialAugment (Müller & Hutter 2021, the wide space): one operation, its strength one of 31 levels.
RandAugment (Cubuk et al. 2020): several operations one after another, all at one strength.

Both draw evenly from the same 14 operations, in random direction where they have one. The
operations are torchvision's; what comes in from outside is black and pixels are not interpolated,
as published.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional as kernels

from lineament.training.recipe import AugmentationFields

LEVELS = 30  # TrivialAugment's strengths are 0/30 to 30/30


@dataclasses.dataclass(frozen=True, kw_only=True)
class Space:
    """How far operations go at strength 1.

    Attributes:
        slope: Of a shear.
        degrees: Of a rotation.
        factor: How much is added to or taken from the factor 1 of brightness, colour, contrast
            and sharpness.
        bits: How many of the 8 bits of a value posterising takes away.
        side_fraction: Of a translation.
        most_px: Of a translation, whatever the side.
    """

    slope: float
    degrees: float
    factor: float
    bits: int
    side_fraction: float
    most_px: float


# Published as 32 px for every size; half the side at most, so that no photo leaves its own frame.
WIDE = Space(slope=0.99, degrees=135, factor=0.99, bits=6, side_fraction=0.5, most_px=32)
NARROW = Space(slope=0.3, degrees=30, factor=0.9, bits=4, side_fraction=150 / 331, most_px=math.inf)

Operation = Callable[[Tensor, float, Space], Tensor]  # images, strength -1 to 1, space


def apply_policy(images: Tensor, fields: AugmentationFields, rng: np.random.Generator) -> Tensor:
    """Apply the policy of a recipe to a batch.

    Args:
        images: ``uint8 (B, 3, S, S)``; left as it is.
        fields: ``policy``, ``policy_operations`` and ``policy_strength`` are read.
        rng: Where chance comes from.

    Returns:
        ``uint8 (B, 3, S, S)``.
    """
    count = len(images)
    if fields.policy == "trivialaugment":
        strengths = rng.integers(LEVELS, size=count, endpoint=True) / LEVELS
        return _one_each(images, strengths, WIDE, rng)
    for _ in range(fields.policy_operations):
        images = _one_each(images, np.full(count, fields.policy_strength), NARROW, rng)
    return images


def _one_each(
    images: Tensor, strengths: NDArray[np.float64], space: Space, rng: np.random.Generator
) -> Tensor:
    """One operation for each photo; photos with the same one at the same strength go together."""
    names = rng.choice(list(OPERATIONS), size=len(images))
    signs = rng.integers(2, size=len(images)) * 2 - 1
    together: dict[tuple[str, float], list[int]] = {}
    for photo, (name, sign, strength) in enumerate(zip(names, signs, strengths, strict=True)):
        graded = 0.0 if name in PLAIN else float(strength if name in GRADED else sign * strength)
        together.setdefault((str(name), graded), []).append(photo)
    made = images.clone()
    for (name, graded), photos in together.items():
        # At strength 0 each is the photo itself, though solarising would still turn pure white.
        if graded or name in PLAIN:
            rows = torch.tensor(photos, device=images.device)
            made[rows] = OPERATIONS[name](images[rows], graded, space)
    return made


def _affine(
    images: Tensor,
    *,
    across_px: int = 0,
    down_px: int = 0,
    slope_across: float = 0.0,
    slope_down: float = 0.0,
) -> Tensor:
    made: Tensor = kernels.affine(
        images,
        angle=0.0,
        translate=[across_px, down_px],
        scale=1.0,
        shear=[math.degrees(math.atan(slope_across)), math.degrees(math.atan(slope_down))],
        center=[0.0, 0.0],  # from the upper left corner, as published
    )
    return made


def _reach_px(images: Tensor, strength: float, space: Space) -> int:
    return int(strength * min(space.side_fraction * images.shape[-1], space.most_px))


# To either side: strength -1 to 1.
DIRECTED: dict[str, Operation] = {
    "shear_across": lambda images, s, space: _affine(images, slope_across=s * space.slope),
    "shear_down": lambda images, s, space: _affine(images, slope_down=s * space.slope),
    "translate_across": lambda images, s, space: _affine(
        images, across_px=_reach_px(images, s, space)
    ),
    "translate_down": lambda images, s, space: _affine(images, down_px=_reach_px(images, s, space)),
    "rotate": lambda images, s, space: kernels.rotate(images, s * space.degrees),
    "brightness": lambda images, s, space: kernels.adjust_brightness(images, 1 + s * space.factor),
    "colour": lambda images, s, space: kernels.adjust_saturation(images, 1 + s * space.factor),
    "contrast": lambda images, s, space: kernels.adjust_contrast(images, 1 + s * space.factor),
    "sharpness": lambda images, s, space: kernels.adjust_sharpness(images, 1 + s * space.factor),
}
# One way: strength 0 to 1.
GRADED: dict[str, Operation] = {
    "posterise": lambda images, s, space: kernels.posterize(images, 8 - round(s * space.bits)),
    "solarise": lambda images, s, space: kernels.solarize(images, 255 * (1 - s)),
}
# Without strength.
PLAIN: dict[str, Operation] = {
    "autocontrast": lambda images, s, space: kernels.autocontrast(images),
    "equalise": lambda images, s, space: kernels.equalize(images),
    "nothing": lambda images, s, space: images,
}
OPERATIONS = {**DIRECTED, **GRADED, **PLAIN}
