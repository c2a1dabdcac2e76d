"""Every file that people have becomes upright RGB pixels, or an error that says why not."""

import io
import os
import struct
import subprocess
import sys
import textwrap
import tomllib
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFile, features

from lineament.core.errors import ImageError
from lineament.imaging import decode as decoding
from lineament.imaging.decode import (
    DECODERS,
    MAX_PIXELS,
    MAX_SIDE_PX,
    FileFacts,
    decode,
    decode_with_facts,
    encode_jpeg,
    encode_png,
    is_image_name,
    shrink,
)

Pixels = NDArray[np.uint8]
RED, GREEN, WHITE = [200, 30, 10], [0, 255, 0], [255, 255, 255]
needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
ORIENTATION = 0x0112


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def two_colours(size_px: int = 16) -> Image.Image:
    """Green left half, red right half."""
    image = Image.new("RGB", (size_px * 2, size_px), tuple(RED))
    image.paste(tuple(GREEN), (0, 0, size_px, size_px))
    return image


def corners(pixels: Pixels) -> tuple[list[int], list[int]]:
    return pixels[0, 0].tolist(), pixels[-1, -1].tolist()


def reason(data: bytes | Path) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data)
    return str(caught.value)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("RGB", "BMP"),
        ("RGB", "PNG"),
        ("RGB", "PPM"),
        ("RGB", "TIFF"),
        ("RGBA", "PNG"),
        ("RGBA", "TIFF"),
        ("CMYK", "TIFF"),
    ],
)
def test_lossless_colour_keeps_every_pixel(mode: str, kind: str) -> None:
    pixels = decode(encoded(two_colours().convert(mode), kind))

    assert (pixels == np.asarray(two_colours())).all()


def test_lossless_webp_keeps_every_pixel() -> None:
    pixels = decode(encoded(two_colours(), "WEBP", lossless=True))

    assert (pixels == np.asarray(two_colours())).all()


# Lossy codecs move flat colours by a few levels; CMYK passes through two 8-bit conversions.
@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("RGB", "JPEG"),
        ("YCbCr", "JPEG"),
        ("CMYK", "JPEG"),
        ("RGB", "WEBP"),
        ("YCbCr", "TIFF"),
        pytest.param("RGB", "AVIF", marks=needs_avif),
    ],
)
def test_lossy_colour_is_close(mode: str, kind: str) -> None:
    pixels = decode(encoded(two_colours().convert(mode), kind)).astype(int)

    assert np.abs(pixels[8, 4] - GREEN).max() <= 6
    assert np.abs(pixels[8, -4] - RED).max() <= 6


def test_palette_gif_keeps_its_colours() -> None:
    assert corners(decode(encoded(two_colours().quantize(4), "GIF"))) == (GREEN, RED)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM", "BMP"])
def test_one_bit_is_black_and_white(kind: str) -> None:
    image = Image.new("1", (4, 3), 0)
    image.putpixel((0, 0), 1)

    assert corners(decode(encoded(image, kind))) == (WHITE, [0, 0, 0])


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM", "BMP", "GIF"])
def test_grey_is_repeated_over_the_channels(kind: str) -> None:
    image = Image.fromarray(np.array([[0, 7], [128, 255]], np.uint8))

    assert decode(encoded(image, kind))[:, :, 2].tolist() == [[0, 7], [128, 255]]
    assert np.ptp(decode(encoded(image, kind)), axis=2).max() == 0


def test_grey_with_alpha_is_laid_over_white() -> None:
    image = Image.merge("LA", [Image.new("L", (2, 2), 100), Image.new("L", (2, 2), 51)])

    assert corners(decode(encoded(image, "PNG")))[0] == [224, 224, 224]  # 255 + 0.2 * (100 - 255)


def test_transparent_colour_is_laid_over_white() -> None:
    image = Image.new("RGBA", (2, 2), (0, 100, 200, 0))
    image.putpixel((1, 1), (0, 100, 200, 51))

    assert corners(decode(encoded(image, "PNG"))) == (WHITE, [204, 224, 244])


def test_palette_is_looked_up() -> None:
    assert corners(decode(encoded(two_colours().quantize(4), "PNG"))) == (GREEN, RED)


