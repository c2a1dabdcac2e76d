"""How a photo looks: each number of `look`, and that it is cheap to write and to compare."""

import dataclasses
import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lineament.imaging.look import Look, look

Pixels = NDArray[np.uint8]


def plain(colour: tuple[int, int, int], height: int = 64, width: int = 80) -> Pixels:
    return np.full((height, width, 3), colour, dtype=np.uint8)


def tiles(seed: int, height: int, width: int, *, contrast: float = 1.0) -> Pixels:
    """Grey rectangles of several sizes: edges at several scales."""
    rng = np.random.default_rng(seed)
    canvas = np.full((height, width), 128.0)
    for size in (0.5, 0.25, 0.12, 0.06):
        for _ in range(int(2 / size)):
            top, left = rng.integers(0, height), rng.integers(0, width)
            bottom, right = top + int(size * height), left + int(size * width)
            canvas[top:bottom, left:right] = rng.uniform(20, 235)
    grey = (128 + contrast * (canvas - 128)).round().astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def like_nature(seed: int, side: int) -> Pixels:
    """A field whose amplitude falls with the frequency, as that of photos does on average."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    frequency[0, 0] = np.inf
    waves = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(side, side))) / frequency, (side, side))
    grey = np.clip(128 + 50 * waves / waves.std(), 0, 255).round().astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def blurred(image: Pixels, sigma: float) -> Pixels:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma)))


@pytest.mark.parametrize(("level", "brightness"), [(0, 0.0), (51, 0.2), (255, 1.0)])
def test_brightness_is_the_mean_luma(level: int, brightness: float) -> None:
    assert look(plain((level, level, level))).brightness == brightness


def test_contrast_of_half_black_half_white_is_one_half() -> None:
    image = plain((0, 0, 0))
    image[:, 40:] = 255
    assert look(image).contrast == 0.5


def test_a_bright_subject_on_black_has_bright_highlights_and_black_shadows() -> None:
    image = plain((0, 0, 0))
    image[20:44, 20:44] = 230
    measured = look(image)
    assert measured.shadows == 0
    assert measured.highlights > 0.89
    assert measured.brightness < 0.11


def test_noise_has_contrast_but_no_structure() -> None:
    rng = np.random.default_rng(0)
    noise = np.clip(rng.normal(60, 12, (128, 128, 1)), 0, 255).astype(np.uint8).repeat(3, axis=2)
    measured = look(noise)
    assert measured.contrast > 0.04
    assert measured.structure < 0.02


def test_a_bird_in_the_sky_has_structure() -> None:
    image = plain((180, 200, 230), 256, 256)
    image[100:112, 100:112] = 30
    assert look(image).structure > 0.05


def test_step_edges_have_sharpness_one() -> None:
    image = plain((0, 0, 0), 120, 120)
    image[:, 60:] = 255
    assert look(image).sharpness == pytest.approx(1, abs=0.04)  # the border has fewer far pairs


def test_a_smooth_ramp_has_sharpness_zero() -> None:
    ramp = np.arange(0, 250, 2, dtype=np.uint8)[None, :, None].repeat(100, axis=0)
    assert look(ramp.repeat(3, axis=2)).sharpness < 0.02  # luma is rounded to whole levels


def test_a_plain_photo_has_sharpness_zero() -> None:
    assert look(plain((90, 20, 40))).sharpness == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_more_blur_is_less_sharp(seed: int) -> None:
    image = tiles(seed, 120, 160)
    values = [look(blurred(image, sigma)).sharpness for sigma in (0, 0.7, 1.5, 3, 5)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.7
    assert values[3] < 0.2


def test_sharpness_does_not_depend_on_contrast() -> None:
    faint, strong = (look(tiles(3, 96, 96, contrast=part)).sharpness for part in (0.3, 1.0))
    assert faint == pytest.approx(strong, rel=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_sharpness_hardly_depends_on_size(seed: int) -> None:
    values = [look(like_nature(seed, side)).sharpness for side in (48, 96, 128, 250)]
    assert max(values) < 1.2 * min(values)


def test_grey_has_no_saturation_and_no_warmth() -> None:
    ramp = np.arange(256, dtype=np.uint8)[:, None, None].repeat(30, axis=1).repeat(3, axis=2)
    assert (look(ramp).saturation, look(ramp).warmth) == (0.0, 0.0)


def test_no_colour_has_more_saturation_than_one() -> None:
    corners = [(r, g, b) for r in (0, 255) for g in (0, 255) for b in (0, 255)]
    values = [look(plain(corner)).saturation for corner in corners]
    assert 0.99 < max(values) <= 1


def test_red_is_warm_and_blue_is_cold() -> None:
    assert look(plain((255, 0, 0))).warmth > 0.6
    assert look(plain((0, 0, 255))).warmth < -0.5


def test_a_letterbox_is_an_even_dark_border() -> None:
    image = tiles(1, 96, 128)
    image[:12] = image[-12:] = 0
    assert (look(image).border, look(image).border_brightness) == (1.0, 0.0)


def test_a_sky_above_and_a_field_below_are_no_border() -> None:
    image = tiles(2, 96, 96)
    image[:20] = 240
    image[-20:] = 30
    assert look(image).border < 0.7


def test_a_product_on_white_has_an_even_white_border() -> None:
    image = plain((255, 255, 255))
    image[20:40, 30:50] = (200, 30, 30)
    assert (look(image).border, look(image).border_brightness) == (1.0, 1.0)


@given(
    arrays(
        np.uint8,
        st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3)),
    )
)
def test_every_number_of_any_image_is_in_its_range(image: Pixels) -> None:
    measured = dataclasses.asdict(look(image))
    assert -1 <= measured.pop("warmth") <= 1
    assert 0 <= measured.pop("sharpness") <= 80  # its end where only the far differences are even
    assert all(0 <= number <= 1 for number in measured.values())


@given(arrays(np.uint8, (12, 9, 3)))
def test_a_mirrored_image_looks_the_same_but_for_the_cells(image: Pixels) -> None:
    one, other = look(image), look(np.ascontiguousarray(image[:, ::-1]))
    assert dataclasses.replace(one, structure=0) == dataclasses.replace(other, structure=0)


def test_a_look_survives_json(draw_photo: Callable[..., Pixels]) -> None:
    measured = look(draw_photo(0, 64, 80))
    assert Look(**json.loads(json.dumps(dataclasses.asdict(measured)))) == measured


def test_a_view_looks_like_its_copy(draw_photo: Callable[..., Pixels]) -> None:
    view = draw_photo(0, 300, 400)[::2, 1::2]
    assert look(view) == look(view.copy())
