"""Integers: the numbers of a layer in 8 bits, so that its mean output stays what it was.

Weights are quantised per output channel and symmetrically, what flows in per tensor (Jacob et al.
2018, "Quantization and training of neural networks for efficient integer-arithmetic-only
inference"). Rounding moves the mean of each output channel; how far is known from the mean of what
flows in, and the bias takes it back (Nagel et al. 2019, "Data-free quantization through weight
equalization and bias correction"). In nets of depthwise convolutions, whose channels sum few
products, that is much of the harm.

Weights take 7 of the 8 bits. x86 processors without VNNI multiply bytes in pairs and sum each pair
in 16 bits, which saturate: a wrong answer, and another one than on the machine that was measured.
Two products of 255 and 64 fit, whichever weights an engine pairs.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from lineament.exporting.grids import SMALLEST, Grid

MOST_WEIGHT = 64  # 2 * 255 * 64 < 2**15
# A bias is summed with products in 32 bits; one that would fill them gets coarser weights.
MOST_BIAS = 2.0**30


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer's numbers as integers.

    Attributes:
        weights: ``int8``, shaped as they were.
        steps: What a weight of 1 is, per output channel, ``float32 (K,)``.
        bias: ``int32 (K,)``, in steps of the input times steps of the weights.
        bias_steps: Those, ``float32 (K,)``.
    """

    weights: NDArray[np.int8]
    steps: NDArray[np.float32]
    bias: NDArray[np.int32]
    bias_steps: NDArray[np.float32]


def layer_in_integers(
    weights: NDArray[np.float32],
    bias: NDArray[np.float32] | None,
    *,
    given: Grid,
    means: NDArray[np.float64],
    groups: int = 1,
    axis: int = 0,
) -> Layer:
    """Round a layer's weights, and let its bias take back what that does to the mean.

    Args:
        weights: ``(K, C / groups, ...)`` of a convolution; of a matrix product the same, or
            ``(C, K)`` where ``axis`` is 1.
        bias: ``(K,)``, or ``None``.
        given: The grid of what flows in.
        means: Mean of each channel of that, ``(C,)``.
        groups: Of a convolution.
        axis: Where the output channels are.
    """
    rows = np.moveaxis(weights, axis, 0)
    exact = rows.reshape(len(rows), rows.shape[1], -1).astype(np.float64)
    wanted = np.zeros(len(rows)) if bias is None else bias.astype(np.float64)
    steps = np.abs(exact).max(axis=(1, 2)) / MOST_WEIGHT
    least = np.abs(wanted) / (float(given.step) * MOST_BIAS)
    steps = np.maximum(np.maximum(steps, least), SMALLEST).astype(np.float32)
    rounded = np.round(exact / steps[:, None, None]).clip(-MOST_WEIGHT, MOST_WEIGHT)
    lost = (exact - rounded * steps[:, None, None]).sum(axis=2).reshape(groups, -1, exact.shape[1])
    wanted = wanted + np.einsum("gkc,gc->gk", lost, means.reshape(groups, -1)).reshape(-1)
    bias_steps = given.step * steps
    return Layer(
        weights=np.moveaxis(rounded.reshape(rows.shape), 0, axis).astype(np.int8),
        steps=steps,
        bias=np.round(wanted / bias_steps).astype(np.int32),
        bias_steps=bias_steps,
    )
