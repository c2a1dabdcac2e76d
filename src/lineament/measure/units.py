"""Units: which photos stand and fall together, and what that costs the precision of a figure."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.intervals import Groups, group_numbers


def independent_units(groups: Groups | None, n: int) -> NDArray[np.int64]:
    """Number the groups of samples from 0; unlike `resampling_units` one group is enough.

    Args:
        groups: Group of each sample, texts or numbers, length ``n``; a sample with an empty text is
            its own group. ``None`` where every sample is.
        n: Number of samples.

    Returns:
        A number per sample, ``int64 (n,)``.

    Raises:
        UsageError: ``groups`` has another length.

    Example:
        >>> independent_units(["anna", "", "anna"], 3).tolist()
        [0, 1, 0]
    """
    if groups is None:
        return np.arange(n, dtype=np.int64)
    of_sample = np.asarray(groups)
    if of_sample.shape != (n,):
        raise UsageError(f"`groups` must hold one entry per sample ({n},), got {of_sample.shape}.")
    if of_sample.dtype.kind == "U":
        return np.asarray(group_numbers(of_sample.tolist()), dtype=np.int64)
    return np.unique(of_sample, return_inverse=True)[1].astype(np.int64)


def standard_error(influence: NDArray[np.float64], unit: NDArray[np.int64]) -> float:
    """Give the standard error of a figure from what each sample moves it.

    The infinitesimal jackknife, over groups: their sums are what varies from draw to draw (Davison
    and Hinkley 1997, "Bootstrap methods and their application", section 2.7). Groups can make a
    figure surer than independent samples would only by chance, so that is not believed.

    Args:
        influence: Of each sample, ``n`` times what a further one like it would move the figure,
            ``float64 (n,)``; their sum is 0.
        unit: What `independent_units` gave, two groups or more.

    Returns:
        0 or more.

    Example:
        >>> import numpy as np
        >>> right = np.array([1.0, 1.0, 0.0, 0.0])
        >>> round(standard_error(right - right.mean(), np.arange(4)), 4)
        0.2887
        >>> standard_error(right - right.mean(), np.array([0, 0, 1, 1]))
        0.5
    """
    n, sums = len(influence), np.bincount(unit, influence)
    plain = float(influence @ influence) * n / (n - 1)
    grouped = float(sums @ sums) * len(sums) / (len(sums) - 1)
    return sqrt(max(plain, grouped)) / n
