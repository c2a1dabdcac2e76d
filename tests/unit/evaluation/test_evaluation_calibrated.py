"""What the temperature changed on the measured photos, and what of it can be told."""

import re

import numpy as np
import pytest

from lineament.artifacts.findings.calibration import Calibration, Uncalibrated
from lineament.artifacts.predictions import Predictions
from lineament.core.errors import UsageError
from lineament.evaluation.calibrated import calibration
from lineament.measure.calibration import brier_score, expected_calibration_error, softmax
from lineament.measure.classification import log_loss
from lineament.measure.headline import headline_intervals


def _predictions(
    n: int, *, true: float, shipped: float, seed: int = 0, n_classes: int = 4
) -> Predictions:
    """Answers whose logits would be calibrated at the temperature ``true``."""
    rng = np.random.default_rng(seed)
    best = rng.normal(size=(n, n_classes)) * 2
    labels = (best + rng.gumbel(size=best.shape)).argmax(axis=1)
    logits = (best * true).astype(np.float32)
    return Predictions(
        samples=tuple(f"{i}.jpg" for i in range(n)),
        classes=tuple(f"class {i}" for i in range(n_classes)),
        probabilities=softmax(logits, temperature=shipped),
        logits=logits,
        labels=labels.astype(np.int64),
        groups=("",) * n,
    )


def _found(predictions: Predictions, temperature: float, **changes: object) -> Calibration:
    arguments: dict[str, object] = {"units": None, "seed": 0, "resamples": 300, **changes}
    return calibration(predictions, temperature=temperature, **arguments)  # type: ignore[arg-type]  # the tests' own


def _before(found: Calibration) -> Uncalibrated:
    assert found.before is not None
    return found.before


TOO_SURE = _predictions(1000, true=2.0, shipped=2.0)


def test_both_are_the_figures_of_measure() -> None:
    found = _found(TOO_SURE, 2.0)
    before, plain = _before(found), softmax(TOO_SURE.logits)
    shipped, labels = TOO_SURE.probabilities, TOO_SURE.labels
    assert found.expected_calibration_error == expected_calibration_error(shipped, labels)
    assert before.expected_calibration_error.value == expected_calibration_error(plain, labels)
    assert before.log_loss.value == pytest.approx(log_loss(plain, labels), abs=1e-12)
    assert before.brier.value == pytest.approx(brier_score(plain, labels), abs=1e-12)


def test_intervals_are_those_of_the_headline_figures() -> None:
    before = _before(_found(TOO_SURE, 2.0, seed=3))
    headline = headline_intervals(softmax(TOO_SURE.logits), TOO_SURE.labels, seed=3, resamples=300)
    assert before.expected_calibration_error == headline["expected_calibration_error"]
    assert before.log_loss == headline["log_loss"]
    assert before.brier == headline["brier"]


def test_bins_of_both_hold_every_photo() -> None:
    found = _found(TOO_SURE, 2.0)
    assert sum(each.count for each in found.bins) == 1000
    assert sum(each.count for each in _before(found).bins) == 1000


def test_what_the_temperature_mended_is_told_with_paired_intervals() -> None:
    assert re.fullmatch(
        r"The temperature of 2 lowered the log loss of these photos by 0\.\d{4} "
        r"\(95 % interval 0\.\d{4} to 0\.\d{4}\)\. "
        r"The expected calibration error fell by \d+\.\d points \(\d\.\d to \d+\.\d\)\.",
        _before(_found(TOO_SURE, 2.0)).sentence,
    )


def test_the_paired_change_of_the_log_loss_is_that_of_the_figures() -> None:
    before = _before(_found(TOO_SURE, 2.0))
    lost = before.log_loss.value - log_loss(TOO_SURE.probabilities, TOO_SURE.labels)
    assert f" by {lost:.4f} (" in before.sentence


def test_what_the_temperature_spoilt_is_told() -> None:
    sentence = _before(_found(_predictions(1000, true=1.0, shipped=3.0), 3.0)).sentence
    assert sentence.startswith("The temperature of 3 raised the log loss of these photos by 0.")
    assert "): validation was too small, or its photos are of another kind than these." in sentence
    assert " The expected calibration error rose by " in sentence


def test_a_change_within_chance_is_told_as_such() -> None:
    sentence = _before(_found(_predictions(60, true=1.0, shipped=1.02), 1.02)).sentence
    assert re.fullmatch(
        r"Whether the temperature of 1\.02 changed the log loss of these photos cannot be told "
        r"\(lower by −?0\.\d{4}, 95 % interval −0\.\d{4} to 0\.\d{4}\)\. "
        r"A change of the expected calibration error cannot be told\.",
        sentence,
    )


def test_a_temperature_of_one_changes_nothing() -> None:
    found = _found(_predictions(50, true=1.0, shipped=1.0), 1.0)
    before = _before(found)
    assert before.expected_calibration_error.value == found.expected_calibration_error
    assert before.bins == found.bins
    assert before.sentence == (
        "Validation asked for no temperature: confidence is what the logits say."
    )


FEW = "These photos are too few, or of too few groups, to tell what the temperature of "


def test_a_few_photos_tell_nothing() -> None:
    assert _before(_found(_predictions(9, true=3.0, shipped=3.0), 3.0)).sentence == (
        f"{FEW}3 changed."
    )


def test_a_few_groups_tell_nothing_however_many_photos() -> None:
    found = _before(_found(TOO_SURE, 2.0, units=np.arange(1000) % 5))
    assert found.sentence == f"{FEW}2 changed."
    assert found.log_loss.n_groups == 5


def test_one_photo_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        _found(_predictions(1, true=1.0, shipped=2.0), 2.0)
    assert str(caught.value) == (
        "An interval needs two samples or more, got 1.\n  fix: Measure on more samples."
    )


@pytest.mark.parametrize(
    ("is_right", "sentence"),
    [
        (
            True,
            "Every answer is right, and of such answers the surer one always looks better: these "
            "photos cannot tell what the temperature of 2 changed.",
        ),
        (
            False,
            "Every answer is wrong, and of such answers the less sure one always looks better: "
            "these photos cannot tell what the temperature of 2 changed.",
        ),
    ],
)
def test_all_right_and_all_wrong_cannot_judge_a_temperature(is_right: bool, sentence: str) -> None:
    logits = np.tile(np.array([3.0, 0.0], dtype=np.float32), (40, 1))
    predictions = Predictions(
        samples=tuple(f"{i}.jpg" for i in range(40)),
        classes=("cat", "dog"),
        probabilities=softmax(logits, temperature=2.0),
        logits=logits,
        labels=np.full(40, 0 if is_right else 1, dtype=np.int64),
        groups=("",) * 40,
    )
    before = _before(_found(predictions, 2.0))
    sure = float(softmax(logits)[0, 0])
    assert before.expected_calibration_error.value == pytest.approx(1 - sure if is_right else sure)
    assert before.sentence == sentence


def test_the_same_answers_give_the_same_finding() -> None:
    assert _found(TOO_SURE, 2.0, seed=7) == _found(TOO_SURE, 2.0, seed=7)


def test_a_change_that_is_not_there_is_told_in_one_of_twenty() -> None:
    told = 0
    for seed in range(100):
        # As far beyond the best temperature as 1 is below it: the mean loss is the same.
        drawn = _predictions(200, true=1.15, shipped=1.15**2, seed=seed, n_classes=2)
        sentence = _before(_found(drawn, 1.15**2, seed=seed)).sentence
        told += not sentence.startswith("Whether the temperature")
    assert 0 < told / 100 < 0.12
