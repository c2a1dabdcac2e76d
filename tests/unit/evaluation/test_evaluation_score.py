import base64
import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from lineament.artifacts.predictions import Predictions
from lineament.artifacts.report import EvaluationReport
from lineament.core.errors import DataError, UsageError
from lineament.evaluation import score as module
from lineament.evaluation.score import score
from lineament.measure.headline import headline_intervals
from lineament.measure.intervals import wilson

SUBJECT = {"kind": "run", "path": "runs/a", "trained_on": "f00d" * 16}
DATASET = {"path": "data/a", "fingerprint": "f00d" * 16}


def _predictions(
    truths: Sequence[int],
    answers: Sequence[int],
    *,
    classes: Sequence[str] = ("cat", "dog"),
    groups: Sequence[str] = (),
    sureness: Sequence[float] = (),
) -> Predictions:
    """Answers of stated confidence; the rest is shared evenly by the other classes."""
    n, c = len(truths), len(classes)
    sure = np.array(sureness or [0.9] * n)
    probabilities = np.repeat(((1 - sure) / (c - 1))[:, None], c, axis=1)
    probabilities[np.arange(n), list(answers)] = sure
    return Predictions(
        samples=tuple(f"{i}.jpg" for i in range(n)),
        classes=tuple(classes),
        probabilities=probabilities.astype(np.float32),
        logits=np.log(probabilities).astype(np.float32),
        labels=np.array(truths, dtype=np.int64),
        groups=tuple(groups) or ("",) * n,
    )


def _score(predictions: Predictions, **changes: object) -> EvaluationReport:
    arguments: dict[str, object] = {
        "split": "test",
        "subject": SUBJECT,
        "dataset": DATASET,
        "thumbnail": lambda sample: None,
        **changes,
    }
    return score(predictions, **arguments)  # type: ignore[arg-type]  # the tests' own arguments


# 20 cats and 20 dogs: two cats taken for dogs, one dog for a cat.
TRUTHS = [0] * 20 + [1] * 20
ANSWERS = [1, 1] + [0] * 18 + [0] + [1] * 19
GOOD = _predictions(TRUTHS, ANSWERS)


def test_a_test_of_enough_photos_of_known_origin_has_no_warnings() -> None:
    assert _score(GOOD).warnings == ()


def test_the_headline_is_that_of_measure() -> None:
    expected = headline_intervals(GOOD.probabilities, GOOD.labels, seed=5)
    assert _score(GOOD, seed=5).headline == expected


def test_photos_and_right_answers_are_counted() -> None:
    report = _score(GOOD)
    assert (report.n_images, report.n_right, report.n_groups) == (40, 37, None)


def test_the_same_answers_give_the_same_report() -> None:
    assert _score(GOOD) == _score(GOOD)


def test_a_recall_has_wilsons_interval() -> None:
    assert [each.recall_interval for each in _score(GOOD).per_class] == [
        wilson(18, 20),
        wilson(19, 20),
    ]


def test_rows_of_the_confusion_matrix_are_the_truth() -> None:
    confusion = _score(GOOD).confusion
    assert confusion is not None
    assert confusion.raw == ((18, 2), (1, 19))


def test_a_matrix_of_too_many_cells_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MATRIX_CLASSES", 1)
    assert _score(GOOD).confusion is None


def test_confused_pairs_come_most_frequent_first() -> None:
    pairs = _score(GOOD).most_confused
    assert [(each.truth, each.answer, each.count, each.support) for each in pairs] == [
        ("cat", "dog", 2, 20),
        ("dog", "cat", 1, 20),
    ]


def test_mistakes_come_surest_first_and_equals_in_their_order() -> None:
    sureness = [0.7, 0.8] + [0.9] * 18 + [0.8] + [0.9] * 19
    mistakes = _score(_predictions(TRUTHS, ANSWERS, sureness=sureness)).mistakes
    assert [each.sample for each in mistakes] == ["1.jpg", "20.jpg", "0.jpg"]


