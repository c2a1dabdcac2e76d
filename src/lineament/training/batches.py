"""Batches: photos decoded, preprocessed as the shipped graph does, mirrored, and stacked."""

import functools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from lineament.artifacts.dataset import decode_photo
from lineament.core.executor import Executor
from lineament.imaging.preprocess import Preprocessing
from lineament.models.classifier import preprocess

Item = tuple[Path, int, bool]  # photo, label, whether to mirror


def epoch_items(
    photos: Sequence[tuple[Path, int]], *, seed: int, epoch: int, flip: bool
) -> list[Item]:
    """Shuffle the photos of an epoch and decide which are mirrored; the same for the same seed."""
    draw = random.Random(f"{seed}:{epoch}")
    items = [(path, label, flip and draw.random() < 0.5) for path, label in photos]
    draw.shuffle(items)
    return items


def batches(
    items: Sequence[Item],
    preprocessing: Preprocessing,
    *,
    batch_size: int,
    executor: Executor,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Load items batch by batch, the next photos being decoded while a batch is worked on.

    Yields:
        Pixels ``float32 (B, 3, S, S)`` in channels-last memory order, and labels ``int64 (B,)``;
        the last batch may be smaller, or larger by one.

    Raises:
        DataError: A photo cannot be read.
    """
    pixels: list[Tensor] = []
    labels: list[int] = []
    left = len(items)
    for tensor, label in executor.map(functools.partial(_load, preprocessing), items):
        pixels.append(tensor)
        labels.append(label)
        left -= 1
        # One photo left over joins the last batch: batch norm cannot learn from one alone.
        if len(pixels) >= batch_size and left != 1:
            yield _stacked(pixels, labels)
            pixels, labels = [], []
    if pixels:
        yield _stacked(pixels, labels)


def _load(preprocessing: Preprocessing, item: Item) -> tuple[Tensor, int]:
    path, label, mirrored = item
    image = decode_photo(path, short_side_px=preprocessing.size_px)
    pixels = preprocess(torch.from_numpy(image.copy()), preprocessing)
    return (pixels.flip(2) if mirrored else pixels), label


def _stacked(pixels: list[Tensor], labels: list[int]) -> tuple[Tensor, Tensor]:
    stacked = torch.stack(pixels).contiguous(memory_format=torch.channels_last)
    return stacked, torch.tensor(labels, dtype=torch.int64)
