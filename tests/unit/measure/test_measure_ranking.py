"""Ranking: ties, one sample, perfect and worst rankings, groups, and what the intervals cover."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.intervals import wilson
from lineament.measure.ranking import (
    FIGURES,
    Ranking,
    area_under_roc,
    average_precision,
    equal_error_rate,
    false_positive_rate_at,
    ranking_intervals,
)

Floats = NDArray[np.float64]
HIGH, LOW = np.array([0.9, 0.8, 0.7]), np.array([0.3, 0.2])


def correlated(n: int, size: int, rng: np.random.Generator) -> Floats:
    """Normal scores in groups of a size, alike by 0.4."""
    of_group = rng.normal(size=-(-n // size)).repeat(size)[:n]
    return np.asarray(of_group * np.sqrt(0.4) + rng.normal(size=n) * np.sqrt(0.6))


def covered(
    n: int, *, draws: int, grouped: bool, apart: float = 1.5, resamples: int = 100
) -> dict[str, float]:
    """How often each interval holds the figure of half a million scores."""
    rng = np.random.default_rng(0)
    n_positive = n // 2
    many = rng.normal(apart, 1, 250_000), rng.normal(0, 1, 250_000)
    truth = Ranking(*many).figures(np.ones(250_000), np.ones(250_000))
    size = 5 if grouped else 1
    groups = np.arange(n_positive) // size if grouped else None
    hits = np.zeros(len(FIGURES))
    for _ in range(draws):
        found = ranking_intervals(
            apart + correlated(n_positive, size, rng),
            correlated(n_positive, size, rng),
            positive_groups=groups,
            negative_groups=groups,
            resamples=resamples,
        )
        hits += [one.low <= v <= one.high for one, v in zip(found.values(), truth, strict=True)]
    return dict(zip(FIGURES, hits / draws, strict=True))


def test_a_perfect_ranking() -> None:
    assert Ranking(HIGH, LOW).figures(np.ones(3), np.ones(2)) == (1.0, 1.0, 0.0, 0.0)


def test_the_worst_ranking() -> None:
    area, precision, equal, false = Ranking(LOW, HIGH).figures(np.ones(2), np.ones(3))
    assert (area, equal, false) == (0.0, 1.0, 1.0)
    assert precision == pytest.approx((1 / 4 + 2 / 5) / 2)


def test_equal_scores_tell_nothing() -> None:
    same = np.full(4, 0.5)
    assert Ranking(same, same).figures(np.ones(4), np.ones(4)) == (0.5, 0.5, 0.5, 1.0)


def test_one_sample_of_either_kind_has_figures() -> None:
    one, other = np.array([0.2]), np.array([0.1])
    assert area_under_roc(one, other) == average_precision(one, other) == 1.0
    assert equal_error_rate(other, one) == false_positive_rate_at(other, one) == 1.0


def test_float32_scores_are_ranked_as_they_are() -> None:
    assert area_under_roc(HIGH.astype(np.float32), LOW.astype(np.float32)) == 1.0


def test_ninety_five_percent_of_twenty_are_nineteen() -> None:
    positive = np.arange(20, dtype=np.float64)
    assert false_positive_rate_at(positive, np.array([0.5, -1.0])) == 0.0
    assert false_positive_rate_at(positive, np.array([1.5, -1.0])) == 0.5


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000))
def test_the_other_kind_has_the_same_area_and_equal_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.normal(size=int(rng.integers(1, 20))).round(1)
    second = rng.normal(size=int(rng.integers(1, 20))).round(1)
    assert area_under_roc(first, second) == pytest.approx(area_under_roc(-second, -first))
    assert equal_error_rate(first, second) == pytest.approx(equal_error_rate(-second, -first))


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000))
def test_weights_count_as_copies(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive, negative = rng.normal(1, 1, 8).round(1), rng.normal(0, 1, 6).round(1)
    times = rng.integers(0, 3, 14)
    times[[0, 8]] += 1
    weighted = Ranking(positive, negative).figures(times[:8].astype(float), times[8:].astype(float))
    copies = np.repeat(positive, times[:8]), np.repeat(negative, times[8:])
    copied = Ranking(*copies).figures(np.ones(times[:8].sum()), np.ones(times[8:].sum()))
    assert weighted == pytest.approx(copied)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), apart=st.sampled_from([-9.0, 0.0, 1.0, 9.0]))
def test_every_interval_holds_its_value_and_has_a_width(seed: int, apart: float) -> None:
    rng = np.random.default_rng(seed)
    positive = rng.normal(apart, 1, int(rng.integers(2, 20))).round(1)
    negative = rng.normal(0, 1, int(rng.integers(2, 20))).round(1)
    for one in ranking_intervals(positive, negative, resamples=30).values():
        assert 0 <= one.low <= one.value <= one.high <= 1
        assert one.low < one.high


def test_a_perfect_area_is_as_sure_as_the_smaller_kind_allows() -> None:
    area = ranking_intervals(HIGH, LOW, resamples=20)["area_under_roc"]
    assert (area.low, area.high) == (wilson(2, 2).low, 1.0)
    assert (area.method, area.n, area.n_groups) == ("wilson-bootstrap (perfect)", 5, None)


def test_no_false_positive_is_as_sure_as_the_negatives_allow() -> None:
    rate = ranking_intervals(HIGH, LOW, resamples=20)["false_positive_rate_at_95"]
    assert (rate.low, rate.high) == (0.0, wilson(0, 2).high)


def test_the_worst_ranking_says_so() -> None:
    found = ranking_intervals(LOW, HIGH, resamples=20)
    assert found["area_under_roc"].method == "wilson-bootstrap (worst)"
    assert found["equal_error_rate"].method == "wilson-bootstrap (worst)"


def test_the_same_seed_gives_the_same_intervals() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(1, 1, 30), rng.normal(0, 1, 30)
    assert ranking_intervals(*scores) == ranking_intervals(*scores)


def test_groups_widen_the_intervals_and_are_counted() -> None:
    rng = np.random.default_rng(0)
    positive, negative = np.repeat(rng.normal(1, 1, 20), 10), np.repeat(rng.normal(0, 1, 30), 10)
    alone = ranking_intervals(positive, negative, resamples=100)["area_under_roc"]
    together = ranking_intervals(
        positive,
        negative,
        positive_groups=np.arange(200) // 10,
        negative_groups=np.arange(300) // 10,
        resamples=100,
    )["area_under_roc"]
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert (together.method, together.n_groups) == ("wilson-group-bootstrap", 50)


def test_shared_groups_are_drawn_together() -> None:
    rng = np.random.default_rng(0)
    of_person = rng.normal(0, 3, 40)  # a level of the person that cancels inside one person only
    groups = np.arange(40)
    scores = of_person + 1 + rng.normal(size=40), of_person + rng.normal(size=40)
    shared, apart = (
        ranking_intervals(
            *scores,
            positive_groups=groups,
            negative_groups=groups,
            groups_are_shared=are_shared,
            resamples=200,
        )["area_under_roc"]
        for are_shared in (True, False)
    )
    assert shared.n_groups == 40
    assert apart.n_groups == 80
    assert shared.high - shared.low < 0.95 * (apart.high - apart.low)


def test_a_group_with_all_negatives_can_be_missing_from_a_draw() -> None:
    found = ranking_intervals(
        np.array([0.9, 0.8, 0.4]),
        np.array([0.5, 0.1]),
        positive_groups=["a", "b", "c"],
        negative_groups=["d", "e"],
        groups_are_shared=True,
        resamples=50,
    )
    assert found["area_under_roc"].n_groups == 5


@pytest.mark.slow
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize(("n", "draws"), [(30, 1000), (200, 1000), (2000, 150)])
def test_the_intervals_cover_their_level(n: int, draws: int, grouped: bool) -> None:
    found = covered(n, draws=draws, grouped=grouped)
    floors = {"false_positive_rate_at_95": 0.87}
    assert {name: hit for name, hit in found.items() if hit < floors.get(name, 0.90)} == {}
    if n >= 200 and not grouped:
        assert 0.92 <= found["area_under_roc"] <= 0.98


def test_a_normal_score_has_the_area_of_its_formula() -> None:
    rng = np.random.default_rng(0)
    area = area_under_roc(rng.normal(1, 1, 100_000), rng.normal(0, 1, 100_000))
    assert area == pytest.approx(NormalDist().cdf(1 / np.sqrt(2)), abs=0.005)


@pytest.mark.parametrize(
    ("positive", "message"),
    [
        (np.array([1, 2]), "`positive` must be floats (N,), got int64 (2,)."),
        (np.ones((2, 2)), "`positive` must be floats (N,), got float64 (2, 2)."),
        (
            np.zeros(0),
            "`positive` is empty; there is nothing to rank.\n  fix: Give scores of both kinds.",
        ),
        (np.array([1.0, np.nan]), "`positive` holds NaN or infinity in 1 of 2 entries."),
    ],
)
def test_scores_that_cannot_be_ranked_are_refused(positive: Floats, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Ranking(positive, LOW)
    assert str(caught.value) == message


def test_one_sample_of_a_kind_has_no_interval() -> None:
    with pytest.raises(UsageError) as caught:
        ranking_intervals(np.array([0.5]), LOW)
    assert str(caught.value) == (
        "An interval needs two samples or more, got 1.\n  fix: Measure on more samples."
    )


def test_shared_groups_must_be_named() -> None:
    with pytest.raises(UsageError) as caught:
        ranking_intervals(HIGH, LOW, groups_are_shared=True)
    assert str(caught.value) == "Shared groups must be named on both sides."


def test_a_rate_out_of_range_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        false_positive_rate_at(HIGH, LOW, 0.0)
    assert str(caught.value) == (
        "`true_positive_rate` must lie above 0 and be at most 1, got 0.0.\n"
        "  fix: Give 0.95 for 95 %."
    )


def test_no_resamples_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        ranking_intervals(HIGH, LOW, resamples=0)
    assert str(caught.value) == "`resamples` must be 1 or more, got 0."
