"""Divergence: where in the network a loss or its gradient stopped being a number."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lineament.core.errors import UsageError


def diverged(
    model: nn.Module,
    forward: Callable[[], object],
    *,
    epoch: int,
    step: int,
    loss: float,
    rate: float,
) -> UsageError:
    """Make the error that says when and where training diverged, and the way out.

    Args:
        model: The network as it is now.
        forward: Runs it on the batch at which it happened.
        epoch: From 1.
        step: From 1.
        loss: At that step; where it is finite, its gradient was not.
        rate: The head's learning rate at that step.
    """
    gradient = ", its gradient no number" if math.isfinite(loss) else ""
    return UsageError(
        f"Training diverged in epoch {epoch}, step {step}, at a rate of {rate:.3g}: the loss is "
        f"{loss:.3g}{gradient}.",
        at=[began(model, forward)],
        fix=f"Lower the rate, for example `--set learning_rate={rate / 10:.1g}`.",
    )


def began(model: nn.Module, forward: Callable[[], object]) -> str:
    """Name the layer where numbers stopped being finite: weights first, then the forward pass.

    Weights that are not finite are the harm that an earlier step did; the first of them in the
    order of the network is named. Else the batch runs once more and the first layer that makes
    something not finite out of finite inputs is named; else the last layer whose gradient is not
    finite, as gradients flow from there.
    """
    for name, parameter in model.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            return f"{name}: its weights, by an earlier step"
    found: list[str] = []

    def watch(name: str) -> Callable[[nn.Module, object, object], None]:
        def look(_: nn.Module, inputs: object, output: object) -> None:
            if not found and not _finite(output) and _finite(inputs):
                found.append(f"{name}: what it gives")

        return look

    leaves = [(name, each) for name, each in model.named_modules() if not any(each.children())]
    hooks = [module.register_forward_hook(watch(name)) for name, module in leaves]
    try:
        with torch.no_grad():
            forward()
    finally:
        for hook in hooks:
            hook.remove()
    if found:
        return found[0]
    for name, parameter in reversed(list(model.named_parameters())):
        if parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all()):
            return f"{name}: its gradient"
    return "the loss itself: every layer gives finite numbers"


def _finite(value: object) -> bool:
    if isinstance(value, Tensor):
        return not value.is_floating_point() or bool(torch.isfinite(value).all())
    if isinstance(value, tuple | list):
        return all(_finite(each) for each in value)
    return True
