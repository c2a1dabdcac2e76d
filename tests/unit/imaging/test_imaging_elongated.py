"""A photo that is too long is made shorter, and the model sees what it would have seen."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.imaging import elongated
from lineament.imaging.elongated import LONGEST_PX, shortened
from lineament.imaging.preprocess import FITS, INTERPOLATIONS, Preprocessing, preprocess

Draw = Callable[..., NDArray[np.uint8]]


def spec(fit: str, interpolation: str = "bicubic", *, crop_fraction: float = 1.0) -> Preprocessing:
    """Mean 0 and std 1/255: what the model sees is on the scale of the pixels, 0 to 255."""
    return Preprocessing(
        size_px=16,
        fit=fit,
        interpolation=interpolation,
        mean=(0.0, 0.0, 0.0),
        std=(1 / 255, 1 / 255, 1 / 255),
        crop_fraction=crop_fraction,
        rounded=False,
    )


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(1, 1), (40, 5000), (2, LONGEST_PX), (LONGEST_PX, 2)])
def test_photo_that_is_not_too_long_is_the_same_array(fit: str, size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)

    assert shortened(image, spec(fit)) is image


@pytest.mark.parametrize("is_tall", [False, True])
@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("short_side_px", [1, 72])
def test_photo_that_is_too_long_gets_short_enough(
    fit: str, short_side_px: int, *, is_tall: bool
) -> None:
    image = np.zeros((short_side_px, 65_535, 3), np.uint8)
    image = image.swapaxes(0, 1) if is_tall else image

    made = shortened(image, spec(fit))

    assert max(made.shape[:2]) <= LONGEST_PX
    assert min(made.shape[:2]) >= 1


@pytest.mark.parametrize("crop_fraction", [1.0, 0.7])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("size", [(20, 601), (200, 900), (900, 200), (333, 7)])
def test_cut_photo_gives_a_crop_the_same_pixels(
    size: tuple[int, int],
    interpolation: str,
    crop_fraction: float,
    monkeypatch: pytest.MonkeyPatch,
    draw_photo: Draw,
) -> None:
    monkeypatch.setattr(elongated, "LONGEST_PX", 300)
    rule, image = spec("crop", interpolation, crop_fraction=crop_fraction), draw_photo(3, *size)

    made = shortened(image, rule)

    assert max(made.shape[:2]) <= 300
    # Where a window begins is another number, so float32 rounds the weights in other digits.
    assert np.abs(preprocess(made, rule) - preprocess(image, rule)).max() < 0.01


def test_crop_of_a_photo_whose_sides_are_both_long_is_averaged_too(
    monkeypatch: pytest.MonkeyPatch, draw_photo: Draw
) -> None:
    monkeypatch.setattr(elongated, "LONGEST_PX", 100)

    assert shortened(draw_photo(3, 150, 300), spec("crop")).shape[:2] == (78, 100)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("fit", ["squash", "letterbox"])
@pytest.mark.parametrize("is_tall", [False, True])
def test_averaged_photo_looks_as_before(
    fit: str, interpolation: str, draw_photo: Draw, *, is_tall: bool
) -> None:
    image = np.repeat(draw_photo(3, 600, 256), 2 * LONGEST_PX // 256, axis=1)
    image[:, ::2] = image[:, ::2] // 2  # detail that is gone if columns are left out
    image = image.swapaxes(0, 1) if is_tall else image
    rule = spec(fit, interpolation)

    made = shortened(np.ascontiguousarray(image), rule)

    # Averages are whole levels: half a level, and the average that is another kernel's.
    assert np.abs(preprocess(made, rule) - preprocess(image, rule)).max() < 1.5
