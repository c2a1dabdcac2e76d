"""The fast gradients of depthwise convolutions are torch's own, and stay out of the way."""

import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from lineament.training.optimisation.depthwise import FastDepthwise, _Depthwise

CHANNELS = 6


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def photos(side: int = 9, channels: int = CHANNELS) -> Tensor:
    tensor = drawn(2, channels, side, side, seed=0)
    return tensor.bfloat16().contiguous(memory_format=torch.channels_last)


def named(answer: Tensor) -> str:
    """What would compute the gradient."""
    return "" if answer.grad_fn is None else answer.grad_fn.name()


@given(
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    pads=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    more=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    biased=st.booleans(),
    seed=st.integers(0, 9),
)
def test_gradients_equal_torchs_own(
    size: tuple[int, int],
    stride: tuple[int, int],
    pads: tuple[int, int],
    more: tuple[int, int],
    biased: bool,
    seed: int,
) -> None:
    pads = (min(pads[0], size[0] - 1), min(pads[1], size[1] - 1))
    pixels = drawn(2, CHANNELS, size[0] + more[0], size[1] + more[1], seed=seed).double()
    pixels = pixels.contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = drawn(CHANNELS, 1, *size, seed=seed + 1).double().requires_grad_()
    bias = drawn(CHANNELS, seed=seed + 2).double().requires_grad_() if biased else None
    wanted = [pixels, weight] if bias is None else [pixels, weight, bias]
    expected = functional.conv2d(pixels, weight, bias, stride, pads, 1, CHANNELS)
    given = drawn(*expected.shape, seed=seed + 3).double()

    answered = _Depthwise.apply(pixels, weight, bias, stride, pads)

    torch.testing.assert_close(answered, expected)
    for mine, theirs in zip(
        torch.autograd.grad(answered, wanted, given),
        torch.autograd.grad(expected, wanted, given),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "convnext_atto", "mobilenetv2_035"])
def test_network_gets_the_gradients_of_float32_to_the_precision_of_bfloat16(name: str) -> None:
    torch.manual_seed(0)
    net = timm.create_model(name, num_classes=3).to(memory_format=torch.channels_last).eval()
    pixels = drawn(2, 3, 64, 64, seed=0).contiguous(memory_format=torch.channels_last)
    filters = [
        module.weight
        for module in net.modules()
        if isinstance(module, torch.nn.Conv2d) and module.groups > 1
    ]

    def gradients(dtype: torch.dtype, *, fast: bool) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            if fast:
                with FastDepthwise():
                    logits = net(pixels)
            else:
                logits = net(pixels)
        loss = functional.cross_entropy(logits.float(), torch.tensor([0, 2]))
        found = torch.autograd.grad(loss, filters)
        return torch.cat([each.flatten() / (each.norm() + 1e-12) for each in found])

    exact = gradients(torch.float32, fast=False)
    usual = gradients(torch.bfloat16, fast=False) - exact
    fast = gradients(torch.bfloat16, fast=True) - exact

    assert fast.norm() < 1.2 * usual.norm()


def test_within_it_depthwise_convolutions_take_the_fast_way() -> None:
    layer = torch.nn.Conv2d(CHANNELS, CHANNELS, 5, groups=CHANNELS).bfloat16()
    with FastDepthwise():
        inside = layer(photos())

    assert "Depthwise" in named(inside)
    assert "Depthwise" not in named(layer(photos()))


@pytest.mark.parametrize(
    "change",
    [
        {"groups": 2},
        {"dilation": 2},
        {"padding": "same"},
        {"padding": 5},
    ],
    ids=str,
)
def test_other_convolutions_go_the_usual_way(change: dict[str, object]) -> None:
    settings = {"groups": CHANNELS, **change}
    width = CHANNELS // int(str(settings["groups"]))
    weight = drawn(CHANNELS, width, 3, 3, seed=1).bfloat16().requires_grad_()
    expected = torch.conv2d(photos(), weight, **settings)  # type: ignore[call-overload]
    with FastDepthwise():
        answered = torch.conv2d(photos(), weight, **settings)  # type: ignore[call-overload]

    assert "Depthwise" not in named(answered)
    assert torch.equal(answered, expected)


@pytest.mark.parametrize(
    "pixels", [photos().float(), photos().contiguous(), photos()[0]], ids=["fp32", "nchw", "single"]
)
def test_other_photos_go_the_usual_way(pixels: Tensor) -> None:
    weight = drawn(CHANNELS, 1, 3, 3, seed=1).to(pixels.dtype).requires_grad_()
    with FastDepthwise():
        answered = functional.conv2d(pixels, weight, groups=CHANNELS)

    assert "Depthwise" not in named(answered)


def test_judging_goes_the_usual_way() -> None:
    weight = drawn(CHANNELS, 1, 3, 3, seed=1).bfloat16().requires_grad_()
    with FastDepthwise(), torch.no_grad():
        answered = functional.conv2d(photos(), weight, groups=CHANNELS)

    assert not answered.requires_grad


def test_frozen_filter_lets_the_gradient_through() -> None:
    weight = drawn(CHANNELS, 1, 3, 3, seed=1).bfloat16()
    pixels = photos().requires_grad_()
    with FastDepthwise():
        torch.autograd.backward(functional.conv2d(pixels, weight, groups=CHANNELS).sum())

    assert pixels.grad is not None
    assert weight.grad is None


def test_same_batch_gives_the_same_bits() -> None:
    weight = drawn(CHANNELS, 1, 5, 5, seed=1).bfloat16().requires_grad_()

    def gradient() -> Tensor:
        with FastDepthwise():
            answered = functional.conv2d(photos(), weight, stride=2, padding=2, groups=CHANNELS)
        return torch.autograd.grad(answered.square().sum(), weight)[0]

    assert torch.equal(gradient(), gradient())
