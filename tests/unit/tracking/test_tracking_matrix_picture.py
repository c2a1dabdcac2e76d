"""The picture of a confusion matrix shows where truth and answer agree."""

import importlib.util
import io

import numpy as np
import pytest
from PIL import Image

from lineament.tracking.matrix_picture import RIGHT_RGB, matrix_picture, png


def test_right_cells_are_blue_and_wrong_ones_orange() -> None:
    picture = matrix_picture(np.array([[9, 0], [9, 0]]), ["a", "b"]).astype(int)
    start = len(picture) - 2 * 44 - 6
    corners = picture[start + 2 :: 44, start + 2 :: 44][:2, :2]

    assert corners[0, 0].tolist() == list(RIGHT_RGB)
    assert corners[1, 0, 0] > corners[1, 0, 2]  # more red than blue
    assert corners[:, 1].tolist() == [[255] * 3] * 2


def test_class_without_photos_is_white() -> None:
    picture = matrix_picture(np.array([[1, 0], [0, 0]]), ["a", "b"])

    assert picture[-10, -10].tolist() == [255, 255, 255]


def test_single_mistake_among_a_thousand_is_seen() -> None:
    picture = matrix_picture(np.array([[999, 1], [0, 1000]]), ["a", "b"])

    assert picture[-6 - 44 - 3, -6 - 3].tolist() != [255, 255, 255]


def test_names_are_written() -> None:
    named, unnamed = (matrix_picture(np.eye(2, dtype=np.int64), [name, name]) for name in "Wi")

    assert (named < 128).sum() > (unnamed < 128).sum()


@pytest.mark.parametrize("n_classes", [20, 21, 100])
def test_picture_of_any_number_of_classes_is_square_and_small(n_classes: int) -> None:
    matrix = np.eye(n_classes, dtype=np.int64)
    names = [f"a name that is much too long {number}" for number in range(n_classes)]

    height, width, _ = matrix_picture(matrix, names).shape

    assert 300 < height == width < 1500


def test_letters_beyond_ascii_are_drawn_where_matplotlib_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    matrix = np.eye(2, dtype=np.int64)
    umlauts = [matrix_picture(matrix, [letter, letter]) for letter in "öü"]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    boxes = [matrix_picture(matrix, [letter, letter]) for letter in "öü"]

    assert not np.array_equal(umlauts[0], umlauts[1])
    assert np.array_equal(boxes[0], boxes[1])


def test_png_holds_the_picture() -> None:
    picture = matrix_picture(np.array([[3, 1], [0, 4]]), ["cat", "dog"])

    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(picture)))), picture)
