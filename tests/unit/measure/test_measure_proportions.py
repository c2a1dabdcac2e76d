"""Proportions over groups, and the intervals of each class."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineament.core.errors import UsageError
from lineament.measure.intervals import wilson
from lineament.measure.proportions import class_intervals, grouped_proportion


def coverage(share: float, correlation: float, *, groups: int, size: int, draws: int) -> float:
    """How often the interval holds the share; sizes differ, rates are beta within groups."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(draws):
        sizes = rng.integers(1, 2 * size, groups)
        rates = np.full(groups, share)
        if correlation:
            scale = (1 - correlation) / correlation
            rates = rng.beta(share * scale, (1 - share) * scale, groups)
        unit = np.repeat(np.arange(groups), sizes)
        interval = grouped_proportion(rng.random(len(unit)) < rates[unit], unit)
        covered += interval.low <= share <= interval.high
    return covered / draws


@pytest.mark.parametrize("share", [0.6, 0.9])
@pytest.mark.parametrize(("groups", "size"), [(10, 3), (40, 5), (200, 10)])
def test_over_groups_of_correlated_photos_it_covers_its_level(
    groups: int, size: int, share: float
) -> None:
    found = coverage(share, 0.3, groups=groups, size=size, draws=1000)
    assert 0.92 <= found <= 0.98


@pytest.mark.parametrize(("groups", "size"), [(10, 3), (40, 5)])
def test_over_few_groups_of_independent_photos_it_is_cautious(groups: int, size: int) -> None:
    assert 0.95 <= coverage(0.9, 0.0, groups=groups, size=size, draws=1000) <= 1


def test_failures_that_sit_in_few_of_20_groups_are_covered_less() -> None:
    assert 0.80 <= coverage(0.97, 0.3, groups=20, size=10, draws=1000) <= 0.94


def test_each_photo_its_own_group_is_nearly_wilsons() -> None:
    right = np.arange(2000) % 10 > 0
    grouped, plain = grouped_proportion(right, np.arange(2000)), wilson(1800, 2000)
    assert (grouped.low, grouped.high) == pytest.approx((plain.low, plain.high), abs=1e-4)


def test_where_all_groups_agree_each_is_one_trial() -> None:
    every = grouped_proportion(np.ones(40, dtype=bool), np.arange(40) % 8)
    assert (every.low, every.high) == pytest.approx((wilson(8, 8).low, 1.0))
    assert (every.method, every.n, every.n_groups) == ("group-wilson (no error seen)", 40, 8)
    none = grouped_proportion(np.zeros(40, dtype=bool), np.arange(40) % 8)
    assert (none.low, none.high) == pytest.approx((0.0, wilson(0, 8).high))
    assert none.method == "group-wilson (nothing right)"


def test_one_group_is_one_trial() -> None:
    one = grouped_proportion(np.arange(40) % 2 == 0, ["anna"] * 40)
    assert one.method == "group-wilson (one group)"
    assert one.high - one.low > 0.85


def test_a_photo_without_a_group_is_its_own() -> None:
    right = np.arange(40) % 4 > 0
    assert grouped_proportion(right, [""] * 40) == grouped_proportion(right, np.arange(40))


def test_groups_that_balance_each_other_gain_nothing() -> None:
    right = np.tile([True, False], 50)
    balanced = grouped_proportion(right, np.repeat(np.arange(50), 2))
    plain = wilson(50, 100)
    assert balanced.high - balanced.low >= plain.high - plain.low


def test_no_photo_has_no_share() -> None:
    with pytest.raises(UsageError) as caught:
        grouped_proportion(np.zeros(0, dtype=bool), [])
    assert str(caught.value) == "A share needs one sample or more, got 0."


def test_groups_of_another_length_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        grouped_proportion(np.ones(3, dtype=bool), ["a", "b"])
    assert str(caught.value) == "`groups` must hold one entry per sample (3,), got (2,)."


LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 2])
ANSWERS = np.array([0, 0, 0, 1, 1, 1, 0, 1])


