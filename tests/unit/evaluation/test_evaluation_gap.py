"""Validation against test: the interval, and which reasons the artifacts speak for."""

import dataclasses

import numpy as np
import pytest

from lineament.artifacts.findings.gap import Gap
from lineament.artifacts.run import ValidationFigures
from lineament.core.errors import UsageError
from lineament.evaluation.evidence import Evidence, Property, Share
from lineament.evaluation.gap import difference_of, gap
from lineament.measure.intervals import Interval, bootstrap, wilson
from lineament.measure.proportions import grouped_proportion

EVEN = (
    Share(name="cat", validation=0.5, test=0.5),
    Share(name="dog", validation=0.5, test=0.5),
)
CLEAN = Evidence(
    same_dataset=True,
    validation_photos=1000,
    test_photos=1000,
    tied_validation={"copies": 0, "near duplicates": 0, "groups": 0},
    tied_test={"copies": 0, "near duplicates": 0, "groups": 0},
    near_looked_for=True,
    groups_named=True,
    shares=EVEN,
    candidates=1,
)
ALIKE = Property(name="pixels", validation=1024, test=1024, exceeds=0.5, deviations=0.0)


def _validation(right: int, photos: int = 1000) -> ValidationFigures:
    return ValidationFigures(
        photos=photos,
        right=right,
        accuracy=wilson(right, photos),
        log_loss=0.3,
        log_loss_before=0.3,
    )


def _gap(right: int, test_right: int, evidence: Evidence = CLEAN) -> Gap:
    found = gap(_validation(right), wilson(test_right, 1000), evidence=evidence)
    assert found is not None
    return found


