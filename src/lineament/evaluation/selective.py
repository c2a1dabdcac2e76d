"""Selective: what is gained if the model answers only when sure, and whether promises held."""

from lineament.artifacts.decisions import Decisions
from lineament.artifacts.findings.selective import OperatingPoint, Selective
from lineament.artifacts.predictions import Predictions
from lineament.evaluation.wording import asked, percent, photos, spread
from lineament.measure.intervals import Groups, Interval
from lineament.measure.selective import RankedAnswers, area_interval, fewest_for
from lineament.measure.shares import share_interval
from lineament.measure.units import independent_units

CURVE_POINTS = 200  # more are not told apart on a page


def selective(
    predictions: Predictions,
    decisions: Decisions | None,
    *,
    units: Groups | None,
    level: float = 0.95,
) -> Selective:
    """Measure risk against coverage, and the thresholds that validation chose.

    Args:
        predictions: The answers, two photos or more, every label known.
        decisions: The model's thresholds; without them there is no operating point, as one that is
            chosen on the measured photos would flatter itself.
        units: Group of each photo, for intervals over groups; ``None`` where photos are
            independent.
        level: Confidence level, between 0 and 1.

    Returns:
        The finding; its points by rising precision.

    Raises:
        UsageError: The arrays, ``units`` or ``level`` cannot be.
    """
    confidence = predictions.probabilities.max(axis=1).astype(float)
    right = predictions.answers == predictions.labels
    unit = None if units is None else independent_units(units, len(right))

    def point(precision: float, least: float | None) -> OperatingPoint:
        assert decisions is not None, "only decisions name precisions"
        if least is None:
            return OperatingPoint(
                precision=precision,
                confidence=None,
                answered=None,
                reached=None,
                sentence=_not_chosen(precision, decisions),
            )
        sure = confidence >= least
        answered = share_interval(sure, groups=units, level=level)
        reached = None
        if sure.any():
            of_sure = None if unit is None else unit[sure]
            reached = share_interval(right[sure], groups=of_sure, level=level)
        return OperatingPoint(
            precision=precision,
            confidence=least,
            answered=answered,
            reached=reached,
            sentence=_what_became(precision, least, answered, reached),
        )

    chosen = {} if decisions is None else decisions.confidences
    return Selective(
        curve=tuple(
            RankedAnswers(predictions.probabilities, predictions.labels).curve(most=CURVE_POINTS)
        ),
        area=area_interval(
            predictions.probabilities, predictions.labels, groups=units, level=level
        ),
        points=tuple(point(float(name), chosen[name]) for name in sorted(chosen, key=float)),
    )


def _not_chosen(precision: float, decisions: Decisions) -> str:
    if decisions.groups is None:
        n_units, units = decisions.photos, photos(decisions.photos, kind="validation")
    else:
        plural = "" if decisions.groups == 1 else "s"
        n_units, units = (
            decisions.groups,
            f"{decisions.groups:,} group{plural} of validation photos",
        )
    fewest = fewest_for(precision)
    if n_units < fewest:
        return (
            f"{asked(precision)} precision is not promised: the {units} are too few; {fewest:,} "
            "without a wrong answer are the least that could show it."
        )
    return (
        f"{asked(precision)} precision is not promised: on the {units} there is no confidence from "
        "which answers are certainly right so often."
    )


def _what_became(
    precision: float, least: float, answered: Interval, reached: Interval | None
) -> str:
    promised = asked(precision)
    if reached is None:
        return (
            f"Answers none of these photos at {promised} precision: none reaches a confidence of "
            f"{least:.4g}."
        )
    part = percent(answered.value)
    if reached.high < precision:
        return (
            f"Answers {part} of these photos, but not at {promised} precision: {spread(reached)} "
            f"of the answers are right. The confidence of {least:.4g} was chosen on validation "
            "photos: once in 20 choices that goes wrong by chance; else these photos are harder."
        )
    if reached.value < precision:
        return (
            f"Answers {part} of these photos; {spread(reached)} of the answers are right, a little "
            f"less than the {promised} promised, which the interval allows for."
        )
    return (
        f"Answers {part} of these photos at {promised} precision: {spread(reached)} of the answers "
        "are right."
    )
