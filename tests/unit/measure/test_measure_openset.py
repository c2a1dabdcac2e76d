"""Open sets: the energy, and one accuracy over known and unknown photos."""

import dataclasses

import numpy as np
import pytest

from lineament.core.errors import UsageError
from lineament.measure.intervals import Interval, wilson
from lineament.measure.openset import energy, open_set_accuracy


def test_the_energy_of_large_logits_does_not_overflow() -> None:
    assert energy(np.array([[5000.0, 0.0], [-5000.0, -5001.0]])).tolist() == [
        5000.0,
        pytest.approx(-5000 + np.log1p(np.exp(-1))),
    ]


def test_float32_logits_lose_nothing() -> None:
    logits = np.array([[10.1, 3.3, -7.0]], dtype=np.float32)
    assert energy(logits)[0] == energy(logits.astype(np.float64))[0]


def test_nan_logits_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        energy(np.array([[np.nan, 0.0]]))
    assert str(caught.value) == (
        "`logits` holds NaN or infinity in 1 of 1 rows.\n  at:  row 0\n"
        "  fix: Look for photos or weights that make the model overflow."
    )


def test_the_mix_of_known_and_unknown_photos_decides() -> None:
    assert open_set_accuracy(wilson(90, 100), wilson(0, 300)).value == pytest.approx(90 / 400)


def test_perfect_parts_keep_a_width() -> None:
    both = open_set_accuracy(wilson(50, 50), wilson(50, 50))
    assert both.high == 1.0
    assert both.low == pytest.approx(1 - (1 - wilson(50, 50).low) / np.sqrt(2))


def test_nothing_treated_rightly_keeps_a_width() -> None:
    both = open_set_accuracy(wilson(0, 50), wilson(0, 50))
    assert both.low == 0.0
    assert both.high > 0.04


def test_groups_are_counted_where_both_name_them() -> None:
    grouped = dataclasses.replace(wilson(40, 50), n_groups=5)
    assert open_set_accuracy(grouped, grouped).n_groups == 10
    assert open_set_accuracy(grouped, wilson(40, 50)).n_groups is None


@pytest.mark.parametrize(("n", "m"), [(30, 30), (200, 50), (2000, 400)])
@pytest.mark.parametrize(("p", "q"), [(0.9, 0.5), (0.8, 0.8)])
def test_the_interval_covers_its_level(n: int, m: int, p: float, q: float) -> None:
    rng = np.random.default_rng(0)
    truth = (n * p + m * q) / (n + m)

    def holds(interval: Interval) -> bool:
        return interval.low <= truth <= interval.high

    draws = zip(rng.binomial(n, p, 2000).tolist(), rng.binomial(m, q, 2000).tolist(), strict=True)
    covered = np.mean([holds(open_set_accuracy(wilson(k, n), wilson(j, m))) for k, j in draws])
    assert 0.93 <= covered <= 0.97


def test_intervals_of_two_levels_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        open_set_accuracy(wilson(1, 2), wilson(1, 2, level=0.9))
    assert str(caught.value) == (
        "An open-set accuracy needs two intervals of one level, got 0.95 and 0.9."
    )


def test_many_rows_are_taken_in_parts() -> None:
    logits = np.random.default_rng(0).normal(size=(700, 2000)).astype(np.float32)
    assert energy(logits)[-1] == energy(logits[-1:])[0]
