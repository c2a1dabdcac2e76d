"""Caption: an answer written on a picture, with a bar per class."""

import functools
import importlib.util
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SHARE = 0.055  # of the picture's shorter side: the height of a line
LEAST_PX, MOST_PX = 9, 96  # below no letter can be read, above it only hides the picture
GROUND, INK, BAR = (16, 16, 20), (255, 255, 255), (70, 130, 220)
SOLID = 0.72  # of the ground: the picture is seen through the rest
MOST_LETTERS = 40
# Pillow's own font has few letters beyond English. Of these a system has some; the one that has all
# letters of a name writes it.
FONTS = (
    *("NotoSans-Regular.ttf", "segoeui.ttf", "DejaVuSans.ttf", "Arial Unicode.ttf"),
    *("NotoSansCJK-Regular.ttc", "msyh.ttc", "malgun.ttf", "wqy-zenhei.ttc"),
    *("NotoSansArabic-Regular.ttf", "NotoSansDevanagari-Regular.ttf", "Nirmala.ttf"),
)
NO_LETTER = "\U0010ffff"  # never will be one: a font draws what it draws for all that it lacks

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont


class _Written(NamedTuple):
    text: str
    font: Font


def captioned(
    image: NDArray[np.uint8], lines: Sequence[tuple[str, float | None]]
) -> NDArray[np.uint8]:
    """Write lines on a picture, in the lower left corner.

    A letter that no font here has is written by its number, such as ``\\u732b``, so that two names
    never look alike.

    Args:
        image: ``uint8 (H, W, 3)``, RGB; left as it is.
        lines: At least one: a text, and a share from 0 to 1 that becomes a bar, or ``None``.

    Returns:
        A new picture of the same shape. A name that is too long for it is shortened; lines that do
        not fit on it are cut off.
    """
    height, width = image.shape[:2]
    size = int(np.clip(SHARE * min(height, width), LEAST_PX, MOST_PX))
    line, gap = round(size * 1.3), max(2, size // 3)
    figures = ["" if share is None else f"{100 * share:.0f} %" for _, share in lines]
    # A column of their own: beside names from right to left they would be taken apart.
    own = _fonts(size)[0]
    # Always as wide: from frame to frame nothing is to move but the bars.
    column_px = round(own.getlength("100 %")) + 2 * gap if any(figures) else 0
    room_px = max(0, width - 2 * gap - column_px)
    names = [_shortened(text, size, room_px) for text, _ in lines]
    names_px = max(round(name.font.getlength(name.text)) for name in names)
    wide, high = names_px + column_px + 2 * gap, line * len(lines) + gap
    marked = image.copy()
    corner = marked[max(0, height - high) :, :wide]
    seen = Image.fromarray(np.ascontiguousarray(corner))
    box = Image.blend(seen, Image.new("RGB", seen.size, GROUND), SOLID)
    drawing = ImageDraw.Draw(box)
    for number, (name, figure, (_, share)) in enumerate(zip(names, figures, lines, strict=True)):
        top = number * line + gap // 2
        if share is not None:
            right = gap + round(min(max(share, 0.0), 1.0) * (wide - 2 * gap))
            drawing.rectangle((gap, top + 1, right, top + line - 2), fill=BAR)
        drawing.text((gap, top), name.text, font=name.font, fill=INK)
        drawing.text((wide - gap - own.getlength(figure), top), figure, font=own, fill=INK)
    corner[:] = np.asarray(box)
    return marked


@functools.lru_cache(maxsize=4096)  # classes of a model, at one size of frame
def _shortened(text: str, size: int, room_px: int) -> _Written:
    """A name as it is written, within so many pixels; one letter of it is always left."""
    name, font = _written(" ".join(text.split()), size)  # a class may have a newline in its name
    if len(name) <= MOST_LETTERS and font.getlength(name) <= room_px:
        return _Written(name, font)
    dots = "..." if _lacked(font, "…") else "…"
    kept = min(len(name) - 1, MOST_LETTERS - len(dots))
    while kept > 1 and font.getlength(name[:kept] + dots) > room_px:
        kept -= 1
    return _Written(name[:kept] + dots if kept > 0 else name, font)


def _written(text: str, size: int) -> _Written:
    """A name in the font that lacks the fewest of its letters; these by their numbers."""
    lacking = {font: _lacked(font, text) for font in _fonts(size)}
    best = min(lacking, key=lambda font: len(lacking[font]))  # of equal ones the first
    shown = (
        letter.encode("ascii", "backslashreplace").decode() if letter in lacking[best] else letter
        for letter in text
    )
    return _Written("".join(shown), best)


@functools.lru_cache(maxsize=16)
def _fonts(size: int) -> tuple[Font, ...]:
    found: list[Font] = [ImageFont.load_default(size)]
    for file in (*FONTS, *_of_matplotlib()):
        try:
            found.append(ImageFont.truetype(file, size))
        except OSError:
            continue  # this system has it not
    return tuple(found)


def _lacked(font: Font, text: str) -> set[str]:
    """The letters of a text that a font has not."""
    others = {
        letter
        for letter in text
        if not letter.isascii() and unicodedata.category(letter) != "Cf"  # a joiner is not drawn
    }
    if not others or not isinstance(font, ImageFont.FreeTypeFont):
        return others
    # Letter by letter: what joins letters would draw a circle below an accent that stands alone.
    plain = font.font_variant(layout_engine=ImageFont.Layout.BASIC)
    box = plain.getmask(NO_LETTER)
    drawn = {letter: plain.getmask(letter) for letter in others}
    return {
        letter
        for letter, mask in drawn.items()
        if mask.size == box.size and bytes(mask) == bytes(box)
    }


def _of_matplotlib() -> list[str]:
    found = importlib.util.find_spec("matplotlib")  # not imported: that takes half a second
    if found is None or found.origin is None:
        return []
    return [str(Path(found.origin).with_name("mpl-data") / "fonts" / "ttf" / "DejaVuSans.ttf")]
