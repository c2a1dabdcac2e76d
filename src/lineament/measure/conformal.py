"""Scores and sets of classes that hold as often as was asked: split conformal prediction."""

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.inputs import FloatArray, check_probabilities
from lineament.measure.intervals import Groups
from lineament.measure.units import independent_units

# Coverages come as decimals such as 0.9, which no float is; 0.9 of 10 shall be 9 and not 10.
_ROUNDING = 1e-9
LARGEST_COUNTED = 10  # classes in a set; larger ones are counted together


def conformal_threshold(
    probabilities: FloatArray,
    labels: NDArray[np.int64],
    *,
    coverage: float,
    groups: Groups | None = None,
) -> float | None:
    """Find the least probability a class needs to be in the set of a photo.

    The sets are those of Sadinle, Lei and Wasserman 2019, "Least ambiguous set-valued classifiers
    with bounded error levels", the smallest on average; the threshold is the finite-sample quantile
    of split conformal prediction (Vovk, Gammerman and Shafer 2005): with ``n`` photos, the true
    class of at least ``coverage * (n + 1)`` of them is at or above it.

    With groups, each group weighs the same and its photos share that weight, and one group more is
    reckoned with (Lee, Barber and Willett 2023, "Distribution-free inference with hierarchical
    data", HCP). Where each group has one photo, that is the same.

    What is promised: the set of a new photo (with groups: a photo of a new group) holds its class
    with chance ``coverage`` or more, if the photos (groups) of validation and the new one might as
    well have come in any other order; no more is assumed of the model or the photos. The chance is
    over both draws. For given validation photos it scatters around that, with a standard deviation
    of about ``sqrt(coverage * (1 - coverage) / n)``: five points for 90 % and 36 photos. It holds
    over all classes together, not for each; and with groups it counts groups alike, not photos.

    Args:
        probabilities: Those of validation photos that the model was not fitted to, ``float32`` or
            ``float64`` ``(N, C)``, rows sum to 1.
        labels: True class indices, ``int64 (N,)``.
        coverage: How often sets are to hold the true class, between 0 and 1.
        groups: Group of each photo, length ``N``, an empty text for none; ``None`` where photos are
            independent.

    Returns:
        One of the given probabilities, or ``None`` where there are too few photos (groups): fewer
        than ``coverage / (1 - coverage)``.

    Raises:
        UsageError: ``check_probabilities`` refuses the arrays, ``groups`` has another length, or
            ``coverage`` is not between 0 and 1.

    Example:
        >>> import numpy as np
        >>> of_truth = np.arange(1, 10) / 10
        >>> rows, labels = np.stack([of_truth, 1 - of_truth], axis=1), np.zeros(9, dtype=np.int64)
        >>> conformal_threshold(rows, labels, coverage=0.8)
        0.2
        >>> conformal_threshold(rows, labels, coverage=0.95) is None
        True
    """
    check_probabilities(probabilities, labels)
    if not 0 < coverage < 1:
        raise UsageError(
            f"`coverage` must lie between 0 and 1, got {coverage}.", fix="Give 0.9 for 90 %."
        )
    return least_score(probabilities[np.arange(len(labels)), labels], coverage, groups=groups)


def least_score(
    scores: FloatArray, coverage: float, *, groups: Groups | None = None
) -> float | None:
    """Find the score that photos reach as often as was asked.

    With ``n`` photos, at least ``coverage * (n + 1)`` of them are at or above it; groups count and
    the promise holds as `conformal_threshold` states.

    Args:
        scores: One per validation photo, higher for what is surer, ``(N,)``.
        coverage: How often a new photo is to reach it, above 0 and at most 1.
        groups: Group of each photo, length ``N``, an empty text for none; ``None`` where photos are
            independent.

    Returns:
        One of the scores, or ``None`` where there are too few photos (groups).

    Raises:
        UsageError: ``groups`` has another length.

    Example:
        >>> import numpy as np
        >>> least_score(np.arange(1, 20) / 20, 0.95)
        0.05
        >>> least_score(np.arange(1, 19) / 20, 0.95) is None
        True
    """
    unit = independent_units(groups, len(scores))
    photos = np.bincount(unit)
    share = 1 / photos[unit]
    # The second key makes the rounding of the sums independent of the photos' order.
    order = np.lexsort((share, -scores))
    needed = coverage * (len(photos) + 1)
    reached = np.cumsum(share[order]) >= needed - _ROUNDING * len(photos)
    return float(scores[order][reached.argmax()]) if reached.any() else None


def likely_classes(probabilities: FloatArray, *, threshold: float) -> NDArray[np.bool_]:
    """Give the set of each photo: the classes at or above a threshold.

    A set may be empty: then no class is as likely as the true one usually is. The promise counts
    empty sets as misses, so whoever answers the most probable class instead only adds to it.

    Args:
        probabilities: ``float32`` or ``float64`` ``(N, C)``.
        threshold: What `conformal_threshold` gave.

    Returns:
        Which classes are in the set, ``bool (N, C)``.

    Example:
        >>> import numpy as np
        >>> likely_classes(np.array([[0.6, 0.4], [0.9, 0.1]]), threshold=0.3).tolist()
        [[True, True], [True, False]]
    """
    # The least number of the array's kind that reaches the threshold: rounded down, it would let in
    # classes below, and a copy of 100,000 rows of 1,000 classes in float64 is 800 MB.
    least = probabilities.dtype.type(threshold)
    if float(least) < threshold:
        least = np.nextafter(least, probabilities.dtype.type(np.inf))
    chosen: NDArray[np.bool_] = probabilities >= least
    return chosen
