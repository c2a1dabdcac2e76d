"""Maps by the graph that ships, and two that know nothing of the model."""

import numpy as np
import pytest

from lineament.artifacts.dataset import Dataset, decode_photo
from lineament.artifacts.run import Run
from lineament.explanation.maps import Centre, Chance, ClassActivation
from lineament.runtime.predictor import Predictor


def image(seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 255, (30, 40, 3), dtype=np.uint8)


def test_class_activation_map_is_the_one_of_the_graph(
    small_run: Run, drawn_dataset: Dataset
) -> None:
    predictor = Predictor(small_run.root)
    photo = decode_photo(drawn_dataset.path(drawn_dataset.samples("test")[0]), short_side_px=32)

    found = ClassActivation(predictor)(photo, 2)

    assert np.array_equal(found, predictor.activation(photo)[1][2])


def test_class_activation_map_says_its_source(small_run: Run) -> None:
    predictor = Predictor(small_run.root)
    assert ClassActivation(predictor).title == "class activation map (Zhou et al. 2016)"

    predictor.provenance["head"] = {"kind": "mlp"}
    assert ClassActivation(predictor).title == "HiResCAM (Draelos and Carin 2020)"


def test_centre_is_highest_in_the_middle_and_falls_evenly() -> None:
    grid = Centre()(image(), 0)

    assert grid[6:8, 6:8] == pytest.approx(grid.max())
    assert grid == pytest.approx(grid.T)
    assert grid == pytest.approx(grid[::-1, ::-1])
    assert 0 < grid[0, 0] == pytest.approx(grid.min())


def test_chance_is_the_same_for_the_same_photo_alone() -> None:
    drawn = Chance(3)(image(1), 0)

    assert np.array_equal(drawn, Chance(3)(image(1), 1))
    assert not np.array_equal(drawn, Chance(3)(image(2), 0))
    assert not np.array_equal(drawn, Chance(4)(image(1), 0))


def test_chance_favours_no_place() -> None:
    mean = np.mean([Chance(seed)(image(), 0) for seed in range(300)], axis=0)

    assert mean == pytest.approx(0.5, abs=0.08)  # 300 draws have a spread of 0.017 at the corners
