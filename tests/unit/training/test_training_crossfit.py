"""No photo is answered by a head that has learnt from it or from its unit."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.training.crossfit import deal_folds, out_of_sample_probabilities

Ints = NDArray[np.int64]


def clouds(n: int, n_classes: int, *, spread: float = 1.0) -> tuple[NDArray[np.float32], Ints]:
    """Points around one centre per class."""
    centres = np.random.default_rng(99).normal(0, 3, (n_classes, 8))
    labels = np.arange(n) % n_classes
    points = centres[labels] + np.random.default_rng(0).normal(0, spread, (n, 8))
    return points.astype(np.float32), labels


def bursts(*, n_units: int = 40, per_unit: int = 5) -> tuple[NDArray[np.float32], Ints, Ints]:
    """Photos that look like their unit and tell nothing of their class."""
    units = np.repeat(np.arange(n_units), per_unit)
    looks = np.random.default_rng(0).normal(0, 1, (n_units, 60))[units]
    noise = np.random.default_rng(1).normal(0, 0.1, (len(units), 60))
    return (looks + noise).astype(np.float32), units % 2, units


@strategies.composite
def labelled_units(draw: strategies.DrawFn) -> tuple[Ints, Ints]:
    n = draw(strategies.integers(1, 60))
    numbers = strategies.lists(strategies.integers(0, 9), min_size=n, max_size=n)
    return np.asarray(draw(numbers)), np.asarray(draw(numbers))


def test_classes_that_can_be_learnt_are_answered_rightly() -> None:
    features, labels = clouds(120, 3)

    answers = out_of_sample_probabilities(features, labels, np.arange(120), n_classes=3)

    assert (answers.argmax(axis=1) == labels).mean() > 0.95


def test_labels_that_were_dealt_by_chance_are_answered_by_chance() -> None:
    features, labels = clouds(300, 3)
    dealt = np.random.default_rng(1).permutation(labels)

    answers = out_of_sample_probabilities(features, dealt, np.arange(300), n_classes=3)

    assert 0.2 < (answers.argmax(axis=1) == dealt).mean() < 0.45


def test_what_one_photo_of_a_unit_shows_is_not_known_when_another_is_answered() -> None:
    features, labels, units = bursts()

    kept_apart = out_of_sample_probabilities(features, labels, units, n_classes=2)
    leaking = out_of_sample_probabilities(features, labels, np.arange(len(labels)), n_classes=2)

    assert (leaking.argmax(axis=1) == labels).mean() > 0.95
    assert (kept_apart.argmax(axis=1) == labels).mean() < 0.7


def test_rows_are_probabilities() -> None:
    features, labels = clouds(60, 4, spread=5.0)

    answers = out_of_sample_probabilities(features, labels, np.arange(60), n_classes=4)

    assert answers.dtype == np.float32
    assert answers.sum(axis=1) == pytest.approx(np.ones(60), abs=1e-5)


def test_label_that_no_head_could_learn_is_not_judged() -> None:
    features, labels = clouds(60, 2)
    labels[7] = 2

    answers = out_of_sample_probabilities(features, labels, np.arange(60), n_classes=3)

    assert np.flatnonzero(np.isnan(answers).any(axis=1)).tolist() == [7]


def test_class_of_one_unit_is_not_judged() -> None:
    features, labels = clouds(60, 3)
    units = np.where(labels == 2, 1000, np.arange(60))

    answers = out_of_sample_probabilities(features, labels, units, n_classes=3)

    assert (np.isnan(answers).any(axis=1) == (labels == 2)).all()


def test_class_without_photos_gets_no_probability() -> None:
    features, labels = clouds(60, 2)

    answers = out_of_sample_probabilities(features, labels, np.arange(60), n_classes=5)

    assert (answers[:, 2:] == 0).all()


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_a_handful_of_photos_is_no_obstacle(n: int) -> None:
    features, labels = clouds(n, 2)

    answers = out_of_sample_probabilities(features, labels, np.arange(n), n_classes=2)

    assert answers.shape == (n, 2)


def test_one_class_alone_is_not_judged() -> None:
    features, labels = clouds(20, 1)

    answers = out_of_sample_probabilities(features, labels, np.arange(20), n_classes=1)

    assert np.isnan(answers).all()


def test_no_photos_give_no_answers() -> None:
    none = np.empty(0, dtype=np.int64)

    answers = out_of_sample_probabilities(np.empty((0, 8), np.float32), none, none, n_classes=3)

    assert answers.shape == (0, 3)


def test_same_photos_give_the_same_answers_bit_for_bit() -> None:
    features, labels = clouds(60, 3)
    one, other = (
        out_of_sample_probabilities(features, labels, np.arange(60), n_classes=3) for _ in range(2)
    )

    assert one.tobytes() == other.tobytes()


@hypothesis.given(labelled_units(), strategies.integers(2, 6))
def test_unit_is_in_one_fold(photos: tuple[Ints, Ints], n_folds: int) -> None:
    labels, units = photos

    folds = deal_folds(labels, units, n_folds=n_folds)

    assert all(len(set(folds[units == unit])) == 1 for unit in units)
    assert set(folds.tolist()) <= set(range(n_folds))


@hypothesis.given(labelled_units(), strategies.integers(2, 6))
def test_single_photos_of_a_class_are_dealt_evenly(photos: tuple[Ints, Ints], n_folds: int) -> None:
    labels, _ = photos

    folds = deal_folds(labels, np.arange(len(labels)), n_folds=n_folds)

    for label in labels:
        counts = np.bincount(folds[labels == label], minlength=n_folds)
        assert counts.max() - counts.min() <= 1


@hypothesis.given(labelled_units(), strategies.integers(0, 99))
def test_order_of_arrival_changes_no_fold(photos: tuple[Ints, Ints], arrival: int) -> None:
    labels, units = photos
    order = np.random.default_rng(arrival).permutation(len(labels))

    folds = deal_folds(labels, units, n_folds=3)

    assert (deal_folds(labels[order], units[order], n_folds=3) == folds[order]).all()


def test_folds_of_many_small_classes_are_of_one_size() -> None:
    folds = deal_folds(np.repeat(np.arange(100), 3), np.arange(300), n_folds=5)

    assert np.bincount(folds).tolist() == [60] * 5


def test_classes_are_as_even_as_units_allow() -> None:
    units = np.arange(400) // 4

    folds = deal_folds(units % 2, units, n_folds=5)

    assert [np.bincount(folds[units % 2 == label]).tolist() for label in (0, 1)] == [[40] * 5] * 2


def test_another_seed_deals_other_folds() -> None:
    labels = np.arange(100) % 2

    one, other = (deal_folds(labels, np.arange(100), n_folds=5, seed=seed) for seed in (0, 1))

    assert (one != other).any()


def test_one_fold_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        deal_folds(np.zeros(3, np.int64), np.arange(3), n_folds=1)

    assert str(caught.value) == "`n_folds` must be 2 or more, got 1."


def test_units_of_another_length_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        deal_folds(np.zeros(3, np.int64), np.arange(4), n_folds=2)

    assert str(caught.value) == "`labels` and `units` must be of one length, got 3 and 4."


def test_features_of_another_length_are_refused() -> None:
    features, labels = clouds(10, 2)

    with pytest.raises(UsageError) as caught:
        out_of_sample_probabilities(features[:9], labels, np.arange(10), n_classes=2)

    assert str(caught.value) == "`features` and `labels` must be of one length, got 9 and 10."
