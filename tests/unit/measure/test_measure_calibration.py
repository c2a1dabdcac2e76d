"""Confidence against accuracy: bins, errors, and the temperature."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.calibration import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    PRIOR_SPREAD,
    RankedConfidences,
    brier_per_sample,
    brier_score,
    expected_calibration_error,
    fit_temperature,
    reliability_bins,
    softmax,
    unbiased_limits,
)
from lineament.measure.classification import log_loss

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def calibrated(n: int, n_classes: int, *, seed: int) -> tuple[Floats, Ints]:
    """Logits whose softmax is the very distribution that the labels are drawn from."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, n_classes)) * 2
    # The greatest of logits with Gumbel noise is a draw from their softmax.
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return logits, labels


def test_softmax_sums_to_one_in_float32() -> None:
    probabilities = softmax(np.random.default_rng(0).normal(size=(50, 7)))
    assert probabilities.dtype == np.float32
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(50), abs=1e-6)


def test_softmax_of_huge_logits_does_not_overflow() -> None:
    assert softmax(np.array([[1e30, 0.0, -1e30]])).tolist() == [[1, 0, 0]]


def test_a_high_temperature_softens() -> None:
    logits = np.array([[2.0, 0.0]])
    assert softmax(logits, temperature=2)[0, 0] == pytest.approx(1 / (1 + np.exp(-1)))


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.inf, np.nan])
def test_a_temperature_that_is_not_positive_is_refused(temperature: float) -> None:
    with pytest.raises(UsageError) as caught:
        softmax(np.array([[1.0, 0.0]]), temperature=temperature)
    assert str(caught.value) == f"`temperature` must be a positive number, got {temperature}."


def test_bins_hold_equal_numbers_of_samples() -> None:
    logits, labels = calibrated(150, 4, seed=0)
    counts = [one.count for one in reliability_bins(softmax(logits), labels, n_bins=15)]
    assert counts == [10] * 15


def test_every_sample_is_in_one_bin_however_many_ties() -> None:
    logits, labels = calibrated(997, 3, seed=1)
    coarse = softmax(np.round(logits))
    bins = reliability_bins(coarse, labels, n_bins=15)
    assert sum(one.count for one in bins) == 997


def test_bins_do_not_overlap() -> None:
    logits, labels = calibrated(300, 3, seed=2)
    bins = reliability_bins(softmax(np.round(logits)), labels)
    assert all(one.high < other.low for one, other in pairwise(bins))


def test_equal_confidences_share_one_bin() -> None:
    same = np.tile([0.6, 0.4], (20, 1))
    assert len(reliability_bins(same, np.zeros(20, dtype=np.int64), n_bins=5)) == 1


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 80), n_bins=st.integers(1, 20))
def test_bins_do_not_depend_on_the_order_of_the_samples(seed: int, n: int, n_bins: int) -> None:
    logits, labels = calibrated(n, 3, seed=seed)
    probabilities = softmax(np.round(logits))  # whole logits make many ties
    order = np.random.default_rng(seed).permutation(n)
    shuffled = reliability_bins(probabilities[order], labels[order], n_bins=n_bins)
    assert shuffled == reliability_bins(probabilities, labels, n_bins=n_bins)


@pytest.mark.parametrize("seed", range(20))
def test_the_calibration_error_does_not_depend_on_the_order_of_the_samples(seed: int) -> None:
    logits, labels = calibrated(200, 3, seed=seed)
    probabilities = softmax(np.round(logits))
    order = np.random.default_rng(seed).permutation(200)
    shuffled = expected_calibration_error(probabilities[order], labels[order])
    assert shuffled == expected_calibration_error(probabilities, labels)


def test_the_calibration_error_is_the_weighted_gap_of_the_bins() -> None:
    logits, labels = calibrated(500, 4, seed=3)
    probabilities = softmax(np.round(logits * 2))
    bins = reliability_bins(probabilities, labels, n_bins=10)
    gaps = [one.count * abs(one.confidence - one.accuracy) / 500 for one in bins]
    error = expected_calibration_error(probabilities, labels, n_bins=10)
    assert error == pytest.approx(sum(gaps))


