"""The model card: limits from figures and from what is missing, and what must not be done."""

from collections.abc import Callable
from typing import Any

import pytest

from lineament.artifacts.findings.unknowns import Refusals
from lineament.artifacts.report import EvaluationReport
from lineament.measure.intervals import wilson
from lineament.reporting.chapters.card import (
    OF_EMOTIONS,
    OF_PEOPLE,
    card,
    is_of_emotions,
    is_of_faces,
    limits,
    must_not,
)
from lineament.reporting.story import Part
from lineament.reporting.trainings import Training

Figures = Callable[..., EvaluationReport]
MakeTraining = Callable[..., Training]


def test_use_is_the_classes_and_photos_like_these(make_part: Callable[..., Part]) -> None:
    assert card(make_part())["use"] == (
        "Telling cat and dog apart, on photos like those of ds: taken the same way, of the same "
        "kind of thing, one thing each. For other photos the figures of this page say nothing."
    )


def test_limits_say_what_is_weak_and_what_nobody_measured(figures: Figures) -> None:
    assert limits(figures({"cat": (18, 20), "dog": (9, 20)})) == [
        "Finds less than 75% of the photos of dog (45\u00a0%).",
        "Its confidence is off by 67.5\u00a0% on average (52.0 to 79.9).",
        "It has no threshold for photos of something else: every photo is answered with one of its "
        "classes.",
        "Photos of something else were not tried (`evaluate --unknown DIR`).",
        "Spoilt photos were not tried (`evaluate --robustness 200`).",
        "No groups are known, so the interval takes every photo as independent; if they come in "
        "series, it is too narrow.",
    ]


def test_many_weak_classes_are_counted(figures: Figures) -> None:
    weak = {f"class {number}": (number, 20) for number in range(8)}

    assert limits(figures(weak))[0] == (
        "Finds less than 75% of the photos of class 0 (0\u00a0%), class 1 (5\u00a0%), class 2 "
        "(10\u00a0%), class 3 (15\u00a0%), class 4 (20\u00a0%) and 3 more."
    )


def test_class_without_test_photos_is_a_limit(figures: Figures) -> None:
    assert "Was not measured on fox: there are no test photos of it." in limits(
        figures({"cat": (18, 20), "fox": (0, 0)})
    )


def test_classes_without_test_photos_are_named_and_counted(figures: Figures) -> None:
    empty = {f"class {number}": (0, 0) for number in range(6)}

    assert (
        "Was not measured on class 0, class 1, class 2, class 3, class 4 and 1 more: there are no "
        "test photos of them."
    ) in limits(figures({"cat": (18, 20), **empty}))


def test_threshold_and_groups_are_no_longer_missing(figures: Figures) -> None:
    refusals = Refusals(
        asked=0.05,
        threshold=0.4,
        refused=wilson(1, 20),
        refused_right=1,
        answered_right=wilson(18, 19),
        sentence="It calls 1 of 20 unknown.",
    )

    found = limits(figures(refusals=refusals, n_groups=4))

    assert "It calls 1 of 20 unknown." in found
    assert not any("No groups" in each or "no threshold" in each for each in found)


def test_cats_and_dogs_may_be_used_for_anything(make_training: MakeTraining) -> None:
    assert must_not(make_training().run.card) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"backbone": {"name": "sface"}},
        {"backbone": {"name": "vggface_resnet"}},
        {"classes": ("face", "no face")},
        {"classes": ("my_face", "other")},
        {"backbone": {"name": "my_net", "trained_on": "VGG Face: 2.6 million photos"}},
        {"classes": ("a woman", "a man")},
    ],
)
def test_models_of_faces_must_not_decide_about_people(
    make_training: MakeTraining, fields: dict[str, Any]
) -> None:
    run = make_training(**fields).run.card

    assert is_of_faces(run)
    assert must_not(run) == list(OF_PEOPLE)


def test_models_of_emotions_must_not_read_feelings(make_training: MakeTraining) -> None:
    run = make_training(classes=("0_Anger", "happy", "Neutral")).run.card

    assert is_of_emotions(run)
    assert must_not(run) == [*OF_PEOPLE, *OF_EMOTIONS]


def test_two_words_of_emotion_make_no_model_of_emotions(make_training: MakeTraining) -> None:
    assert not is_of_emotions(make_training(classes=("joy", "neutral", "chair")).run.card)
