"""Photo shelf: the photos that a page embeds, each once, in no more bytes than were allowed."""

import base64
import functools
import json
from collections.abc import Callable, Mapping, Sequence, Set

import numpy as np

from lineament.artifacts.predictions import Predictions
from lineament.reporting.template import as_json

Picture = Callable[[], bytes | None]  # made only where there is room for it


class PhotoShelf:
    """Photos by key.

    Args:
        most_bytes: How much of the page they may take, as they stand in it.

    Attributes:
        left_bytes: How much they may still take.
        n_refused: How many were made and found no room.
    """

    def __init__(self, *, most_bytes: int) -> None:
        self.left_bytes = most_bytes
        self.n_refused = 0
        self._photos: dict[str, str] = {}

    def put(self, key: str, picture: Picture) -> bool:
        """Embed a photo.

        Args:
            key: What the page calls it.
            picture: Gives it as a JPEG, or ``None`` where it cannot be had.

        Returns:
            Whether it is on the page; one that already was takes no more room.
        """
        if key in self._photos:
            return True
        if self.left_bytes <= 0:
            return False
        jpeg = picture()
        if jpeg is None:
            return False
        text = base64.b64encode(jpeg).decode()
        size = len(text) + len(json.dumps(key)) + 4  # quotes, colon, comma
        if size > self.left_bytes:
            self.n_refused += 1
            return False
        self.left_bytes -= size
        self._photos[key] = text
        return True

    def json(self) -> str:
        """Give the photos as JSON that no key can break out of, base64 by key."""
        return as_json(self._photos)


def cell_photos(
    predictions: Predictions,
    shelf: PhotoShelf,
    *,
    name: str,
    picture: Callable[[str], bytes | None],
    per_cell: int,
    most_bytes: int,
    only: Set[tuple[int, int]] | None = None,
) -> dict[str, object]:
    """Put the photos behind the cells of a confusion matrix on the shelf.

    Wrong answers come first, one of every cell before a second one of any, the surest first; right
    ones follow in the same way, the least sure first.

    Args:
        predictions: The answers; photos whose class is not known stand in no cell.
        shelf: Where the photos go.
        name: Of the matrix; keys of its photos begin with it.
        picture: Gives a photo as a JPEG by its id.
        per_cell: How many of each cell at most.
        most_bytes: How much room they may take of what the shelf has left.
        only: The cells that the page can open, numbers of truth and answer; ``None`` for all.

    Returns:
        By name of a cell, ``NAME:TRUTH:ANSWER`` with the numbers of the classes, an object with
        ``truth`` and ``answer`` (names), ``n`` (how many photos there are) and ``photos``, each a
        list of key, id and confidence.
    """
    answers, labels = predictions.answers, predictions.labels
    confidence = predictions.probabilities.max(axis=1)
    cells: dict[tuple[int, int], list[int]] = {}
    for row in np.flatnonzero(labels >= 0).tolist():
        cell = (int(labels[row]), int(answers[row]))
        if only is None or cell in only:
            cells.setdefault(cell, []).append(row)
    for (truth, answer), rows in cells.items():
        sign = 1 if truth == answer else -1
        rows.sort(key=lambda row: (sign * float(confidence[row]), predictions.samples[row]))
    shown: dict[tuple[int, int], list[int]] = {cell: [] for cell in cells}
    least, n_refused = shelf.left_bytes - most_bytes, shelf.n_refused
    for row, cell in _in_turn(cells, per_cell):
        # Thumbnails are about as large as each other: after one without room, decoding every other
        # photo would only show the same.
        if shelf.left_bytes <= least or shelf.n_refused > n_refused:
            break
        sample = predictions.samples[row]
        if shelf.put(f"{name}/{sample}", functools.partial(picture, sample)):
            shown[cell].append(row)
    return {
        f"{name}:{truth}:{answer}": {
            "truth": predictions.classes[truth],
            "answer": predictions.classes[answer],
            "n": len(rows),
            "photos": [
                [
                    f"{name}/{predictions.samples[row]}",
                    predictions.samples[row],
                    round(float(confidence[row]), 4),
                ]
                for row in shown[truth, answer]
            ],
        }
        for (truth, answer), rows in sorted(cells.items())
    }


def _in_turn(
    cells: Mapping[tuple[int, int], Sequence[int]], most: int
) -> list[tuple[int, tuple[int, int]]]:
    """Rows with their cell: all wrong cells in rounds, then the right ones."""
    found = []
    for is_right in (False, True):
        own = {cell: rows for cell, rows in cells.items() if (cell[0] == cell[1]) is is_right}
        for turn in range(min(most, max(map(len, own.values()), default=0))):
            found += [(rows[turn], cell) for cell, rows in sorted(own.items()) if turn < len(rows)]
    return found
