"""Geometry: mirror, shift, turn and zoom each photo of a batch.

Mirroring and shifting move whole pixels and are exact. Turning and zooming are composed with the
shift to one map per photo and cost one bilinear resampling.

What comes in from outside the photo is its own reflection, edge pixels repeated: black corners
would tell the network how far a photo was turned and would move the statistics that a frozen batch
norm was made on; streaks of the edge look like nothing that is ever photographed.
"""

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lineament.training.recipe import AugmentationFields


@dataclasses.dataclass(frozen=True, kw_only=True)
class Moves:
    """What happens to each photo: mirrored, then turned and zoomed about its centre, then shifted.

    Attributes:
        flipped: Whether it is mirrored left to right, ``bool (B,)``.
        angles: Degrees by which it is turned anticlockwise, ``float64 (B,)``.
        zooms: Factor by which it grows, ``float64 (B,)``.
        shifts: Pixels to the right and down, ``int64 (B, 2)``.
    """

    flipped: NDArray[np.bool_]
    angles: NDArray[np.float64]
    zooms: NDArray[np.float64]
    shifts: NDArray[np.int64]

    @property
    def resampled(self) -> bool:
        """Whether any photo is turned or zoomed, so that its new pixels lie between its own."""
        return bool((self.angles != 0).any() or (self.zooms != 1).any())


def draw_moves(
    count: int, side_px: int, fields: AugmentationFields, rng: np.random.Generator
) -> Moves:
    """Draw the moves of a batch, each uniformly from its range.

    Args:
        count: Photos.
        side_px: Side of a photo.
        fields: The ranges: half are mirrored; ``rotation`` in degrees either way; ``shift`` in
            parts of the side, as whole pixels; ``zoom`` from 1 less to 1 plus that part.
        rng: Where chance comes from.
    """
    reach_px = round(fields.shift * side_px)
    return Moves(
        flipped=rng.random(count) < (0.5 if fields.flip else 0.0),
        angles=rng.uniform(-fields.rotation, fields.rotation, count),
        zooms=rng.uniform(1 - fields.zoom, 1 + fields.zoom, count),
        shifts=rng.integers(-reach_px, reach_px, (count, 2), endpoint=True),
    )


def move(images: Tensor, moves: Moves) -> Tensor:
    """Apply moves.

    Args:
        images: ``uint8 (B, 3, S, S)``; left as it is.
        moves: As drawn.

    Returns:
        ``float32 (B, 3, S, S)`` where photos are turned or zoomed, else ``uint8``; the batch
        itself where nothing moves.
    """
    if moves.flipped.any():
        chosen = torch.from_numpy(moves.flipped.nonzero()[0]).to(images.device)
        mirrored = images.clone()
        mirrored[chosen] = images[chosen].flip(3)
        images = mirrored
    if moves.resampled:
        return _resample(images, moves)
    if moves.shifts.any():
        return _shift(images, moves.shifts)
    return images


def _shift(images: Tensor, shifts: NDArray[np.int64]) -> Tensor:
    side = images.shape[-1]
    columns, rows = (
        torch.from_numpy(_reflected(np.arange(side) - shifts[:, axis, None], side)).to(
            images.device
        )
        for axis in (0, 1)
    )
    photo = torch.arange(len(images), device=images.device)
    moved = images.permute(0, 2, 3, 1)[photo[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def _reflected(positions: NDArray[np.int64], side_px: int) -> NDArray[np.int64]:
    """Fold positions outside 0 to ``side_px - 1`` back in, as between two mirrors at the edges."""
    around = positions % (2 * side_px)
    return np.minimum(around, 2 * side_px - 1 - around)


def _resample(images: Tensor, moves: Moves) -> Tensor:
    side = images.shape[-1]
    # For every pixel that is made, where it comes from: the moves backwards. On the grid of
    # grid_sample a side runs from -1 to 1 and y points down.
    turn = np.deg2rad(moves.angles)
    across, aslant = np.cos(turn) / moves.zooms, np.sin(turn) / moves.zooms
    right, down = moves.shifts[:, 0] * 2 / side, moves.shifts[:, 1] * 2 / side
    columns = (across, -aslant, aslant * down - across * right)
    rows = (aslant, across, -aslant * right - across * down)
    centres = (torch.arange(side, device=images.device) * 2 + 1 - side) / side
    grid = torch.empty((len(images), side, side, 2), device=images.device)
    for axis, factors in enumerate((columns, rows)):
        of_x, of_y, start = (
            torch.from_numpy(factor.astype(np.float32)).to(images.device)[:, None]
            for factor in factors
        )
        grid[..., axis] = (of_x * centres)[:, None, :] + (of_y * centres + start)[:, :, None]
    return functional.grid_sample(
        # The kernel is faster on plain memory order, and answers in it.
        images.to(torch.float32, memory_format=torch.contiguous_format),
        grid,
        mode="bilinear",
        padding_mode="reflection",
        align_corners=False,
    )
