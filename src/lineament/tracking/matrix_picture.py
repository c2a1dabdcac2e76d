"""A confusion matrix as a picture, for trackers that show pictures."""

import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

RIGHT_RGB, WRONG_RGB = (46, 125, 222), (232, 107, 28)
INK_RGB = (20, 20, 20)
COUNTED_CLASSES = 20  # cells of more have no room for a number
LABEL_LETTERS = 22
GAP_PX = 6


def matrix_picture(matrix: NDArray[np.int64], classes: Sequence[str]) -> NDArray[np.uint8]:
    """Draw a confusion matrix: blue where truth and answer agree, orange elsewhere.

    Args:
        matrix: Counts, ``int64 (C, C)``, row is the truth; a cell is as strong as its part of the
            row, rooted so that single mistakes are seen.
        classes: The ``C`` names; where the font lacks a letter, as of Chinese, a box is drawn.

    Returns:
        ``uint8 (H, W, 3)``, RGB.

    Example:
        >>> matrix_picture(np.array([[3, 1], [0, 4]]), ["cat", "dog"]).shape
        (130, 130, 3)
    """
    n = len(classes)
    is_counted = n <= COUNTED_CLASSES
    cell = 44 if is_counted else 12
    font = _font(13 if is_counted else 10)
    labels = [_shortened(name) for name in classes]
    room = round(max(font.getlength(label) for label in labels)) + 2 * GAP_PX
    side = room + n * cell + GAP_PX
    canvas = np.full((side, side, 3), 255, dtype=np.uint8)
    cells = _colours(matrix).repeat(cell, axis=0).repeat(cell, axis=1)
    canvas[room : room + n * cell, room : room + n * cell] = cells
    picture = Image.fromarray(canvas)
    names = Image.new("RGB", (room, n * cell), "white")
    pen = ImageDraw.Draw(names)
    for row, label in enumerate(labels):
        middle = (row + 0.5) * cell
        pen.text((room - GAP_PX, middle), label, fill=INK_RGB, font=font, anchor="rm")
    picture.paste(names, (0, room))
    # Turned to read upwards, a name would end at the top: it has to begin at the matrix instead.
    pen.rectangle(((0, 0), names.size), fill="white")
    for column, label in enumerate(labels):
        middle = (column + 0.5) * cell
        pen.text((GAP_PX, middle), label, fill=INK_RGB, font=font, anchor="lm")
    picture.paste(names.transpose(Image.Transpose.ROTATE_90), (room, 0))
    if is_counted:
        pen = ImageDraw.Draw(picture)
        for (row, column), count in np.ndenumerate(matrix):
            middle_of_cell = (room + (column + 0.5) * cell, room + (row + 0.5) * cell)
            pen.text(middle_of_cell, str(count), fill=INK_RGB, font=font, anchor="mm")
    return np.asarray(picture)


def png(picture: NDArray[np.uint8]) -> bytes:
    """Write a picture ``uint8 (H, W, 3)`` as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()


def _colours(matrix: NDArray[np.int64]) -> NDArray[np.uint8]:
    """One colour per cell, ``uint8 (C, C, 3)``."""
    n_photos = np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    strength = np.sqrt(matrix / n_photos)[:, :, None]
    colours = np.where(np.eye(len(matrix), dtype=bool)[:, :, None], RIGHT_RGB, WRONG_RGB)
    return np.asarray((255 + (colours - 255) * strength).round(), dtype=np.uint8)


def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Matplotlib's font, without importing it: Pillow's own knows no letter beyond ASCII."""
    found = importlib.util.find_spec("matplotlib")
    path = Path((found and found.origin) or "").parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"
    return ImageFont.truetype(path, size_px) if path.is_file() else ImageFont.load_default(size_px)


def _shortened(name: str) -> str:
    """Leave out the middle of a long name: classes often differ at the end alone."""
    kept = (LABEL_LETTERS - 1) // 2
    return name if len(name) <= LABEL_LETTERS else f"{name[:kept]}…{name[-kept:]}"
