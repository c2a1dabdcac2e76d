"""A grid has 256 values, 0 among them, where they lose least."""

import numpy as np
import pytest

from lineament.exporting.grids import best_grid, covering


@pytest.mark.parametrize(
    ("least", "greatest", "zero"),
    [(0.0, 6.0, 0), (-6.0, 0.0, 255), (-1.0, 3.0, 64), (2.0, 4.0, 0), (-4.0, -2.0, 255)],
)
def test_grid_covers_all_values_and_zero_exactly(least: float, greatest: float, zero: int) -> None:
    grid = covering(least, greatest)
    ends = np.array([min(least, 0.0), 0.0, max(greatest, 0.0)], np.float32)

    assert grid.zero == zero
    assert grid.rounded(ends)[1] == 0.0
    assert np.abs(grid.rounded(ends) - ends).max() <= grid.step / 2 * 1.001


def test_rounding_moves_a_value_by_half_a_step_at_most() -> None:
    values = np.linspace(-1, 3, 10_001, dtype=np.float32)
    grid = covering(-1.0, 3.0)

    assert np.abs(grid.rounded(values) - values).max() <= grid.step / 2 * 1.01
    assert len(np.unique(grid.rounded(values))) == 256


def test_value_beyond_the_grid_becomes_its_end() -> None:
    ends = covering(-1.0, 3.0).rounded(np.array([-50.0, 50.0], np.float32))
    assert ends == pytest.approx([-1.0, 3.0], abs=0.01)


def test_grid_of_nothing_but_zeros_is_a_grid() -> None:
    grid = covering(0.0, 0.0)
    assert grid.step > 0
    assert grid.rounded(np.zeros(3, np.float32)).tolist() == [0, 0, 0]


def test_few_values_far_out_are_given_up_for_finer_steps() -> None:
    sample = np.random.default_rng(1).normal(0, 1, 50_000).astype(np.float32)
    full = covering(-30.0, 30.0)
    best = best_grid(-30.0, 30.0, sample)

    assert best.step < full.step / 2
    assert np.square(best.rounded(sample) - sample).mean() < (
        np.square(full.rounded(sample) - sample).mean() / 4
    )


def test_values_spread_evenly_are_all_covered() -> None:
    sample = np.random.default_rng(1).uniform(0, 6, 50_000).astype(np.float32)
    assert best_grid(0.0, 6.0, sample) == covering(0.0, 6.0)
