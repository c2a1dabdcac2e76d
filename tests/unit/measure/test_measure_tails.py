"""Tails: exact for independent answers, and never too small for groups."""

import numpy as np
import pytest

from lineament.measure.tails import betting_chances, binomial_chances


def test_a_bet_against_groups_is_a_valid_test() -> None:
    rng = np.random.default_rng(0)
    n_groups, size, draws = 60, 5, 1000
    unit = np.repeat(np.arange(n_groups), size)
    chances = []
    for _ in range(draws):
        of_group = rng.beta(9, 1, n_groups)  # right in 0.9 of the photos on average
        chances.append(betting_chances(rng.random(len(unit)) > of_group[unit], unit, 0.9)[-1])
    for level in (0.01, 0.05, 0.2):
        assert np.mean(np.array(chances) <= level) <= level


def test_bets_stay_finite_over_many_groups() -> None:
    unit = np.arange(50_000) // 2
    for wrong in (np.ones(50_000, dtype=bool), np.zeros(50_000, dtype=bool)):
        assert np.isfinite(betting_chances(wrong, unit, 0.5)).all()


def test_the_chances_of_a_coin_are_those_of_the_binomial() -> None:
    wrong = np.array([True, False, False, False])
    assert binomial_chances(wrong, 0.5).tolist() == pytest.approx([1.0, 3 / 4, 4 / 8, 5 / 16])
