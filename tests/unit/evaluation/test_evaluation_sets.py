"""Prediction sets: how often they hold the truth, how large they are, and what is said of it."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.artifacts.decisions import Decisions
from lineament.artifacts.findings.selective import PredictionSets
from lineament.artifacts.predictions import Predictions
from lineament.evaluation.sets import prediction_sets

UNSURE, SURE, MISS = (0.5, 0.4, 0.1), (0.9, 0.05, 0.05), (0.04, 0.95, 0.01)


def answers(rows: Sequence[tuple[float, ...]]) -> Predictions:
    """Answers to photos whose class is always the first."""
    probabilities = np.array(rows, dtype=np.float32)
    return Predictions(
        samples=tuple(f"{i}.png" for i in range(len(rows))),
        classes=tuple(f"class {i}" for i in range(probabilities.shape[1])),
        probabilities=probabilities,
        logits=np.log(probabilities),
        labels=np.zeros(len(rows), dtype=np.int64),
        groups=("",) * len(rows),
    )


def decided(
    threshold: float | None, *, coverage: float = 0.9, photos: int = 500, groups: int | None = None
) -> Decisions:
    return Decisions(
        photos=photos,
        groups=groups,
        unknown_share=0.05,
        unknown_threshold=None,
        set_coverage=coverage,
        set_threshold=threshold,
        confidences={},
    )


def measured(
    rows: Sequence[tuple[float, ...]],
    decisions: Decisions,
    *,
    units: NDArray[np.int64] | None = None,
) -> PredictionSets:
    finding = prediction_sets(answers(rows), decisions, units=units)
    assert finding is not None
    return finding


def test_without_a_threshold_there_are_no_sets() -> None:
    predictions = answers([SURE, MISS])
    assert prediction_sets(predictions, None, units=None) is None
    assert prediction_sets(predictions, decided(None), units=None) is None


def test_sets_are_counted_by_size() -> None:
    finding = measured([SURE] * 6 + [UNSURE] * 3 + [MISS], decided(0.3))
    assert finding.sizes == (0, 7, 3)
    assert finding.mean_size.value == pytest.approx(1.3)
    assert finding.reached.value == 0.9


def test_large_sets_are_counted_together() -> None:
    finding = measured([tuple([1 / 16] * 16)] * 2 + [(1.0,) + (1e-9,) * 15], decided(0.05))
    assert finding.sizes == (0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2)
    assert finding.mean_size.value == pytest.approx(11)


def test_a_miss_that_may_be_chance_is_told() -> None:
    rows = [SURE] * 60 + [UNSURE] * 30 + [MISS] * 10
    finding = measured(rows, decided(0.3, coverage=0.95, photos=200))
    assert finding.sentence == (
        "The sets hold the true class of 90 % (83 to 94) of these photos, where 95 % was asked; "
        "they have 1.30 classes on average. That is less, but a threshold that was chosen on 200 "
        "validation photos may be off by so much by chance."
    )


def test_sets_that_hold_the_truth_often_enough_are_told_so() -> None:
    finding = measured([SURE] * 60 + [MISS] * 30 + [UNSURE] * 10, decided(0.03, coverage=0.95))
    assert finding.sentence == (
        "The sets hold the true class of 100 % (96.3 to 100) of these photos, where 95 % was "
        "asked; they have 2.70 classes on average."
    )


def test_a_miss_beyond_chance_is_told() -> None:
    finding = measured([SURE] * 500 + [MISS] * 500, decided(0.3, coverage=0.9))
    assert finding.sentence == (
        "The sets hold the true class of 50.0 % (46.9 to 53.1) of these photos, where 90 % was "
        "asked; they have 1.00 classes on average. That is less, and more than the chance of 500 "
        "validation photos explains: these photos are harder than those of validation."
    )


def test_few_groups_of_validation_leave_more_to_chance() -> None:
    rows = [SURE] * 780 + [MISS] * 220
    assert "these photos are harder" in measured(rows, decided(0.3)).sentence
    assert measured(rows, decided(0.3, groups=20)).sentence.endswith(
        "That is less, but a threshold that was chosen on 500 validation photos of 20 groups may "
        "be off by so much by chance."
    )


def test_empty_sets_are_explained() -> None:
    finding = measured([SURE] * 95 + [UNSURE] * 5, decided(0.8, coverage=0.9))
    assert finding.sizes == (5, 95)
    assert finding.sentence == (
        "The sets hold the true class of 95.0 % (88.8 to 97.8) of these photos, where 90 % was "
        "asked; they have 0.95 classes on average. 5 photos have empty sets: there no class is as "
        "likely as the true one usually is. The answer alone is right on 100 %; sets add to it "
        "where more than that is asked."
    )


def test_sets_of_one_size_keep_a_width() -> None:
    finding = measured([SURE] * 50, decided(0.3))
    assert finding.mean_size.method == "wilson (all sets alike)"
    assert finding.mean_size.low == pytest.approx(1 - 1.959964**2 / (50 + 1.959964**2))


def test_intervals_are_over_groups_where_there_are_any() -> None:
    finding = measured([SURE, UNSURE, MISS, SURE] * 10, decided(0.3), units=np.arange(40) // 4)
    assert (finding.reached.n_groups, finding.mean_size.n_groups) == (10, 10)


def test_a_model_that_is_always_wrong_holds_nothing() -> None:
    assert measured([MISS] * 20, decided(0.3)).reached.value == 0.0
