"""Grids: the 256 values that stand for all that flows between two layers."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

STEPS = 255  # of an unsigned byte
SMALLEST = np.float32(1e-12)  # a step must not be zero where all values are
# How much of the range may be covered; less would give up values that a few photos alone have.
SHARES = np.linspace(0.3, 1.0, 29)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grid:
    """The values that a byte can be: ``(byte - zero) * step``.

    Attributes:
        step: Between two neighbours.
        zero: The byte that means 0, which is exact: padding is made of it.
    """

    step: np.float32
    zero: np.uint8

    def rounded(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the nearest value of the grid for each of some values."""
        zero = np.float32(self.zero)
        places = (np.round(values / self.step) + zero).clip(0, STEPS)
        return np.asarray((places - zero) * self.step, np.float32)


def covering(least: float, greatest: float) -> Grid:
    """Lay the grid from one value to another, and over 0."""
    low, high = min(least, 0.0), max(greatest, 0.0)
    step = max(np.float32((high - low) / STEPS), SMALLEST)
    return Grid(step=step, zero=np.uint8(np.clip(np.round(-low / step), 0, STEPS)))


def best_grid(least: float, greatest: float, sample: NDArray[np.float32]) -> Grid:
    """Lay the grid so that rounding to it, and to its ends, loses the least squared difference.

    A few values far out would make the steps of all others coarse: they are given up where that
    loses less.

    Args:
        least: The least value that was seen.
        greatest: The greatest value that was seen.
        sample: Some of the values, drawn evenly.
    """
    grids = [covering(least * share, greatest * share) for share in SHARES]
    losses = [np.square(grid.rounded(sample) - sample, dtype=np.float64).mean() for grid in grids]
    return grids[int(np.argmin(losses))]
