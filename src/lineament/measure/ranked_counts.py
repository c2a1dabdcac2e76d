"""Ranked counts: the figures of a ranking, from how many have passed at each threshold.

``passed`` and ``false`` are positives and negatives counted from the highest score down, ``float64
(K,)``, one entry per distinct score; weighted samples count as often as their weight.
"""

import numpy as np
from numpy.typing import NDArray


def ranked_area(passed: NDArray[np.float64], false: NDArray[np.float64]) -> float:
    """Give the area under ROC, ties counting half."""
    before = np.append(0.0, passed[:-1])
    pairs = np.diff(false, prepend=0.0) @ (passed + before)
    return float(pairs / (2 * passed[-1] * false[-1]))


def ranked_precision(passed: NDArray[np.float64], false: NDArray[np.float64]) -> float:
    """Give the average precision, as scikit-learn defines it."""
    everything = passed + false
    # Nothing may pass where the first samples were not drawn; then no recall is gained either.
    precision = np.divide(passed, everything, out=np.zeros_like(passed), where=everything > 0)
    return float(np.diff(passed, prepend=0.0) @ precision / passed[-1])


def crossing(
    true_positive_rate: NDArray[np.float64], false_positive_rate: NDArray[np.float64]
) -> float:
    """Give the equal error rate: where both kinds of error cross."""
    excess = false_positive_rate - (1 - true_positive_rate)  # rises from -1 (nothing passes) to 1
    after = int(np.searchsorted(excess, 0.0))
    if excess[after] == 0:
        return float(false_positive_rate[after])
    start = (-1.0, 0.0) if after == 0 else (excess[after - 1], false_positive_rate[after - 1])
    part = -start[0] / (excess[after] - start[0])
    return float(start[1] + part * (false_positive_rate[after] - start[1]))


def false_at(passed: NDArray[np.float64], false: NDArray[np.float64], wanted: float) -> float:
    """Give the false positive rate of the first threshold that passes the wanted part."""
    # A part of whole samples: what rounding leaves of 0.95 * 20 must not ask for the 20th.
    enough = wanted * passed[-1] * (1 - 1e-12)
    return float(false[np.searchsorted(passed, enough)] / false[-1])
