"""Units: what counts as one of the things that a statement is about."""

import numpy as np
import pytest

from lineament.core.errors import UsageError
from lineament.measure.units import independent_units, standard_error


def test_without_groups_every_photo_is_its_own() -> None:
    assert independent_units(None, 3).tolist() == [0, 1, 2]


def test_photos_of_no_group_are_their_own() -> None:
    assert independent_units(["a", "", "a", ""], 4).tolist() == [0, 1, 0, 2]


def test_numbers_are_renumbered_from_0() -> None:
    assert independent_units(np.array([7, 3, 7]), 3).tolist() == [1, 0, 1]


def test_another_length_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        independent_units(["a"], 2)
    assert str(caught.value) == "`groups` must hold one entry per sample (2,), got (1,)."


def test_the_standard_error_of_a_mean_is_the_usual_one() -> None:
    values = np.random.default_rng(0).normal(size=50)
    usual = values.std(ddof=1) / np.sqrt(50)
    assert standard_error(values - values.mean(), np.arange(50)) == pytest.approx(usual)


def test_copies_in_a_group_make_no_figure_surer() -> None:
    values = np.random.default_rng(0).normal(size=50)
    copies = np.repeat(values - values.mean(), 4)
    once = standard_error(values - values.mean(), np.arange(50))
    assert standard_error(copies, np.repeat(np.arange(50), 4)) == pytest.approx(once)


def test_groups_that_cancel_out_gain_nothing() -> None:
    influence = np.tile([1.0, -1.0], 20)
    alone = standard_error(influence, np.arange(40))
    assert standard_error(influence, np.arange(40) // 2) == alone
