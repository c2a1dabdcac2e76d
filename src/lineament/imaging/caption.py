"""Caption: an answer written on a picture, with a bar per class."""

import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SHARE = 0.055  # of the picture's shorter side: the height of a line
LEAST_PX, MOST_PX = 9, 96  # below no letter can be read, above it only hides the picture
GROUND, INK, BAR = (16, 16, 20), (255, 255, 255), (70, 130, 220)
SOLID = 0.72  # of the ground: the picture is seen through the rest
MOST_LETTERS = 40
# Pillow's own font has English letters alone. These have many more, where a system has them; the
# last comes with matplotlib.
FONTS = ("NotoSans-Regular.ttf", "Arial Unicode.ttf", "segoeui.ttf", "DejaVuSans.ttf")


def captioned(
    image: NDArray[np.uint8], lines: Sequence[tuple[str, float | None]]
) -> NDArray[np.uint8]:
    """Write lines on a picture, in the lower left corner.

    Letters beyond English need a font of the system or of matplotlib, and are boxes without one.

    Args:
        image: ``uint8 (H, W, 3)``, RGB; left as it is.
        lines: At least one: a text, and a share from 0 to 1 that becomes a bar, or ``None``.

    Returns:
        A new picture of the same shape. What does not fit on it is cut off.
    """
    height, width = image.shape[:2]
    size = int(np.clip(SHARE * min(height, width), LEAST_PX, MOST_PX))
    line, gap = round(size * 1.3), max(2, size // 3)
    texts = [
        _short(text) + ("" if share is None else f"  {100 * share:.0f} %") for text, share in lines
    ]
    font = _font(size, is_english="".join(texts).isascii())
    wide = max(round(font.getlength(text)) for text in texts) + 2 * gap
    box = Image.new("RGB", (min(wide, width), min(line * len(texts) + gap, height)), GROUND)
    drawing = ImageDraw.Draw(box)
    for number, (text, (_, share)) in enumerate(zip(texts, lines, strict=True)):
        top = number * line + gap // 2
        if share is not None:
            right = gap + round(min(max(share, 0.0), 1.0) * (wide - 2 * gap))
            drawing.rectangle((gap, top + 1, right, top + line - 2), fill=BAR)
        drawing.text((gap, top), text, font=font, fill=INK)
    drawn = np.asarray(box, dtype=np.float32)
    marked = image.copy()
    corner = marked[height - drawn.shape[0] :, : drawn.shape[1]]
    # Letters and bars are drawn whole, the ground lets the picture through.
    solid = np.where((drawn == GROUND).all(axis=2, keepdims=True), np.float32(SOLID), 1.0)
    corner[:] = (solid * drawn + (1 - solid) * corner).round().astype(np.uint8)
    return marked


@functools.lru_cache(maxsize=16)
def _font(size: int, *, is_english: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    files = [] if is_english else [*FONTS, *_of_matplotlib()]
    for file in files:
        try:
            return ImageFont.truetype(file, size)
        except OSError:
            continue  # this system has it not
    return ImageFont.load_default(size)


def _of_matplotlib() -> list[str]:
    found = importlib.util.find_spec("matplotlib")  # not imported: that takes half a second
    if found is None or found.origin is None:
        return []
    return [str(Path(found.origin).with_name("mpl-data") / "fonts" / "ttf" / "DejaVuSans.ttf")]


def _short(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"
