"""Calibrated: how far confidence can be trusted, and what the temperature changed about it."""

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.findings.calibration import Calibration, Uncalibrated
from lineament.artifacts.predictions import Predictions
from lineament.evaluation.wording import percent
from lineament.measure.calibration import (
    RankedConfidences,
    expected_calibration_error,
    reliability_bins,
    softmax,
)
from lineament.measure.classification import log_loss_per_sample
from lineament.measure.headline import headline_intervals
from lineament.measure.intervals import Groups, percentiles, resampled, resampling_units
from lineament.measure.means import StudentisedMeans
from lineament.measure.quantiles import expanded_level

FEW_UNITS = 10  # the bootstrap of fewer tells changes that are none

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Change = tuple[float, float, float]  # what a figure lost, and the limits of that


def calibration(
    predictions: Predictions,
    *,
    temperature: float,
    units: Groups | None,
    seed: int,
    level: float = 0.95,
    resamples: int = 1000,
    n_bins: int = 15,
) -> Calibration:
    """Measure the calibration of a model as it ships and as it was before its temperature.

    The figures of either have the intervals of `headline_intervals`; what the temperature changed
    has one of paired differences, photo by photo. It is judged by the log loss, which the
    temperature was chosen by and whose mean has no bias (bootstrap-t, `StudentisedMeans`). The
    calibration error is biased upwards, the more so the better the calibration; percentiles of its
    difference are shifted by the bias that resampling adds.

    Args:
        predictions: The answers, two photos or more, every label known; ``probabilities`` as the
            model ships, ``logits`` before the temperature.
        temperature: What the model divides its logits by.
        units: Group of each photo, for a bootstrap over groups; ``None`` where photos are
            independent.
        seed: Seed of the resampling.
        level: Confidence level, between 0 and 1.
        resamples: How many resamples, 1 or more.
        n_bins: Bins of equal mass, 1 or more.

    Returns:
        The finding; its ``before`` is always there.

    Raises:
        UsageError: The arrays, ``units``, ``level``, ``resamples`` or ``n_bins`` cannot be.
    """
    shipped, labels = predictions.probabilities, predictions.labels
    plain = shipped if temperature == 1 else softmax(predictions.logits)
    figures = headline_intervals(
        plain,
        labels,
        groups=units,
        seed=seed,
        level=level,
        resamples=resamples,
        n_bins=n_bins,
    )
    error = expected_calibration_error(shipped, labels, n_bins=n_bins)
    unit = resampling_units(units, len(labels))
    right = plain.argmax(axis=1) == labels
    told = _untold(temperature, right, int(unit.max()) + 1)
    if not told:
        loss, calibrated = _changes(plain, shipped, labels, unit, seed, level, resamples, n_bins)
        told = _loss_sentence(temperature, loss, level) + _error_sentence(calibrated)
    return Calibration(
        expected_calibration_error=error,
        n_bins=n_bins,
        bins=tuple(reliability_bins(shipped, labels, n_bins=n_bins)),
        before=Uncalibrated(
            temperature=temperature,
            expected_calibration_error=figures["expected_calibration_error"],
            log_loss=figures["log_loss"],
            brier=figures["brier"],
            bins=tuple(reliability_bins(plain, labels, n_bins=n_bins)),
            sentence=told,
        ),
    )


def _untold(temperature: float, right: NDArray[np.bool_], n_units: int) -> str:
    """Why nothing can be told of what the temperature changed; empty where something can."""
    if temperature == 1:
        return "Validation asked for no temperature: confidence is what the logits say."
    what = f"what the temperature of {temperature:.3g} changed"
    if right.all() or not right.any():
        found, favoured = ("right", "surer") if right[0] else ("wrong", "less sure")
        return (
            f"Every answer is {found}, and of such answers the {favoured} one always looks better: "
            f"these photos cannot tell {what}."
        )
    if n_units < FEW_UNITS:
        return f"These photos are too few, or of too few groups, to tell {what}."
    return ""


def _changes(
    plain: Floats,
    shipped: Floats,
    labels: Ints,
    unit: Ints,
    seed: int,
    level: float,
    resamples: int,
    n_bins: int,
) -> tuple[Change, Change]:
    """What log loss and calibration error lost, on one set of resamples of both."""
    before, after = (log_loss_per_sample(each, labels) for each in (plain, shipped))
    means = StudentisedMeans((before - after)[np.newaxis], unit)
    ranked = [RankedConfidences(each, labels, n_bins=n_bins) for each in (plain, shipped)]
    first_of_unit = np.unique(unit, return_index=True)[1]

    def change(weights: NDArray[np.float64]) -> tuple[float, ...]:
        first, second = (each.expected_error(weights) for each in ranked)
        return (first - second, *means(weights[first_of_unit]))

    (error, loss, _), drawn = resampled(change, unit, seed, resamples)
    least, most = percentiles(drawn[:, 2], level)
    spread = float(means.errors[0])
    low, high = percentiles(drawn[:, 0], expanded_level(level, int(unit.max()) + 1))
    shift = float(drawn[:, 0].mean()) - error
    return (loss, loss - most * spread, loss - least * spread), (error, low - shift, high - shift)


def _loss_sentence(temperature: float, change: Change, level: float) -> str:
    lost, low, high = change
    named = f"{level * 100:g} % interval"
    if low <= 0 <= high:
        return (
            f"Whether the temperature of {temperature:.3g} changed the log loss of these photos "
            f"cannot be told (lower by {_nats(lost)}, {named} {_nats(low)} to {_nats(high)})."
        )
    verb = "lowered" if low > 0 else "raised"
    least, most = sorted((abs(low), abs(high)))
    text = (
        f"The temperature of {temperature:.3g} {verb} the log loss of these photos by "
        f"{_nats(abs(lost))} ({named} {_nats(least)} to {_nats(most)})"
    )
    if low > 0:
        return f"{text}."
    return f"{text}: validation was too small, or its photos are of another kind than these."


def _error_sentence(change: Change) -> str:
    lost, low, high = change
    if low <= 0 <= high:
        return " A change of the expected calibration error cannot be told."
    least, most = (percent(each).removesuffix(" %") for each in sorted((abs(low), abs(high))))
    return (
        f" The expected calibration error {'fell' if low > 0 else 'rose'} by "
        f"{percent(abs(lost)).removesuffix(' %')} points ({least} to {most})."
    )


def _nats(value: float) -> str:
    text = f"{value:.4f}"
    return "0.0000" if float(text) == 0 else text.replace("-", "−")
