"""Agreement beyond chance: what it is where nothing can agree, and what is refused."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.agreement import cohen_kappa, matthews_correlation

Counts = NDArray[np.float64] | NDArray[np.int64]
Agreement = Callable[[Counts, Counts, Counts], float]
BOTH = [cohen_kappa, matthews_correlation]


@pytest.mark.parametrize("agreement", BOTH)
def test_all_right_is_one(agreement: Agreement) -> None:
    counts = np.array([3, 5, 2])
    assert agreement(counts, counts, counts) == 1.0


@pytest.mark.parametrize("agreement", BOTH)
def test_two_even_classes_all_wrong_is_minus_one(agreement: Agreement) -> None:
    assert agreement(np.zeros(2), np.array([4, 4]), np.array([4, 4])) == -1.0


@pytest.mark.parametrize("agreement", BOTH)
def test_one_class_alone_is_zero(agreement: Agreement) -> None:
    counts = np.array([7, 0])
    assert agreement(counts, counts, counts) == 0.0


@pytest.mark.parametrize("agreement", BOTH)
def test_always_the_same_answer_is_zero(agreement: Agreement) -> None:
    assert agreement(np.array([7, 0]), np.array([7, 3]), np.array([10, 0])) == 0.0


@pytest.mark.parametrize("agreement", BOTH)
def test_counts_of_other_samples_are_refused(agreement: Agreement) -> None:
    with pytest.raises(UsageError) as caught:
        agreement(np.array([1, 0]), np.array([2, 2]), np.array([2, 1]))
    assert str(caught.value) == (
        "`right`, `support` and `answered` must be counts of the same samples by class, got "
        "(2,) of 1, (2,) of 4 and (2,) of 3."
    )


@pytest.mark.parametrize("agreement", BOTH)
def test_no_samples_are_refused(agreement: Agreement) -> None:
    with pytest.raises(UsageError, match="must be counts of the same samples"):
        agreement(np.zeros(2), np.zeros(2), np.zeros(2))
