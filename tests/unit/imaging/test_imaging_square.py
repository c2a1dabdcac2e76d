"""A square holds the levels nearest to what the preprocessing computes."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lineament.imaging.preprocess import FITS, INTERPOLATIONS, TIE, Preprocessing, preprocess
from lineament.imaging.square import square

# Rounding is off the middle by a 1024th; float32 sums in another order differ by 1e-4 of a level.
HALF = 0.5 + TIE + 1e-3


def rule(
    size_px: int,
    fit: str = "squash",
    interpolation: str = "bilinear",
    crop_fraction: float = 1.0,
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406),
) -> Preprocessing:
    return Preprocessing(
        size_px=size_px,
        fit=fit,
        interpolation=interpolation,
        mean=mean,
        std=(0.229, 0.224, 0.225),
        crop_fraction=crop_fraction,
    )


def levels(image: NDArray[np.uint8], spec: Preprocessing) -> NDArray[np.float32]:
    """What the reference computes, before mean and std."""
    std, mean = (np.asarray(each)[:, None, None] for each in (spec.std, spec.mean))
    exact = dataclasses.replace(spec, rounded=False)
    return np.asarray((preprocess(image, exact) * std + mean) * 255, np.float32).transpose(1, 2, 0)


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    size_px=st.integers(1, 40),
    fit=st.sampled_from(FITS),
    interpolation=st.sampled_from(INTERPOLATIONS),
    crop_fraction=st.sampled_from([1.0, 0.875, 0.5]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_level_is_the_nearest_to_the_reference(
    height: int,
    width: int,
    size_px: int,
    fit: str,
    interpolation: str,
    crop_fraction: float,
    seed: int,
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    spec = rule(size_px, fit, interpolation, crop_fraction)

    made = square(image, spec)

    assert made.shape == (size_px, size_px, 3)
    assert made.dtype == np.uint8
    assert np.abs(made - levels(image, spec)).max() <= HALF


@pytest.mark.parametrize("size_px", [32, 96, 224])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_photo_of_usual_size_is_as_near(
    size_px: int, interpolation: str, draw_photo: Callable[..., NDArray[np.uint8]]
) -> None:
    image = draw_photo(1, 240, 320)
    spec = rule(size_px, interpolation=interpolation)

    assert np.abs(square(image, spec) - levels(image, spec)).max() <= HALF


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_photo_that_has_the_size_is_not_changed(
    fit: str, interpolation: str, draw_photo: Callable[..., NDArray[np.uint8]]
) -> None:
    image = draw_photo(2, 32, 32)

    made = square(image, rule(32, fit, interpolation))

    assert (made == image).all()
    assert not np.shares_memory(made, image)
    assert np.abs(made - levels(image, rule(32, fit, interpolation))).max() < 1e-3


def test_crop_on_whole_pixels_is_cut_out(draw_photo: Callable[..., NDArray[np.uint8]]) -> None:
    image = draw_photo(3, 32, 40)

    made = square(image, rule(32, "crop"))

    assert (made == image[:, 4:36]).all()
    assert made.flags.c_contiguous


def test_crop_between_pixels_is_resized(draw_photo: Callable[..., NDArray[np.uint8]]) -> None:
    image = draw_photo(3, 32, 41)
    spec = rule(32, "crop")

    assert np.abs(square(image, spec) - levels(image, spec)).max() <= HALF


def test_letterbox_is_padded_with_the_nearest_levels_to_the_mean() -> None:
    made = square(np.zeros((8, 16, 3), dtype=np.uint8), rule(16, "letterbox"))

    assert (made[4:12] == 0).all()
    assert (made[[0, 3, 12, 15]] == (124, 116, 104)).all()


def test_squares_of_several_threads_are_the_same(
    draw_photo: Callable[..., NDArray[np.uint8]],
) -> None:
    from lineament.core.executor import LocalExecutor

    images = [draw_photo(seed, 40 + seed, 60 + seed) for seed in range(12)]
    spec = rule(24)
    alone = [square(image, spec) for image in images]

    together = LocalExecutor(workers=4).map(lambda image: square(image, spec), images)

    assert all((one == other).all() for one, other in zip(alone, together, strict=True))
