"""Parts of the samples against scipy, a regression and an analysis of variance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact as expected_p

from lineament.measure.parts import fisher_exact, group_correlation, part_difference


@given(
    n=st.integers(1, 400),
    other_n=st.integers(1, 400),
    first=st.floats(0, 1),
    second=st.floats(0, 1),
)
def test_fishers_p_value_is_scipys(n: int, other_n: int, first: float, second: float) -> None:
    successes, other = round(first * n), round(second * other_n)
    table = [[successes, n - successes], [other, other_n - other]]
    found = fisher_exact(successes, n, other, other_n)
    assert found == pytest.approx(expected_p(table)[1], rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(("successes", "n", "other", "other_n"), [(9_800, 10_000, 38_900, 40_000)])
def test_fishers_p_value_of_many_photos_is_scipys(
    successes: int, n: int, other: int, other_n: int
) -> None:
    table = [[successes, n - successes], [other, other_n - other]]
    found = fisher_exact(successes, n, other, other_n)
    assert found == pytest.approx(expected_p(table)[1], rel=1e-6)


@given(seed=st.integers(0, 1000))
def test_the_difference_within_classes_is_that_of_a_regression_on_them(seed: int) -> None:
    # Least squares with one constant per class weighs the classes as Mantel and Haenszel do.
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 4, 80)
    inside = rng.random(80) < rng.random(4)[classes]
    right = rng.random(80) < 0.7
    found = part_difference(
        right, inside, ~inside, units=None, correlation=0.0, strata=classes.astype(np.int64)
    )
    if found is None:
        return
    constants = (classes[:, None] == np.arange(4)).astype(float)
    design = np.column_stack([inside.astype(float), constants])
    expected = np.linalg.lstsq(design, right.astype(float), rcond=None)[0][0]
    assert found.value == pytest.approx(expected, abs=1e-9)


@given(seed=st.integers(0, 1000))
def test_the_correlation_is_that_of_an_analysis_of_variance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    right = np.repeat(rng.random(12) < 0.6, 5) ^ (rng.random(60) < 0.2)
    units = np.arange(60) // 5
    if right.all() or not right.any():
        return
    rows = right.reshape(12, 5).astype(float)
    between = 5 * rows.mean(axis=1).var(ddof=1)
    within = rows.var(axis=1, ddof=1).mean()
    expected = (between - within) / (between + 4 * within)
    found = group_correlation(right, units)
    assert found == pytest.approx(min(1.0, max(0.0, expected)))