def test_palette_with_a_transparent_entry_is_laid_over_white() -> None:
    image = two_colours().quantize(4)
    data = encoded(image, "PNG", transparency=image.getpixel((0, 0)))

    assert corners(decode(data)) == (WHITE, RED)


def test_palette_with_an_alpha_per_entry_is_laid_over_white() -> None:
    data = encoded(two_colours().quantize(4), "PNG", transparency=bytes([51] * 4))

    assert corners(decode(data)) == ([204, 255, 204], [244, 210, 206])


def test_rgb_with_a_transparent_colour_is_laid_over_white() -> None:
    data = encoded(two_colours(), "PNG", transparency=tuple(GREEN))

    assert corners(decode(data)) == (WHITE, RED)


def test_grey_with_a_transparent_level_is_laid_over_white() -> None:
    image = Image.fromarray(np.array([[7, 8]], np.uint8))

    assert corners(decode(encoded(image, "PNG", transparency=7))) == (WHITE, [8, 8, 8])


LEVELS = np.array([[0, 128, 129, 257], [32768, 40000, 65406, 65535]], np.uint16)
EIGHT_BITS = [[0, 0, 1, 1], [128, 156, 254, 255]]  # round(level / 257)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_to_eight_not_cut(kind: str) -> None:
    pixels = decode(encoded(Image.fromarray(LEVELS), kind))

    assert pixels[:, :, 0].tolist() == EIGHT_BITS


def test_sixteen_bits_in_the_other_byte_order_are_the_same() -> None:
    image = Image.frombytes("I;16B", (4, 2), LEVELS.astype(">u2").tobytes())

    assert decode(encoded(image, "TIFF"))[:, :, 1].tolist() == EIGHT_BITS


def test_sixteen_bit_pgm_is_scaled_like_the_others() -> None:
    data = b"P5 4 2 65535\n" + LEVELS.astype(">u2").tobytes()

    assert decode(data)[:, :, 0].tolist() == EIGHT_BITS


@pytest.mark.parametrize(("kind", "mode"), [(np.int32, "I"), (np.float32, "F")])
def test_pixels_without_a_stated_range_are_refused(kind: type[np.generic], mode: str) -> None:
    data = encoded(Image.fromarray(LEVELS.astype(kind)), "TIFF")

    assert reason(data) == f"unsupported pixel type ({mode}: no stated range)"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_first_frame_of_several_is_read(kind: str) -> None:
    frames = [Image.new("RGB", (32, 16), colour) for colour in ((200, 0, 0), (0, 0, 200))]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])

    assert np.abs(decode(data).astype(int) - [200, 0, 0]).max() <= 4  # WebP and MPO are lossy


# Three rows of two colours, 16 px each: every orientation is a different picture.
TILES = np.array(
    [[[250, 0, 0], [0, 250, 0]], [[0, 0, 250], [250, 250, 250]], [[0, 0, 0], [128, 128, 128]]],
    np.uint8,
)
UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda tiles: tiles,
    2: lambda tiles: tiles[:, ::-1],
    3: lambda tiles: tiles[::-1, ::-1],
    4: lambda tiles: tiles[::-1],
    5: lambda tiles: tiles.transpose(1, 0, 2),
    6: lambda tiles: np.rot90(tiles, -1),
    7: lambda tiles: np.rot90(tiles, 2).transpose(1, 0, 2),
    8: lambda tiles: np.rot90(tiles, 1),
}


def tiles_image() -> Image.Image:
    return Image.fromarray(TILES.repeat(16, axis=0).repeat(16, axis=1))


