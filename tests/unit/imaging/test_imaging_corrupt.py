"""Photos spoilt on purpose: always alike, of the same size, and worse with severity."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.imaging.corrupt import CORRUPTIONS, SEVERITIES, corrupt

Photo = NDArray[np.uint8]
Draw = Callable[..., Photo]
EVERY = pytest.mark.parametrize("corruption", CORRUPTIONS)


def _distance(first: Photo, second: Photo) -> float:
    return float(np.abs(first.astype(float) - second.astype(float)).mean())


@EVERY
def test_each_severity_is_further_from_the_photo_than_the_one_before(
    corruption: str, draw_photo: Draw
) -> None:
    photo = draw_photo(1, 237, 301)
    distances = [
        _distance(photo, corrupt(photo, corruption, severity, seed=7)) for severity in SEVERITIES
    ]
    assert distances == sorted(distances)
    assert distances[0] > 0.5
    assert distances[-1] > 1.3 * distances[0]


@EVERY
def test_the_same_photo_and_seed_give_the_same_pixels(corruption: str, draw_photo: Draw) -> None:
    photo = draw_photo(1, 40, 50)
    first, again = (corrupt(photo, corruption, 3, seed=5) for _ in range(2))
    assert (first == again).all()


@pytest.mark.parametrize("corruption", ["noise", "occlusion"])
def test_another_seed_is_another_noise_and_another_place(corruption: str, draw_photo: Draw) -> None:
    photo = draw_photo(1, 40, 50)
    first, other = (corrupt(photo, corruption, 3, seed=seed) for seed in (5, 6))
    assert (first != other).any()


@EVERY
def test_the_photo_itself_is_left_as_it_is(corruption: str, draw_photo: Draw) -> None:
    photo = draw_photo(2, 30, 30)
    before = photo.copy()
    corrupt(photo, corruption, 1, seed=0)[:] = 0
    assert (photo == before).all()


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    corruption=st.sampled_from(sorted(CORRUPTIONS)),
    severity=st.sampled_from(SEVERITIES),
    seed=st.integers(0, 2**63),
)
def test_a_photo_of_any_size_keeps_its_size_and_type(
    height: int, width: int, corruption: str, severity: int, seed: int
) -> None:
    photo = np.random.default_rng(height * 41 + width).integers(0, 256, (height, width, 3))
    spoilt = corrupt(photo.astype(np.uint8), corruption, severity, seed=seed)
    assert spoilt.shape == (height, width, 3)
    assert spoilt.dtype == np.uint8


@EVERY
def test_a_grey_photo_stays_grey(corruption: str, draw_photo: Draw) -> None:
    grey = np.repeat(draw_photo(3, 50, 40)[..., :1], 3, axis=-1)
    spoilt = corrupt(grey, corruption, 4, seed=1)
    assert (spoilt == spoilt[..., :1]).all()


def test_noise_has_the_stated_spread_and_no_bias() -> None:
    noise = corrupt(np.full((200, 200, 3), 128, np.uint8), "noise", 1, seed=0) - 128.0
    assert noise.std() == pytest.approx(10, abs=0.1)
    assert noise.mean() == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_blur_leaves_the_same_whatever_the_size_of_the_photo(severity: int) -> None:
    edges = []
    for side in (224, 448):
        half = np.zeros((side, side, 3), np.uint8)
        half[:, side // 2 :] = 255
        row = corrupt(half, "blur", severity, seed=0)[side // 2, :, 0] / 255.0
        edges.append(np.interp(np.arange(0.3, 0.7, 0.02), (np.arange(side) + 0.5) / side, row))
    assert np.abs(edges[0] - edges[1]).max() < 0.05


def test_one_stop_darker_is_half_the_light() -> None:
    spoilt = corrupt(np.full((1, 1, 3), 200, np.uint8), "darker", 1, seed=0)
    assert (spoilt[0, 0, 0] / 255) ** 2.2 == pytest.approx((200 / 255) ** 2.2 / 2, rel=0.01)


def test_brighter_clips_at_white() -> None:
    assert (corrupt(np.full((2, 2, 3), 200, np.uint8), "brighter", 5, seed=0) == 255).all()


def test_less_contrast_keeps_the_mean_of_each_channel(draw_photo: Draw) -> None:
    photo = draw_photo(4, 60, 60)
    spoilt = corrupt(photo, "contrast", 5, seed=0)
    assert spoilt.mean(axis=(0, 1)) == pytest.approx(photo.mean(axis=(0, 1)), abs=0.6)
    assert spoilt.std(axis=(0, 1)) == pytest.approx(photo.std(axis=(0, 1)) * 0.1, abs=0.5)


def test_what_is_hidden_at_one_severity_stays_hidden_at_the_next() -> None:
    photo = np.zeros((70, 50, 3), np.uint8)
    for seed in range(20):
        hidden = [corrupt(photo, "occlusion", each, seed=seed)[..., 0] > 0 for each in SEVERITIES]
        assert [each.sum() for each in hidden] == [8**2, 12**2, 18**2, 22**2, 28**2]
        for smaller, larger in itertools.pairwise(hidden):
            assert (larger | ~smaller).all()


def test_the_hidden_square_lies_in_the_centre_square() -> None:
    photo = np.zeros((30, 90, 3), np.uint8)
    for seed in range(20):
        columns = np.flatnonzero(corrupt(photo, "occlusion", 5, seed=seed)[..., 0].any(axis=0))
        assert 30 <= columns.min() <= columns.max() < 60


def test_coarse_pixels_are_as_many_as_stated(draw_photo: Draw) -> None:
    spoilt = corrupt(draw_photo(5, 200, 400), "pixelate", 5, seed=0)
    assert (np.diff(spoilt.astype(int), axis=0).any(axis=(1, 2))).sum() == 19
    assert (np.diff(spoilt.astype(int), axis=1).any(axis=(0, 2))).sum() == 39


def test_a_photo_of_fewer_pixels_than_are_left_stays_as_it_is(draw_photo: Draw) -> None:
    photo = draw_photo(5, 32, 32)
    assert (corrupt(photo, "pixelate", 3, seed=0) == photo).all()


def test_a_strip_longer_than_jpeg_allows_is_spoilt_as_well() -> None:
    strip = np.random.default_rng(0).integers(0, 256, (2, 65_536, 3)).astype(np.uint8)
    assert corrupt(strip, "jpeg", 1, seed=0).shape == strip.shape


def test_an_unknown_corruption_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        corrupt(np.zeros((2, 2, 3), np.uint8), "blurr", 1, seed=0)
    assert str(caught.value) == (
        "There is no corruption `blurr`. Did you mean `blur`?\n"
        "  fix: The corruptions are noise, blur, darker, brighter, contrast, jpeg, occlusion, "
        "pixelate."
    )


@pytest.mark.parametrize("severity", [0, 6])
def test_an_unknown_severity_is_refused(severity: int) -> None:
    with pytest.raises(UsageError) as caught:
        corrupt(np.zeros((2, 2, 3), np.uint8), "blur", severity, seed=0)
    assert str(caught.value) == f"`severity` must be 1 to 5, got {severity}."


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        corrupt(np.zeros((2, 2), np.uint8), "blur", 1, seed=0)
    assert str(caught.value) == "An image must be uint8 (H, W, 3), got uint8 (2, 2)."
