"""Multiple tests: p-values that hold for all of them together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import UsageError


def holm(p_values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Correct p-values so that one false alarm or more, among all tests, is as rare as stated.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure". It assumes nothing
    of how the tests depend on each other.

    Args:
        p_values: Of each test, 0 to 1, in any order.

    Returns:
        The corrected ones in the same order, ``float64 (K,)``, each at most 1.

    Raises:
        UsageError: One is not from 0 to 1.

    Example:
        >>> holm([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.06, 0.06]
    """
    raw = np.asarray(p_values, dtype=np.float64)
    if not ((raw >= 0) & (raw <= 1)).all():
        raise UsageError("P-values must lie from 0 to 1.")
    order = np.argsort(raw, kind="stable")
    scaled = raw[order] * np.arange(len(raw), 0, -1)
    corrected = np.empty_like(raw)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(scaled))
    return corrected
