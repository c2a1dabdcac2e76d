"""Hiding a square shows what the model answers by, without gradients."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.explanation.occlusion import Occlusion
from lineament.runtime.predictor import Predictor

Corner = Callable[..., Predictor]


def lit(height: int = 40, width: int = 40) -> NDArray[np.uint8]:
    image = np.full((height, width, 3), 20, dtype=np.uint8)
    image[: height // 2, : width // 2] = 120
    return image


@pytest.fixture
def hidden_by(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[NDArray[np.uint8]]]:
    """Give ``hidden_by(occlusion, image)``: what the model is asked, the whole image first."""

    def ask(occlusion: Occlusion, image: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        asked: list[NDArray[np.uint8]] = []
        answer = occlusion.predictor.predict_image

        def recorded(image: NDArray[np.uint8]) -> NDArray[np.float32]:
            asked.append(image.copy())
            return answer(image)

        monkeypatch.setattr(occlusion.predictor, "predict_image", recorded)
        occlusion(image, 1)
        return asked

    return ask


def checked(height: int, width: int) -> NDArray[np.uint8]:
    """Pixels of 90 and 110 in turn, so that no pixel has the mean colour."""
    rows, columns = np.indices((height, width))
    grey = np.where((rows + columns) % 2, 110, 90).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def test_only_squares_over_what_the_model_looks_at_count(corner: Corner) -> None:
    grid = Occlusion(corner(), cells=8, reach=1)(lit(), 1)

    assert grid[:4, :4].min() > 0.1
    assert np.abs(grid[4:, :]).max() < 1e-5
    assert np.abs(grid[:, 4:]).max() < 1e-5


def test_what_speaks_for_one_of_two_classes_speaks_against_the_other(corner: Corner) -> None:
    one, other = (Occlusion(corner(), cells=4)(lit(), index) for index in (0, 1))

    assert one == pytest.approx(-other, abs=1e-3)


def test_probability_at_its_end_has_finite_odds(corner: Corner) -> None:
    image = lit()
    image[:20, :20] = 255

    assert np.isfinite(Occlusion(corner(), cells=3)(image, 0)).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 90), (200, 31)])
def test_photos_of_any_shape_have_a_map(corner: Corner, size: tuple[int, int]) -> None:
    grid = Occlusion(corner(fit="letterbox"), cells=5)(lit(*size), 1)

    assert grid.shape == (5, 5)
    assert np.isfinite(grid).all()


def test_cells_beyond_a_letterboxed_photo_hide_nothing(corner: Corner) -> None:
    grid = Occlusion(corner(fit="letterbox"), cells=9, reach=1)(lit(20, 60), 1)

    assert np.abs(grid[[0, 1, -2, -1]]).max() == 0


@pytest.mark.parametrize(("cells", "reach", "name"), [(0, 1, "cells"), (3, 0.5, "reach")])
def test_settings_below_one_are_refused(
    corner: Corner, cells: int, reach: float, name: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Occlusion(corner(), cells=cells, reach=reach)

    wrong = cells if name == "cells" else reach
    assert str(caught.value) == f"`{name}` must be 1 or more, got {wrong}."


def test_grid_lies_over_what_a_crop_sees_and_nothing_else_is_hidden(
    corner: Corner, hidden_by: Callable[..., list[NDArray[np.uint8]]]
) -> None:
    image = np.zeros((20, 60, 3), dtype=np.uint8)
    image[:, 20:40] = checked(20, 20)  # all that the model sees

    whole, *squares = hidden_by(Occlusion(corner(fit="crop"), cells=2, reach=1.4), image)

    assert np.array_equal(whole, image)
    for square, (top, left) in zip(squares, [(0, 20), (0, 28), (8, 20), (8, 28)], strict=True):
        expected = image.copy()
        # A cell is 10 px wide; its square reaches 2 further, and not beyond what is seen. The paint
        # is the mean of what is seen.
        expected[top : top + 12, left : left + 12] = 100
        assert np.array_equal(square, expected)


def test_square_reaches_over_the_neighbours_of_its_cell(
    corner: Corner, hidden_by: Callable[..., list[NDArray[np.uint8]]]
) -> None:
    image = checked(18, 18)

    _, *squares = hidden_by(Occlusion(corner(), cells=9), image)

    assert (squares[40] != image).all(axis=2).sum() == 6 * 6  # 2.5 cells of 2 px, at whole pixels


def test_photo_with_fewer_pixels_than_cells_has_one_hidden_by_each(
    corner: Corner, hidden_by: Callable[..., list[NDArray[np.uint8]]]
) -> None:
    image = checked(4, 4)

    _, *squares = hidden_by(Occlusion(corner(), cells=9, reach=1), image)

    assert {int((square != image).all(axis=2).sum()) for square in squares} == {1}


def test_large_photo_is_asked_at_the_size_that_the_model_needs(
    corner: Corner, hidden_by: Callable[..., list[NDArray[np.uint8]]]
) -> None:
    asked = hidden_by(Occlusion(corner(), cells=2), lit(320, 640))

    assert {image.shape for image in asked} == {(32, 64, 3)}


def test_model_is_asked_once_for_each_cell_and_once_for_the_photo(
    corner: Corner, hidden_by: Callable[..., list[NDArray[np.uint8]]]
) -> None:
    assert len(hidden_by(Occlusion(corner(), cells=3), lit())) == 3 * 3 + 1


def test_squares_of_a_surely_answered_photo_are_told_apart(corner: Corner) -> None:
    image = lit()
    image[:20, :20] = 200  # a probability of 0.9997

    grid = Occlusion(corner(), cells=2, reach=1)(image, 1)

    assert grid[0, 0] > 5  # of log-odds: no probability falls by more than 1
