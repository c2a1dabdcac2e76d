"""The verdict ties a plain drawing to its copies by its grey levels, and to nothing else."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.imaging.signature import signature
from lineament.preparation.inspection.registration import Pictures
from lineament.preparation.inspection.verdict import verify

Pixels = NDArray[np.uint8]
Draw = Callable[..., Pixels]
SEEDS = range(30_000, 30_012)
EVERY = list(range(len(SEEDS)))


def encoded(photo: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def next_frame(photo: Pixels) -> Pixels:
    moved = np.roll(photo, (2, 3), axis=(0, 1))
    noise = np.random.default_rng(photo[0, 0]).normal(0, 4, photo.shape)
    return (moved + noise).clip(0, 255).astype(np.uint8)


def signed(photos: list[Pixels]) -> Pictures:
    return np.stack([signature(encoded(photo, 92)) for photo in photos]).astype(np.float32)


def tied(one: Pictures, other: Pictures, *, scale: float = 1.0) -> list[int]:
    _, found = verify(one, other, scale=np.full(len(one), scale, dtype=np.float32))
    return sorted(which for which, _ in found)


@pytest.mark.parametrize("kind", range(4))
def test_a_drawing_that_lost_its_grain_to_jpeg_is_tied(kind: int, draw_photo: Draw) -> None:
    drawn = [draw_photo(seed, 96, 128, kind=kind) for seed in SEEDS]
    saved = np.stack([signature(encoded(photo, 40)) for photo in drawn]).astype(np.float32)

    assert tied(signed(drawn), saved) == EVERY


@pytest.mark.parametrize("kind", range(4))
def test_the_next_frame_of_a_drawing_is_tied(kind: int, draw_photo: Draw) -> None:
    drawn = [draw_photo(seed, 96, 128, kind=kind) for seed in SEEDS]

    assert tied(signed(drawn), signed([next_frame(photo) for photo in drawn])) == EVERY


# Stripes are not among them: from another scale a climb may not come near enough.
@pytest.mark.parametrize("scale", [0.88, 1 / 0.88])
@pytest.mark.parametrize("kind", [0, 1, 3])
def test_the_next_frame_is_tied_when_its_window_looked_more_alike(
    kind: int, scale: float, draw_photo: Draw
) -> None:
    drawn = [draw_photo(seed, 96, 128, kind=kind) for seed in SEEDS]

    assert tied(signed(drawn), signed([next_frame(photo) for photo in drawn]), scale=scale) == EVERY


def square(*, noise: int, at: int = 0, wider: int = 0) -> Pictures:
    """A signature: a plain square with its own noise."""
    levels = np.full((64, 64), 90, dtype=np.float32)
    levels[20:44, 16 : 40 + wider] = 200
    levels += np.random.default_rng(noise).normal(0, 2, levels.shape)
    return np.roll(levels, (at, at), axis=(0, 1)).round()[None]


def test_an_equal_square_elsewhere_is_another_drawing() -> None:
    assert tied(square(noise=1), square(noise=2, at=2)) == []


def test_a_square_one_pixel_wider_is_another_drawing() -> None:
    assert tied(square(noise=1), square(noise=2, wider=1)) == []


def test_a_shifted_square_is_another_drawing_when_a_third_of_it_is_dark() -> None:
    # Its grain and most of its detail are those of the first; its grey levels are not.
    other = square(noise=1, at=2)
    other[:, :, 44:] -= 40
    other[:, :, :12] += 40

    assert tied(square(noise=1), other) == []


def test_no_pairs_have_no_verdict() -> None:
    none = np.zeros((0, 64, 64), dtype=np.float32)

    assert tied(none, none) == []