def test_weights_count_like_repeated_samples() -> None:
    logits, labels = calibrated(100, 3, seed=4)
    probabilities = softmax(np.round(logits))
    times = np.random.default_rng(0).integers(0, 4, 100)
    repeated = expected_calibration_error(
        np.repeat(probabilities, times, axis=0), np.repeat(labels, times), n_bins=7
    )
    ranked = RankedConfidences(probabilities, labels, n_bins=7)
    assert ranked.expected_error(times.astype(np.float64)) == pytest.approx(repeated)


def test_calibrated_probabilities_have_a_small_error() -> None:
    logits, labels = calibrated(50_000, 5, seed=5)
    assert expected_calibration_error(softmax(logits), labels) < 0.01


def test_few_samples_bias_the_error_of_calibrated_probabilities_upwards() -> None:
    errors = []
    for seed in range(20):
        logits, labels = calibrated(1_000, 10, seed=seed)
        errors.append(expected_calibration_error(softmax(logits), labels))
    assert np.mean(errors) == pytest.approx(0.045, abs=0.005)  # what the docstring states


def test_overconfidence_shows_as_an_error() -> None:
    logits, labels = calibrated(5_000, 5, seed=6)
    assert expected_calibration_error(softmax(logits, temperature=0.5), labels) > 0.1


def test_zero_bins_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        reliability_bins(np.array([[0.5, 0.5]]), np.array([0]), n_bins=0)
    assert str(caught.value) == "`n_bins` must be 1 or more, got 0."


def test_certain_and_wrong_has_a_brier_score_of_two() -> None:
    assert brier_score(np.array([[1.0, 0.0]]), np.array([1])) == 2


@pytest.mark.parametrize("true_temperature", [0.3, 1.7, 6.0])
def test_a_known_temperature_is_recovered(true_temperature: float) -> None:
    logits, labels = calibrated(20_000, 5, seed=7)
    fitted = fit_temperature(logits * true_temperature, labels)
    assert fitted.value == pytest.approx(true_temperature, rel=0.03)


@settings(deadline=None, max_examples=100)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 60),
    n_classes=st.integers(2, 6),
    scale=st.floats(0.01, 50),
)
def test_a_temperature_never_raises_the_likelihood_it_was_fitted_on(
    seed: int, n: int, n_classes: int, scale: float
) -> None:
    logits, labels = calibrated(n, n_classes, seed=seed)
    fitted = fit_temperature(logits * scale, labels)
    assert fitted.nll_after <= fitted.nll_before
    assert (fitted.value == 1.0) == (fitted.nll_after == fitted.nll_before)


def test_the_reported_likelihood_is_that_of_the_true_labels() -> None:
    logits, labels = calibrated(500, 4, seed=8)
    fitted = fit_temperature(logits * 3, labels)
    after = log_loss(softmax(logits * 3, temperature=fitted.value), labels)
    assert fitted.nll_before == pytest.approx(log_loss(softmax(logits * 3), labels), rel=1e-5)
    assert fitted.nll_after == pytest.approx(after, rel=1e-5)


def test_no_nearby_temperature_is_better_on_much_data() -> None:
    logits, labels = calibrated(20_000, 4, seed=9)
    best = fit_temperature(logits * 2, labels)
    for factor in (0.9, 1.1):
        nearby = log_loss(softmax(logits * 2, temperature=best.value * factor), labels)
        assert nearby > best.nll_after


def test_the_more_rights_in_a_row_the_more_is_claimed() -> None:
    claims = []
    for n in (10, 100, 1000):
        logits = np.tile([1.0, 0.0], (n, 1))
        fitted = fit_temperature(logits, np.zeros(n, dtype=np.int64))
        claims.append(softmax(logits, temperature=fitted.value)[0, 0])
    assert 0.85 < claims[0] < claims[1] < claims[2] < 0.9999


@pytest.mark.parametrize("n", [3, 60, 1000])
def test_the_temperature_is_the_most_likely_one_under_its_prior(n: int) -> None:
    logits, labels = calibrated(n, 3, seed=13)
    logits = logits * 2
    fitted = fit_temperature(logits, labels)
    grid = np.exp(np.linspace(np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE), 20_001))
    scores = logits[None] / grid[:, None, None]
    losses = np.log(np.exp(scores).sum(axis=2)) - scores[:, np.arange(n), labels]
    posterior = losses.sum(axis=1) + np.log(grid) ** 2 / (2 * PRIOR_SPREAD**2)
    assert fitted.value == pytest.approx(grid[posterior.argmin()], rel=1e-3)


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 2.5])
def test_a_temperature_of_sixty_photos_does_little_harm_and_much_good(
    true_temperature: float,
) -> None:
    """Mean log loss of other photos against that without a temperature, over 50 draws."""
    others, truth = calibrated(4000, 4, seed=14)
    others = others * true_temperature
    gained = []
    for seed in range(50):
        logits, labels = calibrated(60, 4, seed=100 + seed)
        fitted = fit_temperature(logits * true_temperature, labels)
        gained.append(
            log_loss(softmax(others), truth)
            - log_loss(softmax(others, temperature=fitted.value), truth)
        )
    assert np.mean(gained) > (-0.02 if true_temperature == 1 else 0.02)


