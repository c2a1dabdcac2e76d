"""Mixing: photos of a batch blended with, or pasted into, one another, and their labels with them.

Mixup: Zhang et al. 2018, mixup: Beyond Empirical Risk Minimization. Cutmix: Yun et al. 2019,
CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features. Each photo
has its own share and its partner is drawn by one permutation of the batch. Where both are on, a
fair coin decides for each batch.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lineament.training.recipe import AugmentationFields


def mix(
    images: Tensor,
    labels: Tensor,
    n_classes: int,
    fields: AugmentationFields,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Mix a batch with itself.

    Args:
        images: ``float32 (B, 3, S, S)``; left as it is.
        labels: ``int64 (B,)``, 0 to ``n_classes - 1``.
        n_classes: How many classes.
        fields: ``mixup`` and ``cutmix`` are the alpha of the Beta distribution that a photo's share
            is drawn from.
        rng: Where chance comes from.

    Returns:
        Images of the same kind, and how much of each class is in them, ``float32 (B, C)`` whose
        rows sum to 1. Where neither is on, what was given: images, and labels as ``int64 (B,)``.

    Example:
        >>> black_and_white = torch.tensor([0.0, 255.0])[:, None, None, None].expand(2, 3, 4, 4)
        >>> mixed, targets = mix(
        ...     black_and_white, torch.tensor([0, 1]), 2, AugmentationFields(mixup=0.4),
        ...     np.random.default_rng(1),
        ... )
        >>> torch.allclose(mixed.mean(dim=(1, 2, 3)) / 255, targets[:, 1])
        True
    """
    if not fields.mixup and not fields.cutmix:
        return images, labels
    blended = rng.random() < 0.5 if fields.mixup and fields.cutmix else bool(fields.mixup)
    partners = torch.from_numpy(rng.permutation(len(images))).to(images.device)
    alpha = fields.mixup if blended else fields.cutmix
    shares = rng.beta(alpha, alpha, len(images))
    if blended:
        own = torch.from_numpy(shares.astype(np.float32)).to(images.device)
        mixed = torch.lerp(images[partners], images, own[:, None, None, None])
    else:
        inside = _boxes(shares, images.shape[-1], rng).to(images.device)
        own = 1 - inside.to(torch.float32).mean(dim=(1, 2))  # of whole pixels, as pasted
        mixed = torch.where(inside[:, None], images[partners], images)
    classes = functional.one_hot(labels, n_classes).to(torch.float32)
    own = own.to(labels.device)[:, None]
    return mixed, own * classes + (1 - own) * classes[partners.to(labels.device)]


def _boxes(shares: NDArray[np.float64], side_px: int, rng: np.random.Generator) -> Tensor:
    """Where the partner shows, ``bool (B, S, S)``: a square around any point, cut at the edges."""
    sides = np.floor(side_px * np.sqrt(1 - shares)).astype(np.int64)
    starts = rng.integers(side_px, size=(2, len(shares))) - sides // 2
    positions = np.arange(side_px)
    rows, columns = (
        (positions >= start[:, None]) & (positions < (start + sides)[:, None]) for start in starts
    )
    return torch.from_numpy(rows[:, :, None] & columns[:, None, :])
