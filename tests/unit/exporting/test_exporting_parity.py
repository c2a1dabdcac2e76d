"""What differs by more than a thousandth, or is not a number, is not shipped."""

import dataclasses

import numpy as np
import pytest

from lineament.core.errors import GateError
from lineament.exporting.parity import Parity, require_parity


def parity(**differences: float) -> Parity:
    nothing = {name: np.zeros(2, np.float32) for name in differences}
    return Parity(expected=nothing, shipped=nothing, differences=differences)


def test_differences_up_to_a_thousandth_pass() -> None:
    require_parity(parity(usual=0.0, odd=1e-3), name="run")


def test_difference_above_a_thousandth_is_refused_with_every_photo_named() -> None:
    with pytest.raises(GateError) as caught:
        require_parity(parity(usual=1e-6, odd=0.0012, grey=0.5), name="run")

    assert str(caught.value) == (
        "run was not exported: its graph answers differently from PyTorch, by more than 0.001 in a "
        "probability.\n"
        "  at:  odd (0.0012), grey (0.5)\n"
        "  fix: Train again; if it happens again, report the backbone: its graph is wrong."
    )


@pytest.mark.parametrize("difference", [float("nan"), float("inf")])
def test_difference_that_is_no_number_is_refused(difference: float) -> None:
    with pytest.raises(GateError, match="odd"):
        require_parity(parity(usual=0.0, odd=difference), name="run")


def test_largest_difference_is_the_largest_of_any_photo() -> None:
    assert parity(usual=1e-6, odd=3e-4, grey=2e-4).largest == 3e-4


def test_largest_difference_is_no_number_where_any_is_none() -> None:
    assert np.isnan(parity(usual=1e-6, odd=float("nan")).largest)
    assert np.isnan(parity(odd=float("nan"), usual=1e-6).largest)


def test_familiarity_may_differ_by_a_hundredth_and_no_more() -> None:
    near = dataclasses.replace(parity(usual=0.0), familiarity_differences={"usual": 0.01})
    require_parity(near, name="run")

    far = dataclasses.replace(near, familiarity_differences={"usual": 0.0, "odd": 0.011})
    with pytest.raises(GateError) as caught:
        require_parity(far, name="run")

    assert str(caught.value) == (
        "run was not exported: its graph answers differently from PyTorch, by more than 0.01 in "
        "familiarity.\n"
        "  at:  odd (0.011)\n"
        "  fix: Train again; if it happens again, report the backbone: its graph is wrong."
    )
