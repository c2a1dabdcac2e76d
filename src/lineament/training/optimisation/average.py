"""Weight average: a moving average of the weights over the steps, steadier than the last ones."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from lineament.models.classifier import Classifier


class WeightAverage:
    """The exponential moving average of a model (Polyak & Juditsky 1992, with a decay).

    After ``t`` updates the next one keeps ``min(decay, (1 + t) / (10 + t))`` of the average, so
    that a short training is not dominated by its start; the first takes the weights as they are.
    The statistics of batch norm are averaged as the parameters are: those of the latest weights
    belong to other features than those of the averaged weights. Counters are copied.

    It takes as much memory as the weights.

    Args:
        model: The model, not wrapped for several processes; it is copied.
        decay: 0 to below 1.
    """

    def __init__(self, model: Classifier, decay: float) -> None:
        def blend(averaged: list[Tensor], current: list[Tensor], updates: Tensor | int) -> None:
            kept = min(decay, (1 + int(updates)) / (10 + int(updates)))
            if averaged[0].is_floating_point():
                torch._foreach_lerp_(averaged, current, 1 - kept)
            else:
                torch._foreach_copy_(averaged, current)

        # torch hands over tensors of one dtype at a time
        self._averaged = AveragedModel(model, multi_avg_fn=cast(Any, blend), use_buffers=True)
        self._averaged.eval().requires_grad_(False)

    @property
    def model(self) -> Classifier:
        """The model with averaged weights, always in evaluation mode; before any update, the start.

        It is the same object throughout: copy what is to be kept.
        """
        return cast(Classifier, self._averaged.module)

    @torch.no_grad()
    def update(self, model: Classifier) -> None:
        """Take a step's weights into the average.

        Args:
            model: The model that is trained, not wrapped for several processes.
        """
        self._averaged.update_parameters(model)

    def state(self) -> dict[str, Tensor]:
        """The averaged weights and how many updates made them, for a checkpoint; not copied."""
        return dict(self._averaged.state_dict())

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave, bit for bit."""
        self._averaged.load_state_dict(dict(state))
