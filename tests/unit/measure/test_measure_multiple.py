import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineament.core.errors import UsageError
from lineament.measure.multiple import holm


def test_one_test_needs_no_correction() -> None:
    assert holm([0.03]).tolist() == [0.03]


def test_no_test_gives_none() -> None:
    assert holm([]).tolist() == []


def test_equal_p_values_stay_equal() -> None:
    assert holm([0.02, 0.02, 0.5]).tolist() == [0.06, 0.06, 0.5]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_correction_never_makes_a_p_value_smaller(p_values: list[float]) -> None:
    assert all(after >= before for before, after in zip(p_values, holm(p_values), strict=True))


def test_what_is_no_p_value_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        holm([0.5, 1.5])
    assert str(caught.value) == "P-values must lie from 0 to 1."
