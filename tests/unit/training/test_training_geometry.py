"""Photos are moved as drawn: mirroring and shifting exactly, turning and zooming as measured."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineament.training.augmentation.geometry import Moves, draw_moves, move
from lineament.training.recipe import AugmentationFields

SIDE = 32


def moves(
    count: int = 1,
    *,
    flipped: bool = False,
    angle: float = 0.0,
    zoom: float = 1.0,
    right: int = 0,
    down: int = 0,
) -> Moves:
    return Moves(
        flipped=np.full(count, flipped),
        angles=np.full(count, angle),
        zooms=np.full(count, zoom),
        shifts=np.tile(np.array([right, down], dtype=np.int64), (count, 1)),
    )


def noise(count: int = 1, side: int = SIDE) -> Tensor:
    drawn = np.random.default_rng(0).integers(256, size=(count, 3, side, side), dtype=np.uint8)
    return torch.from_numpy(drawn)


def spots(count: int, *, right: float, side: int = 64) -> Tensor:
    """A soft white spot so many pixels to the right of a black photo's centre."""
    positions = np.arange(side) - (side - 1) / 2
    distance = (positions[None, :] - right) ** 2 + positions[:, None] ** 2
    spot = (255 * np.exp(-distance / 8)).round().astype(np.uint8)
    return torch.from_numpy(np.broadcast_to(spot, (count, 3, side, side)).copy())


def centres(images: Tensor) -> NDArray[np.float64]:
    """Where the brightness is, ``(B, 2)``: pixels to the right of the centre and above it."""
    grey = images.to(torch.float64).mean(dim=1).numpy()
    positions = np.arange(grey.shape[-1]) - (grey.shape[-1] - 1) / 2
    weight = grey.sum(axis=(1, 2))
    right = (grey.sum(axis=1) * positions).sum(axis=1) / weight
    down = (grey.sum(axis=2) * positions).sum(axis=1) / weight
    return np.stack([right, -down], axis=1)


def test_mirrored_photo_is_turned_left_to_right_and_stays_whole_numbers() -> None:
    images = noise(3)
    only_second = Moves(
        flipped=np.array([False, True, False]),
        angles=np.zeros(3),
        zooms=np.ones(3),
        shifts=np.zeros((3, 2), dtype=np.int64),
    )

    moved = move(images, only_second)

    assert moved.dtype == torch.uint8
    assert torch.equal(moved[1], images[1].flip(2))
    assert torch.equal(moved[[0, 2]], images[[0, 2]])


def test_batch_in_which_nothing_moves_is_not_copied() -> None:
    images = noise()

    assert move(images, moves()) is images


@pytest.mark.parametrize(("right", "down"), [(3, 0), (0, 5), (-4, 2), (-16, -16), (16, 16)])
def test_shifted_photo_keeps_its_pixels_and_is_filled_by_its_reflection(
    right: int, down: int
) -> None:
    images = noise()
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (16, 16), (16, 16)), mode="symmetric")

    moved = move(images, moves(right=right, down=down))

    top, left = 16 - down, 16 - right
    assert moved.dtype == torch.uint8
    assert np.array_equal(moved.numpy(), padded[:, :, top : top + SIDE, left : left + SIDE])


