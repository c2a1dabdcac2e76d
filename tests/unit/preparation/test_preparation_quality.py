"""Quality: planted faults are named, ordinary photos are not, and a set's own way is no fault."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lineament.imaging.decode import FileFacts
from lineament.imaging.look import look
from lineament.preparation.inspection.quality import Fault, quality_faults

Pixels = NDArray[np.uint8]
Draw = Callable[..., Pixels]


def facts_of(image: Pixels) -> FileFacts:
    height, width = image.shape[:2]
    return FileFacts(
        format="JPEG", mode="RGB", width=width, height=height, size_bytes=9000, taken=""
    )


def faults_of(images: list[Pixels]) -> list[Fault]:
    return quality_faults([look(each) for each in images], [facts_of(each) for each in images])


def kinds_of(images: list[Pixels]) -> list[tuple[int, str]]:
    return [(fault.index, fault.kind) for fault in faults_of(images)]


@pytest.fixture
def ordinary(draw_photo: Draw) -> list[Pixels]:
    return [draw_photo(seed, 120, 160, kind=seed % 4) for seed in range(24)]


def street(seed: int, *, height: int = 160, width: int = 200) -> Pixels:
    """Strong edges at several scales and no noise."""
    rng = np.random.default_rng(seed)
    canvas = np.full((height, width, 3), 128.0)
    for size in (0.5, 0.25, 0.12, 0.06):
        for _ in range(int(2 / size)):
            top, left = rng.integers(0, height), rng.integers(0, width)
            bottom, right = top + int(size * height), left + int(size * width)
            canvas[top:bottom, left:right] = rng.uniform(20, 235, 3)
    return canvas.astype(np.uint8)


def blurred(image: Pixels, sigma: float) -> Pixels:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma)))


def test_ordinary_photos_have_no_fault(ordinary: list[Pixels]) -> None:
    assert faults_of(ordinary) == []


def test_no_photos_have_no_fault() -> None:
    assert quality_faults([], []) == []


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (120, 30, 200)])
def test_a_photo_of_one_colour_is_blank_and_nothing_else(
    ordinary: list[Pixels], colour: tuple[int, int, int]
) -> None:
    constant = np.full((120, 160, 3), colour, dtype=np.uint8)
    assert faults_of([*ordinary, constant]) == [Fault(index=24, kind="blank", score=0.0)]


def test_noise_on_black_is_blank(ordinary: list[Pixels]) -> None:
    noise = np.clip(np.random.default_rng(0).normal(0, 6, (120, 160, 3)), 0, 255).astype(np.uint8)
    assert kinds_of([*ordinary, noise]) == [(24, "blank")]


def test_every_photo_of_a_blank_set_is_named() -> None:
    assert kinds_of([np.zeros((80, 80, 3), dtype=np.uint8)] * 3) == [
        (0, "blank"),
        (1, "blank"),
        (2, "blank"),
    ]


def test_an_underexposed_photo_is_dark(ordinary: list[Pixels]) -> None:
    dark = (street(0) * 0.2).astype(np.uint8)
    assert kinds_of([*ordinary, dark]) == [(24, "dark")]


def test_a_washed_out_photo_is_bright(ordinary: list[Pixels]) -> None:
    bright = (200 + street(0) * 0.21).astype(np.uint8)
    assert kinds_of([*ordinary, bright]) == [(24, "bright")]


def test_a_lit_subject_on_black_is_not_dark(ordinary: list[Pixels]) -> None:
    portrait = np.zeros((120, 160, 3), dtype=np.uint8)
    portrait[30:90, 50:110] = street(1, height=60, width=60)
    assert kinds_of([*ordinary, portrait]) == []


def test_a_product_on_white_is_not_bright(ordinary: list[Pixels]) -> None:
    product = np.full((120, 160, 3), 255, dtype=np.uint8)
    product[40:80, 60:110] = street(1, height=40, width=50)
    assert kinds_of([*ordinary, product]) == []


@pytest.mark.parametrize("seed", range(6))
def test_a_blurred_photo_is_blurred(ordinary: list[Pixels], seed: int) -> None:
    assert kinds_of([*ordinary, blurred(street(seed), 4)]) == [(24, "blurred")]


@pytest.mark.parametrize("seed", range(6))
def test_a_sharp_subject_before_a_blurred_ground_is_not_blurred(
    ordinary: list[Pixels], seed: int
) -> None:
    portrait = blurred(street(seed), 6).copy()
    portrait[40:120, 60:140] = street(seed + 50, height=80, width=80)
    assert kinds_of([*ordinary, portrait]) == []


def test_a_photo_of_8_pixels_is_tiny(ordinary: list[Pixels], draw_photo: Draw) -> None:
    assert faults_of([*ordinary, draw_photo(0, 8, 8)]) == [Fault(index=24, kind="tiny", score=8)]


def test_a_strip_is_tiny_and_of_extreme_aspect_ratio(
    ordinary: list[Pixels], draw_photo: Draw
) -> None:
    assert faults_of([*ordinary, draw_photo(0, 20, 1000)]) == [
        Fault(index=24, kind="tiny", score=20),
        Fault(index=24, kind="extreme_aspect", score=50),
    ]


def test_the_size_is_the_file_s_and_not_the_kept_photo_s(draw_photo: Draw) -> None:
    photo = draw_photo(0, 60, 60)
    large = dataclasses.replace(facts_of(photo), width=4000, height=4000)
    assert quality_faults([look(photo)] * 20, [large] * 20) == []


def test_a_set_of_48_pixel_faces_is_not_all_tiny(draw_photo: Draw) -> None:
    assert kinds_of([draw_photo(seed, 48, 48) for seed in range(20)]) == []


def test_the_one_tiny_photo_among_48_pixel_faces_is_named(draw_photo: Draw) -> None:
    faces = [draw_photo(seed, 48, 48) for seed in range(20)]
    assert kinds_of([*faces, draw_photo(0, 12, 12)]) == [(20, "tiny")]


def test_a_set_of_night_photos_is_not_all_dark() -> None:
    night = [(street(seed) * (0.18 + 0.005 * seed)).astype(np.uint8) for seed in range(20)]
    assert kinds_of(night) == []


def test_the_darkest_of_night_photos_is_named() -> None:
    night = [(street(seed) * (0.22 + 0.001 * seed)).astype(np.uint8) for seed in range(20)]
    assert kinds_of([*night, (street(0) * 0.05).astype(np.uint8)]) == [(20, "dark")]


def test_one_dark_photo_among_five_is_named() -> None:
    assert kinds_of(
        [street(0), street(1), (street(2) * 0.15).astype(np.uint8), street(3), street(4)]
    ) == [(2, "dark")]


def test_faults_are_in_the_order_of_the_photos(ordinary: list[Pixels], draw_photo: Draw) -> None:
    black = np.zeros((80, 80, 3), dtype=np.uint8)
    assert kinds_of([draw_photo(0, 8, 8), *ordinary, black]) == [(0, "tiny"), (25, "blank")]
