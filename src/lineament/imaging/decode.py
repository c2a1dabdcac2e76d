"""Decode an image file to RGB pixels, the same way when preparing, training and predicting.

Turned by its EXIF orientation, alpha laid over white, grey, palette, CMYK and 16-bit converted,
first frame of several. Colour profiles are not applied. What cannot be decoded is an `ImageError`
whose text is the reason.
"""

import contextlib
import dataclasses
import io
import threading
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from lineament.core.errors import ImageError
from lineament.imaging.exif import ORIENTATION_TAG, UPRIGHT, orientation, taken, without_exif
from lineament.imaging.quiet_tiff import silence_libtiff

IMAGE_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("avif", "bmp", "gif", "heic", "heif", "jfif", "jpe", "jpeg", "jpg"),
        *("pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp"),
    )
)

# Only these decoders run: others start programs (EPS) or are rarely looked at by anyone. They are
# called directly: Pillow's `open` imports all forty and prints warnings of what is refused here.
DECODERS = (
    JpegImagePlugin.JpegImageFile,
    PngImagePlugin.PngImageFile,
    WebPImagePlugin.WebPImageFile,
    TiffImagePlugin.TiffImageFile,
    BmpImagePlugin.BmpImageFile,
    GifImagePlugin.GifImageFile,
    PpmImagePlugin.PpmImageFile,
    AvifImagePlugin.AvifImageFile,
)
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")  # phones' photos
STATED_RANGE = ("PNG", "PPM")  # formats whose 32-bit grey in Pillow is 16 bits by definition

