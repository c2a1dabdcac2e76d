"""So many photos as asked for get one rectangle of noise, of the published sizes."""

import numpy as np
import torch
from numpy.typing import NDArray

from lineament.training.augmentation.erasing import erase
from lineament.training.recipe import AugmentationFields

SIDE = 64
NOBODY = -1.0  # no pixel has it, so what differs was erased


def erased(share: float, *, count: int = 400, side: int = SIDE) -> torch.Tensor:
    images = torch.full((count, 3, side, side), NOBODY)
    erase(images, AugmentationFields(erasing=share), np.random.default_rng(0))
    return images


def boxes(images: torch.Tensor) -> NDArray[np.int64]:
    """Height and width of what was erased, checked to be one full rectangle per photo."""
    found = []
    for inside in (images != NOBODY).all(dim=1).numpy():
        rows, columns = inside.any(axis=1).nonzero()[0], inside.any(axis=0).nonzero()[0]
        height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
        assert inside.sum() == height * width
        found.append((height, width))
    return np.array(found)


def test_rectangles_have_the_published_areas_and_shapes() -> None:
    height, width = boxes(erased(1.0)).T

    area, aspect = height * width / SIDE**2, height / width
    # To whole pixels, of which the thinnest rectangles have five.
    assert 0.015 < area.min() < 0.04
    assert 0.30 < area.max() < 0.35
    assert 0.25 < aspect.min() < 0.35
    assert 2.9 < aspect.max() < 4.0
    assert 0.4 < (aspect > 1).mean() < 0.6


def test_rectangles_are_anywhere() -> None:
    often = (erased(1.0, count=2000) != NOBODY).any(dim=1).float().mean(dim=0)

    eighths = often.reshape(8, 8, 8, 8).mean(dim=(1, 3))
    assert eighths[0, 0] > 0.01  # corners are the rarest
    assert (eighths - eighths.flip(0)).abs().max() < 0.05
    assert (eighths - eighths.flip(1)).abs().max() < 0.05
    assert (eighths - eighths.T).abs().max() < 0.05


def test_noise_is_even_over_all_values_and_channels() -> None:
    images = erased(1.0, count=100)

    for channel in images.unbind(dim=1):
        values = channel[channel != NOBODY]
        assert torch.equal(values, values.round())
        assert abs(values.mean() - 127.5) < 1
        assert abs(values.std() - 73.9) < 1
        assert values.min() == 0
        assert values.max() == 255
    assert not torch.equal(images[:, 0], images[:, 1])


def test_as_many_photos_as_asked_for() -> None:
    touched = (erased(0.25, count=2000) != NOBODY).flatten(1).any(dim=1).sum()

    # 500 are expected with a standard deviation of 19.
    assert 420 < touched < 580


def test_small_photo_keeps_some_of_itself() -> None:
    images = erased(1.0, side=16)

    kept = (images == NOBODY).float().mean(dim=(1, 2, 3))
    assert kept.min() > 0.6
