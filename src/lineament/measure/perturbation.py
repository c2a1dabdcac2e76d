"""Perturbation: a photo changed place by place in the order of a map, and what becomes of it."""

import numpy as np
from numpy.typing import NDArray


def order_of(heat: NDArray[np.float32], *, seed: int) -> NDArray[np.int64]:
    """Order places from the most to the least marked.

    Places of equal heat stand in an order drawn by chance: their own would favour the upper left,
    and a map that is the same everywhere says nothing.

    Args:
        heat: What a map marks, ``float32 (H, W)``; places at minus infinity are left out.
        seed: Of the draw.

    Returns:
        Positions in the flattened map, ``int64 (M,)``.

    Example:
        >>> order_of(np.array([[0.1, 0.9], [0.5, -np.inf]], dtype=np.float32), seed=0).tolist()
        [1, 2, 0]
    """
    flat = heat.reshape(-1)
    drawn = np.random.default_rng(seed).permutation(len(flat))
    order = drawn[np.argsort(-flat[drawn], kind="stable")]
    return order[: int(np.isfinite(flat).sum())]


def replaced(
    image: NDArray[np.uint8], by: NDArray[np.uint8], places: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Give an image with the pixels of another at some places.

    Args:
        image: ``uint8 (H, W, 3)``.
        by: Of the same shape.
        places: Positions of pixels, as `order_of` gives them.

    Returns:
        A new ``uint8 (H, W, 3)``.
    """
    changed = image.reshape(-1, 3).copy()
    changed[places] = by.reshape(-1, 3)[places]
    return changed.reshape(image.shape)


def area(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the area under curves over an even grid from 0 to 1, by the trapezoid rule.

    Args:
        curve: ``float64 (..., K)``, two points or more.

    Returns:
        ``float64 (...)``; the height of a flat curve is its area.

    Example:
        >>> float(area(np.array([0.0, 1.0, 1.0])))
        0.75
    """
    found: NDArray[np.float64] = ((curve[..., 1:] + curve[..., :-1]) / 2).mean(axis=-1)
    return found
