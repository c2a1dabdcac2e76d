"""Normalising does to a batch what the classifier does to a photo."""

import numpy as np
import torch

from lineament.imaging.preprocess import Preprocessing
from lineament.models.classifier import preprocess
from lineament.training.augmentation.normalise import normalise

RULE = Preprocessing(
    size_px=16,
    fit="squash",
    interpolation="bilinear",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)


def photos() -> torch.Tensor:
    drawn = np.random.default_rng(0).integers(256, size=(4, 16, 16, 3), dtype=np.uint8)
    return torch.from_numpy(drawn).permute(0, 3, 1, 2)


def test_batch_is_what_the_classifier_makes_of_each_photo() -> None:
    batch = normalise(photos(), RULE)

    for mine, photo in zip(batch, photos(), strict=True):
        assert (mine - preprocess(photo.permute(1, 2, 0), RULE)).abs().max() < 1e-5


def test_whole_numbers_are_left_alone_and_floats_are_overwritten() -> None:
    whole, fractions = photos(), photos().to(torch.float32)

    from_whole, from_fractions = normalise(whole, RULE), normalise(fractions, RULE)

    assert torch.equal(whole, photos())
    assert from_fractions.data_ptr() == fractions.data_ptr()
    assert torch.equal(from_whole, from_fractions)


def test_memory_order_is_kept() -> None:
    assert normalise(photos(), RULE).is_contiguous(memory_format=torch.channels_last)