def test_without_validation_figures_there_is_no_gap() -> None:
    assert gap(None, wilson(9, 10), evidence=CLEAN) is None


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [  # Newcombe 1998, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 10), -0.2775, 0.2775),
    ],
)
def test_the_difference_of_proportions_is_newcombes(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    found = difference_of(wilson(*first), wilson(*second))
    assert found.method == "newcombe"
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


def test_a_difference_with_a_bootstrap_is_called_mover() -> None:
    right = np.array([1.0, 1.0, 0.0, 1.0])
    groups = bootstrap(
        lambda weights: float(weights @ right / weights.sum()), 4, groups=[0, 0, 1, 2], seed=0
    )
    found = difference_of(wilson(9, 10), groups)
    assert (found.method, found.n, found.n_groups) == ("mover", 4, 3)


def test_intervals_of_different_levels_have_no_difference() -> None:
    with pytest.raises(UsageError) as caught:
        difference_of(wilson(9, 10), wilson(9, 10, level=0.9))
    assert str(caught.value) == ("A difference needs two intervals of one level, got 0.95 and 0.9.")


@pytest.mark.parametrize("photos", [30, 200, 2000])
def test_the_difference_covers_the_truth_in_simulation(photos: int) -> None:
    rng = np.random.default_rng(photos)
    held = 0
    for right, test_right in zip(
        rng.binomial(photos, 0.93, 1000), rng.binomial(photos * 2, 0.88, 1000), strict=True
    ):
        found = difference_of(wilson(int(right), photos), wilson(int(test_right), photos * 2))
        held += found.low <= 0.05 <= found.high
    assert 0.92 <= held / 1000 <= 0.975


def _grouped(rng: np.random.Generator, groups: int, mean: float) -> Interval:
    """The accuracy on groups of 3 to 11 photos that are right with a chance of their own."""
    sizes = rng.integers(3, 12, groups)
    chance = rng.beta(mean * 6, (1 - mean) * 6, groups)
    unit = np.repeat(np.arange(groups), sizes)
    return grouped_proportion(rng.random(len(unit)) < chance[unit], unit)


@pytest.mark.parametrize("groups", [22, 100])
def test_the_difference_over_groups_covers_the_truth_in_simulation(groups: int) -> None:
    rng = np.random.default_rng(groups)
    held = 0
    for _ in range(500):
        found = difference_of(_grouped(rng, groups, 0.85), _grouped(rng, groups, 0.8))
        held += found.low <= 0.05 <= found.high
    assert 0.92 <= held / 500 <= 0.985


def test_a_difference_within_chance_has_no_reasons() -> None:
    found = _gap(905, 900)
    assert not found.excludes_zero
    assert found.sentences == (
        "90.5 % right on validation, 90.0 % on test: no gap can be told (95 % interval of the "
        "difference: −2.1 to 3.1 points).",
    )


def test_perfect_on_both_is_no_gap() -> None:
    assert not _gap(1000, 1000).excludes_zero


def test_a_gap_without_a_known_reason_says_what_was_looked_at() -> None:
    found = _gap(950, 900, dataclasses.replace(CLEAN, properties=(ALIKE,)))
    assert found.excludes_zero
    assert found.sentences == (
        "95.0 % right on validation, 90.0 % on test: validation is better by 5.0 points (95 % "
        "interval of the difference: 2.7 to 7.3 points).",
        "A leak is unlikely: no copy, near duplicate or group lies both in train and in "
        "validation or test.",
        "A shift is not known: the classes are about equally frequent in validation and test (the "
        "shares differ by 0.0 points in all and explain at most that much). The photos are alike "
        "in pixels.",
        "Selection is no reason within this training: there was nothing to choose from.",
    )


def test_partners_in_train_speak_for_a_leak_and_bound_it() -> None:
    tied = {"copies": 10, "near duplicates": 30, "groups": 0}
    found = _gap(950, 900, dataclasses.replace(CLEAN, tied_validation=tied))
    assert found.sentences[1] == (
        "A leak is likely: 10 (copies), 30 (near duplicates) of 1000 validation photos and none of "
        "1000 test photos have a partner in train; that could explain up to 4.0 points."
    )


def test_a_leak_of_both_alike_explains_nothing() -> None:
    tied = {"copies": 10, "near duplicates": 0, "groups": 0}
    evidence = dataclasses.replace(CLEAN, tied_validation=tied, tied_test=tied)
    assert _gap(950, 900, evidence).sentences[1] == (
        "A leak is there, but does not explain the gap: 10 (copies) of 1000 validation photos and "
        "10 (copies) of 1000 test photos have a partner in train."
    )


def test_a_leak_is_a_matter_of_fractions() -> None:
    tied = {"copies": 10, "near duplicates": 0, "groups": 0}
    evidence = dataclasses.replace(
        CLEAN, tied_validation=tied, validation_photos=500, tied_test=tied
    )
    assert "that could explain up to 1.0 points" in _gap(950, 900, evidence).sentences[1]


def test_what_nobody_looked_for_cannot_be_excluded() -> None:
    evidence = dataclasses.replace(CLEAN, groups_named=False, near_looked_for=False)
    assert _gap(950, 900, evidence).sentences[1] == (
        "A leak is not known (copies), but cannot be excluded: no photo names its person or "
        "recording and near duplicates were not looked for."
    )


def test_a_test_that_others_made_speaks_for_a_shift() -> None:
    evidence = dataclasses.replace(CLEAN, test_chosen="given", properties=(ALIKE,))
    assert _gap(950, 900, evidence).sentences[2] == (
        "A shift is possible: the test photos were given with the source, while validation was "
        "taken from the training photos. The photos are alike in pixels."
    )


def test_the_newest_photos_speak_for_a_shift() -> None:
    evidence = dataclasses.replace(CLEAN, test_chosen="newest")
    assert _gap(950, 900, evidence).sentences[2] == (
        "A shift is possible: the test photos are the newest ones."
    )


def test_classes_of_another_frequency_speak_for_a_shift_and_bound_it() -> None:
    shares = (
        Share(name="cat", validation=0.5, test=0.4),
        Share(name="dog", validation=0.5, test=0.6),
    )
    assert _gap(950, 900, dataclasses.replace(CLEAN, shares=shares)).sentences[2] == (
        "A shift is possible: the classes are not equally frequent (cat 50.0 % of validation and "
        "40.0 % of test, dog 50.0 % of validation and 60.0 % of test; the shares differ by 10.0 "
        "points in all and explain at most that much)."
    )


def test_darker_test_photos_speak_for_a_shift() -> None:
    darker = Property(name="brightness", validation=0.5, test=0.3, exceeds=0.2, deviations=-20.0)
    assert _gap(950, 900, dataclasses.replace(CLEAN, properties=(darker, ALIKE))).sentences[2] == (
        "A shift is possible: a test photo has less brightness than a validation photo in 80 of "
        "100 pairs (median 0.3 against 0.5)."
    )


@pytest.mark.parametrize(("exceeds", "deviations"), [(0.2, -3.9), (0.41, -20.0)])
def test_a_property_that_may_differ_by_chance_or_by_little_is_no_shift(
    exceeds: float, deviations: float
) -> None:
    near = Property(
        name="brightness", validation=0.5, test=0.4, exceeds=exceeds, deviations=deviations
    )
    evidence = dataclasses.replace(CLEAN, properties=(near,))
    assert _gap(950, 900, evidence).sentences[2].startswith("A shift is not known")


def test_many_epochs_to_choose_from_speak_for_selection() -> None:
    assert _gap(950, 900, dataclasses.replace(CLEAN, candidates=20)).sentences[3] == (
        "Selection alone does not explain it: validation chose from 20 states of the model, which "
        "makes its figure too good by up to about 1.3 points on average (less, as they are alike); "
        "trainings that were compared by it come on top."
    )
    assert (
        _gap(925, 900, dataclasses.replace(CLEAN, candidates=200))
        .sentences[3]
        .startswith("Selection could explain it: validation chose from 200 states of the model")
    )


def test_a_choice_that_nobody_recorded_is_said() -> None:
    assert _gap(950, 900, dataclasses.replace(CLEAN, candidates=None)).sentences[3] == (
        "How many states of the model validation chose from is not known."
    )


def test_a_better_test_is_no_selection() -> None:
    found = _gap(900, 950, dataclasses.replace(CLEAN, candidates=20))
    assert found.excludes_zero
    assert found.sentences[0] == (
        "90.0 % right on validation, 95.0 % on test: test is better by 5.0 points (95 % interval "
        "of the difference: −7.3 to −2.7 points)."
    )
    assert found.sentences[-1] == (
        "Selection is no reason: it makes validation the better figure, not test."
    )


def test_a_better_test_with_partners_in_train_speaks_for_a_leak() -> None:
    tied = {"copies": 50, "near duplicates": 0, "groups": 0}
    assert _gap(900, 950, dataclasses.replace(CLEAN, tied_test=tied)).sentences[1] == (
        "A leak is likely: none of 1000 validation photos and 50 (copies) of 1000 test photos have "
        "a partner in train; that could explain up to 5.0 points."
    )


def test_a_model_of_another_dataset_may_have_met_a_shift() -> None:
    found = _gap(950, 900, Evidence(same_dataset=False, candidates=1))
    assert found.sentences[1:] == (
        "The model was validated on another dataset, so the gap may be one between the two "
        "collections (a shift); nothing here can tell.",
        "Selection is no reason within this training: there was nothing to choose from.",
    )


def test_two_photos_have_a_gap_that_says_nothing() -> None:
    found = gap(
        ValidationFigures(
            photos=1, right=1, accuracy=wilson(1, 1), log_loss=0.1, log_loss_before=0.1
        ),
        wilson(0, 2),
        evidence=CLEAN,
    )
    assert found is not None
    assert isinstance(found.difference, Interval)
    assert found.difference.value == 1
    assert found.difference.low < 1
