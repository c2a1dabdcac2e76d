"""What a familiarity still knows of its classes is near what they were."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.familiarity import Familiarity, fit_familiarity
from lineament.measure.recalling import recall

FloatArray = NDArray[np.float32]
N_CLASSES, SIZE = 5, 16


@pytest.fixture(scope="module")
def learnt() -> tuple[Familiarity, FloatArray, NDArray[np.int64]]:
    """Familiarity of five clouds of unequal spread, the directions, and their classes."""
    rng = np.random.default_rng(0)
    labels = np.arange(400) % N_CLASSES
    centres = 2 * rng.normal(size=(N_CLASSES, SIZE)) + 1
    spread = np.linspace(0.3, 1.5, SIZE)
    points = (centres[labels] + spread * rng.normal(size=(400, SIZE))).astype(np.float32)
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    return fit_familiarity(points, labels, n_classes=N_CLASSES), unit, labels


def means(unit: FloatArray, labels: NDArray[np.int64]) -> FloatArray:
    return np.stack([unit[labels == label].mean(axis=0) for label in range(N_CLASSES)])


def test_recalled_means_lie_where_the_classes_were(
    learnt: tuple[Familiarity, FloatArray, NDArray[np.int64]],
) -> None:
    familiarity, unit, labels = learnt
    found, true = recall(familiarity).means, means(unit, labels)
    found, true = found - found.mean(axis=0), true - true.mean(axis=0)

    cosines = (found * true).sum(axis=1) / (
        np.linalg.norm(found, axis=1) * np.linalg.norm(true, axis=1)
    )

    assert cosines.min() > 0.9


def test_drawn_directions_are_of_the_class_that_they_are_drawn_of(
    learnt: tuple[Familiarity, FloatArray, NDArray[np.int64]],
) -> None:
    familiarity, unit, labels = learnt

    drawn = recall(familiarity).draw(50, seed=1)

    nearest = (drawn @ means(unit, labels).T).argmax(axis=1)
    assert (nearest == np.repeat(np.arange(N_CLASSES), 50)).mean() > 0.9
    assert np.linalg.norm(drawn, axis=1) == pytest.approx(1, abs=1e-5)


def test_the_same_seed_draws_the_same(
    learnt: tuple[Familiarity, FloatArray, NDArray[np.int64]],
) -> None:
    recalled = recall(learnt[0])

    assert (recalled.draw(3, seed=4) == recalled.draw(3, seed=4)).all()
    assert (recalled.draw(3, seed=4) != recalled.draw(3, seed=5)).any()


def test_class_that_is_added_is_familiar_and_takes_nothing_from_others(
    learnt: tuple[Familiarity, FloatArray, NDArray[np.int64]],
) -> None:
    familiarity, unit, _ = learnt
    rng = np.random.default_rng(3)
    centre = 3 * rng.normal(size=SIZE)
    new = (centre + rng.normal(size=(60, SIZE))).astype(np.float32)

    wider = familiarity.with_classes(new[:20], np.zeros(20, dtype=np.int64))

    before, after = familiarity(unit), wider(unit)
    assert (after >= before - 1e-6).all()
    assert np.median(familiarity(new[20:])) < np.median(before) / 2
    assert np.median(wider(new[20:])) > np.median(before) / 2


def test_one_photo_does_not_make_a_class_known(
    learnt: tuple[Familiarity, FloatArray, NDArray[np.int64]],
) -> None:
    one = np.ones((1, SIZE), dtype=np.float32)

    with pytest.raises(UsageError, match=r"from two photos or more, got \[1\]"):
        learnt[0].with_classes(one, np.zeros(1, dtype=np.int64))
