"""Deviations: which cells of a confusion matrix are named, and that chance names none."""

import numpy as np

from lineament.evaluation.deviations import deviations

CLASSES = ("cat", "dog", "fox")


def test_a_mistake_that_is_made_too_often_is_named_with_what_was_expected() -> None:
    found = deviations(np.array([[90, 10, 0], [0, 100, 0], [1, 0, 99]]), CLASSES)
    assert found[0] == (
        "cat was answered with dog on 10 of 100 photos; 1.8 would be, were all mistakes spread "
        "evenly (z-score −0.5)."
    )


def test_a_class_that_is_found_too_seldom_is_named() -> None:
    found = deviations(np.array([[60, 20, 20], [2, 98, 0], [1, 1, 98]]), CLASSES)
    assert (
        "cat was found on 60 of 100 photos, 60.0 %; all classes together are found on 85.3 % "
        "(z-score 0.7)."
    ) in found


def test_of_two_classes_the_weak_one_is_named_once() -> None:
    assert deviations(np.array([[60, 40], [2, 98]]), ("cat", "dog")) == (
        "cat was found on 60 of 100 photos, 60.0 %; all classes together are found on 79.0 % "
        "(z-score 0.3).",
    )


def test_at_most_five_are_named_the_furthest_first() -> None:
    matrix = np.diag(np.full(12, 900))
    for step in range(8):
        matrix[step, step + 1] = 40 + 10 * step
    found = deviations(matrix, [f"class {i}" for i in range(12)])
    assert len(found) == 5
    assert found[0].startswith("class 7 was answered with class 8 on 110 of 1,010 photos")


def test_mistakes_that_are_spread_evenly_name_nothing() -> None:
    rng = np.random.default_rng(0)
    named = 0
    for _ in range(300):
        labels = rng.integers(0, 5, 400)
        off = (rng.random(400) < 0.2) * rng.integers(1, 5, 400)
        matrix = np.zeros((5, 5), dtype=np.int64)
        np.add.at(matrix, (labels, (labels + off) % 5), 1)
        named += bool(deviations(matrix, "abcde"))
    assert named / 300 <= 0.1  # two kinds of cells at 5 % each


def test_a_model_without_mistakes_or_without_right_answers_names_nothing() -> None:
    assert deviations(np.diag([5, 5, 5]), CLASSES) == ()
    assert deviations(np.array([[0, 500], [500, 0]]), ("cat", "dog")) == ()


def test_one_class_and_one_photo_name_nothing() -> None:
    assert deviations(np.array([[5]]), ("cat",)) == ()
    assert deviations(np.array([[0, 1], [0, 0]]), ("cat", "dog")) == ()


def test_a_class_without_photos_is_not_called_weak() -> None:
    found = deviations(np.array([[500, 1, 0], [1, 500, 0], [0, 0, 0]]), CLASSES)
    assert not any(sentence.startswith("fox") for sentence in found)
