"""Depthwise: the gradients of depthwise convolutions in bfloat16 on a processor, made fast.

oneDNN spends most of a step on two of them, which are asked for here in another form:

- the gradient of the photos is the forward convolution of the answer's gradient, spread out by the
  stride, with the turned filter: where the stride is 2, up to 50 times faster;
- the gradient of a filter wider than 3 is put together from blocks of 3 columns, because oneDNN has
  a kernel of its own up to that width only: 5 to 10 times faster.

The same products are summed, in the same precision. In float32 torch's own ways are as fast.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.overrides import TorchFunctionMode

BLOCK = 3  # the widest filter whose gradient oneDNN has a kernel for

Pair = tuple[int, int]


class FastDepthwise(TorchFunctionMode):
    """Within it, depthwise convolutions get the fast gradients; put it around the forward pass.

    It sees calls of `torch.conv2d` and leaves the model as it is. What it does not know (another
    device, precision or memory order, dilation) goes the usual way.

    Example:
        >>> photos = torch.ones(1, 2, 4, 4).contiguous(memory_format=torch.channels_last)
        >>> filters = torch.ones(2, 1, 3, 3, requires_grad=True)
        >>> with torch.autocast("cpu", torch.bfloat16), FastDepthwise():
        ...     functional.conv2d(photos, filters, groups=2).sum().backward()
        >>> filters.grad[0, 0, 0].tolist()
        [4.0, 4.0, 4.0]
    """

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        named = kwargs or {}
        if func is torch.conv2d:
            answer = _convolved(*cast(Any, args), **cast(Any, named))
            if answer is not None:
                return answer
        return func(*args, **named)


def _convolved(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor | None:
    """Convolve, or give ``None`` for what should go the usual way; torch's names of arguments."""
    if input.ndim != 4 or not 1 < groups == weight.shape[0] == input.shape[1]:
        return None
    if input.device.type != "cpu" or not torch.is_grad_enabled():
        return None
    if isinstance(padding, str) or _pair(dilation) != (1, 1):
        return None
    pads = _pair(padding)
    if any(pad >= size for pad, size in zip(pads, weight.shape[2:], strict=True)):
        return None
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        input, weight = input.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    if not input.dtype == weight.dtype == torch.bfloat16:
        return None
    if not input.is_contiguous(memory_format=torch.channels_last):
        return None
    return cast(Tensor, _Depthwise.apply(input, weight, bias, _pair(stride), pads))


def _pair(value: int | Sequence[int]) -> Pair:
    if isinstance(value, int):
        return value, value
    return (value[0], value[-1])


class _Context(Protocol):
    stride: Pair
    pads: Pair
    saved_tensors: tuple[Tensor, Tensor]
    needs_input_grad: tuple[bool, ...]

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _Depthwise(Function):
    @staticmethod
    def forward(
        ctx: _Context,
        pixels: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: Pair,
        pads: Pair,
    ) -> Tensor:
        ctx.save_for_backward(pixels, weight)
        ctx.stride, ctx.pads = stride, pads
        return functional.conv2d(pixels, weight, bias, stride, pads, 1, weight.shape[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: _Context, gradient: Tensor) -> tuple[Tensor | None, ...]:
        pixels, weight = ctx.saved_tensors
        wants_pixels, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        known = (gradient, pixels, weight, ctx.stride, ctx.pads)
        return (
            _of_pixels(*known) if wants_pixels else None,
            _of_weight(*known) if wants_weight else None,
            gradient.sum(dim=(0, 2, 3)) if wants_bias else None,
            None,
            None,
        )


def _of_pixels(
    gradient: Tensor, pixels: Tensor, weight: Tensor, stride: Pair, pads: Pair
) -> Tensor:
    (height, width), (down, right) = weight.shape[2:], stride
    if stride != (1, 1):
        spread = torch.empty(
            (
                *pixels.shape[:2],
                pixels.shape[2] + 2 * pads[0] - height + 1,
                pixels.shape[3] + 2 * pads[1] - width + 1,
            ),
            dtype=gradient.dtype,
            memory_format=torch.channels_last,
        ).zero_()
        spread[:, :, ::down, ::right] = gradient
        gradient = spread
    around = (height - 1 - pads[0], width - 1 - pads[1])
    return functional.conv2d(gradient, weight.flip(2, 3), None, 1, around, 1, weight.shape[0])


def _of_weight(
    gradient: Tensor, pixels: Tensor, weight: Tensor, stride: Pair, pads: Pair
) -> Tensor:
    width = weight.shape[3]
    if width <= BLOCK:
        return _narrow(gradient, pixels, weight, stride, pads)
    padded = functional.pad(pixels, (pads[1], pads[1], pads[0], pads[0]))
    reach = (gradient.shape[3] - 1) * stride[1] + BLOCK
    like = weight[:, :, :, :BLOCK].contiguous()  # only its shape counts
    result = torch.empty_like(weight)
    for first in sorted({*range(0, width - BLOCK, BLOCK), width - BLOCK}):
        columns = padded[:, :, :, first : first + reach]
        result[:, :, :, first : first + BLOCK] = _narrow(
            gradient,
            columns.contiguous(memory_format=torch.channels_last),
            like,
            stride,
            (0, 0),
        )
    return result


def _narrow(gradient: Tensor, pixels: Tensor, weight: Tensor, stride: Pair, pads: Pair) -> Tensor:
    """Torch's own gradient of a weight."""
    wanted = [False, True, False]
    gradients = torch.ops.aten.convolution_backward(
        gradient, pixels, weight, None, stride, pads, (1, 1), False, (0, 0), len(weight), wanted
    )
    return cast(Tensor, gradients[1])
