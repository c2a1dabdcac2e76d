"""Resize: the weights that make one axis of the model's input, in torch.

Training and TorchScript compute them here; `lineament.imaging.preprocess` states the rule.
"""

import torch
from torch import Tensor

from lineament.imaging.preprocess import CUBIC_A, TOUCH


def resize_matrix(
    length_px: int,
    size_px: int,
    start: float,
    extent: float,
    is_cubic: bool,
    # TorchScript knows constants of a module only as defaults.
    a: float = CUBIC_A,
    touch: float = TOUCH,
) -> tuple[Tensor, Tensor]:
    """Compute what `lineament.imaging.preprocess.resize_matrix` states.

    Written so that TorchScript compiles it: no keywords, no numpy.

    Args:
        length_px: How many pixels the image has on this axis.
        size_px: How many samples are made.
        start: Where the window begins, in pixels.
        extent: How long the window is, in pixels.
        is_cubic: Whether the kernel is bicubic; else it is bilinear.
        a: Of the bicubic kernel.
        touch: Part of a sample's cell that reaches into the image.

    Returns:
        Weights ``float32 (size_px, length_px)``, and ``float32 (size_px,)`` that is 0 for padding.
    """
    scale = torch.tensor(extent / size_px, dtype=torch.float32)
    centres = start + (torch.arange(size_px, dtype=torch.float32) + 0.5) * scale
    pixels = torch.arange(length_px, dtype=torch.float32) + 0.5
    distance = (pixels[None, :] - centres[:, None]).abs() / scale.clamp(min=1.0)
    if is_cubic:
        near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
        far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
        zero = torch.zeros_like(distance)
        weights = torch.where(distance < 1, near, torch.where(distance < 2, far, zero))
    else:
        weights = (1 - distance).clamp(min=0.0)
    sums = weights.sum(dim=1, keepdim=True)
    safe = torch.where(sums.abs() > 1e-6, sums, torch.ones_like(sums))
    reach = scale * touch
    inside = ((centres + reach > 0) & (centres - reach < length_px)).to(torch.float32)
    return weights / safe, inside
