"""Answering only when sure: the curve, its area, and promises that new photos keep."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.selective import (
    RankedAnswers,
    area_interval,
    confidence_for,
    fewest_for,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Booleans = NDArray[np.bool_]


def rows(confidence: Floats, right: Booleans) -> tuple[Floats, Ints]:
    """Two-class answers, always the first class, with these confidences of at least a half."""
    return np.stack([confidence, 1 - confidence], axis=1), (~right).astype(np.int64)


def ranked(confidence: list[float], right: list[int]) -> RankedAnswers:
    return RankedAnswers(*rows(np.array(confidence), np.array(right, dtype=bool)))


def calibrated(n: int, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Answers of evenly spread confidence that are right as often as they say."""
    confidence = rng.uniform(0.5, 1, n)
    return rows(confidence, rng.random(n) < confidence)


def test_the_curve_gives_coverage_risk_and_confidence() -> None:
    assert ranked([0.75, 0.875, 0.5], [0, 1, 1]).curve() == [
        (1 / 3, 0.0, 0.875),
        (2 / 3, 0.5, 0.75),
        (1.0, 1 / 3, 0.5),
    ]


def test_equal_confidences_are_answered_together() -> None:
    assert ranked([0.75, 0.75, 0.5], [0, 1, 1]).curve() == [(2 / 3, 0.5, 0.75), (1.0, 1 / 3, 0.5)]


def test_a_long_curve_is_thinned_and_keeps_its_end() -> None:
    probabilities, labels = calibrated(5000, np.random.default_rng(0))
    curve = RankedAnswers(probabilities, labels).curve(most=100)
    assert len(curve) == 100
    assert curve[-1][0] == 1.0
    assert max(np.diff([row[0] for row in curve])) < 0.011


def test_one_photo_has_a_curve() -> None:
    assert ranked([0.5], [1]).curve(most=200) == [(1.0, 0.0, 0.5)]
    assert ranked([0.5], [1]).area == 0.0


def test_the_area_is_the_mean_risk_over_all_numbers_of_answers() -> None:
    assert ranked([0.9, 0.8, 0.7], [0, 1, 1]).area == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)


def test_the_area_is_the_mean_over_all_orders_of_equal_confidences() -> None:
    right = [1, 0, 1, 0, 1, 1]
    ties = ranked([0.9, 0.7, 0.7, 0.7, 0.7, 0.6], right).area
    orders = [[1, *inner, 1] for inner in permutations(right[1:5])]
    distinct = [0.9, 0.8, 0.7, 0.65, 0.6, 0.55]
    each = [ranked(distinct, order).area for order in orders]
    assert ties == pytest.approx(np.mean(each))


def test_a_model_without_mistakes_has_no_area_and_one_without_right_answers_all() -> None:
    assert ranked([0.9, 0.8], [1, 1]).area == 0.0
    assert ranked([0.9, 0.8], [0, 0]).area == 1.0


@given(data=st.data(), n=st.integers(2, 20))
def test_the_influence_of_all_samples_sums_to_zero(data: st.DataObject, n: int) -> None:
    confidence = data.draw(st.lists(st.sampled_from([0.5, 0.625, 0.75]), min_size=n, max_size=n))
    right = data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    assert ranked(confidence, right).influence().sum() == pytest.approx(0, abs=1e-9)


def test_the_influence_is_what_leaving_a_sample_out_changes() -> None:
    probabilities, labels = calibrated(400, np.random.default_rng(0))
    whole = RankedAnswers(probabilities, labels)
    without = [
        RankedAnswers(np.delete(probabilities, i, axis=0), np.delete(labels, i)).area
        for i in range(400)
    ]
    left_out = 399 * (whole.area - np.array(without))
    assert np.corrcoef(left_out, whole.influence())[0, 1] > 0.999
    assert left_out.std() == pytest.approx(whole.influence().std(), rel=0.02)


