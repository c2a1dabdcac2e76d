"""Headline figures: which there are, how their intervals are found, and what those cover."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.agreement import cohen_kappa, matthews_correlation
from lineament.measure.calibration import brier_score, expected_calibration_error, softmax
from lineament.measure.classification import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    log_loss,
    macro_f1,
    macro_precision,
    top_k_accuracy,
)
from lineament.measure.headline import headline_intervals
from lineament.measure.intervals import fraction_limits, mean_of_proportions, wilson
from lineament.measure.means import FEWEST_UNITS, StudentisedMeans

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Ints = NDArray[np.int64]
RESAMPLES = 1000


def answers(n: int, n_classes: int, *, seed: int, skill: float = 2.0) -> tuple[Floats, Ints]:
    """Probabilities that find the label more often the greater the skill."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    logits = rng.normal(size=(n, n_classes))
    logits[np.arange(n), labels] += skill
    return softmax(logits).astype(np.float64), labels


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 60),
    n_classes=st.integers(1, 5),
    skill=st.floats(-20, 20),
    grouped=st.booleans(),
)
def test_every_headline_interval_holds_its_value(
    seed: int, n: int, n_classes: int, skill: float, grouped: bool
) -> None:
    probabilities, labels = answers(n, n_classes, seed=seed, skill=skill)
    groups = (np.arange(n) % max(2, n // 3)) if grouped else None
    figures = headline_intervals(probabilities, labels, groups=groups, resamples=50)
    assert all(one.low <= one.value <= one.high for one in figures.values())


def test_headline_values_are_those_of_the_plain_metrics() -> None:
    probabilities, labels = answers(300, 4, seed=1)
    matrix = confusion_matrix(labels, probabilities.argmax(axis=1), n_classes=4)
    counts = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    figures = headline_intervals(probabilities, labels, resamples=20)
    assert {name: one.value for name, one in figures.items()} == pytest.approx(
        {
            "accuracy": accuracy(matrix),
            "balanced_accuracy": balanced_accuracy(matrix),
            "macro_precision": macro_precision(matrix),
            "macro_f1": macro_f1(matrix),
            "cohen_kappa": cohen_kappa(*counts),
            "matthews_correlation": matthews_correlation(*counts),
            "log_loss": log_loss(probabilities, labels),
            "brier": brier_score(probabilities, labels),
            "expected_calibration_error": expected_calibration_error(probabilities, labels),
        }
    )


def test_headline_methods_without_groups() -> None:
    probabilities, labels = answers(100, 3, seed=2)
    figures = headline_intervals(probabilities, labels, resamples=20)
    assert {name: one.method for name, one in figures.items()} == {
        "accuracy": "wilson",
        "balanced_accuracy": "score",
        "macro_precision": "wilson-bootstrap",
        "macro_f1": "wilson-bootstrap",
        "cohen_kappa": "wilson-bootstrap",
        "matthews_correlation": "wilson-bootstrap",
        "log_loss": "studentised-bootstrap",
        "brier": "studentised-bootstrap",
        "expected_calibration_error": "basic-bootstrap",
    }


def test_headline_methods_with_groups() -> None:
    probabilities, labels = answers(100, 3, seed=2)
    figures = headline_intervals(probabilities, labels, groups=np.arange(100) // 5, resamples=20)
    assert {name: one.method for name, one in figures.items()} == {
        "accuracy": "group-wilson",
        "balanced_accuracy": "wilson-group-bootstrap",
        "macro_precision": "wilson-group-bootstrap",
        "macro_f1": "wilson-group-bootstrap",
        "cohen_kappa": "wilson-group-bootstrap",
        "matthews_correlation": "wilson-group-bootstrap",
        "log_loss": "studentised-group-bootstrap",
        "brier": "studentised-group-bootstrap",
        "expected_calibration_error": "basic-group-bootstrap",
    }
    assert {one.n_groups for one in figures.values()} == {20}


def test_without_error_the_number_of_groups_limits_the_accuracy() -> None:
    probabilities, labels = answers(100, 2, seed=3, skill=20)
    figures = headline_intervals(probabilities, labels, groups=np.arange(100) // 5, resamples=20)
    assert figures["accuracy"].low == wilson(20, 20).low
    assert figures["accuracy"].method == "group-wilson (no error seen)"


def test_without_error_the_groups_of_each_class_limit_macro_f1() -> None:
    probabilities = np.repeat(np.eye(2), [90, 10], axis=0)
    labels = np.repeat([0, 1], [90, 10])
    groups = [f"person {i // 5}" for i in range(100)]  # 18 of class 0, 2 of class 1
    figures = headline_intervals(probabilities, labels, groups=groups, resamples=20)
    expected = mean_of_proportions(np.array([18, 2]), np.array([18, 2]))
    assert figures["macro_f1"].low == figures["balanced_accuracy"].low == expected.low
    assert figures["macro_f1"].method == "score (no error seen)"


def test_without_error_and_groups_macro_f1_is_as_unsure_as_balanced_accuracy() -> None:
    probabilities = np.repeat(np.eye(2), [90, 10], axis=0)
    figures = headline_intervals(probabilities, np.repeat([0, 1], [90, 10]), resamples=20)
    assert figures["macro_f1"].low == figures["balanced_accuracy"].low < 1
    assert figures["accuracy"].method == "wilson"


def test_with_nothing_right_the_upper_limit_stays_above_zero() -> None:
    probabilities = np.eye(2)[[1, 0] * 10]
    labels = np.array([0, 1] * 10)
    figures = headline_intervals(probabilities, labels, groups=np.arange(20) // 2, resamples=20)
    assert figures["accuracy"].high == wilson(0, 10).high
    assert figures["accuracy"].method == "group-wilson (nothing right)"


def test_the_calibration_interval_reaches_below_a_value_that_is_mostly_bias() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(200, 10)) * 2
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)  # calibrated by construction
    interval = headline_intervals(softmax(logits), labels)["expected_calibration_error"]
    assert interval.value - interval.low > interval.high - interval.value


def test_headlines_of_seven_thousand_classes_build_no_matrix_per_resample() -> None:
    # 1,000 confusion matrices of 7,000 classes would not be counted within the suite's timeout.
    probabilities, labels = answers(2_000, 3, seed=4)
    many = np.zeros((2_000, 7_000))
    many[:, :3] = probabilities
    assert headline_intervals(many, labels)["accuracy"].n == 2_000


def test_the_order_is_that_of_a_reader() -> None:
    probabilities, labels = answers(100, 6, seed=2)
    assert list(headline_intervals(probabilities, labels, resamples=5)) == [
        "accuracy",
        "top_5_accuracy",
        "balanced_accuracy",
        "macro_precision",
        "macro_f1",
        "cohen_kappa",
        "matthews_correlation",
        "log_loss",
        "brier",
        "expected_calibration_error",
    ]


def test_five_classes_have_no_top_five() -> None:
    probabilities, labels = answers(50, 5, seed=2)
    assert "top_5_accuracy" not in headline_intervals(probabilities, labels, resamples=5)


def test_another_top_k_can_be_asked_for() -> None:
    probabilities, labels = answers(100, 5, seed=2, skill=1)
    found = headline_intervals(probabilities, labels, resamples=5, top_k=2)["top_2_accuracy"]
    assert found.value == top_k_accuracy(probabilities, labels, k=2)
    assert found.method == "wilson"


def test_no_top_k_is_refused() -> None:
    probabilities, labels = answers(10, 3, seed=2)
    with pytest.raises(UsageError) as caught:
        headline_intervals(probabilities, labels, top_k=0)
    assert str(caught.value) == "`top_k` must be 1 or more, got 0."


def test_macro_recall_is_told_only_where_it_is_not_the_balanced_accuracy() -> None:
    probabilities = np.eye(3)[[0, 0, 1, 2]]
    both = headline_intervals(probabilities, np.array([0, 0, 1, 1]), resamples=5)
    assert both["balanced_accuracy"].value == 0.75
    assert both["macro_recall"].value == 0.5
    assert "macro_recall" not in headline_intervals(probabilities, np.array([0, 0, 1, 2]))


def test_of_one_class_alone_nothing_is_known_beyond_chance() -> None:
    probabilities, _ = answers(20, 2, seed=0)
    figures = headline_intervals(probabilities, np.zeros(20, dtype=np.int64), resamples=20)
    for name in ("cohen_kappa", "matthews_correlation"):
        assert (figures[name].low, figures[name].value, figures[name].high) == (-1.0, 0.0, 1.0)
        assert figures[name].method == "bootstrap (one class alone)"


def test_without_error_kappa_is_what_accuracy_leaves_beyond_chance() -> None:
    labels = np.repeat([0, 1], 25)
    figures = headline_intervals(np.eye(2)[labels], labels, resamples=20)
    low = wilson(50, 50).low
    assert figures["cohen_kappa"].low == pytest.approx((low - 0.5) / 0.5)
    assert figures["matthews_correlation"].low == figures["cohen_kappa"].low
    assert figures["cohen_kappa"].method == "wilson (no error seen)"


def test_with_nothing_right_kappa_reaches_above_its_value() -> None:
    labels = np.repeat([0, 1], 25)
    kappa = headline_intervals(np.eye(2)[1 - labels], labels, resamples=20)["cohen_kappa"]
    assert (kappa.value, kappa.low) == (-1.0, -1.0)
    assert kappa.high == pytest.approx((wilson(0, 50).high - 0.5) / 0.5)


def test_the_order_of_the_photos_changes_no_value() -> None:
    probabilities, labels = answers(80, 4, seed=5)
    order = np.random.default_rng(0).permutation(80)
    here = headline_intervals(probabilities, labels, resamples=5)
    there = headline_intervals(probabilities[order], labels[order], resamples=5)
    assert {name: one.value for name, one in here.items()} == pytest.approx(
        {name: one.value for name, one in there.items()}
    )


def test_a_single_photo_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        headline_intervals(np.array([[0.6, 0.4]]), np.array([0]))
    assert str(caught.value) == (
        "An interval needs two samples or more, got 1.\n  fix: Measure on more samples."
    )


def test_losses_stay_inside_what_a_loss_can_be() -> None:
    probabilities = np.array([[1.0, 0.0]] * 11 + [[0.0, 1.0]])
    figures = headline_intervals(probabilities, np.zeros(12, dtype=np.int64), resamples=200)
    assert 0 <= figures["brier"].low < figures["brier"].value < figures["brier"].high <= 2
    assert 0 <= figures["log_loss"].low < figures["log_loss"].high <= 36.1


def test_answers_by_chance_leave_agreement_open_to_both_sides() -> None:
    held = 0
    for seed in range(100):
        probabilities, labels = answers(60, 3, seed=seed, skill=0.0)
        figures = headline_intervals(probabilities, labels, resamples=200)
        held += figures["cohen_kappa"].low <= 0 <= figures["cohen_kappa"].high
    assert 90 <= held <= 99


def test_a_calibrated_model_may_have_no_calibration_error() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        logits = rng.normal(size=(100, 4)) * 2
        labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
        figures = headline_intervals(softmax(logits), labels, resamples=50)
        held += figures["expected_calibration_error"].low == 0
    assert held >= 55


def test_an_overconfident_model_has_a_calibration_error() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(400, 4)) * 2
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    figures = headline_intervals(softmax(3 * logits), labels, resamples=50)
    assert figures["expected_calibration_error"].low > 0.05


@pytest.mark.slow
@pytest.mark.parametrize("sharper", [1.0, 1.5])
def test_the_calibration_error_covers_its_level(sharper: float) -> None:
    def drawn(n: int, rng: np.random.Generator) -> tuple[Floats, Ints]:
        logits = rng.normal(size=(n, 5)) * 2
        labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
        return softmax(sharper * logits).astype(np.float64), labels

    truth = expected_calibration_error(*drawn(500_000, np.random.default_rng(1)))
    rng, held = np.random.default_rng(0), 0
    for _ in range(300):
        probabilities, labels = drawn(200, rng)
        figures = headline_intervals(probabilities, labels, resamples=100)
        error = figures["expected_calibration_error"]
        held += error.low <= truth <= error.high
    assert 0.91 <= held / 300 <= 0.995


# Coverage. Many data sets are resampled by the same draws at once, as the product draws them; a
# test holds that one of them gets the product's interval.


def times_drawn(n_units: int) -> Floats32:
    rng = np.random.default_rng(0)
    rows = (rng.integers(0, n_units, n_units) for _ in range(RESAMPLES))
    return np.stack([np.bincount(row, minlength=n_units) for row in rows]).astype(np.float32)


def draw_sets(
    n: int, n_sets: int, *, n_groups: int | None, skill: float, n_classes: int
) -> tuple[Ints, Ints, Ints]:
    """Labels and answers ``(n, n_sets)``, and units ``(n,)``; groups differ in how able."""
    rng = np.random.default_rng(1)
    unit = np.arange(n) if n_groups is None else np.arange(n) * n_groups // n
    labels = rng.integers(0, n_classes, (n, n_sets))
    able = np.full((n, n_sets), skill)
    if n_groups is not None:
        able = rng.beta(skill * 7 / 3, (1 - skill) * 7 / 3, (n_groups, n_sets))[unit]
    off = (rng.random((n, n_sets)) >= able) * rng.integers(1, n_classes, (n, n_sets))
    return labels, (labels + off) % n_classes, unit


def drawn_figures(labels: Ints, answers: Ints, unit: Ints, n_classes: int) -> dict[str, Floats]:
    """Macro F1, macro precision, kappa and Matthews of each resample and set."""
    times = times_drawn(int(unit.max()) + 1)
    summed = []
    for counted in (labels, answers, np.where(labels == answers, labels, n_classes)):
        of_class = (counted[..., None] == np.arange(n_classes)).astype(np.float32)
        of_unit = np.add.reduceat(of_class, np.unique(unit, return_index=True)[1], axis=0)
        flat = times @ of_unit.reshape(len(of_unit), -1)
        summed.append(flat.reshape(RESAMPLES, labels.shape[1], n_classes))
    support, answered, right = summed
    total = support.sum(axis=-1)
    occurring = (support + answered > 0).sum(axis=-1)
    agreed = right.sum(axis=-1) / total
    chance = (support * answered).sum(axis=-1) / total**2
    spread = [1 - ((each / total[..., None]) ** 2).sum(axis=-1) for each in (support, answered)]
    return {
        "macro_f1": (2 * right / np.maximum(support + answered, 1)).sum(axis=-1) / occurring,
        "macro_precision": (right / np.maximum(answered, 1)).sum(axis=-1) / occurring,
        "cohen_kappa": (agreed - chance) / (1 - chance),
        "matthews_correlation": (agreed - chance) / np.sqrt(spread[0] * spread[1]),
    }


def test_sets_that_are_drawn_together_get_the_interval_of_the_product() -> None:
    labels, predicted, unit = draw_sets(60, 3, n_groups=12, skill=0.8, n_classes=3)
    drawn = drawn_figures(labels, predicted, unit, 3)
    sure = np.eye(3)[predicted[:, 1]]
    product = headline_intervals(sure, labels[:, 1], groups=unit)
    for name, values in drawn.items():
        assert (product[name].low, product[name].high) == pytest.approx(
            fraction_limits(
                product[name].value, values[:, 1], most=60, n_units=12, degrees=11, level=0.95
            ),
            abs=1e-4,
        )


def figures_coverage(n: int, n_groups: int | None, *, skill: float) -> dict[str, float]:
    """How often the limits of 1,000 sets hold the figures; sets without an error have others."""
    n_classes, n_units = 3, n_groups or n
    truth = {"macro_f1": skill, "macro_precision": skill}
    beyond = (skill - 1 / n_classes) / (1 - 1 / n_classes)
    truth |= {"cohen_kappa": beyond, "matthews_correlation": beyond}
    labels, predicted, unit = draw_sets(
        n, 1000, n_groups=n_groups, skill=skill, n_classes=n_classes
    )
    mistaken = np.flatnonzero((labels != predicted).any(axis=0))
    hits = dict.fromkeys(truth, 0)
    for part in np.array_split(mistaken, 4):
        drawn = drawn_figures(labels[:, part], predicted[:, part], unit, n_classes)
        for index, of_set in enumerate(part.tolist()):
            values = plain_figures(labels[:, of_set], predicted[:, of_set], n_classes)
            for name, value in values.items():
                low, high = fraction_limits(
                    value,
                    drawn[name][:, index],
                    most=n,
                    n_units=n_units,
                    degrees=n_units - 1,
                    level=0.95,
                )
                hits[name] += low <= truth[name] <= high
    return {name: hit / len(mistaken) for name, hit in hits.items()}


def plain_figures(labels: Ints, predicted: Ints, n_classes: int) -> dict[str, float]:
    matrix = confusion_matrix(labels, predicted, n_classes=n_classes)
    counts = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    return {
        "macro_f1": macro_f1(matrix),
        "macro_precision": macro_precision(matrix),
        "cohen_kappa": cohen_kappa(*counts),
        "matthews_correlation": matthews_correlation(*counts),
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "n_groups"), [(30, None), (200, None), (2000, None), (30, 10), (200, 40), (2000, 200)]
)
def test_macro_figures_and_agreement_cover_their_level(n: int, n_groups: int | None) -> None:
    found = figures_coverage(n, n_groups, skill=0.75)
    assert {name: hit for name, hit in found.items() if not 0.92 <= hit <= 0.985} == {}


def losses(n: int, n_sets: int, *, skill: float, seed: int) -> Floats:
    """Brier scores of softmax answers among five classes, ``(n_sets, n)``."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n_sets, n, 5))
    logits[..., 0] += skill
    powers = np.exp(logits)
    chances = powers / powers.sum(axis=-1, keepdims=True)
    chances[..., 0] -= 1
    return np.asarray((chances**2).sum(axis=-1))


def loss_coverage(n: int, n_groups: int, n_sets: int, *, skill: float) -> tuple[float, float]:
    """How often the bootstrap-t holds the mean loss, and how often percentiles do."""
    truth = float(losses(400_000, 1, skill=skill, seed=9).mean())
    unit = np.arange(n) * n_groups // n
    means = StudentisedMeans(losses(n, n_sets, skill=skill, seed=1), unit)
    drawn = np.array([means(row.astype(np.float64)) for row in times_drawn(n_groups)])
    found = means.limits(drawn, 0.95, greatest=(2.0,) * n_sets)
    studentised = np.mean([low <= truth <= high for low, high, _ in found])
    low, high = np.quantile(drawn[:, :n_sets], [0.025, 0.975], axis=0)
    return float(studentised), float(((low <= truth) & (truth <= high)).mean())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "n_groups", "n_sets"),
    [(30, 30, 1000), (200, 200, 1000), (2000, 2000, 1000), (30, 10, 1000), (200, 40, 1000)],
)
def test_mean_losses_cover_their_level(n: int, n_groups: int, n_sets: int) -> None:
    assert 0.92 <= loss_coverage(n, n_groups, n_sets, skill=2.0)[0] <= 0.975


def test_losses_with_few_large_ones_are_covered_better_than_by_percentiles() -> None:
    studentised, percentile = loss_coverage(30, 30, 1000, skill=5.0)
    assert percentile < 0.85 < studentised


def test_few_units_have_percentiles() -> None:
    unit = np.arange(60) % (FEWEST_UNITS - 1)
    means = StudentisedMeans(losses(60, 1, skill=2.0, seed=0), unit)
    drawn = np.array([means(row.astype(np.float64)) for row in times_drawn(FEWEST_UNITS - 1)])
    assert means.limits(drawn, 0.95, greatest=(2.0,))[0][2] == ""


def test_equal_losses_have_no_width() -> None:
    means = StudentisedMeans(np.full((1, 20), 0.3), np.arange(20))
    drawn = np.array([means(row.astype(np.float64)) for row in times_drawn(20)])
    low, high, _ = means.limits(drawn, 0.95, greatest=(2.0,))[0]
    assert (low, high) == pytest.approx((0.3, 0.3))