def test_a_mistake_states_what_was_given_to_the_truth() -> None:
    mistake = _score(GOOD).mistakes[0]
    assert (mistake.truth, mistake.answer) == ("cat", "dog")
    assert (round(mistake.confidence, 4), round(mistake.truth_probability, 4)) == (0.9, 0.1)


def test_thumbnails_are_asked_for_the_shown_mistakes_alone() -> None:
    asked = []

    def thumbnail(sample: str) -> bytes:
        asked.append(sample)
        return b"jpeg"

    report = _score(GOOD, thumbnail=thumbnail, n_mistakes=1)
    assert asked == ["0.jpg"]
    assert [each.thumbnail for each in report.mistakes] == [base64.b64encode(b"jpeg").decode()]


def test_the_calibration_error_is_that_of_the_headline() -> None:
    report = _score(GOOD)
    headline = report.headline["expected_calibration_error"].value
    assert report.calibration.expected_calibration_error == headline


def test_the_bins_hold_every_photo() -> None:
    assert sum(each.count for each in _score(GOOD).calibration.bins) == 40


def test_what_the_caller_states_is_kept_as_json_gives_it_back() -> None:
    report = _score(GOOD, subject={**SUBJECT, "input_px": (224, 224)})
    assert report.subject == {**SUBJECT, "input_px": [224, 224]}


def test_a_report_survives_its_own_dictionary() -> None:
    report = _score(GOOD)
    assert EvaluationReport.from_dict(report.as_dict(), name="r") == report


def test_every_photo_without_a_group_is_its_own() -> None:
    groups = ["anna", "anna", "ben", ""] + [""] * 36
    report = _score(_predictions(TRUTHS, ANSWERS, groups=groups))
    assert report.n_groups == 2 + 37
    assert report.headline["accuracy"].n_groups == 39


def test_a_group_may_be_called_like_a_number() -> None:
    groups = ["3", "3", "2", ""] + [""] * 36
    assert _score(_predictions(TRUTHS, ANSWERS, groups=groups)).n_groups == 39


def test_groups_widen_the_interval_when_their_photos_fail_together() -> None:
    truths, answers = [0, 1] * 60, [0, 1] * 48 + [1, 0] * 12
    groups = [f"person {i // 4}" for i in range(120)]
    alone = _score(_predictions(truths, answers)).headline["accuracy"]
    grouped = _score(_predictions(truths, answers, groups=groups)).headline["accuracy"]
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        (
            "validation",
            "Evaluated on the validation split: validation chose this model, so this is not a test "
            "figure.",
        ),
        (
            "train",
            "Evaluated on the train split: the model has learnt from these very photos, so this is "
            "not a test figure.",
        ),
    ],
)
def test_another_split_than_test_is_warned_of(split: str, expected: str) -> None:
    assert _score(GOOD, split=split).warnings == (expected,)


def test_a_model_of_another_dataset_is_warned_of() -> None:
    assert _score(GOOD, subject={**SUBJECT, "trained_on": "beef" * 16}).warnings == (
        "The model was trained on another dataset (fingerprint beefbeefbeef, here f00df00df00d), "
        "so some of these photos may have been in its training.",
    )


def test_a_model_of_unknown_training_is_warned_of() -> None:
    assert _score(GOOD, subject={"kind": "bundle"}).warnings == (
        "The model does not state the fingerprint of the dataset it was trained on, so some of "
        "these photos may have been in its training.",
    )


def test_a_dataset_without_a_fingerprint_is_warned_of() -> None:
    assert _score(GOOD, dataset={"path": "photos"}).warnings == (
        "The dataset states no fingerprint, so some of these photos may have been in its training.",
    )


def test_a_single_group_is_warned_of_and_its_photos_taken_as_independent() -> None:
    report = _score(_predictions(TRUTHS, ANSWERS, groups=["anna"] * 40))
    assert report.warnings == (
        "All test photos come from one group (anna): the intervals treat them as independent and "
        "are narrower than they should be.",
    )
    assert report.headline["accuracy"].method == "wilson"


