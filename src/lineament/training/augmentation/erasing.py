"""Erasing: a random rectangle of some photos becomes noise.

Zhong et al. 2020, Random Erasing Data Augmentation, with the values found best there: 2 % to 33 %
of the area, and every value of the rectangle drawn by itself from 0 to 255.
"""

import math

import numpy as np
import torch
from torch import Tensor

from lineament.training.recipe import AugmentationFields

AREA_FRACTIONS = (0.02, 0.33)
LARGEST_ASPECT = 1 / 0.3  # of height to width and of width to height


def erase(images: Tensor, fields: AugmentationFields, rng: np.random.Generator) -> None:
    """Overwrite a rectangle in so many of the photos.

    Where the drawn rectangle is longer than the side, it is cut to it, instead of drawn again.

    Args:
        images: ``float32 (B, 3, S, S)``, 0 to 255; changed in place.
        fields: ``erasing`` is the probability for each photo.
        rng: Where chance comes from.
    """
    side = images.shape[-1]
    for photo in (rng.random(len(images)) < fields.erasing).nonzero()[0]:
        area = side * side * rng.uniform(*AREA_FRACTIONS)
        # Uniform in the logarithm: upright is as likely as lying.
        aspect = math.exp(rng.uniform(-1, 1) * math.log(LARGEST_ASPECT))
        height = min(side, max(1, round(math.sqrt(area * aspect))))
        width = min(side, max(1, round(math.sqrt(area / aspect))))
        top, left = rng.integers(side - height + 1), rng.integers(side - width + 1)
        noise = torch.from_numpy(rng.integers(256, size=(height, width, 3), dtype=np.uint8))
        images[photo, :, top : top + height, left : left + width] = noise.permute(2, 0, 1).to(
            images.device
        )
