"""The numpy reference resizes like Pillow and states its rule without gaps."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from lineament.core.errors import ArtifactError
from lineament.imaging.preprocess import (
    FITS,
    INTERPOLATIONS,
    TIE,
    Preprocessing,
    Window,
    preprocess,
    resize_matrix,
)

Pixels = NDArray[np.uint8]
Draw = Callable[..., Pixels]
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
SIZES = [(48, 64), (301, 200), (7, 11), (32, 32), (40, 5000), (1, 1), (1, 50)]


def spec(
    size_px: int = 32,
    fit: str = "squash",
    interpolation: str = "bilinear",
    *,
    crop_fraction: float = 1.0,
    rounded: bool = False,
) -> Preprocessing:
    """Mean 0 and std 1/255: the output is on the scale of the pixels, 0 to 255."""
    return Preprocessing(
        size_px=size_px,
        fit=fit,
        interpolation=interpolation,
        mean=(0.0, 0.0, 0.0),
        std=(1 / 255, 1 / 255, 1 / 255),
        crop_fraction=crop_fraction,
        rounded=rounded,
    )


def pillow(image: Pixels, window: Window, size_px: int, interpolation: str) -> NDArray[np.float64]:
    """Pillow's own resize of one channel each in floating point, which rounds nothing."""
    box = (window.left, window.top, window.left + window.width, window.top + window.height)
    channels = [
        np.asarray(
            Image.fromarray(image[:, :, channel].astype(np.float32)).resize(
                (size_px, size_px), FILTERS[interpolation], box=box
            )
        )
        for channel in range(3)
    ]
    return np.asarray(np.clip(np.stack(channels), 0, 255), dtype=np.float64)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("fit", ["squash", "crop"])
def test_resize_is_pillows_in_floating_point(
    size: tuple[int, int], interpolation: str, fit: str, draw_photo: Draw
) -> None:
    image, rule = draw_photo(1, *size), spec(32, fit, interpolation)

    expected = pillow(image, rule.window(*size), 32, interpolation)

    # Weights here are float32, Pillow's are float64; 5000 products of up to 255 leave 0.01 levels.
    assert np.abs(preprocess(image, rule) - expected).max() < 0.02


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_resize_is_pillows_in_eight_bits_up_to_its_rounding(
    interpolation: str, draw_photo: Draw
) -> None:
    image = draw_photo(2, 90, 120)

    ours = preprocess(image, spec(32, "squash", interpolation))
    theirs = np.asarray(Image.fromarray(image).resize((32, 32), FILTERS[interpolation]))

    # Pillow rounds to 8 bits after each of its two passes: half a level from the second, and from
    # the first half a level times the sum of absolute weights (1 bilinear, at most 1.3 bicubic).
    assert np.abs(ours - theirs.transpose(2, 0, 1)).max() <= (
        1.01 if interpolation == "bilinear" else 1.16
    )


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_flat_photo_stays_flat(fit: str, interpolation: str) -> None:
    image = np.full((30, 50, 3), (10, 120, 250), np.uint8)

    made = preprocess(image, spec(16, fit, interpolation))

    shown = made[:, 8, :]
    assert np.allclose(shown, np.array([[10], [120], [250]]), atol=1e-3)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_rounded_pixels_are_the_nearest_whole_levels(
    fit: str, interpolation: str, draw_photo: Draw
) -> None:
    image = draw_photo(5, 21, 30)

    whole = preprocess(image, spec(64, fit, interpolation, rounded=True))

    assert np.abs(whole - whole.round()).max() < 1e-4
    assert np.abs(whole - preprocess(image, spec(64, fit, interpolation))).max() <= 0.5 + 2 * TIE


def test_level_between_two_is_rounded_down() -> None:
    image = np.zeros((1, 2, 3), np.uint8)
    image[0] = [[10, 11, 13], [11, 12, 14]]

    made = preprocess(image, spec(1, rounded=True))  # exactly 10.5, 11.5 and 13.5

    assert made.ravel().round(4).tolist() == [10.0, 11.0, 13.0]