def test_shift_is_what_cross_correlation_measures() -> None:
    images = noise(50)
    drawn = draw_moves(
        50, SIDE, AugmentationFields(flip=False, shift=0.2), np.random.default_rng(1)
    )

    moved = move(images, drawn)

    grey = (images.float().mean(dim=1) - 127, moved.float().mean(dim=1) - 127)
    spectra = [np.fft.fft2(each.numpy()) for each in grey]
    match = np.fft.ifft2(spectra[1] * spectra[0].conj()).real.reshape(50, -1).argmax(axis=1)
    found = np.stack([match % SIDE, match // SIDE], axis=1)
    assert np.array_equal((found + SIDE // 2) % SIDE - SIDE // 2, drawn.shifts)
    assert set(np.unique(drawn.shifts)) == set(range(-6, 7))


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turn_is_anticlockwise(quarters: int) -> None:
    images = noise()

    moved = move(images, moves(angle=90.0 * quarters))

    turned = torch.from_numpy(np.rot90(images.numpy(), quarters, axes=(2, 3)).copy())
    assert (moved - turned).abs().max() < 0.05


def test_rotation_is_what_a_spot_beside_the_centre_shows() -> None:
    drawn = draw_moves(
        300, 64, AugmentationFields(flip=False, rotation=20), np.random.default_rng(2)
    )

    right, up = centres(move(spots(300, right=18), drawn)).T

    measured = np.rad2deg(np.arctan2(up, right))
    assert np.abs(measured - drawn.angles).max() < 0.3
    assert -20 <= drawn.angles.min() < -19
    assert 19 < drawn.angles.max() <= 20


def test_zoom_is_what_a_spot_beside_the_centre_shows() -> None:
    drawn = draw_moves(300, 64, AugmentationFields(flip=False, zoom=0.25), np.random.default_rng(3))

    right, up = centres(move(spots(300, right=16), drawn)).T

    assert np.abs(right / 16 - drawn.zooms).max() < 0.01
    assert np.abs(up).max() < 0.1
    assert 0.75 <= drawn.zooms.min() < 0.76
    assert 1.24 < drawn.zooms.max() <= 1.25


def test_photo_is_mirrored_then_turned_and_zoomed_then_shifted() -> None:
    images = spots(1, right=10)

    moved = move(images, moves(flipped=True, angle=90.0, zoom=1.5, right=4, down=3))

    # Mirrored to 10 left, turned to 10 below, zoomed to 15 below, shifted.
    assert np.abs(centres(moved)[0] - [4, -18]).max() < 0.05


def test_resampled_shift_agrees_with_the_exact_one() -> None:
    images = noise(4)
    hardly = moves(4, right=5, down=-7, angle=1e-9)

    assert (move(images, hardly) - move(images, moves(4, right=5, down=-7))).abs().max() < 0.05


def test_corners_of_a_turned_photo_are_its_reflection() -> None:
    grey = torch.full((1, 3, SIDE, SIDE), 90, dtype=torch.uint8)

    assert (move(grey, moves(angle=45.0, zoom=0.5)) - 90).abs().max() < 1e-3


def test_about_half_are_mirrored() -> None:
    drawn = draw_moves(2000, SIDE, AugmentationFields(), np.random.default_rng(0))

    # A fair coin thrown 2000 times falls outside 900 to 1100 once in 100,000 tries.
    assert 900 < drawn.flipped.sum() < 1100
    assert not drawn.resampled
    assert not drawn.shifts.any()


@pytest.mark.parametrize("field", ["flip", "rotation", "shift", "zoom"])
def test_draws_of_one_kind_are_even_and_leave_the_others_alone(field: str) -> None:
    fields = {
        "flip": AugmentationFields(),
        "rotation": AugmentationFields(flip=False, rotation=10),
        "shift": AugmentationFields(flip=False, shift=0.25),
        "zoom": AugmentationFields(flip=False, zoom=0.5),
    }[field]

    drawn = draw_moves(5000, SIDE, fields, np.random.default_rng(0))

    spread = {
        "flip": drawn.flipped - 0.5,
        "rotation": drawn.angles / 20,
        "shift": drawn.shifts / 17,  # 17 places
        "zoom": drawn.zooms - 1,
    }
    widths = {"flip": 0.5, "rotation": 12**-0.5, "shift": 12**-0.5, "zoom": 12**-0.5}
    for kind, values in spread.items():
        if kind == field:
            assert abs(values.mean()) < 0.02
            assert abs(values.std() - widths[kind]) < 0.01
        else:
            assert values.std() == 0
