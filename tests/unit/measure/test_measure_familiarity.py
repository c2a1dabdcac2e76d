"""What is near a class is familiar, what is near none is not, and both whatever the lengths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.familiarity import Familiarity, fit_familiarity

FloatArray = NDArray[np.float32]


def clusters(
    n: int = 60, *, n_classes: int = 3, dimensions: int = 12, seed: int = 0
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Embeddings around one axis per class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    points = rng.normal(scale=0.15, size=(n, dimensions)) + 3 * np.eye(dimensions)[labels]
    return points.astype(np.float32), labels


def away(n: int = 40, *, n_classes: int = 3, dimensions: int = 12, seed: int = 1) -> FloatArray:
    """Embeddings along axes that no class has."""
    rng = np.random.default_rng(seed)
    axes = n_classes + np.arange(n) % (dimensions - n_classes)
    points = rng.normal(scale=0.15, size=(n, dimensions)) + 3 * np.eye(dimensions)[axes]
    return np.asarray(points, dtype=np.float32)


def fitted() -> Familiarity:
    known, _ = clusters(seed=5)
    return fit_familiarity(*clusters(), n_classes=3).scaled_by(known)


def by_definition(
    train: FloatArray, labels: NDArray[np.int64], asked: FloatArray, shrinkage: float = 0.5
) -> NDArray[np.float64]:
    """The distances from means and covariances, in no clever order."""

    def directions(rows: FloatArray) -> NDArray[np.float64]:
        exact = rows.astype(np.float64)
        return np.asarray(exact / np.linalg.norm(exact, axis=1, keepdims=True))

    def shrunk(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
        covariance = deviations.T @ deviations / len(deviations)
        size = len(covariance)
        sphere = np.trace(covariance) / size * np.eye(size)
        return np.asarray((1 - shrinkage) * covariance + shrinkage * sphere)

    unit, points = directions(train), directions(asked)
    means = [unit[labels == each].mean(axis=0) for each in np.unique(labels)]
    within = shrunk(np.stack([row - means[label] for row, label in zip(unit, labels, strict=True)]))
    whole = shrunk(unit - unit.mean(axis=0))
    found = []
    for point in points:
        classes = [(point - mean) @ np.linalg.solve(within, point - mean) for mean in means]
        centred = point - unit.mean(axis=0)
        found.append(min(classes) - centred @ np.linalg.solve(whole, centred))
    return np.asarray(np.array(found) * np.trace(within), dtype=np.float64)


def test_distances_are_those_of_the_definition() -> None:
    train, labels = clusters()
    asked = np.concatenate([clusters(seed=2)[0], away()])

    found = fit_familiarity(train, labels, n_classes=3).distances(asked)

    wanted = by_definition(train, labels, asked)
    assert found == pytest.approx(wanted, abs=2e-3 * np.ptp(wanted))  # matrices are float16


def test_every_unknown_is_further_than_every_known() -> None:
    familiarity = fitted()

    assert familiarity(away()).max() < familiarity(clusters(seed=2)[0]).min()


def test_half_of_the_known_have_half_and_a_twentieth_less_than_27_percent() -> None:
    known, _ = clusters(200, seed=5)
    values = fit_familiarity(*clusters(), n_classes=3).scaled_by(known)(known)

    assert np.median(values) == pytest.approx(0.5, abs=1e-3)
    assert np.quantile(values, 0.05) == pytest.approx(1 / (1 + np.e), abs=1e-3)


@given(factor=st.floats(1e-3, 1e3))
def test_length_of_an_embedding_does_not_matter(factor: float) -> None:
    points = away(9)

    assert fitted()(points * np.float32(factor)) == pytest.approx(fitted()(points), abs=1e-4)


def test_an_embedding_of_zeros_has_an_answer() -> None:
    (value,) = fitted()(np.zeros((1, 12), dtype=np.float32))

    assert 0 <= value <= 1


def test_order_of_the_training_photos_does_not_matter() -> None:
    train, labels = clusters()
    order = np.random.default_rng(3).permutation(len(train))

    one = fit_familiarity(train, labels, n_classes=3)
    other = fit_familiarity(train[order], labels[order], n_classes=3)

    assert one.distances(away()) == pytest.approx(other.distances(away()), rel=1e-3)


def test_more_photos_than_are_taken_at_a_time_count_all(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit_familiarity(*clusters(), n_classes=3).distances(away())
    monkeypatch.setattr("lineament.measure.familiarity.ROWS", 7)

    parts = fit_familiarity(*clusters(), n_classes=3).distances(away())

    assert parts == pytest.approx(whole, rel=1e-3)


def test_a_class_without_photos_is_nearest_to_nothing() -> None:
    train, labels = clusters()
    asked = np.concatenate([clusters(seed=2)[0], away()])

    with_it = fit_familiarity(train, labels, n_classes=4).distances(asked)

    assert with_it.tolist() == fit_familiarity(train, labels, n_classes=3).distances(asked).tolist()


@pytest.mark.parametrize("each", [1, 2])
def test_classes_of_one_photo_and_of_equal_photos_have_distances(each: int) -> None:
    train = np.repeat(np.eye(4, dtype=np.float32), each, axis=0)
    labels = np.repeat(np.arange(4), each)

    near, far = fit_familiarity(train, labels, n_classes=4).distances(
        np.array([[1, 0, 0, 0], [1, 1, 1, 1]], dtype=np.float32)
    )

    assert np.isfinite([near, far]).all()
    assert near < far


def test_fewer_photos_than_dimensions_are_enough() -> None:
    familiarity = fit_familiarity(*clusters(9, dimensions=64), n_classes=3)

    known, unknown = clusters(30, dimensions=64, seed=2)[0], away(30, dimensions=64)
    assert familiarity.distances(known).max() < familiarity.distances(unknown).min()


def test_one_known_photo_gives_a_scale() -> None:
    one, _ = clusters(1)
    scaled = fit_familiarity(*clusters(), n_classes=3).scaled_by(one)

    assert scaled.spread == 1
    assert scaled(one)[0] == pytest.approx(0.5, abs=1e-4)


def test_no_known_photo_gives_none() -> None:
    with pytest.raises(UsageError, match="needs one known photo or more"):
        fitted().scaled_by(np.zeros((0, 12), dtype=np.float32))


@pytest.mark.parametrize("shape", [(0, 12), (3, 12), (60,)])
def test_embeddings_that_do_not_fit_the_labels_are_refused(shape: tuple[int, ...]) -> None:
    labels = np.zeros(0 if shape[0] == 0 else 60, dtype=np.int64)

    with pytest.raises(UsageError) as caught:
        fit_familiarity(np.zeros(shape, dtype=np.float32), labels, n_classes=2)

    assert str(caught.value) == (
        "Familiarity is learnt from embeddings (N, D), N at least 1, and labels (N,); got "
        f"{shape} and {labels.shape}."
    )
