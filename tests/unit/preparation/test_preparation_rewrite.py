"""Rewriting one photo: size, format, metadata, hash, name."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.core.errors import ImageError
from lineament.imaging.decode import decode, shrink
from lineament.imaging.look import look
from lineament.imaging.signature import signature
from lineament.preparation.rewrite import Rewritten, Unreadable, photo_id, rewrite


def draw(width: int, height: int, *, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def rewritten(path: Path, *, size_px: int = 256) -> Rewritten:
    (result,) = rewrite([path], size_px=size_px)
    assert isinstance(result, Rewritten)
    return result


def opened(result: Rewritten) -> Image.Image:
    return Image.open(io.BytesIO(result.data))


def test_the_shorter_side_is_shrunk_to_the_size(tmp_path: Path) -> None:
    Image.fromarray(draw(300, 200)).save(tmp_path / "a.png")
    image = opened(rewritten(tmp_path / "a.png", size_px=100))
    assert (image.format, image.size) == ("JPEG", (150, 100))


def test_a_small_photo_is_not_enlarged(tmp_path: Path) -> None:
    Image.fromarray(draw(90, 70)).save(tmp_path / "a.png")
    assert opened(rewritten(tmp_path / "a.png")).size == (90, 70)


def test_a_photo_of_at_most_64_pixels_keeps_every_pixel(tmp_path: Path) -> None:
    pixels = draw(64, 48)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    result = rewritten(tmp_path / "a.png")
    assert result.suffix == "png"
    np.testing.assert_array_equal(np.asarray(opened(result)), pixels)


def test_a_longer_side_of_65_pixels_is_a_jpeg(tmp_path: Path) -> None:
    Image.fromarray(draw(65, 48)).save(tmp_path / "a.png")
    assert rewritten(tmp_path / "a.png").suffix == "jpg"


def test_a_turned_photo_is_upright_and_without_metadata(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    exif[0x010E] = "a secret"  # image description
    Image.fromarray(draw(90, 70)).save(tmp_path / "a.jpg", exif=exif)
    result = rewritten(tmp_path / "a.jpg")
    image = opened(result)
    assert image.size == (70, 90)
    assert not image.getexif()
    assert b"secret" not in result.data


@pytest.mark.parametrize(
    ("mode", "name"),
    [("CMYK", "a.jpg"), ("L", "a.png"), ("I;16", "a.png"), ("P", "a.gif"), ("1", "a.bmp")],
)
def test_every_kind_of_pixel_keeps_its_colours(tmp_path: Path, mode: str, name: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64))
    else:
        image = Image.fromarray(draw(60, 40)).convert(mode)
    image.save(tmp_path / name)
    written = decode(rewritten(tmp_path / name).data)
    np.testing.assert_array_equal(written, decode(tmp_path / name))


def test_transparent_palette_pixels_become_white(tmp_path: Path) -> None:
    image = Image.new("P", (10, 10), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((3, 0), 1)
    image.save(tmp_path / "a.png", transparency=0)
    pixels = np.asarray(opened(rewritten(tmp_path / "a.png")))
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[0, 3].tolist() == [0, 255, 0]


def test_the_hash_is_of_pixels_and_not_of_the_file(tmp_path: Path) -> None:
    image = Image.fromarray(draw(40, 30))
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.bmp")
    assert rewritten(tmp_path / "a.png").pixels == rewritten(tmp_path / "b.bmp").pixels


def test_the_hash_is_taken_before_shrinking(tmp_path: Path) -> None:
    Image.fromarray(draw(300, 200)).save(tmp_path / "a.png")
    one, other = (rewritten(tmp_path / "a.png", size_px=size) for size in (50, 100))
    assert one.pixels == other.pixels
    assert one.sha256 != other.sha256


def test_what_cannot_be_decoded_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    assert rewrite([tmp_path / "a.jpg"], size_px=256) == [Unreadable(reason="empty file")]


def test_a_strip_longer_than_jpeg_allows_is_a_reason(tmp_path: Path) -> None:
    Image.new("RGB", (65_520, 2)).save(tmp_path / "a.png")
    assert rewrite([tmp_path / "a.png"], size_px=256) == [
        Unreadable(reason="too long for a JPEG (65520 x 2 pixels)")
    ]


def test_a_strip_longer_than_any_photo_is_a_reason(tmp_path: Path) -> None:
    Image.new("RGB", (66_000, 2)).save(tmp_path / "a.png")
    assert rewrite([tmp_path / "a.png"], size_px=256) == [
        Unreadable(reason="absurdly large (66000 x 2 pixels)")
    ]


def test_why_a_source_has_no_photo_is_passed_on() -> None:
    assert rewrite([ImageError("the archive ends")], size_px=256) == [
        Unreadable(reason="the archive ends")
    ]


def test_photos_between_bad_ones_keep_their_places() -> None:
    photos = [draw(30, 20, seed=seed) for seed in range(3)]
    first, bad, second, worse, third = rewrite(
        [photos[0], b"", photos[1], ImageError("gone"), photos[2]], size_px=256
    )
    assert [bad, worse] == [Unreadable(reason="empty file"), Unreadable(reason="gone")]
    assert [first, second, third] == [rewrite([each], size_px=256)[0] for each in photos]


def test_what_is_seen_is_of_the_photo_as_the_dataset_holds_it(tmp_path: Path) -> None:
    Image.fromarray(draw(300, 200)).save(tmp_path / "a.png")
    result = rewritten(tmp_path / "a.png", size_px=100)
    small = shrink(draw(300, 200), short_side_px=100)
    assert result.look == look(small)
    assert result.signature == signature(small).tobytes()
    assert (result.facts.width, result.facts.height) == (300, 200)


def test_of_nothing_nothing_is_made() -> None:
    assert rewrite([], size_px=256) == []


def test_files_that_differ_by_folder_or_extension_have_different_names() -> None:
    names = {photo_id(path) for path in ("cat/a.jpg", "cat/a.png", "cat/b/a.jpg", "cat/A.jpg")}
    assert len(names) == 4


def test_a_name_has_at_most_40_letters_of_the_stem_and_10_of_the_hash() -> None:
    assert len(photo_id(f"cat/{'x' * 200}.jpg")) == 40 + 1 + 10
