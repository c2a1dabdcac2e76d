"""Golden photos are the awkward ones, and the same in every export."""

import io

import numpy as np
import pytest
from PIL import Image

from lineament.exporting.golden import golden_files
from lineament.imaging.decode import decode

GOLDEN = golden_files()


def opened(name: str) -> Image.Image:
    return Image.open(io.BytesIO(GOLDEN[name]))


@pytest.mark.parametrize("name", GOLDEN)
def test_every_golden_photo_decodes(name: str) -> None:
    image = decode(GOLDEN[name])

    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3


def test_same_photos_are_drawn_every_time() -> None:
    assert golden_files() == GOLDEN


def test_photos_fit_into_a_bundle() -> None:
    assert sum(len(data) for data in GOLDEN.values()) < 200_000


def test_awkward_sizes_are_among_them() -> None:
    sizes = [decode(data).shape[:2] for data in GOLDEN.values()]

    assert (1, 1) in sizes
    assert any(height % 2 == 1 and width % 2 == 1 for height, width in sizes)
    assert any(height > 10 * width for height, width in sizes)
    assert any(width > 10 * height for height, width in sizes)
    assert any(max(size) < 10 < 10 * min(size) for size in sizes)
    assert any(min(size) > 1000 for size in sizes)


def test_awkward_modes_are_among_them() -> None:
    assert opened("grey").mode == "L"
    assert opened("palette-alpha").mode == "P"
    assert "transparency" in opened("palette-alpha").info
    assert {opened(name).format for name in GOLDEN} == {"PNG", "JPEG"}


def test_turned_photo_is_turned_when_decoded() -> None:
    stored = opened("turned-jpeg")

    assert stored.getexif()[0x0112] == 6
    assert decode(GOLDEN["turned-jpeg"]).shape[:2] == (stored.width, stored.height)


def test_large_photo_is_decoded_at_a_reduced_scale() -> None:
    data = GOLDEN["large"]

    assert decode(data, short_side_px=224).shape[0] < decode(data).shape[0]


def test_no_two_photos_show_the_same() -> None:
    seen = {decode(data).tobytes() for data in GOLDEN.values()}

    assert len(seen) == len(GOLDEN)
