"""A signature is the whole photo in little, whatever its size."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from lineament.imaging.signature import SIGNATURE_PX, signature

Pixels = NDArray[np.uint8]
Draw = Callable[..., Pixels]


@given(height=st.integers(1, 300), width=st.integers(1, 300))
def test_any_size_has_a_signature_of_one_size(height: int, width: int) -> None:
    made = signature(np.full((height, width, 3), 90, dtype=np.uint8))

    assert made.shape == (SIGNATURE_PX, SIGNATURE_PX)
    assert made.dtype == np.uint8
    assert (made == 90).all()


def test_the_whole_photo_is_shown() -> None:
    photo = np.zeros((100, 300, 3), dtype=np.uint8)
    photo[:50, 150:] = 255

    made = signature(photo)

    assert made[:31, 33:].min() == 255
    assert made[33:].max() == 0
    assert made[:, :31].max() == 0


def test_colour_is_weighed_as_bt_601_does() -> None:
    photo = np.zeros((8, 8, 3), dtype=np.uint8)
    photo[:, :, 1] = 100

    assert (signature(photo) == 59).all()


def test_fine_stripes_are_averaged_not_picked() -> None:
    photo = np.zeros((640, 640, 3), dtype=np.uint8)
    photo[:, ::2] = 200

    inner = signature(photo)[:, 1:-1]

    assert np.abs(inner.astype(int) - 100).max() <= 2


@pytest.mark.parametrize("size", [(90, 120), (200, 150)])
def test_a_mirrored_photo_has_the_mirrored_signature(
    size: tuple[int, int], draw_photo: Draw
) -> None:
    photo = draw_photo(1, *size)

    mirrored = signature(np.ascontiguousarray(photo[:, ::-1]))

    assert np.abs(mirrored.astype(int) - signature(photo)[:, ::-1]).max() <= 1


def test_a_resized_photo_has_nearly_the_same_signature(draw_photo: Draw) -> None:
    photo = draw_photo(1, 240, 320)
    half = np.asarray(Image.fromarray(photo).resize((160, 120), Image.Resampling.LANCZOS))

    difference = signature(half).astype(int) - signature(photo)

    assert np.abs(difference).mean() < 2
