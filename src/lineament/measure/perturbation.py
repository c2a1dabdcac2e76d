"""Perturbation: a photo changed place by place in the order of a map, and what becomes of it."""

import numpy as np
from numpy.typing import NDArray


def order_of(
    heat: NDArray[np.float32], ties: NDArray[np.float32], *, seed: int
) -> NDArray[np.int64]:
    """Order places from the most to the least marked.

    Places of equal heat must stand in an order drawn by chance: their own would favour the upper
    left. Which chance matters as well. Pixels hidden here and there make a texture that networks
    break by sooner than by a hidden patch, so a map with many equal places would look better by
    deletion than one that knows as little. A map of smooth noise decides between them.

    Args:
        heat: What a map marks, ``float32 (H, W)``; places at minus infinity are left out.
        ties: A map drawn by chance, of the same shape: of places of equal heat the higher comes
            first.
        seed: Of the draw between places that are equal in both.

    Returns:
        Positions in the flattened map, ``int64 (M,)``.

    Example:
        >>> heat = np.array([[0.1, 0.9], [0.1, -np.inf]], dtype=np.float32)
        >>> ties = np.array([[0.2, 0.1], [0.6, 0.8]], dtype=np.float32)
        >>> order_of(heat, ties, seed=0).tolist()
        [1, 2, 0]
    """
    flat, chance = heat.reshape(-1), ties.reshape(-1)
    drawn = np.random.default_rng(seed).permutation(len(flat))
    order = drawn[np.lexsort((-chance[drawn], -flat[drawn]))]
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