def test_few_groups_are_warned_of() -> None:
    groups = [f"person {i % 8}" for i in range(40)]
    assert _score(_predictions(TRUTHS, ANSWERS, groups=groups)).warnings == (
        "The test photos come from only 8 groups, so the intervals are rough and rather too "
        "narrow.",
    )


def test_a_class_with_few_photos_is_warned_of() -> None:
    truths = [0] * 20 + [1] * 20 + [2] * 3
    predictions = _predictions(truths, truths, classes=("cat", "dog", "fox"))
    assert _score(predictions).warnings == (
        "Class fox has only 3 test photos, so its own figures say little.",
    )


def test_a_class_with_one_photo_is_warned_of_in_the_singular() -> None:
    truths = [0] * 20 + [1] * 20 + [2]
    predictions = _predictions(truths, truths, classes=("cat", "dog", "fox"))
    assert _score(predictions).warnings == (
        "Class fox has only 1 test photo, so its own figures say little.",
    )


def test_many_classes_with_few_photos_share_one_warning() -> None:
    truths = [label for label in range(13) for _ in range(2 + label % 2)]
    classes = tuple("abcdefghijklm")
    assert _score(_predictions(truths, truths, classes=classes)).warnings == (
        "13 classes have fewer than 10 test photos, so their own figures say little: a (2), b (3), "
        "c (2), d (3), e (2), f (3), g (2), h (3), i (2), j (3) and 3 more.",
    )


def test_a_class_without_photos_is_warned_of_and_has_no_interval() -> None:
    report = _score(_predictions(TRUTHS, ANSWERS, classes=("cat", "dog", "fox")))
    assert report.warnings == ("Class fox has no test photos, so nothing is known about it.",)
    assert report.per_class[2].recall_interval is None


def test_classes_without_photos_share_one_warning() -> None:
    report = _score(_predictions(TRUTHS, ANSWERS, classes=("cat", "dog", "fox", "owl")))
    assert report.warnings == (
        "2 classes have no test photos, so nothing is known about them: fox, owl.",
    )


def test_photos_of_one_class_alone_are_warned_of() -> None:
    assert _score(_predictions([0] * 20, [0] * 20)).warnings == (
        "All test photos are of class cat, so nothing is known about the others.",
    )


def test_a_model_no_better_than_the_largest_class_is_warned_of() -> None:
    truths = [0] * 30 + [1] * 10
    assert _score(_predictions(truths, [0] * 40)).warnings == (
        "Always answering cat would be right on 75.0 % of these photos, and the interval of the "
        "accuracy does not lie above that.",
    )


def test_unknown_labels_are_refused_all_at_once() -> None:
    predictions = dataclasses.replace(GOOD, labels=np.array([-1, -1, *TRUTHS[2:]], dtype=np.int64))
    with pytest.raises(DataError) as caught:
        _score(predictions)
    assert str(caught.value) == (
        "2 of 40 photos have no known class; nothing was scored.\n"
        "  at:  0.jpg, 1.jpg\n"
        "  fix: Evaluate on a dataset whose every class is one of the model's."
    )


def test_a_single_photo_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        _score(_predictions([0], [0]))
    assert str(caught.value) == (
        "An evaluation needs two photos or more; the test split has 1.\n"
        "  fix: Prepare the dataset again with more photos for that split."
    )


def test_a_misspelt_split_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        _score(GOOD, split="tets")
    assert str(caught.value) == (
        "There is no split `tets`. Did you mean `test`?\n"
        "  fix: The splits are train, validation, test."
    )


def test_a_negative_number_of_mistakes_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        _score(GOOD, n_mistakes=-1)
    assert str(caught.value) == "`n_mistakes` must be 0 or more, got -1."


def test_the_environment_states_the_versions_that_measured() -> None:
    assert set(_score(GOOD).environment) == {
        "lineament",
        "python",
        "numpy",
        "onnxruntime",
        "Pillow",
        "system",
    }


def test_macro_figures_are_the_means_of_the_classes_figures() -> None:
    report = _score(GOOD)

    means = {
        name: sum(getattr(each, name) for each in report.per_class) / len(report.per_class)
        for name in ("precision", "recall", "f1")
    }
    assert report.macro == pytest.approx(means)
