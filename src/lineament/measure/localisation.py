"""Localisation: how much of a map lies inside a region."""

import numpy as np
from numpy.typing import NDArray


def pointing(heat: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    """Say whether the highest place of a map lies inside (pointing game).

    Source: Zhang et al. 2018, "Top-down neural attention by excitation backprop", section 4.1.

    Args:
        heat: ``float32 (H, W)``.
        inside: ``bool (H, W)``.

    Returns:
        1 or 0; where several places are the highest, the part of them that lies inside, which is
        what pointing at one of them by chance would reach.

    Example:
        >>> pointing(np.array([[1.0, 1.0, 0.0]]), np.array([[True, False, True]]))
        0.5
    """
    return float(inside[heat == heat.max()].mean())


def energy(heat: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    """Give the part of a map's sum that lies inside.

    Source: Wang et al. 2020, "Score-CAM: Score-weighted visual explanations for convolutional
    neural networks", section 4.3. Maps have a zero of their own here: the least place counts 0.

    Args:
        heat: ``float32 (H, W)``, any range.
        inside: ``bool (H, W)``.

    Returns:
        0 to 1; of a map that is the same everywhere the part of the area that lies inside.

    Example:
        >>> energy(np.array([[3.0, 1.0, 0.0]]), np.array([[True, False, False]]))
        0.75
    """
    above = (heat - heat.min()).astype(np.float64)
    total = float(above.sum())
    return float(above[inside].sum()) / total if total > 0 else float(inside.mean())
