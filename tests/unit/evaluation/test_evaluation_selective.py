"""Selective: what the promises of validation became, in figures and in words."""

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.artifacts.decisions import Decisions
from lineament.artifacts.findings.selective import OperatingPoint, Selective
from lineament.artifacts.predictions import Predictions
from lineament.evaluation.selective import selective


def answers(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> Predictions:
    """Answers of two classes, always the first, with these confidences of at least a half."""
    probabilities = np.stack([confidence, 1 - confidence], axis=1).astype(np.float32)
    return Predictions(
        samples=tuple(f"{i}.png" for i in range(len(confidence))),
        classes=("cat", "dog"),
        probabilities=probabilities,
        logits=np.log(np.maximum(probabilities, 1e-6)),
        labels=(~right).astype(np.int64),
        groups=("",) * len(confidence),
    )


def promises(
    confidences: Mapping[str, float | None], *, photos: int = 1000, groups: int | None = None
) -> Decisions:
    return Decisions(
        photos=photos,
        groups=groups,
        unknown_share=0.05,
        unknown_threshold=None,
        set_coverage=0.9,
        set_threshold=None,
        confidences=confidences,
    )


def with_mistakes(sure: int, unsure: int) -> Predictions:
    """800 answers of 0.9 and 200 of 0.6, of which so many are wrong."""
    right = np.ones(1000, dtype=bool)
    right[:sure] = False
    right[800 : 800 + unsure] = False
    return answers(np.repeat([0.9, 0.6], [800, 200]), right)


def measured(predictions: Predictions, decisions: Decisions | None) -> Selective:
    return selective(predictions, decisions, units=None)


def the_point(predictions: Predictions, decisions: Decisions) -> OperatingPoint:
    return measured(predictions, decisions).points[0]


def test_without_decisions_there_is_a_curve_and_no_point() -> None:
    finding = measured(with_mistakes(8, 60), None)
    assert finding.points == ()
    assert np.array(finding.curve) == pytest.approx(
        np.array([[0.8, 0.01, 0.9], [1.0, 0.068, 0.6]]), abs=1e-6
    )


def test_a_kept_promise_is_a_sentence() -> None:
    point = the_point(with_mistakes(4, 60), promises({"0.99": 0.8}))
    assert point.sentence == (
        "Answers 80.0 % of these photos at 99 % precision: 99.5 % (98.7 to 99.8) of the answers "
        "are right."
    )


def test_the_figures_of_a_point_have_intervals() -> None:
    point = the_point(with_mistakes(4, 60), promises({"0.99": 0.8}))
    assert point.answered is not None
    assert point.reached is not None
    assert (point.answered.value, point.answered.n) == (0.8, 1000)
    assert (point.reached.value, point.reached.n) == (0.995, 800)


def test_less_than_was_promised_may_be_chance() -> None:
    assert the_point(with_mistakes(9, 60), promises({"0.99": 0.8})).sentence == (
        "Answers 80.0 % of these photos; 98.9 % (97.9 to 99.4) of the answers are right, a little "
        "less than the 99 % promised, which the interval allows for."
    )


def test_a_broken_promise_is_told() -> None:
    assert the_point(with_mistakes(40, 60), promises({"0.99": 0.8})).sentence == (
        "Answers 80.0 % of these photos, but not at 99 % precision: 95.0 % (93.3 to 96.3) of the "
        "answers are right. The confidence of 0.8 was chosen on validation photos: once in 20 "
        "choices that goes wrong by chance; else these photos are harder."
    )


def test_no_photo_may_be_sure_enough() -> None:
    point = the_point(with_mistakes(0, 0), promises({"0.99": 0.95}))
    assert point.reached is None
    assert point.sentence == (
        "Answers none of these photos at 99 % precision: none reaches a confidence of 0.95."
    )


def test_too_few_validation_photos_promise_nothing() -> None:
    point = the_point(with_mistakes(0, 0), promises({"0.99": None}, photos=120))
    assert (point.confidence, point.answered, point.reached) == (None, None, None)
    assert point.sentence == (
        "99 % precision is not promised: the 120 validation photos are too few; 299 without a "
        "wrong answer are the least that could show it."
    )


def test_too_few_groups_promise_nothing() -> None:
    point = the_point(with_mistakes(0, 0), promises({"0.9": None}, groups=12))
    assert point.sentence == (
        "90 % precision is not promised: the 12 groups of validation photos are too few; 29 "
        "without a wrong answer are the least that could show it."
    )


def test_a_precision_that_was_never_reached_is_told() -> None:
    assert the_point(with_mistakes(0, 0), promises({"0.995": None})).sentence == (
        "99.5 % precision is not promised: on the 1,000 validation photos there is no confidence "
        "from which answers are certainly right so often."
    )


def test_points_come_by_rising_precision() -> None:
    finding = measured(with_mistakes(4, 60), promises({"0.99": 0.8, "0.9": 0.5, "0.95": None}))
    assert [each.precision for each in finding.points] == [0.9, 0.95, 0.99]


def test_a_confidence_of_exactly_the_threshold_is_answered() -> None:
    point = the_point(with_mistakes(0, 0), promises({"0.9": float(np.float32(0.9))}))
    assert point.answered is not None
    assert point.answered.value == 0.8


def test_intervals_are_over_groups_where_there_are_any() -> None:
    units = np.arange(1000) // 10
    finding = selective(with_mistakes(4, 60), promises({"0.99": 0.8}), units=units)
    reached = finding.points[0].reached
    assert reached is not None
    assert (finding.area.n_groups, reached.n_groups, reached.n) == (100, 80, 800)


def test_a_model_that_is_always_right_has_no_area() -> None:
    finding = measured(with_mistakes(0, 0), promises({"0.99": 0.0}))
    assert finding.area.value == 0.0
    assert finding.points[0].sentence == (
        "Answers 100 % of these photos at 99 % precision: 100 % (99.6 to 100) of the answers are "
        "right."
    )


def test_a_model_that_is_always_wrong_has_it_all() -> None:
    finding = measured(with_mistakes(800, 200), None)
    assert finding.area.value == 1.0
    assert {row[1] for row in finding.curve} == {1.0}


def test_a_long_curve_is_thinned() -> None:
    rng = np.random.default_rng(0)
    finding = measured(answers(rng.uniform(0.5, 1, 3000), rng.random(3000) < 0.8), None)
    assert len(finding.curve) == 200


def test_the_same_answers_give_the_same_finding() -> None:
    decisions = promises({"0.99": 0.8})
    assert measured(with_mistakes(4, 60), decisions) == measured(with_mistakes(4, 60), decisions)
