"""Deciding: what validation says of a trained model, and the thresholds that it chooses."""

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.decisions import Decisions
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.run import ValidationFigures
from lineament.measure.calibration import Temperature
from lineament.measure.conformal import conformal_threshold, least_score
from lineament.measure.intervals import group_numbers
from lineament.measure.selective import confidence_for
from lineament.measure.shares import share_interval

PRECISIONS = (0.9, 0.95, 0.99)


def figures_of(validation: Predictions, temperature: Temperature) -> ValidationFigures:
    """Say what the graph that ships reached on the photos that chose it.

    Args:
        validation: Its answers, after calibration, every label known.
        temperature: What the logits were divided by, as it was fitted on these answers.
    """
    right = validation.answers == validation.labels
    return ValidationFigures(
        photos=len(right),
        right=int(right.sum()),
        accuracy=share_interval(right, groups=_groups(validation)),
        log_loss=temperature.nll_after,
        log_loss_before=temperature.nll_before,
    )


def decisions_of(
    validation: Predictions, *, unknown_share: float, set_coverage: float
) -> Decisions:
    """Choose the thresholds of a model.

    Args:
        validation: Its answers to the validation photos, after calibration, every label known.
        unknown_share: The part of known photos that may be called unknown, 0 to 1.
        set_coverage: How often a set of classes is to hold the true one, 0 to 1.
    """
    groups = _groups(validation)
    return Decisions(
        photos=len(validation.samples),
        groups=None if groups is None else len(set(groups)),
        unknown_share=unknown_share,
        unknown_threshold=_unknown_threshold(validation, unknown_share, groups),
        set_coverage=set_coverage,
        set_threshold=conformal_threshold(
            validation.probabilities, validation.labels, coverage=set_coverage, groups=groups
        ),
        confidences={
            f"{precision:g}": confidence_for(
                precision, validation.probabilities, validation.labels, groups=groups
            )
            for precision in PRECISIONS
        },
    )


def _unknown_threshold(
    validation: Predictions, share: float, groups: NDArray[np.int64] | None
) -> float | None:
    if validation.familiarity is None or share == 0:
        return None
    return least_score(validation.familiarity, 1 - share, groups=groups)


def _groups(validation: Predictions) -> NDArray[np.int64] | None:
    if not any(validation.groups):
        return None
    return np.asarray(group_numbers(validation.groups), dtype=np.int64)
