"""Face drawing: faces outlined in their photo, with a word to each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lineament.imaging.faces import Face

LINE, UNDER = (255, 214, 10), (16, 16, 20)  # yellow on black is seen on any skin and ground
SHARE = 0.004  # of the photo's longer side: the width of a line


def outlined(
    image: NDArray[np.uint8], faces: Sequence[Face], *, words: Sequence[str] = ()
) -> NDArray[np.uint8]:
    """Draw boxes and landmarks of faces into a photo.

    Args:
        image: ``uint8 (H, W, 3)``, RGB; left as it is.
        faces: Found in it.
        words: What to write above each, in the order of the faces.

    Returns:
        A new picture of the same shape.
    """
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    line = max(1, round(SHARE * max(image.shape[:2])))
    for face in faces:
        left, top, right, bottom = face.box
        draw.rectangle(
            (left - line, top - line, right + line, bottom + line), None, UNDER, 3 * line
        )
        draw.rectangle((left, top, right, bottom), None, LINE, line)
        dot = max(line, face.side_px / 50)
        for x, y in face.landmarks:
            draw.ellipse((x - dot, y - dot, x + dot, y + dot), LINE, UNDER)
    for face, text in zip(faces, words, strict=False):
        _label(draw, face, text, line)
    return np.asarray(picture)


def _label(draw: ImageDraw.ImageDraw, face: Face, text: str, line: int) -> None:
    """Write a word above a face, inside the photo."""
    size = max(10, round(face.side_px / 7), 5 * line)
    left, top = max(0.0, face.box[0]), max(0.0, face.box[1] - 1.5 * size)
    where = draw.textbbox((left + size / 4, top + size / 6), text, font_size=size)
    draw.rectangle((left, top, where[2] + size / 4, where[3] + size / 4), UNDER)
    draw.text((left + size / 4, top + size / 6), text, LINE, font_size=size)
