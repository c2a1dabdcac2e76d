"""Memory: what a training is expected to need, counted rather than guessed."""

import dataclasses

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from lineament.core.memory import resident_bytes
from lineament.training.fitting.learner import Learner

MOMENTS = {"adamw": 2, "adam": 2, "sgd": 1}  # numbers that an optimiser keeps per trained one
FEW, MORE = 2, 4  # photos; batch norm cannot learn from one
# What the backward pass needs beside what the forward pass kept: resnet18, efficientnet_lite0 and
# vgg16 at 224 px took 1.1 to 1.5 times as much (benchmarks/README.md).
PASSING = 1.3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Need:
    """What a training needs beside what the process has already.

    Attributes:
        fixed_bytes: Gradients, the optimiser's moments, the best weights so far, the average.
        photo_bytes: What the network keeps of one photo between its forward and backward pass, and
            what that pass needs beside it.
    """

    fixed_bytes: int
    photo_bytes: int

    def total_bytes(self, photos: int) -> int:
        """The process at its peak, with so many photos at a time."""
        return resident_bytes() + self.fixed_bytes + self.photo_bytes * photos


def needed(learner: Learner, pixels: Tensor, targets: Tensor) -> Need:
    """Count what the network keeps for a few photos, and what learning adds to the weights.

    Args:
        learner: At its beginning.
        pixels: At least four photos, ``float32 (B, 3, S, S)``.
        targets: Their targets.
    """
    sizes = [(each.nbytes, each.requires_grad) for each in learner.model.parameters()]
    weights = sum(size for size, _ in sizes)
    trained = sum(size for size, wanted in sizes if wanted)
    copies = 1 + MOMENTS[learner.config.optimiser]  # the first is the gradient
    few = _kept(learner, pixels[:FEW], targets[:FEW])
    more = _kept(learner, pixels[:MORE], targets[:MORE])
    per_photo = max(0, more - few) // (min(MORE, len(pixels)) - FEW) if len(pixels) > FEW else few
    constant = max(0, few - FEW * per_photo)  # such as the weights in the arithmetic's precision
    return Need(
        fixed_bytes=trained * copies + weights + constant,
        photo_bytes=int(per_photo * PASSING),
    )


def _kept(learner: Learner, pixels: Tensor, targets: Tensor) -> int:
    """Bytes that the backward pass of a batch waits for, each storage counted once."""
    own = {each.untyped_storage().data_ptr() for each in learner.model.parameters()}
    storages: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.enable_grad(), saved_tensors_hooks(note, lambda tensor: tensor):
        logits = learner.forward(pixels, targets)
    del logits  # until here it kept all that was counted
    return sum(storages.values())