def tile_colours(pixels: Pixels) -> NDArray[np.int64]:
    return pixels[8::16, 8::16].astype(np.int64)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "kind", ["JPEG", "PNG", "TIFF", "WEBP", pytest.param("AVIF", marks=needs_avif)]
)
def test_every_orientation_is_turned_upright(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation

    pixels = decode(encoded(tiles_image(), kind, exif=exif))

    expected = UPRIGHT[orientation](TILES).astype(np.int64)
    assert tile_colours(pixels).shape == expected.shape
    assert np.abs(tile_colours(pixels) - expected).max() <= 4  # lossy codecs


@pytest.mark.parametrize("orientation", [6, 8])
def test_sixteen_bit_photo_is_turned_too(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation

    pixels = decode(encoded(Image.fromarray(LEVELS), "PNG", exif=exif))

    assert (
        pixels[:, :, :1].tolist()
        == UPRIGHT[orientation](np.array(EIGHT_BITS, np.uint8)[:, :, None]).tolist()
    )


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientation_that_does_not_exist_turns_nothing(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation

    assert decode(encoded(tiles_image(), "JPEG", exif=exif)).shape == (48, 32, 3)


def exif_block(*entries: bytes, count: int | None = None) -> bytes:
    stated = len(entries) if count is None else count
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", stated) + b"".join(entries)


TURNED = struct.pack("<HHIHH", ORIENTATION, 3, 1, 6, 0)
BROKEN_EXIF = {
    "no block": b"Exif\0\0",
    "no header": b"Exif\0\0garbage",
    "directory outside": b"Exif\0\0II*\0\xff\xff\xff\x7f",
    "many entries, none there": exif_block(count=65535),
    "orientation of four thousand million values": exif_block(
        struct.pack("<HHII", ORIENTATION, 3, 2**32 - 1, 6)
    ),
    "orientation outside": exif_block(struct.pack("<HHII", ORIENTATION, 5, 1, 65535)),
    "orientation as text": exif_block(struct.pack("<HHI4s", ORIENTATION, 2, 2, b"6\0\0\0")),
}
SOUND_ORIENTATION = {
    "other entry outside": exif_block(TURNED, struct.pack("<HHII", 0x011A, 5, 1, 65535)),
    "entries missing": exif_block(TURNED, count=5),
    "other entry of the wrong type": exif_block(
        TURNED, struct.pack("<HHII", 0x011A, 2, 1, 0x7FFFFFFF)
    ),
}


def decoded_by_default(data: bytes) -> tuple[Pixels, list[str]]:
    """Decode as outside the tests, where a warning is printed and not raised."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pixels = decode(data)
    return pixels, [str(each.message) for each in caught]


@pytest.mark.parametrize("name", BROKEN_EXIF)
def test_broken_exif_turns_nothing(name: str) -> None:
    pixels, _ = decoded_by_default(encoded(tiles_image(), "JPEG", exif=BROKEN_EXIF[name]))

    assert np.abs(tile_colours(pixels) - TILES).max() <= 4


@pytest.mark.parametrize("name", SOUND_ORIENTATION)
def test_sound_orientation_counts_although_another_entry_is_broken(name: str) -> None:
    pixels, _ = decoded_by_default(encoded(tiles_image(), "JPEG", exif=SOUND_ORIENTATION[name]))

    assert pixels.shape == (32, 48, 3)


@pytest.mark.parametrize("name", [*BROKEN_EXIF, *SOUND_ORIENTATION])
def test_broken_exif_prints_no_warning(name: str) -> None:
    exif = (BROKEN_EXIF | SOUND_ORIENTATION)[name]

    assert decoded_by_default(encoded(tiles_image(), "JPEG", exif=exif))[1] == []


def test_damaged_table_of_frames_prints_no_warning() -> None:
    image = tiles_image()
    data = encoded(image, "MPO", save_all=True, append_images=[image])
    broken = data.replace(b"MPF\0II*\0", b"MPF\0II\0\0")
    assert broken != data

    pixels, printed = decoded_by_default(broken)

    assert (pixels.shape, printed) == ((48, 32, 3), [])


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(100)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("width", "height"),
    [(MAX_SIDE_PX + 1, 1), (1, MAX_SIDE_PX + 1), (10_000, 9_000), (40_000, 40_000), (2**31 - 1, 2)],
)
def test_absurdly_large_photo_is_refused_before_it_is_decoded(width: int, height: int) -> None:
    assert reason(png_that_claims(width, height)).startswith("absurdly large (")


def test_absurdly_large_photo_prints_no_warning() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reason(png_that_claims(10_000, 9_000))

    assert [str(each.message) for each in caught] == []


def test_largest_allowed_photo_is_not_refused_for_its_size() -> None:
    assert "large" not in reason(png_that_claims(MAX_SIDE_PX, MAX_PIXELS // MAX_SIDE_PX))


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (0, 0)])
def test_photo_without_pixels_is_refused(width: int, height: int) -> None:
    assert reason(png_that_claims(width, height)) == "not an image, or an unsupported format"


def test_empty_file_is_named_so(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()

    assert reason(b"") == reason(tmp_path / "a.jpg") == "empty file"


def test_absent_file_is_named_so(tmp_path: Path) -> None:
    assert reason(tmp_path / "a.jpg") == "no such file"


def test_folder_is_no_image(tmp_path: Path) -> None:
    assert reason(tmp_path) == "cannot be opened (Is a directory)"


def test_file_without_permission_is_named_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)

    assert reason(tmp_path / "a.jpg") == "cannot be opened (Permission denied)"


@pytest.mark.parametrize(
    "data",
    [
        b"Dear reader, this is no photo.\n" * 9,
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7\n",
        b"\0" * 100,
        b"\xff\xd8\xff",
    ],
)
def test_what_is_no_supported_image_is_refused_whatever_its_name(
    data: bytes, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(data)

    assert reason(tmp_path / "a.jpg") == "not an image, or an unsupported format"


def test_program_that_reads_eps_is_never_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("started a program"))
    data = encoded(two_colours(), "EPS")

    assert reason(data) == "not an image, or an unsupported format"


def test_oldest_pillow_allowed_has_every_decoder() -> None:
    # PIL.AvifImagePlugin came with Pillow 11.3; before, importing the decoder fails.
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    bounds = [line for line in project["project"]["dependencies"] if line.startswith("Pillow>=")]
    oldest = [int(part) for part in bounds[0].removeprefix("Pillow>=").split(".")]
    without_avif = """
        import sys
        sys.modules["PIL.AvifImagePlugin"] = None
        import lineament.imaging.decode
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(without_avif)], check=False)

    assert oldest >= [11, 3] or done.returncode == 0


def test_decoders_start_no_other_program() -> None:
    assert {decoder.format for decoder in DECODERS} == {
        *("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
    }


@pytest.mark.parametrize("missing_bytes", [1, 2, 50, 400])
def test_truncated_photo_says_after_how_many_bytes(
    missing_bytes: int, draw_photo: Callable[..., Pixels]
) -> None:
    data = encode_jpeg(draw_photo(0, 40, 50))[:-missing_bytes]

    assert reason(data) == f"truncated after {len(data)} bytes"


def samples() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (12, 20, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x010F], exif[0x011A] = 6, "Maker", 72.0
    frames = {"save_all": True, "append_images": [image.rotate(90)]}
    made = {
        "jpeg": encoded(image, "JPEG", exif=exif),
        "progressive jpeg": encoded(image, "JPEG", progressive=True),
        "cmyk jpeg": encoded(image.convert("CMYK"), "JPEG"),
        "mpo": encoded(image, "MPO", **frames),
        "png": encoded(image, "PNG", exif=exif),
        "palette png": encoded(image.quantize(16), "PNG", transparency=bytes(range(16))),
        "animated png": encoded(image, "PNG", **frames),
        "gif": encoded(image, "GIF"),
        "animated gif": encoded(image, "GIF", **frames),
        "tiff": encoded(image, "TIFF"),
        "lzw tiff": encoded(image, "TIFF", compression="tiff_lzw"),
        "bmp": encoded(image, "BMP"),
        "ppm": encoded(image, "PPM"),
        "webp": encoded(image, "WEBP", exif=exif),
        "lossless webp": encoded(image, "WEBP", lossless=True),
    }
    if features.check("avif"):
        made["avif"] = encoded(image, "AVIF")
    return made


SAMPLES = samples()


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.filterwarnings("ignore")  # what is printed has its own tests above
def test_file_cut_anywhere_gives_the_whole_picture_or_an_error(name: str) -> None:
    data = SAMPLES[name]
    whole = decode(data)

    for length in range(0, len(data), 7):
        try:
            pixels = decode(data[:length])
        except ImageError:
            continue
        # What was cut off came after the pixels: a checksum, a second frame.
        assert np.array_equal(pixels, whole), f"{name} cut after {length} bytes"


def check_pixels_or_reason(data: bytes, short_side_px: int | None) -> None:
    text = "pixels"
    try:
        pixels = decode(data, short_side_px=short_side_px)
    except ImageError as error:
        text = str(error)
    else:
        assert str(pixels.dtype) == "uint8"
        assert pixels.shape[2:] == (3,)
    assert len(text.splitlines()) == 1


@settings(max_examples=400)
@given(
    name=st.sampled_from(sorted(SAMPLES)),
    changes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=12),
    length=st.integers(0, 4000),
    short_side_px=st.sampled_from([None, 1, 4, 500]),
)
@example(name="jpeg", changes=[], length=4000, short_side_px=None)
@pytest.mark.filterwarnings("ignore")
def test_damaged_file_gives_pixels_or_an_image_error(
    name: str, changes: list[tuple[int, int]], length: int, short_side_px: int | None
) -> None:
    data = bytearray(SAMPLES[name])
    for place, value in changes:
        data[place % len(data)] = value
    check_pixels_or_reason(bytes(data[:length]), short_side_px)


@settings(max_examples=100)
@given(
    head=st.sampled_from([b"", *(data[:30] for data in SAMPLES.values())]),
    rest=st.binary(max_size=200),
)
@pytest.mark.filterwarnings("ignore")
def test_random_bytes_give_pixels_or_an_image_error(head: bytes, rest: bytes) -> None:
    check_pixels_or_reason(head + rest, None)


def test_error_text_stays_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: ImageFile.ImageFile) -> None:
        raise SyntaxError("first line\nsecond line")

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)

    assert reason(encoded(two_colours(), "BMP")) == "damaged (first line)"


