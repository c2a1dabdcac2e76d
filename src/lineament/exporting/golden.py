"""Golden photos: drawn files of awkward sizes and modes, with which a port of a bundle is proved.

They are drawn, not photographed, so that they can travel in any bundle: waves and discs of colour
give every layer something to answer to.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

EXIF_ORIENTATION = 0x0112
TURNED = 6  # the camera was held upright: the picture is to be turned by 90 degrees


def golden_files() -> dict[str, bytes]:
    """Draw the golden photos.

    Returns:
        File contents by name; the same bytes for the same Pillow.

    Example:
        >>> sorted(golden_files())[:3]
        ['16-bit', 'cmyk-jpeg', 'grey']
    """
    alpha = Image.fromarray(_picture(120, 160, 5)).convert("RGBA")
    alpha.putalpha(Image.fromarray(_picture(120, 160, 6)[:, :, 0]))
    turned = Image.Exif()
    turned[EXIF_ORIENTATION] = TURNED
    return {
        "usual": _png(Image.fromarray(_picture(240, 320, 0))),
        "odd": _png(Image.fromarray(_picture(333, 97, 1))),
        "tall": _png(Image.fromarray(_picture(400, 24, 2))),
        "wide": _png(Image.fromarray(_picture(20, 500, 3))),
        "strip": _jpeg(Image.fromarray(_picture(40, 5000, 13)), Image.Exif()),
        "tiny": _png(Image.fromarray(_picture(5, 7, 4))),
        "one-pixel": _png(Image.fromarray(_picture(1, 1, 8))),
        "grey": _png(Image.fromarray(_picture(150, 130, 7)).convert("L")),
        "palette-alpha": _png(alpha.quantize(64)),
        "16-bit": _png(Image.fromarray(_picture(60, 90, 11)[:, :, 0].astype(np.uint16) * 257)),
        "cmyk-jpeg": _jpeg(Image.fromarray(_picture(110, 90, 12)).convert("CMYK"), Image.Exif()),
        "turned-jpeg": _jpeg(Image.fromarray(_picture(180, 240, 9)), turned),
        "large": _jpeg(Image.fromarray(_picture(1100, 1500, 10)), Image.Exif()),
    }


def _picture(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Waves of three directions and periods, with two discs of flat colour."""
    draw = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    channels = []
    for _ in range(3):
        across, down, phase = draw.uniform((-14, -14, 0), (14, 14, 6))
        channels.append(127.5 + 110 * np.sin(across * columns + down * rows + phase))
    picture = np.stack(channels, axis=-1)
    for _ in range(2):
        centre_row, centre_column = draw.uniform(0.1, 0.9, 2) * (height, width) / max(height, width)
        inside = np.hypot(rows - centre_row, columns - centre_column) < draw.uniform(0.05, 0.2)
        picture[inside] = draw.uniform(0, 255, 3)
    return picture.round().clip(0, 255).astype(np.uint8)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _jpeg(image: Image.Image, exif: Image.Exif) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85, exif=exif)
    return buffer.getvalue()
