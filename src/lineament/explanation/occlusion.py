"""Occlusion: what of a class's evidence is lost when a square of the photo is hidden."""

import math

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.imaging.decode import shrink
from lineament.imaging.render import seen_box
from lineament.runtime.predictor import Predictor

LEAST = 1e-6  # probabilities nearer to 0 or 1 than float32 resolves have no log-odds


class Occlusion:
    """How far the log-odds of a class fall when a square is painted in the photo's mean colour.

    Source: Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks". The
    log-odds, because a probability near 1 hardly falls before nearly all is hidden, and squares
    could not be ordered. Each cell of the grid is the centre of one square, which reaches over its
    neighbours: alone it would hide too little of a thing.

    Args:
        predictor: The model, asked through the graph that ships.
        cells: Side of the grid, 1 or more; a map asks the model ``cells * cells + 1`` times.
        reach: Side of a square in cells, 1 or more.

    Raises:
        UsageError: ``cells`` or ``reach`` is below 1.
    """

    title = "occlusion (Zeiler and Fergus 2014)"

    def __init__(self, predictor: Predictor, *, cells: int = 9, reach: float = 2.5) -> None:
        for name, value in (("cells", cells), ("reach", reach)):
            if value < 1:
                raise UsageError(f"`{name}` must be 1 or more, got {value}.")
        self.predictor = predictor
        self.cells = cells
        self.reach = reach

    def __call__(self, image: NDArray[np.uint8], class_index: int) -> NDArray[np.float32]:
        """Map what speaks for a class; see `MapMaker`.

        Returns:
            ``float32 (cells, cells)``: the fall of the log-odds, negative where they rise.
        """
        preprocessing = self.predictor.preprocessing
        image = shrink(image, short_side_px=preprocessing.needed_short_side_px)
        height, width = image.shape[:2]
        window = preprocessing.window(height, width)
        top, left, bottom, right = seen_box(window, height, width)
        paint = image[top:bottom, left:right].mean(axis=(0, 1)).round().astype(np.uint8)
        whole = self._log_odds(image, class_index)
        grid = np.zeros((self.cells, self.cells), dtype=np.float32)
        downs = [
            _span(row, self.cells, self.reach, window.top, window.height, (top, bottom))
            for row in range(self.cells)
        ]
        acrosses = [
            _span(column, self.cells, self.reach, window.left, window.width, (left, right))
            for column in range(self.cells)
        ]
        for row, down in enumerate(downs):
            for column, across in enumerate(acrosses):
                hidden = image.copy()
                hidden[down, across] = paint
                grid[row, column] = whole - self._log_odds(hidden, class_index)
        return grid

    def _log_odds(self, image: NDArray[np.uint8], class_index: int) -> float:
        probability = float(self.predictor.predict_image(image)[class_index])
        probability = min(max(probability, LEAST), 1 - LEAST)
        return float(np.log(probability / (1 - probability)))


def _span(
    index: int, cells: int, reach: float, start: float, length: float, seen: tuple[int, int]
) -> slice:
    """The pixels of what is seen that the square around a cell covers along one side."""
    middle, half = start + (index + 0.5) * length / cells, reach * length / cells / 2
    own = math.floor(middle)  # the pixel that even the smallest square covers
    first = min(own, round(middle - half))
    last = max(own + 1, round(middle + half))
    # A cell of a letterbox may lie beyond the photo: it then covers nothing.
    return slice(min(max(first, seen[0]), seen[1]), min(max(last, seen[0]), seen[1]))
