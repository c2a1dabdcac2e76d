"""Pairs are laid over one another where they belong, and measured there."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.preparation.inspection.registration import (
    IN_PLACE,
    Agreement,
    agreement,
    coarse,
    fine,
    middle,
    shifted,
    whole,
)

Pictures = NDArray[np.float32]


def scene(seed: int, side: int = 256) -> Pictures:
    rng = np.random.default_rng(seed)
    levels = np.full((side, side), 128, dtype=np.float32)
    for size, spread in ((4, 40), (9, 20), (20, 10), (64, 5)):
        patches = Image.fromarray(rng.normal(0, spread, (size, size)).astype(np.float32))
        levels += np.asarray(patches.resize((side, side), Image.Resampling.BICUBIC))
    return levels


def little(picture: Pictures) -> Pictures:
    small = Image.fromarray(np.ascontiguousarray(picture)).resize(
        (64, 64), Image.Resampling.BILINEAR
    )
    return np.asarray(small, dtype=np.float32)[None]


def in_place(count: int = 1) -> Pictures:
    return np.tile(np.asarray(IN_PLACE, dtype=np.float32), (count, 1))


def laid(one: Pictures, other: Pictures) -> Agreement:
    place, _ = coarse(one, other, in_place(len(one)))
    return agreement(one, other, fine(one, other, middle(one, other, place)))


def test_a_crop_is_laid_into_its_window() -> None:
    photo = scene(1)

    found = laid(little(photo), little(photo[16:248, 8:240]))

    # 232 of 256 pixels; the window's centre is 4 pixels left of and below the photo's.
    expected = [232 / 256, -4 / 128, 232 / 256, 4 / 128]
    assert found.placement[0].tolist() == pytest.approx(expected, abs=0.005)


def test_the_crop_is_laid_around_by_the_whole_photo() -> None:
    photo = scene(1)

    found = laid(little(photo[12:244, 12:244]), little(photo))

    assert found.placement[0].tolist() == pytest.approx([256 / 232, 0, 256 / 232, 0], abs=0.005)


def test_gain_and_offset_move_nothing_and_cost_nothing() -> None:
    photo = little(scene(1))

    found = laid(photo, 0.6 * photo + 40)

    assert found.placement[0].tolist() == pytest.approx(IN_PLACE, abs=1e-3)
    assert found.detail[0] == pytest.approx(1, abs=1e-3)
    assert found.whole[0] == pytest.approx(1, abs=1e-4)


def test_another_scene_has_no_detail_in_common() -> None:
    found = laid(little(scene(1)), little(scene(2)))

    assert found.detail[0] < 0.5


def test_equal_edges_with_different_noise_have_detail_and_no_grain() -> None:
    rng = np.random.default_rng(0)
    square = np.full((64, 64), 90, dtype=np.float32)
    square[20:44, 16:40] = 200
    one, other = (square + rng.normal(0, 2, square.shape).astype(np.float32) for _ in range(2))

    measured = agreement(one[None], other[None], in_place())

    assert measured.detail[0] > 0.5
    assert measured.whole[0] > 0.99
    assert abs(measured.grain[0]) < 0.14


def test_equal_noise_on_equal_edges_has_grain() -> None:
    rng = np.random.default_rng(0)
    square = np.full((64, 64), 90, dtype=np.float32)
    square[20:44, 16:40] = 200
    square += rng.normal(0, 2, square.shape).astype(np.float32)
    other = square + rng.normal(0, 1, square.shape).astype(np.float32)

    assert agreement(square[None], other[None], in_place()).grain[0] > 0.5


def test_a_pair_is_measured_alike_alone_and_among_others() -> None:
    photos = np.concatenate([little(scene(seed)) for seed in range(5)])
    others = np.concatenate([little(scene(seed)[6:, 4:]) for seed in range(5)])

    together, alone = laid(photos, others), laid(photos[3:4], others[3:4])

    assert alone.placement[0].tolist() == pytest.approx(together.placement[3].tolist(), abs=1e-4)
    assert alone.detail[0] == pytest.approx(together.detail[3], abs=1e-4)


def test_flat_pictures_are_measured_without_a_warning() -> None:
    flat = np.full((2, 64, 64), 7, dtype=np.float32)

    assert np.isfinite(laid(flat, flat).grain).all()
    assert whole(flat, flat, in_place(2)).tolist() == pytest.approx([0, 0], abs=1e-3)


def test_levels_are_how_far_brighter_a_picture_is() -> None:
    photo = little(scene(1))

    assert agreement(photo, photo + 10, in_place()).levels.tolist() == pytest.approx([10], abs=1e-3)


def test_levels_of_a_crop_are_those_of_what_both_show() -> None:
    photo = scene(1)

    whole_one, crop = little(photo), little(photo[16:248, 8:240])
    where_it_lies, in_place_of_it = laid(whole_one, crop), agreement(whole_one, crop, in_place())

    assert where_it_lies.levels[0] < in_place_of_it.levels[0] / 3


def drawing(*, noise: int, at: int = 0) -> Pictures:
    """A plain square whose noise is its own, moved down and right by so many pixels."""
    square = np.full((64, 64), 90, dtype=np.float32)
    square[20:44, 16:40] = 200
    square += np.random.default_rng(noise).normal(0, 2, square.shape).astype(np.float32)
    return np.roll(square, (at, at), axis=(0, 1))[None]


def test_a_shift_is_found_by_noise_that_edges_drown() -> None:
    fresh = np.random.default_rng(9).normal(0, 1, (1, 64, 64)).astype(np.float32)

    place, peak = shifted(drawing(noise=1), drawing(noise=1, at=3) + fresh)

    # x' = x + shift in halves of the side: 3 pixels of 32, and the copy shows what lies before.
    assert place[0].tolist() == pytest.approx([1, -3 / 32, 1, -3 / 32], abs=0.004)
    assert peak[0] > 0.5


def test_a_shift_by_half_a_pixel_is_found() -> None:
    photo = scene(1)

    place, _ = shifted(little(photo), little(np.roll(photo, (2, 0), axis=(0, 1))))

    assert place[0].tolist() == pytest.approx([1, 0, 1, -0.5 / 32], abs=0.005)


def test_other_noise_on_equal_edges_has_no_grain_where_a_shift_lays_it() -> None:
    one, other = drawing(noise=1), drawing(noise=2, at=3)

    place, _ = shifted(one, other)

    assert abs(agreement(one, other, place).grain[0]) < 0.14


def test_no_pairs_have_no_shift() -> None:
    none = np.zeros((0, 64, 64), dtype=np.float32)

    place, peak = shifted(none, none)

    assert (place.shape, peak.shape) == ((0, 4), (0,))


def test_flat_pictures_have_a_shift_of_no_weight() -> None:
    flat = np.full((2, 64, 64), 7, dtype=np.float32)

    place, peak = shifted(flat, flat)

    assert np.isfinite(place).all()
    assert peak.tolist() == [0, 0]
