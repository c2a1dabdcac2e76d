"""What stopped being finite is named, and where: weights, an output, a gradient."""

import pytest
import torch
from torch import nn

from lineament.training.fitting.divergence import began, diverged


class _Explodes(nn.Module):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels * float("inf")


def network(middle: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 3), middle, nn.Linear(3, 2))


def test_spoilt_weights_are_named_first() -> None:
    model = network(nn.ReLU())
    with torch.no_grad():
        list(model.parameters())[2][0, 0] = float("nan")

    assert began(model, lambda: model(torch.ones(1, 3))) == (
        "2.weight: its weights, by an earlier step"
    )


def test_the_first_layer_that_gives_something_infinite_is_named() -> None:
    model = network(_Explodes())

    assert began(model, lambda: model(torch.ones(1, 3))) == "1: what it gives"


def test_else_the_gradient_nearest_the_loss_is_named() -> None:
    model = network(nn.ReLU())
    for parameter in model[0].parameters():
        parameter.grad = torch.full_like(parameter, float("nan"))

    assert began(model, lambda: model(torch.ones(1, 3))) == "0.bias: its gradient"


def test_a_loss_that_is_alone_to_blame_is_said() -> None:
    model = network(nn.ReLU())

    assert began(model, lambda: model(torch.ones(1, 3))) == (
        "the loss itself: every layer gives finite numbers"
    )


def test_no_hook_is_left_behind() -> None:
    model = network(_Explodes())
    began(model, lambda: model(torch.ones(1, 3)))

    assert all(not module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_error_says_when_at_which_rate_and_where(loss: float) -> None:
    model = network(_Explodes())

    error = diverged(
        model, lambda: model(torch.ones(1, 3)), epoch=2, step=31, loss=loss, rate=0.0123
    )

    assert str(error) == (
        f"Training diverged in epoch 2, step 31, at a rate of 0.0123: the loss is {loss}.\n"
        "  at:  1: what it gives\n"
        "  fix: Lower the rate, for example `--set learning_rate=0.001`."
    )


def test_gradient_is_named_where_the_loss_was_a_number() -> None:
    model = network(nn.ReLU())
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, float("inf"))

    error = diverged(
        model, lambda: model(torch.ones(1, 3)), epoch=1, step=2, loss=3.2123456789, rate=3e16
    )

    assert str(error) == (
        "Training diverged in epoch 1, step 2, at a rate of 3e+16: the loss is 3.21, its gradient "
        "no number.\n"
        "  at:  2.bias: its gradient\n"
        "  fix: Lower the rate, for example `--set learning_rate=3e+15`."
    )
