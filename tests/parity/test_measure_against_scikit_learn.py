"""The measures give scikit-learn's numbers on random answers, classes without samples included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics

from lineament.measure.calibration import brier_score
from lineament.measure.classification import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    log_loss,
    macro_f1,
    macro_precision,
    macro_recall,
    per_class,
    top_k_accuracy,
)
from lineament.measure.inputs import FloatArray

Ints = NDArray[np.int64]
SEEDS = st.integers(0, 2**32 - 1)


def draw(seed: int) -> tuple[Ints, Ints, int]:
    """Truth and answers among 2 to 12 classes, few samples, so that classes are often absent."""
    rng = np.random.default_rng(seed)
    n, n_classes = int(rng.integers(1, 60)), int(rng.integers(2, 13))
    labels = rng.integers(0, rng.integers(1, n_classes + 1), n)
    predicted = np.where(rng.random(n) < 0.6, labels, rng.integers(0, n_classes, n))
    return labels, predicted, n_classes


def draw_probabilities(seed: int, dtype: type[np.float32] | type[np.float64]) -> FloatArray:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(int(rng.integers(2, 60)), int(rng.integers(2, 9))))
    logits *= rng.choice([0.1, 1, 20, 1000])  # 1000 reaches exact zeros and ones
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: FloatArray = (powers / powers.sum(axis=1, keepdims=True)).astype(dtype)
    return probabilities


def draw_labels(seed: int, probabilities: FloatArray) -> Ints:
    rng = np.random.default_rng(seed)
    return rng.integers(0, probabilities.shape[1], size=len(probabilities))


@settings(deadline=None, max_examples=200)
@given(SEEDS)
def test_confusion_matrix(seed: int) -> None:
    labels, predicted, n_classes = draw(seed)
    theirs = metrics.confusion_matrix(labels, predicted, labels=range(n_classes))
    assert (confusion_matrix(labels, predicted, n_classes=n_classes) == theirs).all()


@settings(deadline=None, max_examples=200)
@given(SEEDS)
def test_precision_recall_f1_and_support_of_each_class(seed: int) -> None:
    labels, predicted, n_classes = draw(seed)
    matrix = confusion_matrix(labels, predicted, n_classes=n_classes)
    ours = per_class(matrix, [str(i) for i in range(n_classes)])
    theirs = metrics.precision_recall_fscore_support(
        labels, predicted, labels=range(n_classes), zero_division=0
    )
    assert [[s.precision, s.recall, s.f1, s.support] for s in ours] == [
        pytest.approx(list(row)) for row in zip(*theirs, strict=True)
    ]


@settings(deadline=None, max_examples=200)
@given(SEEDS)
def test_macro_averages_over_the_default_labels(seed: int) -> None:
    labels, predicted, n_classes = draw(seed)
    matrix = confusion_matrix(labels, predicted, n_classes=n_classes)
    theirs = metrics.precision_recall_fscore_support(
        labels, predicted, average="macro", zero_division=0
    )[:3]
    ours = (macro_precision(matrix), macro_recall(matrix), macro_f1(matrix))
    assert ours == pytest.approx(theirs)


# scikit-learn warns of classes that are missing; what it then returns is what is compared.
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")
@pytest.mark.filterwarnings("ignore:A single label was found in 'y_true':UserWarning")
@settings(deadline=None, max_examples=200)
@given(SEEDS)
def test_balanced_accuracy(seed: int) -> None:
    labels, predicted, n_classes = draw(seed)
    ours = balanced_accuracy(confusion_matrix(labels, predicted, n_classes=n_classes))
    assert ours == pytest.approx(metrics.balanced_accuracy_score(labels, predicted))


@settings(deadline=None, max_examples=100)
@given(SEEDS)
def test_accuracy(seed: int) -> None:
    labels, predicted, n_classes = draw(seed)
    ours = accuracy(confusion_matrix(labels, predicted, n_classes=n_classes))
    assert ours == pytest.approx(metrics.accuracy_score(labels, predicted))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=200)
@given(seed=SEEDS)
def test_log_loss_with_its_clipping(dtype: type[np.float32] | type[np.float64], seed: int) -> None:
    probabilities = draw_probabilities(seed, dtype)
    n_classes = probabilities.shape[1]
    labels = draw_labels(seed, probabilities)
    theirs = metrics.log_loss(labels, probabilities, labels=range(n_classes))
    assert log_loss(probabilities, labels) == pytest.approx(theirs, rel=1e-5)


@settings(deadline=None, max_examples=200)
@given(seed=SEEDS)
def test_brier_score_is_the_sum_of_their_binary_scores(seed: int) -> None:
    probabilities = draw_probabilities(seed, np.float64)
    n_classes = probabilities.shape[1]
    labels = draw_labels(seed, probabilities)
    # The multi-class form needs scikit-learn 1.7; one class against the rest is in every release.
    theirs = sum(
        metrics.brier_score_loss(labels == c, probabilities[:, c], pos_label=True)
        for c in range(n_classes)
    )
    assert brier_score(probabilities, labels) == pytest.approx(theirs)


@settings(deadline=None, max_examples=100)
@given(seed=SEEDS)
def test_top_k_accuracy_without_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(6), 40)
    labels = rng.integers(0, 6, 40)
    for k in (1, 2, 5):
        theirs = metrics.top_k_accuracy_score(labels, probabilities, k=k, labels=range(6))
        assert top_k_accuracy(probabilities, labels, k=k) == pytest.approx(theirs)
