"""Losses: what a batch of answers costs, with soft targets, rare classes and hard photos."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lineament.training.recipe import TrainConfig

Loss = Callable[[Tensor, Tensor], Tensor]

NEARLY_SURE = 1e-6  # below it, (1 - p) ** gamma has no finite gradient for gamma under 1


def class_weights(counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Weigh every class by how rare it is, so that the mean over the photos is 1.

    Args:
        counts: Training photos of each class, ``int64 (C,)``.

    Returns:
        ``float32 (C,)``: photos / (classes x photos of the class), and 0 for a class without any.

    Example:
        >>> class_weights(np.array([6, 2])).tolist()
        [0.666..., 2.0]
    """
    present = counts > 0
    weights = np.zeros(len(counts), dtype=np.float32)
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return weights


def make_loss(config: TrainConfig, counts: NDArray[np.int64]) -> Loss:
    """Make the loss of a batch: its mean over the photos, in float32.

    With ``imbalance=weights`` the loss of a photo is multiplied by the weight of its class, or by
    the mix of weights where its target is a mix. The sum is divided by the number of photos and
    not, as torch does, by the sum of their weights: only so do parts of a batch, weighted by their
    sizes, add up to the loss and the gradient of the whole.

    With ``imbalance=focal`` it is the focal loss (Lin et al. 2017, equation 4), summed over the
    classes of a soft target; label smoothing makes every target soft.

    Args:
        config: The recipe; `imbalance`, `focal_gamma` and `label_smoothing` count.
        counts: Training photos of each class, ``int64 (C,)``.

    Returns:
        A function of logits ``(B, C)``, and of targets ``int64 (B,)`` or ``float32 (B, C)`` with
        rows that sum to 1, to a scalar.

    Example:
        >>> loss = make_loss(TrainConfig(), np.array([1, 1]))
        >>> round(loss(torch.tensor([[0.0, 0.0]]), torch.tensor([1])).item(), 4)
        0.6931
    """
    smoothing = config.label_smoothing
    if config.imbalance == "focal":
        gamma = config.focal_gamma

        def focal(logits: Tensor, targets: Tensor) -> Tensor:
            log_probabilities = functional.log_softmax(logits.float(), dim=1)
            wrong = -torch.expm1(log_probabilities)  # 1 - p, exact where p is nearly 1
            costs = wrong.clamp_min(NEARLY_SURE) ** gamma * -log_probabilities
            return (_soft(targets, logits.shape[1], smoothing) * costs).sum(dim=1).mean()

        return focal
    if config.imbalance == "weights":
        weights = torch.from_numpy(class_weights(counts))

        def weighted(logits: Tensor, targets: Tensor) -> Tensor:
            by_class = weights.to(logits.device)
            of_photo = targets @ by_class if targets.is_floating_point() else by_class[targets]
            return (_cross_entropy(logits, targets, smoothing) * of_photo).mean()

        return weighted

    def plain(logits: Tensor, targets: Tensor) -> Tensor:
        return _cross_entropy(logits, targets, smoothing).mean()

    return plain


def _cross_entropy(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    return functional.cross_entropy(
        logits.float(), targets, reduction="none", label_smoothing=smoothing
    )


def _soft(targets: Tensor, n_classes: int, smoothing: float) -> Tensor:
    """Give every class its part of the target: ``float32 (B, C)``."""
    if not targets.is_floating_point():
        targets = functional.one_hot(targets, n_classes).float()
    return targets * (1 - smoothing) + smoothing / n_classes