def test_path_and_bytes_give_the_same_pixels(
    tmp_path: Path, draw_photo: Callable[..., Pixels]
) -> None:
    data = encode_jpeg(draw_photo(0, 20, 30))
    (tmp_path / "a.jpg").write_bytes(data)

    assert np.array_equal(decode(tmp_path / "a.jpg"), decode(data))


def test_file_is_closed_after_decoding(tmp_path: Path) -> None:
    (tmp_path / "a.bmp").write_bytes(encoded(two_colours(), "BMP"))
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # counting, not walking

    decode(tmp_path / "a.bmp")

    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.mark.parametrize(
    ("height", "width", "asked"),
    [(800, 1000, 100), (800, 1000, 99), (1000, 800, 51), (801, 1203, 200), (64, 4000, 16)],
)
@pytest.mark.parametrize("kind", ["JPEG", "MPO"])
def test_reduced_decode_keeps_the_shorter_side_at_twice_what_is_asked(
    height: int, width: int, asked: int, kind: str
) -> None:
    image = Image.new("RGB", (width, height))
    frames = {"save_all": True, "append_images": [image]} if kind == "MPO" else {}
    pixels = decode(encoded(image, kind, **frames), short_side_px=asked)

    assert 2 * asked <= min(pixels.shape[:2]) <= min(height, width)
    assert min(pixels.shape[:2]) < 4 * asked  # and no more work than needed


