"""What the tests of training share: photos in memory, drawn so that form alone tells them apart."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lineament.training.pixels import Pixels

SIDE_PX = 32


class _InMemory:
    """Decoded photos that lie in memory."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self.images = images

    def read(self, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        return np.ascontiguousarray(self.images[rows])


def shapes(count: int, *, seed: int = 0, side_px: int = SIDE_PX) -> "Pixels":
    """Draw discs, frames and stripes of any colour on any ground, as many of each."""
    from lineament.training.pixels import Pixels

    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:side_px, 0:side_px] + 0.5 - side_px / 2
    images, labels = [], []
    for number in range(count):
        kind = number % 3
        down, right = rows + rng.uniform(-2, 2), columns + rng.uniform(-2, 2)
        reach = side_px * rng.uniform(0.26, 0.34)
        largest = np.maximum(np.abs(down), np.abs(right))
        shape = (
            np.hypot(down, right) < reach,
            (largest < reach) & (largest > reach - side_px / 11),
            (largest < reach) & (down % (side_px / 6) < side_px / 12),
        )[kind]
        dark, light = rng.uniform(10, 90, 3), rng.uniform(165, 245, 3)
        drawn = np.where(shape[:, :, None], light, dark) + rng.normal(0, 5, (side_px, side_px, 3))
        images.append(drawn.round().clip(0, 255).astype(np.uint8))
        labels.append(kind)
    return Pixels(
        np.asarray(labels, dtype=np.int64),
        side_px,
        photos=_InMemory(np.stack(images)),
        rows=np.arange(count),
    )


@pytest.fixture(scope="session")
def draw_shapes() -> Callable[..., "Pixels"]:
    """Give ``draw_shapes(count, seed=0, side_px=32)``: decoded photos of three classes."""
    return shapes
