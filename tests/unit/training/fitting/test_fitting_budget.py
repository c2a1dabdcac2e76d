"""A budget is read, and becomes as many epochs as fit in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineament.core.errors import UsageError
from lineament.training.fitting.budget import Clock, Plan, planned, replanned, seconds_of


def stopped(budget_s: float) -> Clock:
    """A clock for which no time passes."""
    return Clock(budget_s, now=lambda: 0.0)


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("20m", 1200), ("1.5h", 5400), (" 2 m ", 120)]
)
def test_duration_is_read_with_its_unit(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["20", "m", "-5m", "0s", "0.0h", "1d", "5m30s", ""])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        seconds_of(text)

    assert str(caught.value) == (
        f"`time_budget` must be a duration such as 45s, 20m or 1.5h, got {text!r}.\n"
        "  fix: Give a number above 0 and s, m or h."
    )


def test_without_a_budget_there_is_always_time() -> None:
    assert Clock().left_s == float("inf")


def test_clock_counts_from_when_it_was_made() -> None:
    time = iter([7.0, 17.0, 27.0])
    clock = Clock(100.0, now=lambda: next(time))

    assert clock.elapsed_s == 10.0
    assert clock.left_s == 95.0 - 20.0


def test_time_of_earlier_processes_counts() -> None:
    clock = stopped(100.0)

    clock.continue_from(40.0)

    assert clock.elapsed_s == 40.0
    assert clock.left_s == 95.0 - 40.0


def test_as_many_whole_epochs_are_planned_as_fit() -> None:
    # 95 s are left of 100 for training; judging takes 5 s before and after each epoch of 20 s.
    plan = planned(stopped(100.0), steps=10, step_s=2.0, judge_s=5.0)

    assert plan == Plan(epochs=3, steps=10)


def test_where_no_epoch_fits_a_part_of_one_is_planned() -> None:
    plan = planned(stopped(100.0), steps=1000, step_s=1.0, judge_s=5.0)

    assert plan == Plan(epochs=1, steps=85)


@given(
    budget=st.floats(1, 1e5),
    steps=st.integers(1, 10_000),
    step_s=st.floats(1e-3, 1e3),
    judge_s=st.floats(0, 1e4),
)
def test_there_is_always_at_least_one_step(
    budget: float, steps: int, step_s: float, judge_s: float
) -> None:
    plan = planned(stopped(budget), steps=steps, step_s=step_s, judge_s=judge_s)

    assert plan.epochs >= 1
    assert 1 <= plan.steps <= steps


def test_slow_epochs_are_fewer_and_quick_ones_more() -> None:
    plan = Plan(epochs=4, steps=10)

    assert replanned(stopped(100.0), plan, epoch=1, epoch_s=50.0).epochs == 2
    assert replanned(stopped(100.0), plan, epoch=1, epoch_s=9.0).epochs == 11
    assert replanned(stopped(100.0), plan, epoch=3, epoch_s=500.0).epochs == 3
