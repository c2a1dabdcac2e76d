"""How much better than it is the best of several looks."""

import math

import numpy as np
import pytest

from lineament.core.errors import UsageError
from lineament.measure.choosing import expected_best, optimism
from lineament.measure.intervals import Interval, wilson


def test_one_candidate_has_no_luck_to_choose_from() -> None:
    assert expected_best(1) == 0


def test_the_best_of_two_is_known_in_closed_form() -> None:
    assert expected_best(2) == pytest.approx(1 / math.sqrt(math.pi), abs=1e-12)


def test_the_best_of_three_is_known_in_closed_form() -> None:
    assert expected_best(3) == pytest.approx(3 / (2 * math.sqrt(math.pi)), abs=1e-12)


@pytest.mark.parametrize("candidates", [4, 20, 300])
def test_the_best_of_many_is_what_a_simulation_gives(candidates: int) -> None:
    draws = np.random.default_rng(0).normal(size=(20_000, candidates)).max(axis=1)
    error = draws.std() / math.sqrt(len(draws))
    assert expected_best(candidates) == pytest.approx(draws.mean(), abs=4 * error)


def test_more_candidates_have_more_luck() -> None:
    best = [expected_best(candidates) for candidates in (1, 2, 5, 50, 10_000)]
    assert best == sorted(best)


def test_no_candidate_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        expected_best(0)
    assert str(caught.value) == "`candidates` must be 1 or more, got 0."


def test_the_optimism_is_in_standard_errors_of_the_interval() -> None:
    interval = Interval(value=0.5, low=0.402, high=0.598, method="bootstrap", n=100)
    assert optimism(interval, candidates=2) == pytest.approx(0.05 / math.sqrt(math.pi), rel=1e-4)


@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_the_optimism_bounds_what_choosing_among_models_really_adds(shared: float) -> None:
    """Five models of 85 to 89 %, whose answers to one photo go together to some extent."""
    rng = np.random.default_rng(1)
    skill = np.linspace(0.85, 0.89, 5)
    n, found, bound = 200, [], []
    for _ in range(1000):
        luck = np.where(rng.random(n)[:, None] < shared, rng.random(n)[:, None], rng.random((n, 5)))
        right = (luck < skill).sum(axis=0)
        best = int(right.argmax())
        found.append(right[best] / n - skill[best])
        bound.append(optimism(wilson(int(right[best]), n), candidates=5))
    assert 0 < np.mean(found) < np.mean(bound)
