"""Rows: the values of an epoch's layers as the tensors and texts that a checkpoint takes.

As Python numbers they would make checkpoints slow: an epoch of resnet18 has eight thousand counts.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import torch

from lineament.artifacts.histograms import LayerValues

Packed = dict[str, Any]
NONE = -1.0  # no update ratio is negative


def packed(rows: Sequence[LayerValues]) -> Packed:
    """Pack the rows of one epoch."""
    return {
        "names": [(row.layer, row.kind) for row in rows],
        "numbers": torch.tensor(
            [
                (
                    row.epoch,
                    row.low,
                    row.high,
                    row.rms,
                    row.zero_fraction,
                    NONE if row.update_ratio is None else row.update_ratio,
                    len(row.counts),
                )
                for row in rows
            ],
            dtype=torch.float64,
        ),
        "counts": torch.tensor([count for row in rows for count in row.counts]),
    }


def unpacked(state: Packed) -> tuple[LayerValues, ...]:
    """Read what `packed` gave, exactly."""
    rows, counts = [], iter(state["counts"].tolist())
    for (layer, kind), numbers in zip(state["names"], state["numbers"].tolist(), strict=True):
        epoch, low, high, rms, zero_fraction, ratio, bins = numbers
        rows.append(
            LayerValues(
                epoch=int(epoch),
                layer=layer,
                kind=kind,
                low=low,
                high=high,
                counts=tuple(itertools.islice(counts, int(bins))),
                rms=rms,
                zero_fraction=zero_fraction,
                update_ratio=None if ratio == NONE else ratio,
            )
        )
    return tuple(rows)
