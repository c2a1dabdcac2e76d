"""Intervals: what they cover, what they are called, and that they never lie about certainty."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.intervals import (
    Interval,
    bootstrap,
    fraction_limits,
    mean_of_proportions,
    wilson,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def mean_accuracy_of(right: Floats, *, groups: list[int] | None = None) -> Interval:
    return bootstrap(
        lambda weights: float(weights @ right / weights.sum()), len(right), groups=groups, seed=0
    )


def exact_coverage(p: float, n: int) -> float:
    """Chance that Wilson's interval of a binomial count holds ``p``, summed over all counts."""
    limits = [wilson(k, n) for k in range(n + 1)]
    chances = [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    return sum(c for c, i in zip(chances, limits, strict=True) if i.low <= p <= i.high)


def score_coverage(chances: list[float], totals: list[int], *, seed: int) -> float:
    rng = np.random.default_rng(seed)
    trials = np.array(totals)
    truth = float(np.mean(chances))
    intervals = [mean_of_proportions(rng.binomial(trials, chances), trials) for _ in range(400)]
    return float(np.mean([one.low <= truth <= one.high for one in intervals]))


def test_an_interval_can_be_written_as_a_dict() -> None:
    interval = Interval(value=0.5, low=0.25, high=0.75, method="bootstrap", n=8, n_groups=3)
    assert interval.as_dict() == {
        "value": 0.5,
        "low": 0.25,
        "high": 0.75,
        "level": 0.95,
        "method": "bootstrap",
        "n": 8,
        "n_groups": 3,
    }


def test_wilson_gives_newcombes_published_example() -> None:
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3: 81 of 263.
    interval = wilson(81, 263)
    assert (interval.low, interval.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_wilson_keeps_a_width_where_all_succeed() -> None:
    interval = wilson(50, 50)
    assert interval.low == pytest.approx(50 / (50 + 1.959964**2))
    assert interval.high == 1.0


def test_wilson_keeps_a_width_where_none_succeeds() -> None:
    assert wilson(0, 50).low == 0.0
    assert wilson(0, 50).high == pytest.approx(1 - wilson(50, 50).low)


def test_a_higher_level_is_wider() -> None:
    assert wilson(45, 50, level=0.99).low < wilson(45, 50, level=0.9).low


@pytest.mark.parametrize("n", [20, 50, 153])
def test_wilson_covers_its_level_on_average(n: int) -> None:
    coverage = [exact_coverage(p, n) for p in np.linspace(0.5, 0.995, 100)]
    assert np.mean(coverage) == pytest.approx(0.95, abs=0.015)


def test_wilson_covers_what_its_docstring_admits() -> None:
    assert exact_coverage(0.99, 50) == pytest.approx(0.911, abs=5e-4)


@settings(deadline=None, max_examples=100)
@given(n=st.integers(1, 10_000), data=st.data())
def test_the_score_interval_of_one_proportion_is_wilsons(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    score = mean_of_proportions(np.array([successes]), np.array([n]))
    plain = wilson(successes, n)
    assert (score.low, score.high) == pytest.approx((plain.low, plain.high), abs=1e-9)


def test_even_classes_without_error_have_wilsons_limit() -> None:
    assert mean_of_proportions(np.full(5, 20), np.full(5, 20)).low == pytest.approx(
        wilson(100, 100).low
    )


def test_a_rare_class_without_error_widens_the_interval() -> None:
    counts = np.array([1000, 2])
    assert mean_of_proportions(counts, counts).low < 0.75


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=12))
def test_the_score_interval_holds_the_value(counts: list[tuple[int, int]]) -> None:
    right = np.array([pair[0] for pair in counts])
    totals = right + [pair[1] + (sum(pair) == 0) for pair in counts]
    interval = mean_of_proportions(right, totals)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    assert interval.low < interval.high


@pytest.mark.parametrize(
    ("chances", "totals"),
    [
        ([0.99], [200]),
        ([0.99] * 10, [50] * 10),
        ([0.9] * 10, [10] * 10),
        ([0.99] * 30, [50] * 30),
        ([0.99] * 9 + [0.6], [200] * 9 + [10]),
        ([0.9] * 10, [1000] + [2] * 9),
    ],
)
def test_the_score_interval_covers_92_percent_or_more(
    chances: list[float], totals: list[int]
) -> None:
    assert score_coverage(chances, totals, seed=0) >= 0.92


def test_mover_on_wilson_limits_would_not_cover() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        limits = [wilson(int(k), 50) for k in rng.binomial(50, 0.99, 10)]
        value = float(np.mean([one.value for one in limits]))
        below = np.linalg.norm([one.value - one.low for one in limits]) / 10
        above = np.linalg.norm([one.high - one.value for one in limits]) / 10
        covered.append(value - below <= 0.99 <= value + above)
    assert np.mean(covered) < 0.92


def test_the_bootstrap_of_a_mean_agrees_with_its_standard_error() -> None:
    right = (np.random.default_rng(0).random(2000) < 0.8).astype(np.float64)
    interval = mean_accuracy_of(right)
    error = right.std() / np.sqrt(2000)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_the_same_seed_gives_the_same_interval() -> None:
    right = np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    assert mean_accuracy_of(right) == mean_accuracy_of(right)


def test_each_group_is_drawn_as_a_whole() -> None:
    seen: list[Floats] = []

    def statistic(weights: Floats) -> float:
        seen.append(weights)
        return 0.0

    bootstrap(statistic, 4, groups=["ann", "bob", "ann", "bob"], seed=0, resamples=20)
    assert all(weights[0] == weights[2] and weights[1] == weights[3] for weights in seen)


def test_correlated_groups_widen_the_interval() -> None:
    of_group = (np.random.default_rng(0).random(40) < 0.7).astype(np.float64)
    right = np.repeat(of_group, 25)  # all photos of a person stand and fall together
    groups = np.repeat(np.arange(40), 25).tolist()
    alone, together = mean_accuracy_of(right), mean_accuracy_of(right, groups=groups)
    assert together.high - together.low > 3 * (alone.high - alone.low)
    assert (together.method, together.n, together.n_groups) == ("group-bootstrap", 1000, 40)


def test_groups_that_are_numbered_with_gaps_give_the_same_interval() -> None:
    right = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    numbered = mean_accuracy_of(right, groups=[0, 0, 1, 1, 2, 2])
    assert mean_accuracy_of(right, groups=[5, 5, 70, 70, 800, 800]) == numbered


def test_a_bootstrap_of_few_units_is_as_wide_as_students_interval() -> None:
    values = np.random.default_rng(0).normal(size=8) + 5
    interval = bootstrap(lambda weights: float(weights @ values / weights.sum()), 8, seed=0)
    student = 2 * 2.3646 * values.std(ddof=1) / np.sqrt(8)
    assert interval.high - interval.low == pytest.approx(student, rel=0.2)


def test_a_fraction_that_varies_like_photos_has_wilsons_limits() -> None:
    drawn = np.random.default_rng(0).binomial(1000, 0.9, 20_000) / 1000
    limits = fraction_limits(0.9, drawn, most=1000, n_units=1000, degrees=999, level=0.95)
    plain = wilson(900, 1000)
    assert limits == pytest.approx((plain.low, plain.high), abs=5e-4)


def test_a_fraction_is_worth_at_most_its_photos() -> None:
    still = np.full(100, 0.9)
    limits = fraction_limits(0.9, still, most=50, n_units=50, degrees=10**6, level=0.95)
    plain = wilson(45, 50)
    assert limits == pytest.approx((plain.low, plain.high), abs=1e-5)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_in_percent_is_refused(level: float) -> None:
    with pytest.raises(UsageError) as caught:
        wilson(1, 2, level=level)
    assert str(caught.value) == (
        f"`level` must lie between 0 and 1, got {level}.\n  fix: Give 0.95 for 95 %."
    )


def test_more_successes_than_trials_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        wilson(3, 2)
    assert str(caught.value) == (
        "Successes must lie in 0 to their number of trials, and trials be 1 or more.\n  at:  3 of 2"
    )


def test_a_class_without_trials_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        mean_of_proportions(np.array([1, 0]), np.array([1, 0]))
    assert str(caught.value) == (
        "Successes must lie in 0 to their number of trials, and trials be 1 or more.\n  at:  0 of 0"
    )


def test_counts_of_different_shape_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        mean_of_proportions(np.array([1, 0]), np.array([1]))
    assert str(caught.value) == (
        "`successes` and `totals` must be one-dimensional, of one length and not empty, "
        "got (2,) and (1,)."
    )


def test_fractions_in_place_of_counts_are_refused() -> None:
    fractions: Ints = np.array([0.5])
    with pytest.raises(UsageError) as caught:
        mean_of_proportions(fractions, np.array([1]))
    assert str(caught.value) == "`successes` must be whole numbers, got float64."


def test_groups_of_another_length_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        mean_accuracy_of(np.ones(3), groups=[0, 1])
    assert str(caught.value) == "`groups` must hold one entry per sample (3,), got (2,)."


def test_one_group_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        mean_accuracy_of(np.ones(3), groups=[4, 4, 4])
    assert str(caught.value) == (
        "An interval over groups needs two groups or more, got 1.\n"
        "  fix: Measure on samples of more groups; one group says nothing about the next."
    )


def test_one_sample_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        mean_accuracy_of(np.ones(1))
    assert str(caught.value) == (
        "An interval needs two samples or more, got 1.\n  fix: Measure on more samples."
    )


def test_no_resamples_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        bootstrap(lambda weights: 0.0, 3, seed=0, resamples=0)
    assert str(caught.value) == "`resamples` must be 1 or more, got 0."


def test_a_statistic_that_is_not_finite_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        bootstrap(lambda weights: float("nan"), 3, seed=0, resamples=10)
    assert str(caught.value) == (
        "The statistic is not a finite number on 10 of 10 resamples.\n"
        "  fix: Let it return a number for every set of samples, however uneven."
    )
