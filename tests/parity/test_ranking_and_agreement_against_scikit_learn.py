"""Ranking, agreement, headline and Student's t give scikit-learn's and scipy's numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import optimize, stats
from sklearn import metrics

from lineament.measure.agreement import cohen_kappa, matthews_correlation
from lineament.measure.headline import headline_intervals
from lineament.measure.proportions import class_intervals
from lineament.measure.quantiles import two_sided_t
from lineament.measure.ranking import (
    Ranking,
    area_under_roc,
    average_precision,
    equal_error_rate,
    false_positive_rate_at,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SEEDS = st.integers(0, 2**32 - 1)
EXACT = 1e-9


def draw_scores(seed: int) -> tuple[Floats, Floats]:
    """Positives and negatives, few and often tied; apart, alike or the wrong way round."""
    rng = np.random.default_rng(seed)
    decimals = int(rng.integers(0, 4))
    shift = rng.choice([-3.0, 0.0, 1.0, 20.0])
    positive = rng.normal(shift, 1, int(rng.integers(1, 30))).round(decimals)
    return positive, rng.normal(0, 1, int(rng.integers(1, 30))).round(decimals)


def as_labels(positive: Floats, negative: Floats) -> tuple[Ints, Floats]:
    labels = np.repeat([1, 0], [len(positive), len(negative)])
    return labels, np.concatenate((positive, negative))


def draw_answers(seed: int) -> tuple[Ints, Ints, int]:
    """Truth and answers among 2 to 9 classes; some absent, all right, all wrong, or N = 1."""
    rng = np.random.default_rng(seed)
    n, n_classes = int(rng.integers(1, 40)), int(rng.integers(2, 10))
    labels = rng.integers(0, rng.integers(1, n_classes + 1), n)
    off = rng.random(n) < rng.choice([0.0, 0.3, 0.7, 1.0])
    return labels, (labels + off * rng.integers(1, n_classes, n)) % n_classes, n_classes


def counts(labels: Ints, answers: Ints, n_classes: int) -> tuple[Ints, Ints, Ints]:
    right, support, answered = (
        np.bincount(each, minlength=n_classes)
        for each in (labels[labels == answers], labels, answers)
    )
    return right, support, answered


@settings(deadline=None, max_examples=300)
@given(SEEDS)
def test_area_under_roc(seed: int) -> None:
    scores = draw_scores(seed)
    theirs = metrics.roc_auc_score(*as_labels(*scores))
    assert area_under_roc(*scores) == pytest.approx(theirs, abs=EXACT)


@settings(deadline=None, max_examples=100)
@given(SEEDS)
def test_area_under_roc_is_mann_and_whitneys(seed: int) -> None:
    positive, negative = draw_scores(seed)
    theirs = stats.mannwhitneyu(positive, negative, method="asymptotic").statistic
    pairs = len(positive) * len(negative)
    assert area_under_roc(positive, negative) == pytest.approx(theirs / pairs, abs=EXACT)


@settings(deadline=None, max_examples=300)
@given(SEEDS)
def test_average_precision(seed: int) -> None:
    scores = draw_scores(seed)
    theirs = metrics.average_precision_score(*as_labels(*scores))
    assert average_precision(*scores) == pytest.approx(theirs, abs=EXACT)


@settings(deadline=None, max_examples=300)
@given(SEEDS)
def test_roc_and_precision_recall_curve(seed: int) -> None:
    scores = draw_scores(seed)
    curve = Ranking(*scores).curve()
    false, true, thresholds = metrics.roc_curve(*as_labels(*scores), drop_intermediate=False)
    assert curve.false_positive_rate == pytest.approx(false, abs=EXACT)
    assert curve.true_positive_rate == pytest.approx(true, abs=EXACT)
    assert (curve.thresholds == thresholds).all()
    precision, recall, _ = metrics.precision_recall_curve(*as_labels(*scores))
    assert curve.precision[::-1] == pytest.approx(precision, abs=EXACT)
    assert curve.true_positive_rate[::-1] == pytest.approx(recall, abs=EXACT)


@settings(deadline=None, max_examples=300)
@given(SEEDS, st.sampled_from([0.05, 0.5, 0.9, 0.95, 1.0]))
def test_false_positive_rate_at_a_true_positive_rate(seed: int, wanted: float) -> None:
    scores = draw_scores(seed)
    false, true, _ = metrics.roc_curve(*as_labels(*scores), drop_intermediate=False)
    theirs = false[true >= wanted - 1e-12].min()
    assert false_positive_rate_at(*scores, wanted) == pytest.approx(theirs, abs=EXACT)


@settings(deadline=None, max_examples=300)
@given(SEEDS)
def test_equal_error_rate_is_where_their_roc_crosses_the_line_of_equal_errors(seed: int) -> None:
    scores = draw_scores(seed)
    false, true, _ = metrics.roc_curve(*as_labels(*scores), drop_intermediate=False)
    excess = false - (1 - true)
    way = np.arange(len(false))
    place = optimize.brentq(lambda at: np.interp(at, way, excess), 0, len(way) - 1, xtol=1e-13)
    theirs = np.interp(place, way, false)
    assert equal_error_rate(*scores) == pytest.approx(theirs, abs=1e-6)


@settings(deadline=None, max_examples=200)
@given(SEEDS)
def test_weights_are_their_sample_weights(seed: int) -> None:
    scores = draw_scores(seed)
    rng = np.random.default_rng(seed)
    weights = [rng.integers(0, 4, len(each)).astype(np.float64) for each in scores]
    for each in weights:
        each[0] += 1
    area, precision, _, _ = Ranking(*scores).figures(weights[0], weights[1])
    labels, both = as_labels(*scores)
    sample_weight = np.concatenate(weights)
    theirs = metrics.roc_auc_score(labels, both, sample_weight=sample_weight)
    assert area == pytest.approx(theirs, abs=EXACT)
    theirs = metrics.average_precision_score(labels, both, sample_weight=sample_weight)
    assert precision == pytest.approx(theirs, abs=EXACT)


# Theirs is NaN where everything is of one class; ours is 0 by definition, as the next test says.
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
@settings(deadline=None, max_examples=300)
@given(SEEDS)
def test_cohens_kappa(seed: int) -> None:
    labels, answers, n_classes = draw_answers(seed)
    theirs = metrics.cohen_kappa_score(labels, answers)
    ours = cohen_kappa(*counts(labels, answers, n_classes))
    assert ours == pytest.approx(0.0 if np.isnan(theirs) else theirs, abs=EXACT)


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(deadline=None, max_examples=300)
@given(SEEDS)
def test_matthews_correlation(seed: int) -> None:
    labels, answers, n_classes = draw_answers(seed)
    theirs = metrics.matthews_corrcoef(labels, answers)
    ours = matthews_correlation(*counts(labels, answers, n_classes))
    assert ours == pytest.approx(theirs, abs=EXACT)


# scikit-learn warns of classes that are missing; what it then returns is what is compared.
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
@settings(deadline=None, max_examples=150)
@given(SEEDS)
def test_headline_figures(seed: int) -> None:
    labels, answers, n_classes = draw_answers(seed)
    if len(labels) < 2:
        return  # no interval; the metrics themselves are compared elsewhere
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(n_classes), len(labels))
    highest = probabilities.max(axis=1)
    rows = np.arange(len(labels))
    probabilities[rows, probabilities.argmax(axis=1)] = probabilities[rows, answers]
    probabilities[rows, answers] = highest
    ours = headline_intervals(probabilities, labels, resamples=2)
    every = range(n_classes)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, answers, average="macro", zero_division=0
    )
    kappa = metrics.cohen_kappa_score(labels, answers)
    theirs = {
        "accuracy": metrics.accuracy_score(labels, answers),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, answers),
        "macro_precision": precision,
        "macro_f1": f1,
        "cohen_kappa": 0.0 if np.isnan(kappa) else kappa,
        "matthews_correlation": metrics.matthews_corrcoef(labels, answers),
        "log_loss": metrics.log_loss(labels, probabilities, labels=every),
        "brier": ((probabilities - np.eye(n_classes)[labels]) ** 2).sum(axis=1).mean(),
    }
    if n_classes > 5:
        theirs["top_5_accuracy"] = metrics.top_k_accuracy_score(
            labels, probabilities, k=5, labels=every
        )
    if "macro_recall" in ours:
        theirs["macro_recall"] = recall
    else:
        assert recall == pytest.approx(theirs["balanced_accuracy"], abs=EXACT)
    found = {name: one.value for name, one in ours.items()}
    del found["expected_calibration_error"]  # theirs has no bins of equal mass
    assert found == pytest.approx(theirs, abs=1e-6)


@settings(deadline=None, max_examples=150)
@given(SEEDS)
def test_precision_recall_and_f1_of_each_class(seed: int) -> None:
    labels, answers, n_classes = draw_answers(seed)
    theirs = metrics.precision_recall_fscore_support(
        labels, answers, labels=range(n_classes), zero_division=0
    )[:3]
    ours = [
        [one.value if one else 0.0 for one in (each.precision, each.recall, each.f1)]
        for each in class_intervals(labels, answers, n_classes)
    ]
    assert np.array(ours) == pytest.approx(np.stack(theirs, axis=1), abs=EXACT)


@pytest.mark.parametrize("degrees", [1, 2, 3, 9, 10, 57, 200, 201, 1000, 1_000_000])
@pytest.mark.parametrize("level", [0.1, 0.5, 0.9, 0.95, 0.99, 0.999])
def test_students_quantiles(degrees: int, level: float) -> None:
    theirs = stats.t.ppf((1 + level) / 2, degrees)
    assert two_sided_t(level, degrees) == pytest.approx(theirs, rel=1e-8)
