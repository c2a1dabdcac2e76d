"""Refusals: how many of the measured photos the model would call unknown, though it knows them."""

import numpy as np

from lineament.artifacts.decisions import Decisions
from lineament.artifacts.findings.unknowns import Refusals
from lineament.artifacts.predictions import Predictions
from lineament.evaluation.promised import of_chance
from lineament.evaluation.wording import asked, photos, spread
from lineament.measure.intervals import Groups
from lineament.measure.shares import share_interval


def refusals(
    predictions: Predictions,
    decisions: Decisions | None,
    *,
    units: Groups | None,
    level: float = 0.95,
) -> Refusals | None:
    """Measure what the threshold of familiarity, which validation chose, does to known photos.

    Args:
        predictions: The answers, two photos or more, every label known.
        decisions: The model's thresholds.
        units: Group of each photo, for intervals over groups; ``None`` where photos are
            independent.
        level: Confidence level, between 0 and 1.

    Returns:
        The finding; ``None`` where the model says no familiarity or has no threshold.

    Raises:
        UsageError: ``units`` or ``level`` cannot be.
    """
    if decisions is None or decisions.unknown_threshold is None or predictions.familiarity is None:
        return None
    threshold, allowed = decisions.unknown_threshold, decisions.unknown_share
    answered = predictions.familiarity.astype(np.float64) >= threshold
    right = predictions.answers == predictions.labels
    kept = share_interval(answered, groups=units, level=level)
    refused = share_interval(~answered, groups=units, level=level)
    answered_right = None
    if answered.any():
        some = None if units is None else np.asarray(units)[answered]
        answered_right = share_interval(right[answered], groups=some, level=level)
    n_refused, refused_right = int((~answered).sum()), int((right & ~answered).sum())

    sentences = [
        f"The model calls {spread(refused)} of these photos unknown, where validation allowed for "
        f"{asked(allowed)}."
    ]
    if kept.high < 1 - allowed:
        sentences.append(of_chance(decisions, 1 - allowed, kept, that_is="more"))
    if n_refused:
        sentences.append(
            f"Of the {photos(n_refused)}, {refused_right:,} would have been answered rightly."
        )
    if answered_right is not None:
        others = "others" if n_refused else "answers"
        sentences.append(f"Of the {others}, {spread(answered_right)} are right.")
    return Refusals(
        asked=allowed,
        threshold=threshold,
        refused=refused,
        refused_right=refused_right,
        answered_right=answered_right,
        sentence=" ".join(sentences),
    )
