"""Faces are turned to the template, whichever way and however large they stand in the photo."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from lineament.imaging.face_drawing import outlined
from lineament.imaging.faces import (
    TEMPLATE,
    TEMPLATE_PX,
    Face,
    as_landmarks,
    chip,
    framing,
    inverse,
    moved,
    sharpness,
    similarity,
    warped,
)


def turned(degrees: float, scale: float, shift: tuple[float, float]) -> NDArray[np.float64]:
    angle = np.radians(degrees)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cosine, -sine, shift[0]], [sine, cosine, shift[1]]])


def template_face(matrix: NDArray[np.float64]) -> Face:
    upright = Face(box=(20.0, 20.0, 92.0, 110.0), score=0.9, landmarks=TEMPLATE)
    return upright.moved(matrix)


def gradient(side_px: int = 112) -> NDArray[np.uint8]:
    """A smooth picture whose every place has a colour of its own."""
    y, x = np.mgrid[:side_px, :side_px] * (255 / (side_px - 1))
    return np.stack([x, y, 255 - x], axis=2).round().astype(np.uint8)


@given(
    degrees=st.floats(-180, 180),
    scale=st.floats(0.1, 10),
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
)
def test_a_similarity_is_found_again(degrees: float, scale: float, x: float, y: float) -> None:
    wanted = turned(degrees, scale, (x, y))

    found = similarity(np.asarray(TEMPLATE), moved(TEMPLATE, wanted))

    np.testing.assert_allclose(found, wanted, atol=1e-6 * max(scale, 1) * 500)


def test_a_similarity_never_mirrors() -> None:
    mirrored = np.asarray(TEMPLATE) * (-1, 1)

    found = similarity(np.asarray(TEMPLATE), mirrored)

    assert np.linalg.det(found[:, :2]) > 0


def test_points_in_one_place_give_numbers() -> None:
    assert np.isfinite(similarity(np.ones((5, 2)), np.asarray(TEMPLATE))).all()


@pytest.mark.parametrize("degrees", [0, 30, 90, 180, -135])
def test_a_turned_face_comes_out_as_the_upright_one(degrees: float) -> None:
    picture = gradient()
    away = turned(degrees, 2.0, (400.0, 400.0))
    photo = warped(picture, away, 800)

    cut = chip(photo, template_face(away))

    inside = slice(20, 92)
    gap = np.abs(cut[inside, inside].astype(int) - picture[inside, inside])
    assert gap.mean() < 1.5


def test_the_roll_of_a_turned_face_is_its_turn() -> None:
    rolls = [template_face(turned(each, 1, (0, 0))).roll_degrees for each in (0, 45, 170)]

    assert rolls == pytest.approx([-0.3, 44.7, 169.7], abs=0.1)  # the template's own is -0.3


def test_a_face_as_it_stands_in_the_template_is_left_as_it_is() -> None:
    picture = gradient()

    cut = chip(picture, template_face(turned(0, 1, (0, 0))))

    np.testing.assert_allclose(
        cut.astype(int), picture.astype(int), atol=1
    )  # Pillow cuts 4.9999 to 4


@pytest.mark.parametrize("size_px", [56, 112, 224])
def test_a_margin_shows_more_and_keeps_the_middle(size_px: int) -> None:
    face = template_face(turned(0, 3, (50, 70)))
    middle = (TEMPLATE_PX - 1) / 2

    for margin in (0.0, 0.25, 1.0):
        frame = framing(face, size_px=size_px, margin=margin)
        centre = moved([(3 * middle + 50, 3 * middle + 70)], frame)[0]

        np.testing.assert_allclose(centre, (size_px - 1) / 2, atol=1e-6)
        scale = np.hypot(*frame[:, 0])
        assert scale == pytest.approx(size_px / (3 * TEMPLATE_PX * (1 + 2 * margin)))


def test_a_crop_is_the_square_around_the_box_as_it_is() -> None:
    photo = gradient(200)
    face = Face(box=(50.0, 40.0, 90.0, 100.0), score=1.0, landmarks=TEMPLATE)

    cut = chip(photo, face, aligned=False, size_px=60)

    # Its middle is the box's, 70 and 70; its side the longer one, 60.
    gap = np.abs(cut.astype(int) - photo[40:100, 40:100])
    assert gap.max() <= 2


def test_beyond_the_photo_is_black_or_its_edge() -> None:
    photo = np.full((20, 20, 3), 200, np.uint8)
    matrix = turned(0, 1, (30, 30))  # the photo stands at 30 to 50

    assert warped(photo, matrix, 80)[5, 5].tolist() == [0, 0, 0]
    assert warped(photo, matrix, 80, border="edge").min() == 200


@pytest.mark.parametrize("shift", [(-5000.0, 0.0), (0.0, 9000.0), (3000.0, 3000.0)])
@pytest.mark.parametrize("border", ["black", "edge"])
def test_a_face_outside_the_photo_gives_a_picture(shift: tuple[float, float], border: str) -> None:
    photo = np.full((20, 30, 3), 200, np.uint8)

    drawn = warped(photo, turned(10, 1, shift), 32, border="edge" if border == "edge" else "black")

    assert drawn.shape == (32, 32, 3)
    assert set(np.unique(drawn)) <= ({200} if border == "edge" else {0})


def test_what_is_shrunk_is_averaged() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (640, 640, 3)).astype(np.uint8)

    drawn = warped(noise, turned(0, 1 / 8, (0, 0)), 80)

    # Single pixels of noise spread by 74 levels; means of 64 by 9.
    assert drawn[5:-5, 5:-5].std() < 12


def test_a_blurred_face_is_less_sharp() -> None:
    sharp = gradient()
    sharp[::2] = 0
    soft = np.asarray(Image.fromarray(sharp).resize((28, 28)).resize((112, 112)))

    assert sharpness(sharp) > 10 * sharpness(soft) > 0


def test_a_map_and_its_inverse_are_nothing() -> None:
    there = turned(33, 2.5, (7, -9))

    np.testing.assert_allclose(moved(moved(TEMPLATE, there), inverse(there)), TEMPLATE)


def test_drawing_leaves_the_photo_as_it_was_and_stays_inside() -> None:
    photo = gradient(64)
    before = photo.copy()
    face = Face(
        box=(-10.0, -10.0, 90.0, 40.0), score=1.0, landmarks=as_landmarks(np.ones((5, 2)) * 20)
    )

    drawn = outlined(photo, [face], words=["Ann"])

    np.testing.assert_array_equal(photo, before)
    assert drawn.shape == photo.shape
    assert (drawn != photo).any()