def test_padding_of_a_letterbox_is_the_whole_level_next_to_the_mean_colour() -> None:
    rule = Preprocessing(
        size_px=8,
        fit="letterbox",
        interpolation="bilinear",
        mean=(0.485, 0.456, 0.406),
        std=(1 / 255, 1 / 255, 1 / 255),
    )

    made = preprocess(np.zeros((8, 16, 3), np.uint8), rule)[:, 0, 0]

    assert np.allclose(made + np.array([0.485, 0.456, 0.406]) * 255, [124, 116, 104], atol=1e-3)


def test_photo_of_the_right_size_is_not_changed(draw_photo: Draw) -> None:
    image = draw_photo(0, 24, 24)

    assert np.allclose(preprocess(image, spec(24)), image.transpose(2, 0, 1), atol=1e-4)


def test_mean_and_std_are_applied_per_channel_in_rgb_order() -> None:
    rule = Preprocessing(
        size_px=2,
        fit="squash",
        interpolation="bilinear",
        mean=(0.0, 0.5, 1.0),
        std=(1.0, 0.5, 0.25),
    )
    image = np.full((4, 4, 3), 255, np.uint8)

    assert np.allclose(preprocess(image, rule)[:, 0, 0], [1.0, 1.0, 0.0], atol=1e-6)


def test_result_is_float32_channels_first(draw_photo: Draw) -> None:
    made = preprocess(draw_photo(0, 9, 13), spec(8))

    assert (str(made.dtype), made.shape) == ("float32", (3, 8, 8))


def test_bicubic_overshoot_is_clipped_to_the_range_of_pixels() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, 4:] = 255

    made = preprocess(image, spec(32, "squash", "bicubic"))

    assert (made.min(), round(float(made.max()), 3)) == (0.0, 255.0)


@pytest.mark.parametrize(("height", "width"), [(10, 20), (20, 10), (11, 20), (30, 7)])
def test_crop_is_the_centred_square(height: int, width: int) -> None:
    window = spec(fit="crop").window(height, width)

    assert window.height == window.width == min(height, width)
    assert window.top + window.height / 2 == height / 2
    assert window.left + window.width / 2 == width / 2


@pytest.mark.parametrize(("height", "width"), [(10, 20), (20, 10), (11, 20)])
def test_letterbox_is_the_centred_square_around_everything(height: int, width: int) -> None:
    window = spec(fit="letterbox").window(height, width)

    assert window.height == window.width == max(height, width)
    assert window.top + window.height / 2 == height / 2
    assert window.left + window.width / 2 == width / 2


def test_squash_shows_everything() -> None:
    assert spec().window(3, 7) == Window(top=0.0, left=0.0, height=3.0, width=7.0)


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        ("squash", Window(top=5.0, left=10.0, height=10.0, width=20.0)),
        ("crop", Window(top=5.0, left=15.0, height=10.0, width=10.0)),
        ("letterbox", Window(top=0.0, left=10.0, height=20.0, width=20.0)),
    ],
)
def test_crop_fraction_takes_the_centre_of_what_is_shown(fit: str, expected: Window) -> None:
    assert spec(fit=fit, crop_fraction=0.5).window(20, 40) == expected


@given(
    height=st.integers(1, 5000),
    width=st.integers(1, 5000),
    fit=st.sampled_from(FITS),
    fraction=st.floats(0.1, 1.0),
)
def test_any_part_lies_centred_in_the_whole(
    height: int, width: int, fit: str, fraction: float
) -> None:
    whole = spec(fit=fit).window(height, width)
    part = spec(fit=fit, crop_fraction=fraction).window(height, width)

    assert (part.height, part.width) == (whole.height * fraction, whole.width * fraction)
    assert part.top + part.height / 2 == pytest.approx(height / 2)
    assert part.left + part.width / 2 == pytest.approx(width / 2)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_part_of_a_photo_is_resized_as_pillow_resizes_that_box(
    interpolation: str, draw_photo: Draw
) -> None:
    image, rule = draw_photo(1, 97, 61), spec(32, "squash", interpolation, crop_fraction=0.6)

    expected = pillow(image, rule.window(97, 61), 32, interpolation)

    # Pillow reads beyond its box just as far as the kernel reaches, and so does this.
    assert np.abs(preprocess(image, rule) - expected).max() < 0.02


