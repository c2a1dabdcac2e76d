"""Power: the number of photos tells the difference as often as it says."""

import numpy as np
import pytest

from lineament.core.errors import UsageError
from lineament.measure.paired import compare_paired, mcnemar
from lineament.measure.power import photos_needed


@pytest.mark.parametrize(
    ("only_first", "only_second"),
    [(0.2, 0.1), (0.05, 0.03), (0.02, 0.005), (0.3, 0.25), (0.5, 0.1)],
)
def test_so_many_photos_tell_the_difference_in_four_of_five_draws(
    only_first: float, only_second: float
) -> None:
    needed = photos_needed(only_first, only_second)
    assert needed is not None
    rng = np.random.default_rng(0)
    fractions = [only_first, only_second, 1 - only_first - only_second]
    draws = rng.multinomial(needed, fractions, 2000)
    told = np.mean([mcnemar(int(first), int(second)) <= 0.05 for first, second, _ in draws])
    assert 0.77 <= told <= 0.86  # exact tests of few photos go in steps


def test_where_one_model_is_never_right_alone_the_number_is_rather_too_large() -> None:
    needed = photos_needed(0.1, 0.0)
    assert needed is not None
    alone = np.random.default_rng(0).binomial(needed, 0.1, 2000)
    assert 0.8 <= np.mean([mcnemar(int(first), 0) <= 0.05 for first in alone]) <= 0.94


def test_groups_need_as_many_more_photos_as_they_are_alike() -> None:
    # Four photos of a group say the same: a design effect of four, so that groups are what counts.
    needed = photos_needed(0.2, 0.1, design_effect=4.0)
    assert needed is not None
    groups = needed // 4
    rng = np.random.default_rng(1)
    told = []
    for _ in range(500):
        outcome = rng.choice(3, groups, p=[0.2, 0.1, 0.7]).repeat(4)
        first, second = (outcome != 1)[None], (outcome != 0)[None]
        units = np.arange(groups).repeat(4)
        told.append(compare_paired(first, second, units=units).p_value <= 0.05)
    assert 0.75 <= np.mean(told) <= 0.86


def test_models_that_do_not_differ_are_never_told_apart() -> None:
    assert photos_needed(0.1, 0.1) is None


def test_seeds_that_vary_more_than_the_difference_cannot_be_outweighed_by_photos() -> None:
    assert photos_needed(0.2, 0.1, seed_variance=0.05**2) is None


def test_seeds_that_vary_little_cost_some_photos() -> None:
    with_seeds = photos_needed(0.2, 0.1, seed_variance=0.01**2)
    alone = photos_needed(0.2, 0.1)
    assert alone is not None
    assert with_seeds is not None
    assert alone < with_seeds < 1.5 * alone


def test_a_smaller_difference_needs_more_photos() -> None:
    numbers = [photos_needed(0.1 + step, 0.1) or 0 for step in (0.1, 0.05, 0.02, 0.01)]
    assert numbers == sorted(numbers)


def test_fractions_that_cannot_be_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        photos_needed(0.7, 0.4)
    assert str(caught.value) == (
        "The photos that one model alone answers rightly must be fractions of all photos, got "
        "0.7 and 0.4."
    )


def test_a_power_that_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        photos_needed(0.2, 0.1, power=1.0)
    assert str(caught.value) == (
        "`power` must lie from 0.5 to below 1 and `design_effect` above 0, got 1.0 and 1.0."
    )
