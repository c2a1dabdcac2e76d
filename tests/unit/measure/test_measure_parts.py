"""One part of the samples against the others: intervals and p-values, with and without groups."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.intervals import wilson
from lineament.measure.parts import (
    fisher_exact,
    group_correlation,
    independent_samples,
    noticeable_loss,
    part_accuracy,
    part_difference,
    part_p_value,
)

Booleans = NDArray[np.bool_]
Numbers = NDArray[np.int64]
Uniform = NDArray[np.float64]
DRAWS = 1000


def _sides(n: int, other_n: int) -> tuple[Booleans, Booleans]:
    inside = np.arange(n + other_n) < n
    return inside, ~inside


def _right(*counts: tuple[int, int]) -> Booleans:
    """So many right of so many, one stretch after the other."""
    return np.concatenate([np.arange(n) < right for right, n in counts])


def _correlated(rng: np.random.Generator, units: Numbers, correlation: float) -> Uniform:
    """Numbers from 0 to 1 of which two of a group have this correlation, however they are cut."""
    shared = rng.random(len(units))[units]
    own = rng.random(len(units))
    return np.where(rng.random(len(units)) < correlation**0.5, shared, own)


def test_without_groups_the_accuracy_of_a_part_is_wilsons() -> None:
    inside, _ = _sides(20, 30)
    found = part_accuracy(_right((17, 20), (5, 30)), inside, units=None, correlation=0.0)
    expected = wilson(17, 20)
    assert (found.value, found.method, found.n, found.n_groups) == (0.85, "wilson", 20, None)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_a_part_that_is_all_right_still_has_a_width() -> None:
    inside, outside = _sides(20, 80)
    right = _right((20, 20), (80, 80))
    accuracy = part_accuracy(right, inside, units=None, correlation=0.0)
    difference = part_difference(right, inside, outside, units=None, correlation=0.0)
    assert accuracy.high == 1
    assert accuracy.low == pytest.approx(wilson(20, 20).low)
    assert difference is not None
    assert (difference.value, difference.low) == pytest.approx((0, accuracy.low - 1))
    assert difference.high == pytest.approx(1 - wilson(80, 80).low)


def test_an_empty_part_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        part_accuracy(np.ones(3, bool), np.zeros(3, bool), units=None, correlation=0.0)
    assert str(caught.value) == "A part must have samples; this one has none."


def test_the_difference_is_newcombes() -> None:
    # Newcombe 1998, table II, example (a): 56 of 70 and 48 of 80, method 10.
    inside, outside = _sides(70, 80)
    found = part_difference(
        _right((56, 70), (48, 80)), inside, outside, units=None, correlation=0.0
    )
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_groups_that_say_the_same_count_as_one_sample_each() -> None:
    units = np.repeat(np.arange(20), 5)
    right = np.repeat(np.arange(20) % 4 > 0, 5)
    inside = units < 8
    correlation = group_correlation(right, units)
    assert correlation == 1
    found = part_accuracy(right, inside, units=units, correlation=correlation)
    expected = wilson(6, 8)
    assert (found.method, found.n, found.n_groups) == ("group-wilson", 40, 8)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_groups_of_one_sample_are_no_groups() -> None:
    assert group_correlation(_right((3, 5)), np.arange(5)) == 0


def test_one_group_alone_shows_no_correlation() -> None:
    assert group_correlation(_right((3, 5)), np.zeros(5, np.int64)) == 0


def test_where_all_are_right_groups_are_taken_to_say_the_same() -> None:
    assert group_correlation(np.ones(4, bool), np.array([0, 0, 1, 1])) == 1


def test_numbers_of_groups_that_no_sample_has_change_nothing() -> None:
    right = np.random.default_rng(0).random(60) < 0.7
    units = np.arange(60) // 4
    assert group_correlation(right, units * 3) == group_correlation(right, units)


def test_the_correlation_is_found_again() -> None:
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(2000), 5)
    right = _correlated(rng, units, 0.3) < 0.8
    assert group_correlation(right, units) == pytest.approx(0.3, abs=0.03)


def test_samples_of_groups_on_both_sides_cost_nothing() -> None:
    units = np.repeat(np.arange(20), 4)
    right = np.repeat(np.arange(20) % 4 > 0, 4)
    inside = np.arange(80) % 2 == 0
    grouped = part_difference(right, inside, ~inside, units=units, correlation=1.0)
    alone = part_difference(right, inside, ~inside, units=None, correlation=0.0)
    assert grouped is not None
    assert alone is not None
    assert (grouped.low, grouped.high) == (alone.low, alone.high)


def test_within_strata_a_difference_of_classes_vanishes() -> None:
    # The part holds more of the hard class; within either class both sides are alike.
    right = _right((5, 10), (36, 40), (20, 40), (9, 10))
    inside, outside = _sides(50, 50)
    strata = np.repeat([1, 0, 1, 0], [10, 40, 40, 10])
    crude = part_difference(right, inside, outside, units=None, correlation=0.0)
    within = part_difference(right, inside, outside, units=None, correlation=0.0, strata=strata)
    assert crude is not None
    assert within is not None
    assert crude.value == pytest.approx(0.24)
    assert within.value == pytest.approx(0, abs=1e-12)
    assert within.low < 0 < within.high


def test_one_stratum_is_no_stratum() -> None:
    right = _right((7, 10), (30, 40))
    inside, outside = _sides(10, 40)
    plain = part_difference(right, inside, outside, units=None, correlation=0.0)
    within = part_difference(
        right, inside, outside, units=None, correlation=0.0, strata=np.full(50, 3)
    )
    assert plain == within


def test_sides_without_a_common_stratum_cannot_be_compared() -> None:
    inside, outside = _sides(10, 10)
    strata = np.repeat([0, 1], 10)
    right = _right((7, 10), (3, 10))
    assert (
        part_difference(right, inside, outside, units=None, correlation=0.0, strata=strata) is None
    )


def test_nothing_to_compare_with_has_no_difference_and_no_doubt() -> None:
    right, inside = _right((7, 10)), np.ones(10, bool)
    assert part_difference(right, inside, ~inside, units=None, correlation=0.0) is None
    assert part_p_value(right, inside, ~inside, units=None, correlation=0.0) == 1


def test_without_groups_the_p_value_is_fishers() -> None:
    inside, outside = _sides(12, 40)
    right = _right((6, 12), (36, 40))
    found = part_p_value(right, inside, outside, units=None, correlation=0.0)
    assert found == fisher_exact(6, 12, 36, 40)


def test_groups_make_a_difference_less_certain() -> None:
    inside, outside = _sides(40, 40)
    right = _right((20, 40), (35, 40))
    units = np.arange(80) // 4
    alone, grouped = (
        part_p_value(right, inside, outside, units=units, correlation=each) for each in (0.0, 0.5)
    )
    # Of groups of 4 with correlation 0.5 the variance is 2.5-fold.
    assert alone < 0.001 < 0.01 < grouped < 0.05


def test_equal_parts_have_no_difference() -> None:
    assert fisher_exact(5, 10, 50, 100) == 1


def test_a_difference_beyond_all_numbers_has_the_least_p_value() -> None:
    assert fisher_exact(0, 2000, 2000, 2000) == 1e-300


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        fisher_exact(5, 4, 1, 2)
    assert str(caught.value) == (
        "Successes must lie in 0 to their number of trials, got 5 of 4 and 1 of 2."
    )


@given(
    n=st.integers(1, 12), other_n=st.integers(1, 12), first=st.integers(0), second=st.integers(0)
)
def test_fishers_test_is_the_sum_over_all_tables(
    n: int, other_n: int, first: int, second: int
) -> None:
    successes, other = first % (n + 1), second % (other_n + 1)
    margin = successes + other
    ways = {
        each: math.comb(n, each) * math.comb(other_n, margin - each)
        for each in range(max(0, margin - other_n), min(n, margin) + 1)
    }
    as_rare = sum(way for way in ways.values() if way <= ways[successes])
    found = fisher_exact(successes, n, other, other_n)
    assert found == pytest.approx(as_rare / sum(ways.values()), rel=1e-9)


@given(
    right=st.lists(st.booleans(), min_size=2, max_size=30),
    cut=st.integers(1),
    size=st.integers(1, 5),
)
def test_every_figure_lies_in_its_interval(right: list[bool], cut: int, size: int) -> None:
    answers = np.array(right)
    inside = np.arange(len(right)) < 1 + cut % (len(right) - 1)
    units = np.arange(len(right)) // size
    correlation = group_correlation(answers, units)
    accuracy = part_accuracy(answers, inside, units=units, correlation=correlation)
    difference = part_difference(answers, inside, ~inside, units=units, correlation=correlation)
    p_value = part_p_value(answers, inside, ~inside, units=units, correlation=correlation)
    assert 0 <= accuracy.low <= accuracy.value <= accuracy.high <= 1
    assert difference is not None
    assert -1 <= difference.low <= difference.value <= difference.high <= 1
    assert 0 < p_value <= 1


def test_the_noticeable_loss_is_noticed_in_four_of_five_draws() -> None:
    loss = noticeable_loss(0.9, 100, 400, p_value=0.01)
    rng = np.random.default_rng(0)
    worse = 0.9 - loss * 400 / 500
    first, second = rng.binomial(100, worse, 400), rng.binomial(400, worse + loss, 400)
    noticed = [
        fisher_exact(int(a), 100, int(b), 400) <= 0.01 for a, b in zip(first, second, strict=True)
    ]
    assert 0.7 <= np.mean(noticed) <= 0.86


def test_samples_of_alike_groups_are_worth_as_many_as_there_are_groups() -> None:
    units = np.repeat(np.arange(4), 10)
    every = np.ones(40, bool)
    assert independent_samples(every, units=units, correlation=0.0) == 40
    assert independent_samples(every, units=units, correlation=1.0) == pytest.approx(4)


@pytest.mark.parametrize("crossing", [False, True])
@pytest.mark.parametrize("worse", [0.0, 0.1])
@pytest.mark.parametrize(
    ("n_groups", "size", "correlation"),
    [(30, 1, 0.0), (200, 1, 0.0), (20, 10, 0.3), (200, 10, 0.3)],
)
def test_intervals_and_p_values_keep_what_they_promise(
    n_groups: int, size: int, correlation: float, worse: float, crossing: bool
) -> None:
    rng = np.random.default_rng([n_groups, size])
    units = np.repeat(np.arange(n_groups), size)
    # Slices either cross the groups, as light does, or are made of groups, as a camera may be.
    inside = np.arange(len(units)) % 4 == 0 if crossing else units % 4 == 0
    held = alarms = 0
    for _ in range(DRAWS):
        right = _correlated(rng, units, correlation) < 0.95 - worse * inside
        found = group_correlation(right, units)
        difference = part_difference(right, inside, ~inside, units=units, correlation=found)
        assert difference is not None
        held += difference.low <= -worse <= difference.high
        alarms += part_p_value(right, inside, ~inside, units=units, correlation=found) <= 0.05
    assert held / DRAWS >= 0.92
    assert worse or alarms / DRAWS <= 0.064  # 0.05 and two standard deviations of the simulation


@pytest.mark.parametrize(
    ("n_groups", "size", "correlation"), [(30, 1, 0.0), (2000, 1, 0.0), (200, 10, 0.3)]
)
def test_intervals_within_classes_hold_the_difference(
    n_groups: int, size: int, correlation: float
) -> None:
    rng = np.random.default_rng([n_groups, size])
    units = np.repeat(np.arange(n_groups), size)
    classes = np.arange(len(units)) % 3
    inside = rng.random(len(units)) < np.array([0.2, 0.4, 0.6])[classes]
    held = 0
    for _ in range(DRAWS):
        least = np.array([0.9, 0.8, 0.6])[classes] - 0.1 * inside
        right = _correlated(rng, units, correlation) < least
        found = group_correlation(right, units)
        within = part_difference(
            right, inside, ~inside, units=units, correlation=found, strata=classes
        )
        assert within is not None
        held += within.low <= -0.1 <= within.high
    assert 0.935 <= held / DRAWS <= 0.985