def test_reduced_decode_of_a_small_photo_decodes_every_pixel() -> None:
    data = encoded(Image.new("RGB", (300, 200)), "JPEG")

    assert decode(data, short_side_px=101).shape == (200, 300, 3)


def test_reduced_decode_is_turned_upright_too() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    image = tiles_image().resize((320, 480))

    pixels = decode(encoded(image, "JPEG", exif=exif), short_side_px=16)

    assert pixels.shape == (40, 60, 3)


def test_reduced_decode_looks_like_the_whole(draw_photo: Callable[..., Pixels]) -> None:
    data = encode_jpeg(draw_photo(3, 512, 512))

    reduced = decode(data, short_side_px=64).astype(int)
    averaged = decode(data).reshape(128, 4, 128, 4, 3).mean(axis=(1, 3))

    assert reduced.shape == averaged.shape
    assert np.abs(reduced - averaged).mean() < 1.0  # the DCT's average, rounded to 8 bits


def test_reduced_decode_leaves_a_png_as_it_is() -> None:
    assert decode(encoded(two_colours(64), "PNG"), short_side_px=8).shape == (64, 128, 3)


@pytest.mark.parametrize(
    ("height", "width", "asked", "expected"),
    [
        (100, 200, 50, (50, 100)),
        (200, 100, 50, (100, 50)),
        (333, 1000, 100, (100, 300)),
        (50, 200, 50, (50, 200)),
        (10, 10, 50, (10, 10)),
        (1, 5000, 50, (1, 5000)),
        (5000, 2, 1, (2500, 1)),
    ],
)
def test_shrinking_keeps_proportions_and_never_enlarges(
    height: int, width: int, asked: int, expected: tuple[int, int]
) -> None:
    assert shrink(np.zeros((height, width, 3), np.uint8), short_side_px=asked).shape[:2] == expected


