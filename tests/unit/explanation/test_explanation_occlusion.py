"""Hiding a square shows what the model answers by, without gradients."""

from collections.abc import Callable

import numpy as np
import pytest

from lineament.core.errors import UsageError
from lineament.explanation.occlusion import Occlusion
from lineament.runtime.predictor import Predictor

Corner = Callable[..., Predictor]


def lit(height: int = 40, width: int = 40) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    image = np.full((height, width, 3), 20, dtype=np.uint8)
    image[: height // 2, : width // 2] = 120
    return image


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
