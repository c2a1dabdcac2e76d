"""Curves: with two classes, what every threshold would do, thinned to what a figure can show."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.findings.curves import BinaryCurves, Points
from lineament.artifacts.predictions import Predictions
from lineament.measure.ranking import Ranking, RankingCurve, ranking_intervals

MOST_POINTS = 200
_FINEST = 1e-5  # rates below stand in no figure


def binary_curves(
    predictions: Predictions, *, units: Sequence[int] | None = None, seed: int = 0
) -> BinaryCurves | None:
    """Judge the ranking of photos by the probability of one of two classes.

    The positive class is the one with fewer photos (the first, where both have as many): it is what
    is looked for among the others, and its precision is the one that suffers from them. Area under
    the ROC curve and equal error rate would be the same for the other class; average precision
    would be higher. It depends on the measured photos, so the finding names it.

    Photos are ranked by the difference of both probabilities, which orders them as the probability
    does, but still tells apart what is rounded to 1.

    Args:
        predictions: The answers, every label known.
        units: Group of each photo, numbered; ``None`` where photos are independent. A group may
            have photos of both classes; it is drawn with all of them.
        seed: Seed of the resampling.

    Returns:
        At most 200 points per curve, ends exact. ``None`` where there are not two classes, or one
        of them has fewer than two photos (two groups).
    """
    if len(predictions.classes) != 2:
        return None
    labels = predictions.labels
    positive = int(np.bincount(labels, minlength=2)[1] < np.bincount(labels, minlength=2)[0])
    is_positive = labels == positive
    of_kinds = [np.flatnonzero(kind) for kind in (is_positive, ~is_positive)]
    unit = np.arange(len(labels)) if units is None else np.asarray(units)
    if any(len(np.unique(unit[kind])) < 2 for kind in of_kinds):
        return None

    probabilities = predictions.probabilities.astype(np.float64)
    score = probabilities[:, positive] - probabilities[:, 1 - positive]
    of_positive, of_negative = (score[kind] for kind in of_kinds)
    groups = (None, None) if units is None else (unit[of_kinds[0]], unit[of_kinds[1]])
    intervals = ranking_intervals(
        of_positive,
        of_negative,
        positive_groups=groups[0],
        negative_groups=groups[1],
        groups_are_shared=units is not None,
        seed=seed,
    )
    curve = Ranking(of_positive, of_negative).curve()
    return BinaryCurves(
        positive=predictions.classes[positive],
        roc=_roc(curve),
        precision_recall=_precision_recall(curve),
        det=_det(curve),
        area_under_roc=intervals["area_under_roc"],
        average_precision=intervals["average_precision"],
        equal_error_rate=intervals["equal_error_rate"],
    )


def _roc(curve: RankingCurve) -> Points:
    places = np.stack([curve.false_positive_rate, curve.true_positive_rate])
    return _thinned(places, places)


def _precision_recall(curve: RankingCurve) -> Points:
    places = np.stack([curve.true_positive_rate, curve.precision])
    return _thinned(places, places)


def _det(curve: RankingCurve) -> Points:
    places = np.stack([curve.false_positive_rate, 1 - curve.true_positive_rate])
    # A DET figure stretches small rates, so that is where points are to be close.
    clipped = np.clip(places, _FINEST, 1 - _FINEST)
    return _thinned(places, np.log(clipped / (1 - clipped)))


def _thinned(places: NDArray[np.float64], seen: NDArray[np.float64]) -> Points:
    """Keep points that are evenly apart on the way through the figure, the ends among them.

    Args:
        places: The points, ``float64 (2, T)``.
        seen: Where they stand in the figure, ``float64 (2, T)``.
    """
    n = places.shape[1]
    kept = np.arange(n)
    if n > MOST_POINTS:
        way = np.append(0.0, np.cumsum(np.abs(np.diff(seen, axis=1)).sum(axis=0)))
        wanted = np.linspace(0.0, way[-1], MOST_POINTS)
        kept = np.unique(np.minimum(np.searchsorted(way, wanted), n - 1))
        kept[0], kept[-1] = 0, n - 1
    points = [(float(x), float(y)) for x, y in places[:, kept].T]
    return (points[0], *(later for first, later in pairwise(points) if later != first))