def test_small_image_is_given_back_unchanged() -> None:
    image = np.zeros((10, 20, 3), np.uint8)

    assert shrink(image, short_side_px=10) is image


@given(height=st.integers(1, 400), width=st.integers(1, 400), asked=st.integers(1, 300))
def test_shorter_side_is_exactly_what_was_asked(height: int, width: int, asked: int) -> None:
    small = shrink(np.zeros((height, width, 3), np.uint8), short_side_px=asked)

    assert min(small.shape[:2]) == min(asked, height, width)


def test_shrinking_averages_over_every_pixel() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255

    assert np.abs(shrink(stripes, short_side_px=8)[2:-2, 2:-2].astype(int) - 128).max() <= 8


def test_png_round_trip_is_exact(draw_photo: Callable[..., Pixels]) -> None:
    photo = draw_photo(0, 17, 23)

    assert np.array_equal(decode(encode_png(photo)), photo)
    assert np.array_equal(decode(encode_png(photo[:, :, 0]))[:, :, 1], photo[:, :, 0])


def test_jpeg_round_trip_is_close(draw_photo: Callable[..., Pixels]) -> None:
    photo = draw_photo(0, 40, 50)

    # Quality 95 divides by steps of up to 10 levels: less than the noise of 6 that is drawn.
    assert np.abs(decode(encode_jpeg(photo)).astype(int) - photo).mean() < 4


def test_encoded_files_carry_no_metadata(draw_photo: Callable[..., Pixels]) -> None:
    for data in (encode_jpeg(draw_photo(0, 8, 8)), encode_png(draw_photo(0, 8, 8))):
        with Image.open(io.BytesIO(data)) as image:
            assert not image.getexif()
            assert not {"exif", "icc_profile", "comment"} & set(image.info)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jpg", True),
        ("a.JPG", True),
        ("a.Jpeg", True),
        ("a.heic", True),
        ("a.tar.png", True),
        ("a", False),
        ("jpg", False),
        ("a.txt", False),
        ("a.jpg.part", False),
        ("._a.jpg", False),
        (".jpg", False),
    ],
)
def test_image_names_are_known_in_any_case(name: str, expected: bool) -> None:
    assert is_image_name(Path("x") / name) is expected


def facts_of(data: bytes, *, short_side_px: int | None = None) -> FileFacts:
    return decode_with_facts(data, short_side_px=short_side_px)[1]


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "P"), ("PNG", "LA"), ("BMP", "1")],
)
def test_facts_say_how_the_file_stores_its_pixels(kind: str, mode: str) -> None:
    data = encoded(two_colours().convert(mode), kind)

    assert facts_of(data) == FileFacts(
        format=kind, mode=mode, width=32, height=16, size_bytes=len(data), taken=""
    )


