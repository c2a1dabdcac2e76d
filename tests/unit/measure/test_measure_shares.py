"""Shares and means: which interval fits which photos."""

import numpy as np
import pytest

from lineament.core.errors import UsageError
from lineament.measure.intervals import wilson
from lineament.measure.shares import mean_interval, share_interval

HALF = np.arange(40) % 2 == 0


def test_independent_photos_have_wilsons_interval() -> None:
    assert share_interval(HALF) == wilson(20, 40)


def test_groups_that_are_alike_inside_are_less_sure() -> None:
    of_group = np.repeat(np.arange(10) % 2 == 0, 40)
    grouped = share_interval(of_group, groups=np.repeat(np.arange(10), 40))
    assert (grouped.method, grouped.n, grouped.n_groups) == ("group-wilson", 400, 10)
    assert grouped.high - grouped.low > 4 * (wilson(200, 400).high - wilson(200, 400).low)


def test_groups_that_happen_to_agree_gain_nothing() -> None:
    balanced = share_interval(HALF, groups=np.arange(40) // 2)
    assert balanced.low < wilson(20, 40).low
    assert balanced.high > wilson(20, 40).high


def test_where_all_groups_are_alike_each_is_one_trial() -> None:
    groups = np.arange(40) % 8
    none = share_interval(np.zeros(40, dtype=bool), groups=groups)
    assert none.low == 0.0
    assert none.high == pytest.approx(wilson(0, 8).high)
    all_of_them = share_interval(np.ones(40, dtype=bool), groups=groups)
    assert all_of_them.low == pytest.approx(wilson(8, 8).low)
    assert all_of_them.high == 1.0


def test_one_group_is_one_trial() -> None:
    share = share_interval(HALF, groups=["anna"] * 40)
    assert (share.method, share.n_groups) == ("group-wilson (one group)", 1)
    assert share.low < 0.1
    assert share.high > 0.9


def test_one_photo_has_a_share() -> None:
    assert share_interval(np.array([True])) == wilson(1, 1)


def test_no_photo_has_no_share() -> None:
    with pytest.raises(UsageError) as caught:
        share_interval(np.zeros(0, dtype=bool))
    assert str(caught.value) == "A share needs one sample or more, got 0."


@pytest.mark.parametrize(("n_groups", "size"), [(15, 2), (20, 10), (100, 20)])
@pytest.mark.parametrize("alike", [0.0, 0.2])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_interval_of_groups_covers_what_its_docstring_says(
    n_groups: int, size: int, alike: float, share: float
) -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(n_groups), size)
    covered = 0
    for _ in range(1000):
        same = rng.random(len(groups)) < np.sqrt(alike)
        luck = np.where(same, rng.random(n_groups)[groups], rng.random(len(groups)))
        interval = share_interval(luck < share, groups=groups)
        covered += interval.low <= share <= interval.high
    assert 910 <= covered <= 990


def test_means_without_a_spread_have_no_width() -> None:
    mean = mean_interval(np.full(5, 2.0))
    assert (mean.low, mean.value, mean.high, mean.method) == (2.0, 2.0, 2.0, "student")


def test_groups_that_are_alike_inside_make_a_mean_less_sure() -> None:
    values = np.repeat(np.arange(10.0), 10)
    grouped = mean_interval(values, groups=np.repeat(np.arange(10), 10))
    plain = mean_interval(values)
    assert (grouped.method, grouped.n_groups) == ("group-student", 10)
    assert grouped.high - grouped.low > 3 * (plain.high - plain.low)


def test_one_value_has_no_interval() -> None:
    with pytest.raises(UsageError) as caught:
        mean_interval(np.array([1.0]))
    assert str(caught.value) == (
        "An interval needs two samples or more, got 1.\n  fix: Measure on more samples."
    )
