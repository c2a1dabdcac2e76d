"""Curves: the positive class, the ends, the number of points, and when there are none."""

import numpy as np
import pytest

from lineament.artifacts.findings.curves import BinaryCurves
from lineament.artifacts.predictions import Predictions
from lineament.evaluation.curves import MOST_POINTS, binary_curves
from lineament.measure.ranking import area_under_roc


def answers(n: int, *, skill: float = 2.0, share: float = 0.3, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) < share * n).astype(np.int64)
    logits = rng.normal(size=(n, 2))
    logits[np.arange(n), labels] += skill
    powers = np.exp(logits)
    return Predictions(
        samples=tuple(f"{i}.jpg" for i in range(n)),
        classes=("cat", "dog"),
        probabilities=(powers / powers.sum(axis=1, keepdims=True)).astype(np.float32),
        logits=logits.astype(np.float32),
        labels=labels,
        groups=("",) * n,
    )


def curves(predictions: Predictions, *, units: list[int] | None = None) -> BinaryCurves:
    found = binary_curves(predictions, units=units)
    assert found is not None
    return found


def test_the_class_with_fewer_photos_is_looked_for() -> None:
    assert curves(answers(50, share=0.3)).positive == "dog"
    assert curves(answers(50, share=0.7)).positive == "cat"


def test_the_first_of_two_even_classes_is_looked_for() -> None:
    assert curves(answers(50, share=0.5)).positive == "cat"


def test_the_figures_are_those_of_all_photos() -> None:
    predictions = answers(300)
    score = predictions.probabilities[:, 1].astype(np.float64)
    is_dog = predictions.labels == 1
    found = curves(predictions).area_under_roc
    assert found.value == pytest.approx(area_under_roc(score[is_dog], score[~is_dog]))
    assert found.low < found.value < found.high


def test_the_ends_are_exact_and_the_points_few() -> None:
    found = curves(answers(3000))
    assert (found.roc[0], found.roc[-1]) == ((0.0, 0.0), (1.0, 1.0))
    assert (found.precision_recall[0], found.precision_recall[-1]) == ((0.0, 1.0), (1.0, 0.3))
    assert (found.det[0], found.det[-1]) == ((0.0, 1.0), (1.0, 0.0))
    for points in (found.roc, found.precision_recall, found.det):
        assert 100 < len(points) <= MOST_POINTS


def test_thinned_points_keep_the_area() -> None:
    found = curves(answers(3000, skill=1.0))
    x, y = np.array(found.roc).T
    assert np.trapezoid(y, x) == pytest.approx(found.area_under_roc.value, abs=0.002)


def test_rates_rise_along_each_curve() -> None:
    found = curves(answers(3000))
    for points in (found.roc, found.precision_recall, found.det):
        across = [point[0] for point in points]
        assert across == sorted(across)


def test_probabilities_that_are_rounded_to_one_are_told_apart() -> None:
    small = np.array([1e-12, 1e-9, 1e-10, 0.5], dtype=np.float32)
    predictions = Predictions(
        samples=("a", "b", "c", "d"),
        classes=("cat", "dog"),
        probabilities=np.stack([1 - small, small], axis=1),
        logits=np.zeros((4, 2), dtype=np.float32),
        labels=np.array([0, 1, 0, 1]),
        groups=("",) * 4,
    )
    assert curves(predictions).area_under_roc.value == 1.0


def test_groups_widen_the_intervals() -> None:
    predictions = answers(60)
    copied = Predictions(
        samples=tuple(f"{i}.jpg" for i in range(600)),
        classes=predictions.classes,
        probabilities=np.repeat(predictions.probabilities, 10, axis=0),
        logits=np.repeat(predictions.logits, 10, axis=0),
        labels=np.repeat(predictions.labels, 10),
        groups=("",) * 600,
    )
    alone = curves(copied).area_under_roc
    together = curves(copied, units=[i // 10 for i in range(600)]).area_under_roc
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert together.n_groups == 60


def test_the_order_of_the_photos_does_not_change_the_curves() -> None:
    predictions = answers(300)
    order = np.random.default_rng(1).permutation(300)
    shuffled = Predictions(
        samples=tuple(predictions.samples[i] for i in order),
        classes=predictions.classes,
        probabilities=predictions.probabilities[order],
        logits=predictions.logits[order],
        labels=predictions.labels[order],
        groups=predictions.groups,
    )
    assert curves(shuffled).roc == curves(predictions).roc


def test_one_class_alone_has_no_curves() -> None:
    assert binary_curves(answers(20, share=0.0)) is None


def test_one_photo_of_a_class_has_no_curves() -> None:
    assert binary_curves(answers(20, share=0.05)) is None


def test_one_group_of_a_class_has_no_curves() -> None:
    predictions = answers(20, share=0.3)
    assert binary_curves(predictions, units=[0] * 6 + list(range(1, 15))) is None


def test_three_classes_have_no_curves() -> None:
    thirds = np.full((4, 3), 1 / 3, dtype=np.float32)
    predictions = Predictions(
        samples=("a", "b", "c", "d"),
        classes=("cat", "dog", "fox"),
        probabilities=thirds,
        logits=thirds,
        labels=np.array([0, 1, 2, 0]),
        groups=("",) * 4,
    )
    assert binary_curves(predictions) is None
