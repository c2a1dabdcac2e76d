"""Paired tests, Holm's correction, Student's t and Tango's interval against those of others."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as expected_mcnemar
from statsmodels.stats.multitest import multipletests

from lineament.measure.multiple import holm
from lineament.measure.paired import mcnemar, sign_flip, tango
from lineament.measure.quantiles import t_p_value, two_sided_t


@given(first=st.integers(0, 500), second=st.integers(0, 500))
def test_mcnemars_p_value_is_that_of_statsmodels(first: int, second: int) -> None:
    expected = expected_mcnemar([[50, first], [second, 50]], exact=True).pvalue
    assert mcnemar(first, second) == pytest.approx(min(1.0, expected), rel=1e-9, abs=1e-15)


@settings(max_examples=20)  # each call of theirs collects garbage, a tenth of a second
@given(seed=st.integers(0, 1000), tests=st.integers(1, 60), digits=st.integers(1, 6))
def test_holms_p_values_are_those_of_statsmodels(seed: int, tests: int, digits: int) -> None:
    # Few digits make ties; the square makes small ones.
    p_values = np.round(np.random.default_rng(seed).random(tests) ** 2, digits)
    expected = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(expected, rel=1e-9, abs=1e-15)


@given(
    differences=st.lists(st.integers(-5, 5), min_size=2, max_size=9).filter(lambda d: any(d)),
)
def test_the_sign_flip_is_the_paired_permutation_test_of_scipy(differences: list[int]) -> None:
    values = np.array(differences)
    expected = stats.permutation_test(
        (values, np.zeros_like(values)),
        lambda a, b, axis: np.abs((a - b).sum(axis=axis)),
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
        vectorized=True,
    ).pvalue
    assert sign_flip(values)[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("freedom", [1, 1.7, 2, 5, 30, 300, 1e4])
def test_students_tails_and_quantiles_are_those_of_scipy(freedom: float) -> None:
    for t in (0, 1e-3, 0.5, 1, 2, 5, 20):
        expected = 2 * stats.t.sf(t, freedom)
        assert t_p_value(t, freedom=freedom) == pytest.approx(expected, rel=1e-8)
    for level in (0.5, 0.95, 0.999):
        expected = stats.t.ppf((1 + level) / 2, freedom)
        assert two_sided_t(level, freedom=freedom) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("only_first", "only_second", "n"), [(12, 5, 60), (3, 0, 40), (0, 0, 25)])
def test_tangos_limits_are_where_the_likelihood_says(
    only_first: int, only_second: int, n: int
) -> None:
    # The score statistic with the second fraction found by brute force, not by its quadratic.
    def score(shift: float) -> float:
        fractions = np.linspace(max(0, -shift), (1 - shift) / 2, 200_001)[1:-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            log_likelihood = (
                (only_first * np.log(fractions + shift) if only_first else 0)
                + (only_second * np.log(fractions) if only_second else 0)
                + (n - only_first - only_second) * np.log(1 - 2 * fractions - shift)
            )
        fraction = fractions[np.nanargmax(log_likelihood)]
        variance = n * (2 * fraction + shift - shift**2)
        return float((only_first - only_second - n * shift) / np.sqrt(variance))

    low, high = tango(only_first, only_second, n, z=1.96)
    assert score(low) == pytest.approx(1.96, abs=2e-3)
    assert score(high) == pytest.approx(-1.96, abs=2e-3)


def test_the_sign_flip_counts_what_listing_all_patterns_counts() -> None:
    differences = np.array([3, -1, 2, 2, -4, 1, 5])
    sums = [abs(np.dot(signs, differences)) for signs in product((1, -1), repeat=7)]
    listed = np.mean(np.array(sums) >= abs(differences.sum()))
    assert sign_flip(differences)[0] == pytest.approx(listed)