@given(size_px=st.integers(1, 600), fraction=st.floats(0.1, 1.0), longer=st.integers(0, 900))
def test_photo_of_the_needed_side_has_a_pixel_for_every_sample(
    size_px: int, fraction: float, longer: int
) -> None:
    for fit in FITS:
        rule = spec(size_px, fit, crop_fraction=fraction)
        side = rule.needed_short_side_px

        window = rule.window(side, side + longer)

        assert min(window.height, window.width) >= size_px * (1 - 1e-12)


def test_all_of_a_photo_needs_no_more_than_the_input() -> None:
    assert spec(224).needed_short_side_px == 224


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_unrounded_letterbox_padding_is_exactly_zero_after_normalisation(
    interpolation: str,
) -> None:
    rule = Preprocessing(
        size_px=32,
        fit="letterbox",
        interpolation=interpolation,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        rounded=False,
    )

    made = preprocess(np.full((20, 40, 3), 255, np.uint8), rule)

    assert (made[:, :8] == 0).all()
    assert (made[:, 24:] == 0).all()
    assert (made[:, 8:24] > 1).all()


def test_letterbox_keeps_proportions(draw_photo: Draw) -> None:
    image = draw_photo(4, 20, 40)

    boxed = preprocess(image, spec(32, "letterbox"))[:, 8:24]
    squashed = np.asarray(
        Image.fromarray(image).resize((32, 16), Image.Resampling.BILINEAR)
    ).transpose(2, 0, 1)

    assert np.abs(boxed - squashed).max() <= 1.01  # Pillow's rounding, as above


@pytest.mark.parametrize("size", [(1, 40), (40, 1), (10, 321), (40, 5000), (1, 5000)])
@pytest.mark.parametrize("size_px", [32, 224])
def test_letterbox_shows_even_the_thinnest_photo(size: tuple[int, int], size_px: int) -> None:
    image = np.full((*size, 3), 255, np.uint8)

    assert preprocess(image, spec(size_px, "letterbox")).max() > 200


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (40, 5000), (5000, 40), (1, 5000), (3, 3)])
def test_any_size_gives_finite_numbers(
    size: tuple[int, int], interpolation: str, fit: str, draw_photo: Draw
) -> None:
    made = preprocess(draw_photo(0, *size), spec(32, fit, interpolation))

    assert made.shape == (3, 32, 32)
    assert np.isfinite(made).all()
    assert made.min() >= 0
    assert made.max() <= 255.001


def test_single_pixel_fills_the_whole_input() -> None:
    made = preprocess(np.array([[[10, 20, 30]]], np.uint8), spec(8))

    assert np.allclose(made, np.array([10, 20, 30])[:, None, None], atol=1e-4)


@given(
    length=st.integers(1, 3000),
    size_px=st.integers(1, 300),
    interpolation=st.sampled_from(INTERPOLATIONS),
    part=st.floats(0.05, 1.0),
)
def test_rows_of_weights_sum_to_one(
    length: int, size_px: int, interpolation: str, part: float
) -> None:
    extent = max(1.0, length * part)
    weights, inside = resize_matrix(
        length,
        size_px,
        start=(length - extent) / 2,
        extent=extent,
        interpolation=interpolation,
    )

    assert weights.shape == (size_px, length)
    assert np.allclose(weights.sum(axis=1), 1.0, atol=1e-4)
    assert (inside == 1).all()