def test_facts_are_of_the_full_size_however_small_it_is_decoded() -> None:
    data = encoded(two_colours(400), "JPEG")

    pixels, facts = decode_with_facts(data, short_side_px=16)

    assert pixels.shape == (50, 100, 3)
    assert (facts.width, facts.height) == (800, 400)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_facts_are_of_the_upright_photo(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encoded(two_colours(), kind, exif=exif)

    pixels, facts = decode_with_facts(data)

    assert (facts.height, facts.width) == pixels.shape[:2]
    assert (facts.width > facts.height) is (orientation < 5)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_facts_say_when_a_photo_was_taken(kind: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 1  # without an entry of its own Pillow writes none into a PNG
    exif.get_ifd(0x8769)[0x9003] = "2021:05:01 12:30:00"

    assert facts_of(encoded(two_colours(), kind, exif=exif)).taken == "2021:05:01 12:30:00"


def test_path_and_bytes_have_the_same_facts(tmp_path: Path) -> None:
    data = encoded(two_colours(), "JPEG")
    (tmp_path / "a.jpg").write_bytes(data)

    assert decode_with_facts(tmp_path / "a.jpg")[1] == facts_of(data)


@pytest.mark.parametrize(
    ("pixels", "mode"),
    [
        (np.full((4, 6), 7, np.uint8), "L"),
        (np.full((4, 6, 3), 7, np.uint8), "RGB"),
        (np.full((4, 6, 4), 7, np.uint8), "RGBA"),
    ],
)
def test_array_in_no_file_is_decoded_like_one_in_a_file(pixels: Pixels, mode: str) -> None:
    decoded, facts = decode_with_facts(pixels)

    np.testing.assert_array_equal(decoded, decode(encoded(Image.fromarray(pixels), "PNG")))
    assert facts == FileFacts(
        format="", mode=mode, width=6, height=4, size_bytes=pixels.nbytes, taken=""
    )


def test_array_of_every_other_column_is_decoded() -> None:
    whole = np.arange(4 * 12 * 3, dtype=np.uint8).reshape(4, 12, 3)

    np.testing.assert_array_equal(decode_with_facts(whole[:, ::2])[0], whole[:, ::2])


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0)])
def test_array_without_pixels_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=r"^no pixels$"):
        decode_with_facts(np.zeros(shape, np.uint8))


def test_absurdly_large_array_is_refused() -> None:
    huge = np.lib.stride_tricks.as_strided(np.zeros(1, np.uint8), (30_000, 30_000), (0, 0))

    with pytest.raises(ImageError) as caught:
        decode_with_facts(huge)

    assert str(caught.value) == "absurdly large (30000 x 30000 pixels)"


def test_image_that_pillow_opened_is_decoded_as_its_file(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    colours = Image.fromarray(draw.integers(0, 256, (30, 20, 4), dtype=np.uint8), "RGBA")
    turned = Image.Exif()
    turned[0x0112] = 6
    for name, image in (("a.png", colours), ("b.png", colours.convert("P"))):
        image.save(tmp_path / name, exif=turned)
        with Image.open(tmp_path / name) as opened:
            found, facts = decode_with_facts(opened)

        assert np.array_equal(found, decode(tmp_path / name))
        assert (facts.height, facts.width) == found.shape[:2] == (20, 30)


def test_image_that_was_opened_and_cannot_be_decoded_is_said(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:9000])

    with Image.open(path) as opened, pytest.raises(ImageError, match=r"^damaged "):
        decode(opened)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_huge_photo_that_is_no_jpeg_is_averaged_over_squares(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "REDUCED_ABOVE_PIXELS", 5_999)
    monkeypatch.setattr(decoding, "BAND_PIXELS", 700)
    draw = np.random.default_rng(0)
    image = Image.fromarray(draw.integers(0, 256, (100, 61, 4), dtype=np.uint8), "RGBA")
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, "PNG")

    found, facts = decode_with_facts(buffer.getvalue(), short_side_px=10)

    full = decode(buffer.getvalue())
    assert full.shape == (100, 61, 3)
    assert found.shape == (34, 21, 3)  # k = 61 // 20 = 3
    assert (facts.height, facts.width) == (100, 61)
    means = full[:99, :60].reshape(33, 3, 20, 3, 3).mean(axis=(1, 3))
    # Pillow divides by a rounded reciprocal: a tenth of a level beyond the half.
    assert np.abs(found[:33, :20] - means).max() <= 0.6


def test_photo_that_is_not_huge_keeps_every_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "REDUCED_ABOVE_PIXELS", 6_000)
    pixels = np.random.default_rng(0).integers(0, 256, (100, 60, 3), dtype=np.uint8)

    assert np.array_equal(decode(pixels, short_side_px=10), pixels)


def test_huge_strip_keeps_its_short_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "REDUCED_ABOVE_PIXELS", 10)
    pixels = np.random.default_rng(0).integers(0, 256, (39, 900, 3), dtype=np.uint8)

    assert np.array_equal(decode(pixels, short_side_px=10), pixels)  # 39 // 20 is 1
