import pytest

from lineament.measure.intervals import Interval, wilson
from lineament.reporting.numbers import digits, interval_texts, number, percent


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [(0.0, "0.0"), (0.0004, "<0.1"), (0.5, "50.0"), (0.9996, ">99.9"), (1.0, "100.0")],
)
def test_only_what_is_exactly_nothing_or_all_is_shown_as_such(
    fraction: float, expected: str
) -> None:
    assert percent(fraction, unit=False) == expected


def test_a_small_loss_is_not_shown_as_none() -> None:
    assert number(0.00004) == "<0.001"


@pytest.mark.parametrize(("width", "expected"), [(0.0, 1), (9.9, 1), (10.1, 0), (90.0, 0)])
def test_the_last_digit_is_worth_a_hundredth_of_the_interval(width: float, expected: int) -> None:
    assert digits(width, most=1) == expected


def test_a_wide_interval_takes_the_decimals_away() -> None:
    assert interval_texts(wilson(2, 3), is_fraction=True) == ("67\xa0%", "21", "94")


def test_a_figure_that_is_no_fraction_has_no_percent_sign() -> None:
    loss = Interval(value=0.0604, low=0.0222, high=0.111, method="bootstrap", n=102)
    assert interval_texts(loss, is_fraction=False) == ("0.060", "0.022", "0.111")
