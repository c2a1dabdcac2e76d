"""Answers over time are smoothed by what time passed, and by nothing else."""

import math

import numpy as np
import pytest

from lineament.core.errors import UsageError
from lineament.runtime.answers import Answer
from lineament.runtime.smoothing import Smoother

CLASSES = ("cat", "dog")


def answer(cat: float, familiarity: float | None = None) -> Answer:
    probabilities = np.array([cat, 1 - cat], dtype=np.float32)
    return Answer(source="", probabilities=probabilities, familiarity=familiarity, classes=CLASSES)


def cat_of(given: Answer) -> float:
    assert given.probabilities is not None
    return float(given.probabilities[0])


def test_after_the_time_constant_a_change_has_come_to_all_but_one_eth() -> None:
    smoother = Smoother(seconds=0.5)
    smoother.smoothed(answer(1), at=10)

    assert cat_of(smoother.smoothed(answer(0), at=10.5)) == pytest.approx(math.exp(-1), abs=1e-6)


@pytest.mark.parametrize("fps", [5, 30, 240])
def test_frame_rate_makes_no_difference(fps: int) -> None:
    smoother = Smoother(seconds=0.5)
    smoother.smoothed(answer(1), at=0)

    for frame in range(1, fps + 1):
        last = smoother.smoothed(answer(0), at=frame / fps)

    assert cat_of(last) == pytest.approx(math.exp(-2), abs=1e-5)


def test_one_frame_that_differs_does_not_change_the_label() -> None:
    smoother = Smoother(seconds=0.5)
    labels = [
        smoother.smoothed(answer(0.1 if frame == 5 else 0.9), at=frame / 25).label
        for frame in range(10)
    ]

    assert labels == ["cat"] * 10


def test_no_seconds_leave_answers_as_they_are() -> None:
    smoother = Smoother(seconds=0)
    smoother.smoothed(answer(1), at=0)
    given = answer(0.2)

    assert smoother.smoothed(given, at=0.01) is given


def test_familiarity_is_smoothed_and_decides_again_what_is_unknown() -> None:
    smoother = Smoother(seconds=1, unknown_threshold=0.5)
    smoother.smoothed(answer(1, familiarity=0.9), at=0)

    soon = smoother.smoothed(answer(1, familiarity=0.0), at=0.1)
    late = smoother.smoothed(answer(1, familiarity=0.0), at=2)

    assert soon.familiarity == pytest.approx(0.9 * math.exp(-0.1))
    assert (soon.is_unknown, late.is_unknown) == (False, True)


def test_answer_that_is_none_changes_nothing() -> None:
    smoother = Smoother(seconds=1)
    smoother.smoothed(answer(1), at=0)
    bad = Answer(source="", probabilities=None, error="damaged")

    assert smoother.smoothed(bad, at=5) is bad
    assert cat_of(smoother.smoothed(answer(0), at=1)) == pytest.approx(math.exp(-1), abs=1e-6)


def test_clock_that_goes_back_takes_no_step() -> None:
    smoother = Smoother(seconds=1)
    smoother.smoothed(answer(1), at=5)

    assert cat_of(smoother.smoothed(answer(0), at=4)) == 1


@pytest.mark.parametrize("seconds", [-0.1, math.nan, math.inf])
def test_time_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(UsageError) as caught:
        Smoother(seconds=seconds)

    assert caught.value.what == f"`--smooth` must be 0 or more seconds, got {seconds:g}."