TURNS = {  # EXIF orientation to what makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height

# A quarter of a gigabyte decoded is no photo of a classifier; also where Pillow begins to warn.
MAX_PIXELS = 89_478_485

# The longest side that a JPEG can state. A resize makes a strip of every column, so what is longer
# takes gigabytes however thin it is.
MAX_SIDE_PX = 65_535

# Above it a photo that is no JPEG is averaged over whole squares of pixels before it is resized:
# the model's resize holds every pixel as three floats, a gigabyte for the largest.
REDUCED_ABOVE_PIXELS = 16_000_000
BAND_PIXELS = 4_000_000  # as many are converted at a time: 16 MB with transparency

# A large JPEG is decoded at 1/2, 1/4 or 1/8 by the DCT as long as its shorter side stays at least
# this many times what is asked for, so that what follows still averages over real pixels.
REDUCED_DECODE_MARGIN = 2


# Two photos of the largest kind do not fit in a gigabyte, so they are decoded one after the other.
_ONE_GIANT = threading.Lock()

# What can be decoded: a file, its bytes, what Pillow opened, or pixels.
Photo: TypeAlias = "Path | bytes | Image.Image | NDArray[np.uint8]"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FileFacts:
    """What a file says of its photo before a pixel is looked at.

    Attributes:
        format: ``JPEG``, ``PNG``, ...; empty for an array that was in no file.
        mode: Pillow's mode as stored, such as ``RGB``, ``L``, ``CMYK``.
        width: In pixels, upright and in full resolution.
        height: In pixels, upright and in full resolution.
        size_bytes: Of the file.
        taken: ``YYYY:MM:DD hh:mm:ss`` from EXIF; empty where it does not say.
    """

    format: str
    mode: str
    width: int
    height: int
    size_bytes: int
    taken: str


def is_image_name(path: Path) -> bool:
    """Tell whether a file is named like an image, in any case.

    Example:
        >>> is_image_name(Path("a.JPG")), is_image_name(Path("notes.txt"))
        (True, False)
    """
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def decode(
    source: Photo, *, short_side_px: int | None = None, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """Decode an image file to RGB.

    Args:
        source: The file, its bytes, what Pillow opened, or pixels (as `decode_with_facts` takes).
        short_side_px: What the caller will scale the shorter side to; a JPEG much larger than that
            is decoded at a reduced scale. ``None`` decodes every pixel.
        max_pixels: What states more is not decoded; at most `MAX_PIXELS`.

    Returns:
        ``uint8 (H, W, 3)`` in RGB order, upright.

    Raises:
        ImageError: The file is absent, empty, truncated, no image of a supported format, of an
            unsupported pixel type, larger than ``max_pixels`` or longer than `MAX_SIDE_PX`.
    """
    return decode_with_facts(source, short_side_px=short_side_px, max_pixels=max_pixels)[0]


def decode_with_facts(
    source: Photo, *, short_side_px: int | None = None, max_pixels: int = MAX_PIXELS
) -> tuple[NDArray[np.uint8], FileFacts]:
    """Decode an image file, and say what kind of file it is.

    Args:
        source: The file, its bytes, what Pillow opened, or pixels: ``uint8 (H, W)`` grey,
            ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGBA.
        short_side_px: As for `decode`.
        max_pixels: As for `decode`.

    Returns:
        ``uint8 (H, W, 3)``, and the facts.

    Raises:
        ImageError: As `decode`.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, short_side_px, max_pixels)
    if isinstance(source, Image.Image):
        return _from_pillow(source, short_side_px, max_pixels)
    data = source if isinstance(source, bytes) else _read(source)
    if not data:
        raise ImageError("empty file")
    try:
        plain, exif = without_exif(data)
        with _open(plain) as image:
            _check_size(image.width, image.height, max_pixels)
            width, height, mode = image.width, image.height, image.mode
            is_giant = width * height > REDUCED_ABOVE_PIXELS
            if short_side_px is not None and image.format == "JPEG":
                wanted = short_side_px * REDUCED_DECODE_MARGIN
                image.draft(None, (wanted, wanted))
                # Only a progressive one is held as a whole while it is decoded.
                is_giant = is_giant and "progressive" in image.info
            with _ONE_GIANT if is_giant else contextlib.nullcontext():
                image.load()
                exif = exif or image.info.get("exif", b"")
                way = orientation(exif)
                # Pillow turns TIFFs itself while loading, because their tags are EXIF's.
                turn = None if image.format == "TIFF" else TURNS.get(way)
                is_reduced = image.format == "JPEG"
                colours = _rgb_of(image, None if is_reduced else short_side_px)
                upright = colours if turn is None else colours.transpose(turn)
                pixels = np.asarray(upright, dtype=np.uint8)
            if (
                image.format != "JPEG"
            ):  # every pixel was decoded: now it is known how many there are
                width, height = image.size
            if turn is not None and way in SIDEWAYS:
                width, height = height, width
            facts = FileFacts(
                format=image.format or "",
                mode=mode,
                width=width,
                height=height,
                size_bytes=len(data),
                taken=taken(exif),
            )
    except ImageError:
        raise
    # Decoders meet hostile bytes with whatever their parsing code happens to raise (struct.error,
    # KeyError, SyntaxError, MemoryError ...): all of it means that this file cannot be decoded.
    except Exception as error:
        if "truncated" in str(error).lower() or isinstance(error, EOFError):
            raise ImageError(f"truncated after {len(data)} bytes") from error
        raise ImageError(f"damaged ({_one_line(error)})") from error
    if pixels.shape[0] == 0 or pixels.shape[1] == 0:
        raise ImageError("no pixels")
    return pixels, facts


def decoding_rule(short_side_px: int) -> dict[str, object]:
    """State how `decode` makes pixels of a file, for who decodes without it.

    Args:
        short_side_px: As given to `decode`.
    """
    return {
        "colour": "RGB, 8 bits; alpha over white, grey, palette and CMYK converted, 16-bit "
        "grey scaled by 255 / 65535, no colour profile applied, first frame of several",
        "orientation": "EXIF tag 0x0112 applied",
        "jpeg_scale": "decoded at the smallest of 1/8, 1/4, 1/2, 1 whose shorter side is not below "
        "jpeg_short_side_px",
        "jpeg_short_side_px": short_side_px * REDUCED_DECODE_MARGIN,
        "reduced_above_pixels": REDUCED_ABOVE_PIXELS,
        "reduced": "other formats above that many pixels are averaged, in RGB and before they are "
        "turned, over squares of k x k pixels, k = shorter side // jpeg_short_side_px, if k > 1",
        "max_pixels": MAX_PIXELS,
        "max_side_px": MAX_SIDE_PX,
    }


def shrink(image: NDArray[np.uint8], *, short_side_px: int) -> NDArray[np.uint8]:
    """Scale an image so that its shorter side is at most ``short_side_px``; never enlarge it.

    Antialiased bilinear (triangle filter): shrinking in two steps, here and in the model, then
    stays close to shrinking in one.

    Args:
        image: ``uint8 (H, W, 3)``.
        short_side_px: Longest that the shorter side may be.

    Returns:
        ``uint8 (h, w, 3)``, the input itself where it is small enough.
    """
    height, width = image.shape[:2]
    shorter = min(height, width)
    if shorter <= short_side_px:
        return image
    factor = short_side_px / shorter
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def encode_jpeg(image: NDArray[np.uint8], *, quality: int = 95) -> bytes:
    """Encode ``uint8 (H, W, 3)`` as JPEG without metadata and with full-resolution colour."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """Encode ``uint8 (H, W, 3)`` or ``(H, W)`` as PNG without metadata; grey as one channel."""
    if image.ndim == 3 and (image == image[..., :1]).all():
        image = image[..., 0]
    buffer = io.BytesIO()
    # Level 1 makes small photos no larger than Pillow's default of 6, and takes half the time.
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError("no such file") from error
    except OSError as error:
        raise ImageError(f"cannot be opened ({error.strerror})") from error


def _from_array(
    pixels: NDArray[np.uint8], short_side_px: int | None, max_pixels: int
) -> tuple[NDArray[np.uint8], FileFacts]:
    height, width = pixels.shape[:2]
    if height == 0 or width == 0:
        raise ImageError("no pixels")
    _check_size(width, height, max_pixels)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    facts = FileFacts(
        format="",
        mode=image.mode,
        width=width,
        height=height,
        size_bytes=pixels.nbytes,
        taken="",
    )
    return np.asarray(_rgb_of(image, short_side_px), dtype=np.uint8), facts


def _from_pillow(
    image: Image.Image, short_side_px: int | None, max_pixels: int
) -> tuple[NDArray[np.uint8], FileFacts]:
    """Take what a caller opened, all of its pixels; it stays open."""
    try:
        _check_size(image.width, image.height, max_pixels)
        turn = TURNS.get(image.getexif().get(ORIENTATION_TAG, UPRIGHT))
        colours = _rgb_of(image, short_side_px)
        upright = colours if turn is None else colours.transpose(turn)
        pixels = np.asarray(upright, dtype=np.uint8)
    except ImageError:
        raise
    except Exception as error:  # as above: an image that was opened is often decoded only here
        raise ImageError(f"damaged ({_one_line(error)})") from error
    facts = FileFacts(
        format=image.format or "",
        mode=image.mode,
        width=pixels.shape[1],
        height=pixels.shape[0],
        size_bytes=0,
        taken="",
    )
    return pixels, facts


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > min(max_pixels, MAX_PIXELS) or max(width, height) > MAX_SIDE_PX:
        raise ImageError(f"absurdly large ({width} x {height} pixels)")


def _rgb_of(image: Image.Image, short_side_px: int | None) -> Image.Image:
    """Convert to RGB; average a photo of many pixels over whole squares of them first.

    By bands, so that what is converted is never there as a whole beside what was decoded.
    """
    factor = 1
    if short_side_px is not None and image.width * image.height > REDUCED_ABOVE_PIXELS:
        factor = min(image.size) // (short_side_px * REDUCED_DECODE_MARGIN)
    if factor < 2:
        return _rgb(image, image.format)
    small = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    band = factor * max(1, BAND_PIXELS // (image.width * factor))
    for top in range(0, image.height, band):
        part = image.crop((0, top, image.width, min(image.height, top + band)))
        part.info = image.info  # a colour that is transparent stands there
        small.paste(_rgb(part, image.format).reduce(factor), (0, top // factor))
    return small


def _open(data: bytes) -> Image.Image:
    for decoder in DECODERS:
        try:
            opened: Image.Image = decoder(io.BytesIO(data))
            if opened.format == "TIFF":
                silence_libtiff()
            return opened
        except SyntaxError:  # what Pillow's decoders raise for a file of another format
            continue
    if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS:
        raise ImageError("HEIC, which is not supported; convert it to JPEG")
    raise ImageError("not an image, or an unsupported format")


def _rgb(image: Image.Image, kind: str | None) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16") or (image.mode == "I" and kind in STATED_RANGE):
        levels = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((levels * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ImageError(f"unsupported pixel type ({image.mode}: no stated range)")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        white = Image.new("RGBA", with_alpha.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, with_alpha).convert("RGB")
    return image.convert("RGB")


def _one_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
