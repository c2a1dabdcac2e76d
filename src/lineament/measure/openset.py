"""Known and unknown photos in one figure, and a score of the logits that tells them apart."""

from math import hypot

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.inputs import FloatArray, check_scores, row_chunks
from lineament.measure.intervals import Interval


def energy(logits: FloatArray) -> NDArray[np.float64]:
    """Give the logarithm of the sum of the exponentials of each row.

    The energy of Liu, Wang, Owens and Li 2020, "Energy-based out-of-distribution detection", with
    its sign turned, so that it is higher for what is known.

    Args:
        logits: Before temperature and softmax, ``float32`` or ``float64`` ``(N, C)``, finite.

    Returns:
        One number per row, ``float64 (N,)``, at least the greatest logit.

    Raises:
        UsageError: ``check_scores`` refuses the logits.

    Example:
        >>> import numpy as np
        >>> energy(np.array([[1000.0, 1000.0]])).round(3).tolist()
        [1000.693]
    """
    check_scores(logits, np.zeros(len(logits), dtype=np.int64), name="logits")
    found = np.empty(len(logits))
    for rows in row_chunks(*logits.shape):
        scores = logits[rows].astype(np.float64)
        greatest = scores.max(axis=1)
        found[rows] = greatest + np.log(np.exp(scores - greatest[:, None]).sum(axis=1))
    return found


def open_set_accuracy(known_right: Interval, unknown_refused: Interval) -> Interval:
    """Give the part of all photos, known and unknown, that is treated rightly.

    A known photo is treated rightly if it is answered with its class, an unknown one if it is
    refused. The figure belongs to this mix of the two: with few unknown photos refusing none of
    them costs little.

    The two parts are proportions of independent samples; their limits are joined as in Zou and
    Donner 2008, "Construction of confidence limits about effect measures" (MOVER).

    Args:
        known_right: Of the known photos, the part that is answered, and rightly.
        unknown_refused: Of the unknown photos, the part that is refused; of the same level.

    Returns:
        The interval; ``n`` counts all photos, and ``n_groups`` the groups where both name any.

    Raises:
        UsageError: The two intervals are of different levels.

    Example:
        >>> from lineament.measure.intervals import wilson
        >>> both = open_set_accuracy(wilson(90, 100), wilson(50, 100))
        >>> both.value, round(both.low, 3), round(both.high, 3), both.n
        (0.7, 0.639, 0.753, 200)
    """
    if known_right.level != unknown_refused.level:
        raise UsageError(
            "An open-set accuracy needs two intervals of one level, got "
            f"{known_right.level} and {unknown_refused.level}."
        )
    parts = (known_right, unknown_refused)
    n = sum(part.n for part in parts)
    shares = [part.n / n for part in parts]
    value = sum(share * part.value for share, part in zip(shares, parts, strict=True))
    below, above = (
        hypot(*(share * width for share, width in zip(shares, widths, strict=True)))
        for widths in (
            [part.value - part.low for part in parts],
            [part.high - part.value for part in parts],
        )
    )
    groups = [part.n_groups for part in parts if part.n_groups is not None]
    return Interval(
        value=value,
        low=max(0.0, value - below),
        high=min(1.0, value + above),
        level=known_right.level,
        method="mover",
        n=n,
        n_groups=sum(groups) if len(groups) == len(parts) else None,
    )
