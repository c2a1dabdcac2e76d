"""Augment: everything that a recipe does to the photos of a batch, each photo by its own draw.

In this order: mirror, shift, turn and zoom; the policy; colours; erasing. All chance comes from the
generator that is given, so the same generator and batch give the same bytes.
"""

import numpy as np
import torch
from torch import Tensor

from lineament.training.augmentation.colours import draw_colours, recolour
from lineament.training.augmentation.erasing import erase
from lineament.training.augmentation.geometry import draw_moves, move
from lineament.training.augmentation.policy import apply_policy
from lineament.training.recipe import AugmentationFields

# So many pixels go through all steps before the next: what comes between two steps then stays in
# the processor's cache, which at 224 px saves a third of the time, and it needs little memory.
CACHED_PIXELS = 2**17


def augment(images: Tensor, fields: AugmentationFields, rng: np.random.Generator) -> Tensor:
    """Augment a batch; photos and their labels stay in their rows.

    Args:
        images: ``uint8 (B, 3, S, S)``, RGB, in any memory order; left as it is.
        fields: What is done, and how strongly.
        rng: Where chance comes from, whatever the device.

    Returns:
        ``float32 (B, 3, S, S)``, 0 to 255, in channels-last memory order. Where nothing is asked
        for, or only mirroring and shifting, every value is one of the photo's own.

    Example:
        >>> photo = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 2, 2)
        >>> seen = augment(photo, AugmentationFields(flip=False), np.random.default_rng(0))
        >>> torch.equal(seen, photo.float())
        True
    """
    seen = torch.empty(
        images.shape,
        dtype=torch.float32,
        device=images.device,
        memory_format=torch.channels_last,
    )
    at_once = max(1, CACHED_PIXELS // (images.shape[-2] * images.shape[-1]))
    for start in range(0, len(images), at_once):
        part = slice(start, start + at_once)
        seen[part] = _augment(images[part], fields, rng)
        if fields.erasing:
            erase(seen[part], fields, rng)
    return seen


def _augment(images: Tensor, fields: AugmentationFields, rng: np.random.Generator) -> Tensor:
    count, side = images.shape[0], images.shape[-1]
    seen = move(images, draw_moves(count, side, fields, rng))
    if fields.policy != "none":
        whole = seen if seen.dtype == torch.uint8 else seen.round().to(torch.uint8)
        seen = apply_policy(whole, fields, rng)
    if fields.brightness or fields.contrast or fields.saturation or fields.hue:
        seen = recolour(seen.to(torch.float32), draw_colours(count, fields, rng))
    return seen
