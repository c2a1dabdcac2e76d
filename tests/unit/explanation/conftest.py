"""A model that answers by one corner alone, so that what a right map shows is known."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.core.executor import LocalExecutor
from lineament.imaging.preprocess import Preprocessing
from lineament.runtime.predictor import Predictor


class CornerPredictor:
    """Says class 1 by how much brighter the upper left quarter is than the whole."""

    classes = ("plain", "lit")

    def __init__(self, fit: str = "squash", crop_fraction: float = 1.0) -> None:
        self.preprocessing = Preprocessing(
            size_px=32,
            fit=fit,
            interpolation="bilinear",
            mean=(0.5,) * 3,
            std=(0.5,) * 3,
            crop_fraction=crop_fraction,
        )
        self.executor = LocalExecutor(workers=2)
        self.provenance: dict[str, object] = {}
        self.asked = 0

    def predict_image(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.asked += 1
        height, width = image.shape[:2]
        corner = float(image[: (height + 1) // 2, : (width + 1) // 2].mean()) - 40
        lit = 1 / (1 + np.exp(-corner / 20))
        return np.array([1 - lit, lit], dtype=np.float32)


class OfQuarter:
    """A map of one quarter of the photo."""

    title = "a quarter"

    def __init__(self, row: int, column: int) -> None:
        self.grid = np.zeros((2, 2), dtype=np.float32)
        self.grid[row, column] = 1

    def __call__(self, image: NDArray[np.uint8], class_index: int) -> NDArray[np.float32]:
        return np.repeat(np.repeat(self.grid, 4, axis=0), 4, axis=1)


class Elsewhere(OfQuarter):
    """A map of everything but the upper left quarter."""

    title = "elsewhere"

    def __init__(self) -> None:
        super().__init__(0, 0)
        self.grid = 1 - self.grid


class Flat:
    """A map that says nothing."""

    title = "nothing"

    def __call__(self, image: NDArray[np.uint8], class_index: int) -> NDArray[np.float32]:
        return np.ones((4, 4), dtype=np.float32)


@pytest.fixture
def corner() -> Callable[..., Predictor]:
    """Give ``corner(fit="squash", crop_fraction=1.0)``: a model that looks at one corner."""
    return lambda **how: cast(Predictor, CornerPredictor(**how))


@pytest.fixture
def quarter() -> Callable[[int, int], OfQuarter]:
    """Give ``quarter(row, column)``: a map of that quarter."""
    return OfQuarter


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
def flat() -> Flat:
    return Flat()


@pytest.fixture
def lit_photos(tmp_path: Path) -> Sequence[tuple[Path, int]]:
    """Twelve photos whose upper left quarter is bright, of class 1."""
    photos = []
    for number in range(12):
        rng = np.random.default_rng(number)
        image = rng.integers(0, 40, (40, 40, 3), dtype=np.uint8)
        image[:20, :20] += 180
        path = tmp_path / f"{number:02d}.png"
        Image.fromarray(image).save(path)
        photos.append((path, 1))
    return photos
