"""Spread: from a tensor to the few numbers that say how its values are spread."""

import dataclasses
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BINS = 64
# Values of a layer that are looked at. A bin's share is then exact to 0.2 % of the whole (standard
# error, at worst), and reading all of resnet18 costs what a small fraction of a step does.
SAMPLE = 65_536

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spread:
    """How values are spread.

    Attributes:
        low: The least finite value of all; 0 where none is finite.
        high: The largest finite value of all; 0 where none is finite.
        counts: How many of the sampled values lie in each of 64 equal bins from ``low`` to
            ``high``; one bin where the two are the same.
        rms: Root of the sample's mean square; not finite where any value is not.
        zero_fraction: Part of the sample that is exactly 0.
    """

    low: float
    high: float
    counts: tuple[int, ...]
    rms: float
    zero_fraction: float

    def scaled(self, factor: float) -> "Spread":
        """The spread of the same values times a positive factor."""
        low, high, rms = (number * factor for number in (self.low, self.high, self.rms))
        return dataclasses.replace(self, low=low, high=high, rms=rms)


def sampled(values: Tensor) -> FloatArray:
    """Take at most 65,536 of a tensor's values, always the same ones, evenly spread in memory.

    Args:
        values: At least one, of any shape, floating dtype and device.

    Returns:
        ``float64 (K,)``, a copy: all of them, or every n-th.
    """
    flat = _flat(values.detach())
    chosen = flat[:: _stride(len(flat))]
    return np.asarray(chosen.to("cpu", torch.float64, copy=True).numpy())


def spread(values: Tensor) -> Spread:
    """Measure how values are spread; bounds are of all of them, the rest is of `sampled`.

    Args:
        values: At least one, of any shape, floating dtype and device.

    Example:
        >>> spread(torch.tensor([0.0, 0.0, 1.0])).counts[0]
        2
    """
    sample = sampled(values)
    zero_fraction = float(np.count_nonzero(sample == 0) / len(sample))
    # One pass over everything: a value that is not finite shows in the bounds.
    everything = _flat(values.detach())
    low, high = (float(bound) for bound in torch.aminmax(everything))
    rms = root_mean_square(sample)
    if not (math.isfinite(low) and math.isfinite(high)):
        rms = math.nan if math.isnan(low) else math.inf
        sample = sample[np.isfinite(sample)]
        finite = everything[everything.isfinite()]
        if not len(finite):
            return Spread(low=0.0, high=0.0, counts=(0,), rms=rms, zero_fraction=zero_fraction)
        low, high = float(finite.min()), float(finite.max())
    return Spread(
        low=low,
        high=high,
        counts=_counts(sample, low, high),
        rms=rms,
        zero_fraction=zero_fraction,
    )


def root_mean_square(sample: FloatArray) -> float:
    """Root of the mean of the squares."""
    return math.sqrt(np.square(sample).mean())


def _flat(values: Tensor) -> Tensor:
    """The values in the order of memory, without copying convolutions in channels-last order."""
    if values.ndim == 4 and values.is_contiguous(memory_format=torch.channels_last):
        values = values.permute(0, 2, 3, 1)
    return values.reshape(-1)


def _stride(count: int) -> int:
    """The least stride that keeps the sample small and shares no factor with the count.

    One that shares a factor with a side of the tensor would see some of its channels, or some
    cells of its filters, and never the others.
    """
    stride = -(-count // SAMPLE)
    while math.gcd(stride, count) > 1:
        stride += 1
    return stride


def _counts(sample: FloatArray, low: float, high: float) -> tuple[int, ...]:
    if low == high:
        return (len(sample),)
    places = (sample - low) / (high - low) * BINS
    bins = np.minimum(places.astype(np.int64), BINS - 1)
    return tuple(np.bincount(bins, minlength=BINS).tolist())