def test_certainty_that_was_always_right_is_left_alone() -> None:
    logits = np.tile([30.0, 0.0], (10, 1))
    assert fit_temperature(logits, np.zeros(10, dtype=np.int64)).value == 1.0


def test_certainty_that_was_right_costs_nothing() -> None:
    fitted = fit_temperature(np.tile([80.0, 0.0], (3, 1)), np.zeros(3, dtype=np.int64))
    assert str(fitted.nll_before) == "0.0"


@pytest.mark.parametrize("is_right", [True, False])
def test_one_photo_decides_little(is_right: bool) -> None:
    fitted = fit_temperature(np.array([[3.0, 0.0]]), np.array([0 if is_right else 1]))
    assert (0.9 < fitted.value < 1) if is_right else (1 < fitted.value < 3)


def test_logits_at_the_end_of_float32_have_a_temperature() -> None:
    logits = np.tile(np.array([3e38, -3e38], dtype=np.float32), (60, 1))
    labels = np.append(np.zeros(59, dtype=np.int64), 1)
    assert fit_temperature(logits, labels).value == MAX_TEMPERATURE


def test_a_class_that_validation_never_showed_is_no_obstacle() -> None:
    logits, labels = calibrated(300, 3, seed=11)
    labels = np.minimum(labels, 1)
    fitted = fit_temperature(logits, labels)
    assert fitted.nll_after <= fitted.nll_before


def test_what_each_photo_adds_to_the_brier_score_averages_to_it() -> None:
    logits, labels = calibrated(50, 3, seed=12)
    probabilities = softmax(logits)
    each = brier_per_sample(probabilities, labels)
    assert each.shape == (50,)
    assert each.mean() == brier_score(probabilities, labels)


def test_limits_of_the_calibration_error_hold_it_and_stay_fractions() -> None:
    far = np.array([0.9, 0.95, 1.0, 1.0])
    assert unbiased_limits(0.02, far, level=0.95)[0] == 0
    low, high = unbiased_limits(0.99, np.array([0.1, 0.2]), level=0.95)
    assert (low, high) == (0.99, 1.0)


def test_logits_without_information_keep_temperature_one() -> None:
    fitted = fit_temperature(np.zeros((4, 3)), np.array([0, 1, 2, 0]))
    assert fitted.value == 1.0


def test_logits_worse_than_chance_stop_at_the_highest_temperature() -> None:
    logits = np.tile([5.0, 0.0], (1000, 1))
    assert fit_temperature(logits, np.ones(1000, dtype=np.int64)).value == MAX_TEMPERATURE


def test_tiny_logits_stop_at_the_lowest_temperature() -> None:
    logits = np.tile([1e-3, 0.0], (10_000, 1))
    fitted = fit_temperature(logits, np.zeros(10_000, dtype=np.int64))
    assert fitted.value == pytest.approx(MIN_TEMPERATURE)


def test_the_same_data_give_the_same_temperature() -> None:
    logits, labels = calibrated(300, 4, seed=10)
    assert fit_temperature(logits * 2, labels) == fit_temperature(logits * 2, labels)


def test_a_temperature_for_one_class_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        fit_temperature(np.array([[1.0]]), np.array([0]))
    assert str(caught.value) == (
        "`logits` must have two columns or more to fit a temperature, got 1."
    )


def test_logits_with_infinity_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        fit_temperature(np.array([[np.inf, 0.0]]), np.array([0]))
    assert str(caught.value) == (
        "`logits` holds NaN or infinity in 1 of 1 rows.\n"
        "  at:  row 0\n"
        "  fix: Look for photos or weights that make the model overflow."
    )


def test_softmax_of_one_row_alone_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        softmax(np.array([1.0, 2.0]))
    assert str(caught.value) == "`logits` must be floats (N, C), got float64 (2,)."
