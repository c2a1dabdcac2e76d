"""Normalise: pixels of 0 to 255 to what the backbone's first layer expects."""

import torch
from torch import Tensor

from lineament.imaging.preprocess import Preprocessing


def normalise(images: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Subtract the mean and divide by the standard deviation of each channel.

    Args:
        images: ``(B, 3, S, S)``, RGB, 0 to 255; ``float32`` is overwritten, other types are not.
        preprocessing: Of the backbone; only ``mean`` and ``std`` are read.

    Returns:
        ``float32 (B, 3, S, S)`` in the same memory order.

    Example:
        >>> rule = Preprocessing(
        ...     size_px=1, fit="squash", interpolation="bilinear", mean=(0.5,) * 3, std=(0.25,) * 3
        ... )
        >>> normalise(torch.tensor([0, 127, 255], dtype=torch.uint8).view(1, 3, 1, 1), rule).ravel()
        tensor([-2.0000, -0.0078,  2.0000])
    """
    pixels = images.to(torch.float32)
    # In float32 as the shipped graph and `models.classifier.preprocess` have it: mean times 255,
    # and a division, not a multiplication by the inverse.
    mean, std = (
        (torch.tensor(values, dtype=torch.float32) * 255.0).view(1, 3, 1, 1).to(pixels.device)
        for values in (preprocessing.mean, preprocessing.std)
    )
    return pixels.sub_(mean).div_(std)