@given(length=st.integers(1, 300), size_px=st.integers(1, 64), padding=st.integers(1, 300))
def test_padding_is_what_lies_outside_the_photo(length: int, size_px: int, padding: int) -> None:
    extent = float(length + 2 * padding)
    _, inside = resize_matrix(
        length, size_px, start=float(-padding), extent=extent, interpolation="bilinear"
    )

    centres = -padding + (np.arange(size_px) + 0.5) * extent / size_px
    ends, starts = centres + extent / size_px / 2, centres - extent / size_px / 2
    clear = np.minimum(np.abs(ends), np.abs(starts - length)) > 1e-3  # float32 decides the rest
    assert ((inside == 1) == ((ends > 0) & (starts < length)))[clear].all()


def test_no_pixel_is_skipped_when_shrinking() -> None:
    weights, _ = resize_matrix(500, 7, start=0.0, extent=500.0, interpolation="bilinear")

    assert (weights.sum(axis=0) > 0).all()


def test_mirrored_photo_gives_a_mirrored_input(draw_photo: Draw) -> None:
    image = draw_photo(5, 33, 57)

    for fit in FITS:
        straight, mirrored = (preprocess(each, spec(16, fit)) for each in (image, image[:, ::-1]))
        assert np.allclose(straight[:, :, ::-1], mirrored, atol=1e-2), fit


def document(**changes: object) -> dict[str, object]:
    rule = {"size_px": 224, "fit": "crop", "interpolation": "bicubic"}
    return {**rule, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2], **changes}


def test_dictionary_round_trip() -> None:
    rule = spec(24, "letterbox", "bicubic", crop_fraction=0.875)

    assert Preprocessing.from_dict(rule.as_dict()) == rule
    assert Preprocessing.from_dict(document()).mean == (0.5, 0.4, 0.3)


def test_artifact_that_names_no_crop_fraction_shows_everything() -> None:
    assert Preprocessing.from_dict(document()).crop_fraction == 1.0


@pytest.mark.parametrize("value", [0, -0.5, 1.01, float("nan"), "0.5", None, True])
def test_crop_fraction_that_cannot_be_is_refused(value: object) -> None:
    with pytest.raises(ArtifactError) as caught:
        Preprocessing.from_dict(document(crop_fraction=value))

    assert str(caught.value) == (
        f"The artifact states no usable preprocessing (crop_fraction is {value!r}).\n"
        "  fix: Make it again with this version of Lineament."
    )


@pytest.mark.parametrize("key", ["size_px", "fit", "interpolation", "mean", "std"])
def test_absent_field_is_refused(key: str) -> None:
    broken = document()
    del broken[key]

    with pytest.raises(ArtifactError) as caught:
        Preprocessing.from_dict(broken)

    assert str(caught.value) == (
        f"The artifact states no usable preprocessing ('{key}').\n"
        "  fix: Make it again with this version of Lineament."
    )


def test_word_of_a_newer_version_is_refused() -> None:
    with pytest.raises(ArtifactError) as caught:
        Preprocessing.from_dict(document(fit="seam"))

    assert str(caught.value) == (
        "The artifact asks for preprocessing that this version does not know: fit 'seam', "
        "interpolation 'bicubic'.\n"
        "  fix: Use the version of Lineament that made it, or a newer one."
    )


@pytest.mark.parametrize("mean", [None, 3, [1, 2], [1, 2, 3, 4], ["a", "b", "c"], [None] * 3])
def test_mean_that_is_not_three_numbers_is_refused(mean: object) -> None:
    with pytest.raises(ArtifactError, match=r"^The artifact states no usable preprocessing"):
        Preprocessing.from_dict(document(mean=mean))


@pytest.mark.parametrize(
    "changes",
    [
        {"size_px": "224"},
        {"size_px": 0},
        {"size_px": -3},
        {"size_px": 2.5},
        {"size_px": None},
        {"size_px": True},
        {"mean": "123"},
        {"std": [0.0, 0.2, 0.2]},
        {"std": [float("nan")] * 3},
    ],
)
def test_value_that_cannot_be_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ArtifactError):
        Preprocessing.from_dict(document(**changes))
