"""Unknowns: known photos against photos of something else, in figures and in words."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from lineament.artifacts.decisions import Decisions
from lineament.artifacts.findings.unknowns import Unknowns
from lineament.artifacts.predictions import Predictions
from lineament.core.errors import DataError, UsageError
from lineament.evaluation.unknowns import unknowns

CLASSES = ("cat", "dog")


def answers(
    familiarity: Sequence[float] | None,
    *,
    n: int = 100,
    labels: Sequence[int] | None = None,
    name: str = "known",
) -> Predictions:
    """Photos that are all answered ``cat``, the surer the higher their number."""
    n = n if familiarity is None else len(familiarity)
    confidence = np.linspace(0.6, 0.9, n)
    probabilities = np.stack([confidence, 1 - confidence], axis=1).astype(np.float32)
    return Predictions(
        samples=tuple(f"{name}/{i:03}.png" for i in range(n)),
        classes=CLASSES,
        probabilities=probabilities,
        logits=np.log(probabilities),
        labels=np.array([0] * n if labels is None else labels, dtype=np.int64),
        groups=("",) * n,
        familiarity=None if familiarity is None else np.array(familiarity, dtype=np.float32),
    )


def decided(threshold: float | None, *, share: float = 0.05) -> Decisions:
    return Decisions(
        photos=500,
        groups=None,
        unknown_share=share,
        unknown_threshold=threshold,
        set_coverage=0.9,
        set_threshold=None,
        confidences={},
    )


def measured(
    known: Predictions, unknown: Predictions, decisions: Decisions | None, *, unreadable: int = 0
) -> Unknowns:
    return unknowns(
        known,
        unknown,
        decisions,
        source="other",
        unreadable=unreadable,
        units=None,
        thumbnail=lambda sample: sample.encode(),
        seed=0,
        resamples=50,
    )


# 4 of 100 known photos lie below a threshold of a quarter, and 80 of 100 unknown ones.
KNOWN = answers([0.2] * 4 + [0.5] * 96)
OTHERS = answers([0.1] * 80 + [0.3] * 20, labels=[-1] * 100, name="other")


def test_the_shipped_threshold_is_measured_on_both() -> None:
    finding = measured(KNOWN, OTHERS, decided(0.25))
    assert finding.known_refused is not None
    assert finding.unknown_refused is not None
    assert finding.open_set_accuracy is not None
    assert finding.threshold == 0.25
    assert finding.known_refused.value == 0.04
    assert finding.unknown_refused.value == 0.8
    assert finding.open_set_accuracy.value == pytest.approx((96 + 80) / 200)


def test_a_known_photo_counts_if_its_answer_is_right() -> None:
    half_wrong = dataclasses.replace(KNOWN, labels=np.arange(100) % 2)
    finding = measured(half_wrong, OTHERS, decided(0.25))
    assert finding.open_set_accuracy is not None
    assert finding.open_set_accuracy.value == pytest.approx((48 + 80) / 200)


def test_a_photo_at_the_threshold_is_answered() -> None:
    finding = measured(KNOWN, OTHERS, decided(float(np.float32(0.3))))
    assert finding.unknown_refused is not None
    assert finding.unknown_refused.value == 0.8


def test_the_score_that_ships_is_first() -> None:
    names = [score.name for score in measured(KNOWN, OTHERS, decided(0.25)).scores]
    assert names == ["familiarity", "maximum probability", "energy"]


def test_scores_tell_known_from_unknown() -> None:
    first, second, _ = measured(KNOWN, OTHERS, decided(0.25)).scores
    # Of the known, 96 lie above all unknown and 4 above the 80.
    assert first.area_under_roc.value == pytest.approx(0.96 + 0.04 * 0.8)
    assert first.false_positive_rate.value == 0.0
    assert second.area_under_roc.value == pytest.approx(0.5)


def test_what_happens_is_a_sentence() -> None:
    assert measured(KNOWN, OTHERS, decided(0.25)).sentence == (
        "Of 100 unknown photos, 80 % (71 to 87) are refused; of the known ones, 4.0 % (1.6 to "
        "9.8), where validation allowed for 5 %. A known photo is more familiar to the model than "
        "an unknown one in 99.2 % of all pairs."
    )


def test_more_refused_than_allowed_is_told() -> None:
    sentence = measured(KNOWN, OTHERS, decided(0.25, share=0.01)).sentence
    assert "4.0 % (1.6 to 9.8), more than the 1 % that validation allowed for." in sentence


def test_a_model_without_a_threshold_answers_everything() -> None:
    finding = measured(KNOWN, OTHERS, decided(None))
    assert (finding.threshold, finding.known_refused, finding.open_set_accuracy) == (None,) * 3
    assert finding.sentence == (
        "The model has no threshold for unknown photos, so it answers all 100 unknown photos as "
        "if they were known. A known photo is more familiar to the model than an unknown one in "
        "99.2 % of all pairs."
    )


def test_a_model_without_familiarity_has_the_scores_of_its_logits() -> None:
    finding = measured(answers(None), answers(None, name="other"), None)
    assert [score.name for score in finding.scores] == ["maximum probability", "energy"]
    assert finding.sentence == (
        "The model has no threshold for unknown photos, so it answers all 100 unknown photos as "
        "if they were known. A known photo is answered surer than an unknown one in 50.0 % of all "
        "pairs."
    )


def test_a_threshold_without_familiarity_refuses_nobody() -> None:
    assert measured(answers(None), answers(None, name="other"), decided(0.25)).threshold is None


def test_the_most_familiar_of_those_that_pass_are_shown() -> None:
    others = answers([0.1, 0.3, 0.9, 0.3], name="other")
    passed = measured(KNOWN, others, decided(0.25)).passed
    assert [photo.source for photo in passed] == ["other/002.png", "other/001.png", "other/003.png"]
    assert passed[0].answer == "cat"
    assert passed[0].confidence == pytest.approx(0.8)
    assert passed[0].familiarity == pytest.approx(0.9)
    assert passed[0].thumbnail == "b3RoZXIvMDAyLnBuZw=="


def test_without_familiarity_the_surest_are_shown() -> None:
    passed = measured(answers(None), answers(None, name="other"), None).passed
    assert len(passed) == 24
    assert passed[0].source == "other/099.png"
    assert passed[0].familiarity is None


def test_no_unknown_photo_may_pass() -> None:
    assert measured(KNOWN, answers([0.1, 0.2]), decided(0.25)).passed == ()


def test_files_that_could_not_be_read_are_counted() -> None:
    assert measured(KNOWN, OTHERS, decided(0.25), unreadable=3).unreadable == 3


def test_the_order_of_arrival_does_not_matter() -> None:
    order = np.random.default_rng(0).permutation(100)
    assert OTHERS.familiarity is not None
    shuffled = Predictions(
        samples=tuple(OTHERS.samples[i] for i in order),
        classes=CLASSES,
        probabilities=OTHERS.probabilities[order],
        logits=OTHERS.logits[order],
        labels=OTHERS.labels[order],
        groups=OTHERS.groups,
        familiarity=OTHERS.familiarity[order],
    )
    one, other = (measured(KNOWN, each, decided(0.25)) for each in (OTHERS, shuffled))
    assert one.passed == other.passed
    assert one.unknown_refused == other.unknown_refused


def test_intervals_are_over_groups_where_there_are_any() -> None:
    grouped = dataclasses.replace(OTHERS, groups=tuple(f"person {i // 5}" for i in range(100)))
    finding = measured(KNOWN, grouped, decided(0.25))
    assert finding.unknown_refused is not None
    assert finding.unknown_refused.n_groups == 20
    assert finding.scores[0].area_under_roc.n_groups is not None


def test_unknown_photos_of_one_group_count_as_independent() -> None:
    one_group = dataclasses.replace(OTHERS, groups=("anna",) * 100)
    finding = measured(KNOWN, one_group, decided(0.25))
    assert finding.scores == measured(KNOWN, OTHERS, decided(0.25)).scores


def test_one_unknown_photo_is_too_few() -> None:
    with pytest.raises(DataError) as caught:
        measured(KNOWN, answers([0.1]), decided(0.25))
    assert str(caught.value) == (
        "An evaluation against unknown photos needs two or more; other has 1 that can be read.\n"
        "  fix: Give a folder with more photos of what the model does not know."
    )


def test_answers_of_another_model_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        measured(KNOWN, dataclasses.replace(OTHERS, classes=("a", "b")), None)
    assert str(caught.value) == (
        "Known and unknown photos must be answered by one model; the classes differ."
    )