@pytest.mark.parametrize(("n", "size"), [(30, 1), (200, 1), (2000, 1), (200, 5), (2000, 5)])
@pytest.mark.parametrize("power", [1, 3])
def test_the_interval_of_the_area_covers_its_level(n: int, size: int, power: int) -> None:
    rng = np.random.default_rng(0)

    def drawn(n: int, size: int) -> tuple[Floats, Ints]:
        """A quarter or an eighth is wrong; half of the photos of a group share their luck."""
        confidence = 1 - 0.5 * rng.random(n) ** power
        luck = np.where(rng.random(n) < 0.5, np.repeat(rng.random(n // size), size), rng.random(n))
        return rows(confidence, luck < confidence)

    truth = RankedAnswers(*drawn(1_000_000, 1)).area
    groups = None if size == 1 else np.arange(n) // size
    intervals = [area_interval(*drawn(n, size), groups=groups) for _ in range(1000)]
    covered = np.mean([each.low <= truth <= each.high for each in intervals])
    assert 0.92 <= covered <= 0.98


def test_an_area_without_mistakes_keeps_a_width() -> None:
    interval = area_interval(*rows(np.full(50, 0.9), np.ones(50, dtype=bool)))
    assert (interval.low, interval.value, interval.method) == (0.0, 0.0, "wilson (no error seen)")
    assert interval.high == pytest.approx(1.959964**2 / (50 + 1.959964**2))


def test_an_area_without_right_answers_keeps_a_width() -> None:
    interval = area_interval(*rows(np.full(50, 0.9), np.zeros(50, dtype=bool)))
    assert (interval.value, interval.high, interval.method) == (1.0, 1.0, "wilson (nothing right)")
    assert interval.low == pytest.approx(50 / (50 + 1.959964**2))


def test_an_area_over_groups_counts_them() -> None:
    probabilities, labels = calibrated(100, np.random.default_rng(0))
    interval = area_interval(probabilities, labels, groups=[i // 5 for i in range(100)])
    assert (interval.method, interval.n, interval.n_groups) == ("group-jackknife", 100, 20)


def test_the_area_of_one_photo_has_no_interval() -> None:
    with pytest.raises(UsageError) as caught:
        area_interval(*rows(np.array([0.9]), np.array([True])))
    assert str(caught.value) == (
        "An interval needs two samples or more, got 1.\n  fix: Measure on more samples."
    )


@pytest.mark.parametrize("precision", [0.5, 0.9, 0.95, 0.99])
def test_the_fewest_photos_without_a_mistake_prove_a_precision(precision: float) -> None:
    fewest = fewest_for(precision)
    for n, least in ((fewest - 1, None), (fewest, 0.0)):
        found = confidence_for(precision, *rows(np.full(n, 0.9), np.ones(n, dtype=bool)))
        assert found == least


def test_a_model_that_is_always_wrong_promises_nothing() -> None:
    answers = rows(np.linspace(0.5, 1, 500), np.zeros(500, dtype=bool))
    assert confidence_for(0.9, *answers) is None


def test_one_photo_promises_nothing() -> None:
    assert confidence_for(0.9, *rows(np.array([0.99]), np.array([True]))) is None


def test_a_mistake_among_the_surest_does_not_end_the_search() -> None:
    right = np.ones(2000, dtype=bool)
    right[0] = False
    assert confidence_for(0.9, *rows(np.linspace(1, 0.5, 2000), right)) == 0.0


def test_equal_confidences_stand_or_fall_together() -> None:
    # Fifty right and fifty wrong of one confidence: taking the right ones alone would be luck.
    confidence = np.append(np.full(100, 0.9), np.full(100, 0.6))
    right = np.append(np.ones(150, dtype=bool), np.zeros(50, dtype=bool))
    assert confidence_for(0.9, *rows(confidence, right)) == 0.9


@given(seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_the_order_of_the_photos_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities, labels = calibrated(400, rng)
    groups, order = rng.integers(0, 200, 400), rng.permutation(400)
    for of_photo in (None, groups):
        reordered = None if of_photo is None else of_photo[order]
        assert confidence_for(0.9, probabilities, labels, groups=of_photo) == confidence_for(
            0.9, probabilities[order], labels[order], groups=reordered
        )


def test_groups_of_one_photo_change_nothing() -> None:
    answers = calibrated(2000, np.random.default_rng(0))
    plain = confidence_for(0.9, *answers)
    assert plain is not None
    assert confidence_for(0.9, *answers, groups=np.arange(2000)) == plain
    assert confidence_for(0.9, *answers, groups=[""] * 2000) == plain


def test_copies_inside_groups_prove_nothing() -> None:
    answers = rows(np.full(500, 0.9), np.ones(500, dtype=bool))
    assert confidence_for(0.9, *answers) == 0.0
    assert confidence_for(0.9, *answers, groups=np.arange(500) % 25) is None


def test_many_groups_prove_a_precision() -> None:
    answers = rows(np.full(500, 0.9), np.ones(500, dtype=bool))
    assert confidence_for(0.9, *answers, groups=np.arange(500) % 100) == 0.0


def test_one_group_promises_nothing() -> None:
    answers = rows(np.full(5000, 0.9), np.ones(5000, dtype=bool))
    assert confidence_for(0.9, *answers, groups=["anna"] * 5000) is None


def test_a_promise_of_independent_photos_is_kept_in_95_of_100_draws() -> None:
    rng = np.random.default_rng(0)
    # Right as often as the confidence says: from t on that is (1 + t) / 2, so 0.9 needs t = 0.8.
    found = [confidence_for(0.9, *calibrated(300, rng)) for _ in range(600)]
    broken = np.mean([each is not None and each < 0.8 for each in found])
    assert broken <= 0.05


def test_a_promise_is_kept_where_no_confidence_deserves_it() -> None:
    rng = np.random.default_rng(0)
    # Right in 899 of 1,000 whatever the confidence: every promise of 0.9 is broken.
    n, draws = 1000, 600
    found = [
        confidence_for(0.9, *rows(rng.uniform(0.5, 1, n), rng.random(n) < 0.899))
        for _ in range(draws)
    ]
    broken = np.mean([each is not None for each in found])
    assert broken <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / draws)


def test_a_promise_of_groups_is_kept_and_would_not_be_without_them() -> None:
    rng = np.random.default_rng(0)
    n_groups, size, draws = 100, 10, 300
    groups = np.repeat(np.arange(n_groups), size)
    broken = without = 0
    for _ in range(draws):
        # A tenth of the persons is answered wrongly on nearly all photos: 0.899 right in all.
        of_person = np.where(rng.random(n_groups) < 0.101, 0.0, 1.0)
        right = of_person[groups].astype(bool)
        answers = rows(rng.uniform(0.5, 1, n_groups * size), right)
        broken += confidence_for(0.9, *answers, groups=groups) is not None
        without += confidence_for(0.9, *answers) is not None
    assert broken / draws <= 0.05
    assert without / draws > 0.15


def test_the_promise_is_not_bought_with_idle_caution() -> None:
    rng = np.random.default_rng(0)
    found = [confidence_for(0.9, *calibrated(5000, rng)) for _ in range(50)]
    assert np.median(np.array(found, dtype=np.float64)) == pytest.approx(0.815, abs=0.02)


def test_a_model_that_is_too_sure_of_itself_still_gets_a_confidence() -> None:
    rng = np.random.default_rng(0)
    probabilities, labels = calibrated(2000, rng)
    plain = confidence_for(0.9, probabilities, labels)
    sure = 1 - (1 - probabilities[:, 0]) / 50
    found = confidence_for(0.9, np.stack([sure, 1 - sure], axis=1), labels)
    assert plain is not None
    assert found is not None
    assert 1 - 50 * (1 - found) == pytest.approx(plain, abs=0.05)


@pytest.mark.parametrize("precision", [0.0, 1.0, 99.0])
def test_a_precision_outside_0_to_1_is_refused(precision: float) -> None:
    with pytest.raises(UsageError) as caught:
        confidence_for(precision, *rows(np.full(9, 0.5), np.ones(9, dtype=bool)))
    assert str(caught.value) == (
        f"`precision` must lie between 0 and 1, got {precision}.\n  fix: Give 0.99 for 99 %."
    )