def test_recall_and_precision_are_wilsons() -> None:
    cat = class_intervals(LABELS, ANSWERS, 4)[0]
    assert cat.recall is not None
    assert cat.precision is not None
    assert cat.recall.as_dict() == pytest.approx(wilson(3, 4).as_dict())
    assert cat.precision.as_dict() == pytest.approx(wilson(3, 4).as_dict())


def test_f1_is_that_of_the_photos_that_are_of_the_class_or_answered_with_it() -> None:
    f1 = class_intervals(LABELS, ANSWERS, 4)[1].f1
    assert f1 is not None
    joint = wilson(2, 5)  # photos 3, 4, 5, 6 and 7, two of them right
    assert (f1.value, f1.low, f1.high) == pytest.approx(
        [2 * each / (1 + each) for each in (joint.value, joint.low, joint.high)]
    )
    assert (f1.n, f1.method) == (5, "wilson")


def test_a_class_that_was_never_answered_has_no_precision() -> None:
    fox = class_intervals(LABELS, ANSWERS, 4)[2]
    assert fox.precision is None
    assert fox.recall is not None
    assert fox.f1 is not None
    assert (fox.recall.value, fox.f1.value, fox.recall.n) == (0.0, 0.0, 1)


def test_a_class_that_does_not_occur_has_no_interval() -> None:
    absent = class_intervals(LABELS, ANSWERS, 4)[3]
    assert (absent.precision, absent.recall, absent.f1) == (None, None, None)


def test_one_photo_has_intervals() -> None:
    only = class_intervals(np.array([1]), np.array([1]), 2)[1]
    assert only.recall is not None
    assert only.recall.as_dict() == pytest.approx(wilson(1, 1).as_dict())


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), grouped=st.booleans())
def test_each_recall_over_groups_is_that_of_its_photos_alone(seed: int, grouped: bool) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    labels, answers = rng.integers(0, 3, n), rng.integers(0, 3, n)
    groups = rng.integers(0, 1 + n // 3, n)
    found = class_intervals(labels, answers, 3, groups=groups if grouped else None)
    for index, each in enumerate(found):
        inside = labels == index
        if not inside.any():
            assert each.recall is None
            continue
        right = answers[inside] == index
        alone = wilson(int(right.sum()), len(right))
        if grouped:
            alone = grouped_proportion(right, groups[inside])
        assert each.recall is not None
        assert each.recall.as_dict() == pytest.approx(alone.as_dict())


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000))
def test_every_interval_holds_its_value_whatever_the_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    labels, answers = rng.integers(0, 4, n), rng.integers(0, 4, n)
    groups, order = rng.integers(0, 5, n), rng.permutation(n)
    found = class_intervals(labels, answers, 4, groups=groups)
    again = class_intervals(labels[order], answers[order], 4, groups=groups[order])
    for one, other in zip(found, again, strict=True):
        for first, second in ((one.f1, other.f1), (one.precision, other.precision)):
            if first is None or second is None:
                assert first is second
                continue
            assert 0 <= first.low <= first.value <= first.high <= 1
            assert first.as_dict() == pytest.approx(second.as_dict())


def test_f1_covers_its_level() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(1000):
        labels = (rng.random(200) < 0.2).astype(np.int64)
        answers = np.where(rng.random(200) < 0.8, labels, 1 - labels)
        f1 = class_intervals(labels, answers, 2)[1].f1
        assert f1 is not None
        covered.append(f1.low <= 2 * 0.16 / (0.2 + 0.32) <= f1.high)
    assert 0.92 <= np.mean(covered) <= 0.97


def test_answers_of_another_length_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        class_intervals(np.array([0, 1]), np.array([0]), 2)
    assert str(caught.value) == "`labels` has 2 entries, `answers` has 1; they must match."


def test_an_answer_out_of_range_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        class_intervals(np.array([0, 1]), np.array([0, 2]), 2)
    assert str(caught.value) == (
        "`answers` must lie in 0 to 1; 1 of 2 do not.\n  at:  sample 1 (2)\n"
        "  fix: Give column indices of the classes, in the order of the model."
    )
