"""Quantiles: Student's t, and the level that makes a bootstrap of few units wide enough."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineament.core.errors import UsageError
from lineament.measure.quantiles import expanded_level, t_p_value, two_sided_t, two_sided_z


def test_students_quantiles_are_those_of_the_tables() -> None:
    assert [round(two_sided_t(0.95, n), 3) for n in (1, 2, 4, 9, 30)] == [
        12.706,
        4.303,
        2.776,
        2.262,
        2.042,
    ]


@settings(deadline=None, max_examples=50)
@given(level=st.floats(0.01, 0.999), degrees=st.integers(1, 2000))
def test_students_quantile_falls_towards_the_normal_one(level: float, degrees: int) -> None:
    assert two_sided_t(level, degrees) > two_sided_t(level, degrees + 1) > two_sided_z(level)


def test_no_degrees_of_freedom_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        two_sided_t(0.95, 0)
    assert str(caught.value) == "`freedom` must be above 0, got 0."


def test_a_level_out_of_range_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        two_sided_t(1.0, 3)
    assert str(caught.value) == (
        "`level` must lie between 0 and 1, got 1.0.\n  fix: Give 0.95 for 95 %."
    )


def test_few_units_expand_the_level_and_many_do_not() -> None:
    assert expanded_level(0.95, 2) > expanded_level(0.95, 5) > expanded_level(0.95, 50) > 0.95
    assert expanded_level(0.95, 100_000) == pytest.approx(0.95, abs=1e-5)


def test_one_unit_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        expanded_level(0.95, 1)
    assert str(caught.value) == "A bootstrap needs two units or more, got 1."


def test_expanded_percentiles_cover_a_mean_of_ten_normal_values() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(10, 2000))
    times = rng.multinomial(10, np.full(10, 0.1), 1000)
    drawn = times @ values / 10
    covered = {}
    for level in (0.95, expanded_level(0.95, 10)):
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
        covered[level] = float(((low <= 0) & (high >= 0)).mean())
    plain, expanded = covered.values()
    assert plain < 0.92 < expanded < 0.97


def test_no_deviation_has_a_p_value_of_one() -> None:
    assert t_p_value(0.0, freedom=3) == 1.0


def test_a_hopeless_deviation_has_a_p_value_of_zero() -> None:
    assert t_p_value(1e200, freedom=5) == 0.0


def test_the_sign_does_not_matter() -> None:
    assert t_p_value(-2.5, freedom=7) == t_p_value(2.5, freedom=7)


def test_with_many_degrees_of_freedom_it_is_the_normal_quantile() -> None:
    assert two_sided_t(0.95, freedom=float("inf")) == two_sided_z(0.95)


def test_the_quantile_has_the_p_value_that_belongs_to_it() -> None:
    assert t_p_value(two_sided_t(0.95, freedom=1.3), freedom=1.3) == pytest.approx(0.05)


def test_a_p_value_needs_degrees_of_freedom() -> None:
    with pytest.raises(UsageError) as caught:
        t_p_value(1.0, freedom=0)
    assert str(caught.value) == "`freedom` must be above 0, got 0."
