"""What a person looks at shows the photo where nothing was found, and heat in its place."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lineament.imaging.preprocess import FITS, Preprocessing, Window
from lineament.imaging.render import HEAT_STOPS, heat_colours, overlay, place_heat, thumbnail_jpeg

GRID = np.arange(16, dtype=np.float32).reshape(4, 4)


def window(fit: str, height: int, width: int, *, crop_fraction: float = 1.0) -> Window:
    zeros = (0.0, 0.0, 0.0)
    rule = Preprocessing(
        size_px=8,
        fit=fit,
        interpolation="bilinear",
        mean=zeros,
        std=zeros,
        crop_fraction=crop_fraction,
    )
    return rule.window(height, width)


def test_no_heat_leaves_the_photo_as_it_is() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)

    assert np.array_equal(overlay(photo, np.zeros((9, 7), np.float32)), photo)


def test_full_heat_at_full_strength_is_the_heat_colour() -> None:
    photo = np.zeros((2, 2, 3), np.uint8)

    laid = overlay(photo, np.ones((2, 2), np.float32), strength=1.0)

    assert laid[0, 0].tolist() == [252, 255, 164]


def test_heat_changes_only_where_it_is() -> None:
    photo = np.full((4, 4, 3), 90, np.uint8)
    heat = np.zeros((4, 4), np.float32)
    heat[1, 2] = 1.0

    changed = (overlay(photo, heat) != photo).any(axis=2)

    assert np.argwhere(changed).tolist() == [[1, 2]]


def test_lightness_rises_with_heat() -> None:
    colours = heat_colours(np.linspace(0, 1, 50, dtype=np.float32)[None, :])[0].astype(float)

    lightness = colours @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()


def test_colour_stops_are_met() -> None:
    heat = np.linspace(0, 1, len(HEAT_STOPS), dtype=np.float32)[None, :]

    assert np.array_equal(heat_colours(heat)[0], HEAT_STOPS.astype(np.uint8))


def test_squashed_map_covers_the_whole_photo() -> None:
    placed = place_heat(GRID + 1, window("squash", 20, 40), 20, 40)

    assert placed.shape == (20, 40)
    assert placed[0, 0] == pytest.approx(0.0, abs=0.05)
    assert placed[-1, -1] == pytest.approx(1.0, abs=0.05)


def test_cropped_map_stays_inside_its_window() -> None:
    grid = np.ones((4, 4), np.float32)
    grid[3, 3] = 0  # a flat grid would be no heat at all

    placed = place_heat(grid, window("crop", 20, 40), 20, 40)

    assert (placed[:, :10] == 0).all()
    assert (placed[:, 30:] == 0).all()
    assert (placed[:10, 10:30] > 0.9).all()


@given(
    height=st.integers(1, 30),
    width=st.integers(1, 30),
    fit=st.sampled_from(FITS),
    fraction=st.floats(0.1, 1.0),
)
def test_map_of_any_part_of_any_photo_is_placed(
    height: int, width: int, fit: str, fraction: float
) -> None:
    placed = place_heat(GRID, window(fit, height, width, crop_fraction=fraction), height, width)

    assert placed.shape == (height, width)
    assert placed.max() > 0


def test_map_of_the_centre_stays_in_the_centre() -> None:
    placed = place_heat(GRID + 1, window("squash", 20, 40, crop_fraction=0.5), 20, 40)

    assert np.argwhere(placed > 0).min(axis=0).tolist() == [5, 10]
    assert np.argwhere(placed > 0).max(axis=0).tolist() == [14, 29]


def test_letterboxed_map_loses_only_its_padding() -> None:
    placed = place_heat(GRID, window("letterbox", 20, 40), 20, 40)

    whole = place_heat(GRID, Window(top=0, left=0, height=40, width=40), 40, 40)
    assert np.array_equal(placed, whole[10:30])


def test_flat_map_is_no_heat() -> None:
    flat = np.full((4, 4), 3.0, np.float32)

    assert not place_heat(flat, window("squash", 5, 6), 5, 6).any()


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    fit=st.sampled_from(["squash", "crop", "letterbox"]),
)
def test_any_size_gives_a_map_of_that_size_from_0_to_1(height: int, width: int, fit: str) -> None:
    placed = place_heat(-GRID, window(fit, height, width), height, width)

    assert (placed.shape, str(placed.dtype)) == ((height, width), "float32")
    assert placed.min() >= 0
    assert placed.max() <= 1


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(320, 640, (160, 80)), (640, 320, (80, 160)), (500, 500, (160, 160)), (30, 40, (40, 30))],
)
def test_thumbnail_keeps_proportions_and_never_enlarges(
    height: int, width: int, expected: tuple[int, int]
) -> None:
    with Image.open(io.BytesIO(thumbnail_jpeg(np.zeros((height, width, 3), np.uint8)))) as image:
        assert image.size == expected


@pytest.mark.parametrize("size", [(50, 5000), (1, 5000), (5000, 1), (20, 4000), (333, 1000)])
def test_longer_side_of_a_thumbnail_is_within_the_limit(size: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(thumbnail_jpeg(np.zeros((*size, 3), np.uint8)))) as image:
        assert max(image.size) <= 160
