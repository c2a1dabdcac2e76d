"""Sets: whether sets of classes hold the true one as often as was asked, and how large they are."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.decisions import Decisions
from lineament.artifacts.findings.selective import PredictionSets
from lineament.artifacts.predictions import Predictions
from lineament.evaluation.promised import of_chance
from lineament.evaluation.wording import asked, percent, photos, spread
from lineament.measure.conformal import LARGEST_COUNTED, likely_classes
from lineament.measure.intervals import Groups, Interval, wilson
from lineament.measure.shares import mean_interval, share_interval


def prediction_sets(
    predictions: Predictions,
    decisions: Decisions | None,
    *,
    units: Groups | None,
    level: float = 0.95,
) -> PredictionSets | None:
    """Measure the sets of all classes at or above the threshold that validation chose.

    Args:
        predictions: The answers, two photos or more, every label known.
        decisions: The model's thresholds.
        units: Group of each photo, for intervals over groups; ``None`` where photos are
            independent.
        level: Confidence level, between 0 and 1.

    Returns:
        The finding; ``None`` where validation chose no threshold.

    Raises:
        UsageError: ``units`` or ``level`` cannot be.
    """
    if decisions is None or decisions.set_threshold is None:
        return None
    labels = predictions.labels
    chosen = likely_classes(predictions.probabilities, threshold=decisions.set_threshold)
    holds = chosen[np.arange(len(labels)), labels]
    sizes = chosen.sum(axis=1)
    reached = share_interval(holds, groups=units, level=level)
    return PredictionSets(
        asked=decisions.set_coverage,
        threshold=decisions.set_threshold,
        reached=reached,
        mean_size=_mean_size(sizes, units, level),
        sizes=tuple(np.bincount(np.minimum(sizes, LARGEST_COUNTED), minlength=2).tolist()),
        sentence=_sentence(decisions, reached, sizes, predictions),
    )


def _mean_size(sizes: NDArray[np.int64], units: Groups | None, level: float) -> Interval:
    """Student's interval, or where all sets are alike, room for some that are one class off.

    How many these may be is Wilson's limit for as many trials as there are groups or photos.
    """
    interval = mean_interval(sizes.astype(np.float64), groups=units, level=level)
    half, method = interval.high - interval.value, interval.method
    if sizes.min() == sizes.max():
        half = wilson(0, interval.n_groups or interval.n, level=level).high
        method = "wilson (all sets alike)"
    return dataclasses.replace(
        interval,
        low=max(0.0, interval.value - half),
        high=interval.value + half,
        method=method,
    )


def _sentence(
    decisions: Decisions, reached: Interval, sizes: NDArray[np.int64], predictions: Predictions
) -> str:
    promised = asked(decisions.set_coverage)
    sentences = [
        f"The sets hold the true class of {spread(reached)} of these photos, where {promised} was "
        f"asked; they have {sizes.mean():.2f} classes on average."
    ]
    if reached.high < decisions.set_coverage:
        sentences.append(of_chance(decisions, decisions.set_coverage, reached))
    empty = int((sizes == 0).sum())
    if empty:
        verb = "has an empty set" if empty == 1 else "have empty sets"
        sentences.append(
            f"{photos(empty)} {verb}: there no class is as likely as the true one usually is."
        )
    accuracy = float((predictions.answers == predictions.labels).mean())
    if accuracy >= decisions.set_coverage:
        sentences.append(
            f"The answer alone is right on {percent(accuracy)}; sets add to it where more than "
            "that is asked."
        )
    return " ".join(sentences)
