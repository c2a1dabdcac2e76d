"""The head is scikit-learn's solution on standardised features, folded back to raw ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from lineament.core.progress import QUIET
from lineament.training.heads import GRID, WORSE_IN_A_ROW, Head, fit_head
from lineament.training.logistic import BLOCK

Part = tuple[NDArray[np.float32], NDArray[np.int64]]


def clouds(n: int, n_classes: int, *, seed: int = 0, spread: float = 1.0) -> Part:
    """Points around one centre per class, features of very different scale and offset."""
    draw = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(0, 2, (n_classes, 8))
    labels = np.arange(n) % n_classes
    points = centres[labels] + draw.normal(0, spread, (n, 8))
    scale = 10.0 ** np.linspace(-3, 3, 8)
    return (points * scale + 5 * scale).astype(np.float32), labels.astype(np.int64)


def fitted(train: Part, validation: Part, regularisation: float | None = None) -> Head:
    return fit_head(
        train,
        validation,
        n_classes=int(train[1].max()) + 1,
        regularisation=regularisation,
        progress=QUIET,
    )


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("strength", [0.3, 1e-3])
def test_probabilities_are_those_of_scikit_learn(n_classes: int, strength: float) -> None:
    train, validation = clouds(140, n_classes), clouds(70, n_classes, seed=1)
    scaler = StandardScaler().fit(train[0].astype(np.float64))
    theirs = LogisticRegression(C=1 / (strength * 140), tol=1e-9, max_iter=5000)
    theirs.fit(scaler.transform(train[0]), train[1])

    head = fitted(train, validation, strength)

    expected = theirs.predict_proba(scaler.transform(validation[0]))
    assert head.weight.shape == (n_classes, 8)
    assert np.abs(softmax(head.logits(validation[0])) - expected).max() < 1e-3


def test_scale_and_offset_of_a_feature_change_no_answer() -> None:
    train, validation = clouds(120, 3), clouds(60, 3, seed=1)
    factor, offset = np.float32(64.0), np.float32(3.0)

    plain = fitted(train, validation, 0.1).logits(validation[0])
    moved = fitted(
        (train[0] * factor + offset, train[1]),
        (validation[0] * factor + offset, validation[1]),
        0.1,
    ).logits(validation[0] * factor + offset)

    assert np.abs(softmax(plain) - softmax(moved)).max() < 1e-3


@pytest.mark.parametrize("value", [0.0, 0.1, 1000.1, -7.0])
def test_constant_feature_gets_no_weight(value: float) -> None:
    (features, labels), (others, truths) = clouds(120, 3), clouds(60, 3, seed=1)
    constant = np.full((len(features), 1), value, np.float32)
    surprising = np.full((len(others), 1), value + 5, np.float32)

    head = fitted(
        (np.hstack([features, constant]), labels), (np.hstack([others, surprising]), truths)
    )

    assert np.abs(head.weight[:, -1]).max() < 1e-3


def test_regularisation_that_is_given_is_used_alone() -> None:
    head = fitted(clouds(120, 3), clouds(60, 3, seed=1), 0.037)

    assert head.regularisation == 0.037
    assert [row["regularisation"] for row in head.history] == [0.037]


def test_no_regularisation_at_all_can_be_asked_for() -> None:
    head = fitted(clouds(120, 3, spread=4.0), clouds(60, 3, seed=1, spread=4.0), 0.0)

    assert head.regularisation == 0.0
    assert np.isfinite(head.weight).all()


def test_grid_is_walked_from_strong_to_weak_until_validation_gets_worse() -> None:
    head = fitted(clouds(60, 3, spread=5.0), clouds(60, 3, seed=1, spread=5.0))

    tried = [row["regularisation"] for row in head.history]
    losses = [float(str(row["validation_loss_cautious"])) for row in head.history]
    assert tried == list(GRID[: len(tried)])
    assert head.regularisation == tried[int(np.argmin(losses))]
    assert len(tried) == len(GRID) or int(np.argmin(losses)) == len(tried) - 1 - WORSE_IN_A_ROW


def test_chosen_row_states_the_loss_and_accuracy_of_the_head() -> None:
    train, validation = clouds(90, 3, spread=3.0), clouds(60, 3, seed=1, spread=3.0)

    head = fitted(train, validation)

    row = next(row for row in head.history if row["regularisation"] == head.regularisation)
    for name, (features, labels) in (("train", train), ("validation", validation)):
        logits = head.logits(features)
        loss = -np.log(softmax(logits)[np.arange(len(labels)), labels]).mean()
        assert row[f"{name}_loss"] == pytest.approx(loss, rel=1e-4)
        assert row[f"{name}_accuracy"] == pytest.approx((logits.argmax(axis=1) == labels).mean())
    assert head.validation_loss == row["validation_loss"]


def test_separable_classes_do_not_get_the_weakest_regularisation() -> None:
    head = fitted(clouds(120, 3, spread=0.1), clouds(30, 3, seed=1, spread=0.1))

    assert head.regularisation > GRID[-1]


def test_class_that_validation_does_not_have_is_no_obstacle() -> None:
    features, labels = clouds(60, 3, seed=1)
    some = labels != 2

    head = fitted(clouds(120, 3), (features[some], labels[some]))

    assert head.weight.shape == (3, 8)


def test_same_features_give_the_same_head_bit_for_bit() -> None:
    one, other = (fitted(clouds(90, 3), clouds(60, 3, seed=1)) for _ in range(2))

    assert one.weight.tobytes() == other.weight.tobytes()
    assert one.bias.tobytes() == other.bias.tobytes()
    assert one.history == other.history


def test_more_features_than_photos_are_no_obstacle() -> None:
    draw = np.random.default_rng(0)
    train = draw.normal(0, 1, (12, 300)).astype(np.float32), np.arange(12) % 3
    validation = draw.normal(0, 1, (9, 300)).astype(np.float32), np.arange(9) % 3

    assert np.isfinite(fitted(train, validation).weight).all()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_balanced_head_is_that_of_scikit_learn(n_classes: int) -> None:
    features, labels = clouds(240, n_classes, spread=6.0)
    kept = (labels != 1) | (np.arange(240) % 5 == 0)
    train, validation = (features[kept], labels[kept]), clouds(70, n_classes, seed=1)
    n = int(kept.sum())
    scaler = StandardScaler().fit(train[0].astype(np.float64))
    theirs = LogisticRegression(C=1 / (0.1 * n), tol=1e-9, max_iter=5000, class_weight="balanced")
    theirs.fit(scaler.transform(train[0]), train[1])

    head = fit_head(
        train,
        validation,
        n_classes=n_classes,
        regularisation=0.1,
        is_balanced=True,
        progress=QUIET,
    )

    expected = theirs.predict_proba(scaler.transform(validation[0]))
    assert np.abs(softmax(head.logits(validation[0])) - expected).max() < 1e-3


def test_choice_of_a_balanced_head_counts_classes_alike() -> None:
    features, labels = clouds(400, 2, spread=6.0)
    rare = (labels == 0) | (np.arange(400) % 20 == 1)
    parts = (features[rare], labels[rare]), (features[~rare], labels[~rare] * 0 + 1)

    head = fit_head(*parts, n_classes=2, regularisation=None, is_balanced=True, progress=QUIET)

    row = next(row for row in head.history if row["regularisation"] == head.regularisation)
    n, own = len(parts[1][1]), -np.log(softmax(head.logits(parts[1][0])))
    doubt = 1 / (n + 2)
    weight = rare.sum() / (2 * parts[0][1].sum())
    cautious = weight * ((1 - doubt) * own[:, 1] + doubt * own[:, 0]).mean()
    assert row["validation_loss_cautious"] == pytest.approx(cautious, rel=1e-4)


@given(
    n=st.integers(4, 60),
    width=st.integers(1, 90),
    n_classes=st.integers(2, 6),
    strength=st.sampled_from([3.0, 0.1, 3e-3]),
    seed=st.integers(0, 2**20),
)
@settings(max_examples=25)
def test_no_solver_finds_a_lower_loss(
    n: int, width: int, n_classes: int, strength: float, seed: int
) -> None:
    """Features fewer and more than photos, and of less than full rank."""
    draw = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(n_classes), draw.integers(0, n_classes, n)])
    basis = draw.normal(0, 1, (max(1, width // 2), width))
    features = (draw.normal(0, 1, (len(labels), len(basis))) @ basis).astype(np.float32)
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    theirs = LogisticRegression(C=1 / (strength * len(labels)), tol=1e-8, max_iter=5000)
    theirs.fit(scaled.astype(np.float64), labels)

    head = fitted((features, labels), (features, labels), strength)

    # Two classes are one difference of logits, and that is what is regularised.
    share = 0.5 if n_classes == 2 else 1.0
    inner = head.weight * features.std(axis=0)
    ours = _loss(head.logits(features), labels) + strength / 2 * np.square(inner).sum() / share
    best = _loss(theirs.decision_function(scaled), labels)
    best += strength / 2 * np.square(theirs.coef_).sum()
    assert ours <= best + 1e-4


def _loss(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    if logits.ndim == 1:
        logits = np.stack([-logits / 2, logits / 2], axis=1)
    return float(-np.log(softmax(logits)[np.arange(len(labels)), labels]).mean())


def test_class_without_a_training_photo_is_never_the_answer() -> None:
    features, labels = clouds(120, 3)
    head = fit_head(
        (features, labels),
        clouds(60, 3, seed=1),
        n_classes=4,
        regularisation=0.1,
        progress=QUIET,
    )

    assert head.weight.shape == (4, 8)
    assert softmax(head.logits(features))[:, 3].max() < 0.01


def test_features_without_any_spread_leave_the_frequency_of_the_classes() -> None:
    labels = np.arange(120) % 4 // 3
    constant = np.full((120, 5), 3.0, np.float32)

    head = fitted((constant, labels), (constant, labels), 0.1)

    assert softmax(head.logits(constant[:1]))[0].tolist() == pytest.approx([0.75, 0.25], abs=1e-3)


def test_many_photos_are_summed_in_blocks_without_a_gap() -> None:
    train, validation = clouds(2 * BLOCK + 7, 3, spread=4.0), clouds(90, 3, seed=1)
    order = np.random.default_rng(0).permutation(len(train[1]))

    one = fitted(train, validation, 0.01)
    other = fitted((train[0][order], train[1][order]), validation, 0.01)

    ours, theirs = softmax(one.logits(validation[0])), softmax(other.logits(validation[0]))
    assert np.abs(ours - theirs).max() < 1e-3
