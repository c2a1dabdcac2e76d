"""Paired: intervals that cover, tests that hold their level, and what happens at the edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.paired import PairedResult, compare_paired, mcnemar, sign_flip, tango

DRAWS = 1000  # the coverage of 95 % then has a standard error of 0.7 points
Drawn = tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]


def drawn(
    rng: np.random.Generator,
    *,
    groups: int,
    size: int,
    accuracies: tuple[float, float],
    seeds: int = 1,
    seed_deviation: float = 0.0,
) -> Drawn:
    """Photos of groups that stand and fall together, answered by two models of such accuracies.

    A photo's draw is that of its group in two of five cases, else its own, so accuracies are exact;
    the seeds of a model move its accuracy.
    """
    sizes = rng.integers(1, 2 * size, groups) if size > 1 else np.ones(groups, dtype=int)
    unit = np.repeat(np.arange(groups), sizes)
    n = len(unit)
    shared = np.where(rng.random(n) < 0.4, rng.random(groups)[unit], rng.random(n))
    found = []
    for accuracy in accuracies:
        own = np.where(rng.random(n) < 0.4, rng.random(groups)[unit], rng.random(n))
        hard = np.where(rng.random(n) < 0.5, shared, own)
        rows = []
        for _ in range(seeds):
            draw = np.where(rng.random(n) < 0.8, hard, rng.random(n))
            rows.append(draw < accuracy + rng.normal() * seed_deviation)
        found.append(np.array(rows))
    return found[0], found[1], unit


def results(
    *,
    groups: int,
    size: int,
    accuracies: tuple[float, float],
    seeds: int = 1,
    seed_deviation: float = 0.0,
    draws: int = DRAWS,
) -> list[PairedResult]:
    rng = np.random.default_rng(20)
    found = []
    for _ in range(draws):
        first, second, unit = drawn(
            rng,
            groups=groups,
            size=size,
            accuracies=accuracies,
            seeds=seeds,
            seed_deviation=seed_deviation,
        )
        found.append(compare_paired(first, second, units=unit if size > 1 else None))
    return found


@pytest.mark.parametrize("groups", [30, 200, 2000])
@pytest.mark.parametrize("size", [1, 5])
def test_the_interval_covers_the_difference_as_often_as_it_says(groups: int, size: int) -> None:
    accuracies = (0.85, 0.75)
    draws = DRAWS if groups < 2000 else DRAWS // 2
    found = results(groups=groups, size=size, accuracies=accuracies, draws=draws)
    covered = np.mean([each.difference.low <= 0.1 <= each.difference.high for each in found])
    assert 0.92 <= covered <= 0.975  # 2000: three standard errors of 500 draws more than 0.97


@pytest.mark.parametrize("groups", [30, 200])
@pytest.mark.parametrize("size", [1, 5])
def test_equal_models_are_told_apart_no_more_often_than_one_time_in_twenty(
    groups: int, size: int
) -> None:
    found = results(groups=groups, size=size, accuracies=(0.8, 0.8))
    assert np.mean([each.p_value <= 0.05 for each in found]) <= 0.065  # two standard errors


def test_equal_models_that_fail_in_other_ways_are_not_told_apart_where_groups_are_many() -> None:
    rng = np.random.default_rng(9)
    p_values = []
    for _ in range(500):
        unit = np.repeat(np.arange(500), rng.integers(1, 20, 500))
        first, second = rng.random(500)[unit] > 0.1, rng.random(len(unit)) > 0.1
        p_values.append(compare_paired(first[None], second[None], units=unit).p_value)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.07


def test_photos_of_groups_taken_for_independent_would_be_told_apart_too_often() -> None:
    rng = np.random.default_rng(3)
    p_values = []
    for _ in range(500):
        first, second, _ = drawn(rng, groups=40, size=20, accuracies=(0.8, 0.8))
        p_values.append(compare_paired(first, second).p_value)
    assert np.mean(np.array(p_values) <= 0.05) > 0.1


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("seed_deviation", [0.0, 0.01, 0.05])
def test_the_interval_covers_what_other_seeds_would_give(seeds: int, seed_deviation: float) -> None:
    found = results(
        groups=100,
        size=1,
        accuracies=(0.8, 0.75),
        seeds=seeds,
        seed_deviation=seed_deviation,
        draws=500,
    )
    covered = np.mean([each.difference.low <= 0.05 <= each.difference.high for each in found])
    assert covered >= 0.93  # with few seeds it is rather too wide


@pytest.mark.parametrize("seeds", [2, 3])
def test_equal_recipes_are_not_told_apart_because_of_their_seeds(seeds: int) -> None:
    found = results(
        groups=60, size=4, accuracies=(0.8, 0.8), seeds=seeds, seed_deviation=0.05, draws=500
    )
    assert np.mean([each.p_value <= 0.05 for each in found]) <= 0.07


def test_models_that_are_right_on_the_same_photos_do_not_differ() -> None:
    right = np.array([[True, True, False, True]])
    result = compare_paired(right, right)
    assert (result.difference.value, result.p_value, result.test) == (0.0, 1.0, "mcnemar")


def test_the_interval_of_identical_models_keeps_a_width() -> None:
    right = np.ones((1, 50), dtype=bool)
    interval = compare_paired(right, right).difference
    assert (interval.low, interval.high) == pytest.approx((-0.0714, 0.0714), abs=1e-4)


def test_identical_models_on_groups_are_as_uncertain_as_groups_are_few() -> None:
    right = np.ones((1, 100), dtype=bool)
    interval = compare_paired(right, right, units=np.repeat(np.arange(10), 10)).difference
    alone = compare_paired(right[:, :10], right[:, :10]).difference
    assert interval.high > alone.high > 0.2  # Student's quantile for ten groups on top


def test_all_right_against_all_wrong_differs_by_one() -> None:
    right = np.ones((1, 20), dtype=bool)
    result = compare_paired(right, ~right)
    assert result.difference.value == result.difference.high == 1.0
    assert 0.5 < result.difference.low < 1
    assert result.p_value == 2 / 2**20


def test_one_photo_tells_nothing() -> None:
    result = compare_paired(np.array([[True]]), np.array([[False]]))
    assert result.p_value == 1.0
    assert result.difference.low < 0 < result.difference.high == 1


def test_one_group_counts_as_its_photos() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 1, 40)) < 0.7
    alone = compare_paired(first, second, units=np.zeros(40, dtype=np.int64))
    assert alone == compare_paired(first, second)


def test_groups_of_one_photo_give_the_p_value_of_mcnemar() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.random((2, 1, 40)) < 0.7
    grouped = compare_paired(first, second, units=np.arange(40))
    assert grouped.p_value == compare_paired(first, second).p_value
    assert grouped.test == "sign-flip over groups"


def test_a_group_that_is_seen_ten_times_is_no_more_evidence_than_once() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.random((2, 1, 60)) < [[[0.9]], [[0.6]]]
    once = compare_paired(first, second, units=np.arange(60))
    often = compare_paired(
        first.repeat(10, axis=1), second.repeat(10, axis=1), units=np.arange(60).repeat(10)
    )
    assert often.p_value == once.p_value
    assert often.difference.low == pytest.approx(once.difference.low, abs=1e-3)
    assert often.design_effect == pytest.approx(10 * once.design_effect, rel=1e-6)


def test_equal_seeds_count_as_one() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.random((2, 1, 80)) < 0.7
    thrice = compare_paired(first.repeat(3, axis=0), second.repeat(3, axis=0))
    once = compare_paired(first, second)
    assert (thrice.p_value, thrice.seed_variance) == (once.p_value, 0.0)
    assert (thrice.only_first, thrice.only_second) == (once.only_first, once.only_second)


def test_seeds_that_disagree_widen_the_interval() -> None:
    first = np.zeros((2, 100), dtype=bool)
    first[0, :90], first[1, :60] = True, True
    second = np.zeros((1, 100), dtype=bool)
    second[0, :75] = True
    result = compare_paired(first, second)
    assert result.difference.method == "tango with seeds"
    assert result.test == "t over photos and seeds"
    assert result.difference.high > 0.3


def test_both_sides_are_treated_alike() -> None:
    rng = np.random.default_rng(5)
    first, second, unit = drawn(rng, groups=30, size=4, accuracies=(0.9, 0.7), seeds=2)
    forth, back = (
        compare_paired(first, second, units=unit),
        compare_paired(second, first, units=unit),
    )
    assert back.p_value == pytest.approx(forth.p_value)
    assert back.difference.low == pytest.approx(-forth.difference.high)


def test_the_order_of_photos_changes_nothing_that_is_told() -> None:
    rng = np.random.default_rng(6)
    first, second, unit = drawn(rng, groups=30, size=4, accuracies=(0.9, 0.7))
    order = rng.permutation(len(unit))
    forth = compare_paired(first, second, units=unit)
    mixed = compare_paired(first[:, order], second[:, order], units=unit[order])
    assert mixed.p_value == forth.p_value
    assert mixed.difference.low == pytest.approx(forth.difference.low, abs=1e-12)


@given(first=st.integers(0, 60), second=st.integers(0, 60), both=st.integers(0, 60))
def test_the_interval_holds_the_difference_and_stays_inside(
    first: int, second: int, both: int
) -> None:
    n = first + second + both + 1
    low, high = tango(first, second, n, z=1.96)
    assert -1 <= low <= (first - second) / n <= high <= 1


@given(st.lists(st.integers(-20, 20), max_size=30))
def test_a_p_value_of_flipped_signs_is_a_probability(differences: list[int]) -> None:
    p_value, exact = sign_flip(np.array(differences, dtype=np.int64))
    assert exact
    assert 0 < p_value <= 1


def test_too_many_groups_to_count_are_taken_as_normal() -> None:
    rng = np.random.default_rng(7)
    differences = rng.integers(-3, 4, 30_000)
    _, exact = sign_flip(differences)
    assert not exact


def test_the_normal_p_value_agrees_with_the_exact_one(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(8).choice([-2, -1, 0, 1, 2], 2_000)
    exact = sign_flip(differences)[0]
    monkeypatch.setattr("lineament.measure.paired.MOST_WORK", 0)
    assert sign_flip(differences)[0] == pytest.approx(exact, rel=0.05)


def test_negative_counts_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        mcnemar(-1, 3)
    assert str(caught.value) == "Counts must be 0 or more, got -1 and 3."


def test_other_photos_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        compare_paired(np.ones((1, 3), dtype=bool), np.ones((1, 4), dtype=bool))
    assert str(caught.value) == (
        "A paired comparison needs one row per seed over the same photos, one or more of each, "
        "got (1, 3) and (1, 4)."
    )


def test_groups_of_other_photos_are_refused() -> None:
    right = np.ones((1, 3), dtype=bool)
    with pytest.raises(UsageError) as caught:
        compare_paired(right, right, units=np.zeros(2, dtype=np.int64))
    assert str(caught.value) == "`units` must hold one entry per photo (3,), got (2,)."
