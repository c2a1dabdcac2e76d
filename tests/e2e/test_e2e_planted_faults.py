"""A source with planted faults, audited as a person would: what was planted is what is found."""

import csv
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

CLASSES = ("circle", "square", "stripes", "cross")
PER_CLASS = 200
N_PAIRS, N_CONFLICTS, N_WRONG = 60, 20, 30

Photo = NDArray[np.uint8]


def resized(photo: Photo, factor: float) -> Photo:
    size = (round(photo.shape[1] * factor), round(photo.shape[0] * factor))
    return np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC))


def cropped(photo: Photo, fraction: float) -> Photo:
    rows, columns = (round(side * fraction) for side in photo.shape[:2])
    return photo[rows : photo.shape[0] - rows // 2, columns // 2 : photo.shape[1] - columns]


def next_frame(photo: Photo, seed: int) -> Photo:
    moved = np.roll(photo, (2, 3), axis=(0, 1)).astype(np.float32)
    noise = np.random.default_rng(seed).normal(0, 4, photo.shape)
    return (moved + noise).clip(0, 255).astype(np.uint8)


def near_copy(photo: Photo, way: int, seed: int) -> tuple[Photo, int]:
    """A copy in one of six ways, and the JPEG quality that it is saved with."""
    if way == 0:
        return photo, 40
    if way == 1:
        return resized(photo, 0.6), 92
    if way == 2:
        return (photo.astype(np.float32) * 1.15 + 10).clip(0, 255).astype(np.uint8), 92
    if way == 3:
        return cropped(photo, 0.05), 92
    if way == 4:
        return photo[:, ::-1], 92
    return next_frame(photo, seed), 92


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is huge and holds one row."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


def write_corrupt(folder: Path, photo: Photo) -> dict[str, str]:
    """Write files that are no photos; give their names and the reason that is to be named."""
    good = folder / "good.jpg"
    Image.fromarray(photo).save(good, quality=90)
    jpeg = good.read_bytes()
    good.unlink()
    Image.fromarray(photo).save(folder / "good.png")
    png = (folder / "good.png").read_bytes()
    (folder / "good.png").unlink()
    Image.fromarray(photo).save(folder / "good.gif")
    gif = (folder / "good.gif").read_bytes()
    (folder / "good.gif").unlink()
    Image.fromarray(photo).save(folder / "good.webp")
    webp = (folder / "good.webp").read_bytes()
    (folder / "good.webp").unlink()
    flipped = bytearray(png)
    flipped[60] ^= 0xFF
    float_tiff = folder / "float.tif"
    Image.fromarray(photo[:, :, 0].astype(np.float32)).save(float_tiff)
    files: dict[str, tuple[bytes, str]] = {
        "zero.jpg": (b"", "empty file"),
        "cut.jpg": (jpeg[: len(jpeg) // 2], "truncated"),
        "cut.png": (png[: len(png) // 2], "truncated"),
        "cut.webp": (webp[: len(webp) // 2], "damaged"),
        "cut.gif": (gif[: len(gif) // 3], "truncated"),
        "header.jpg": (jpeg[:20], "not an image"),
        "page.jpg": (b"<!DOCTYPE html><html><body>404</body></html>", "not an image"),
        "text.png": (b"no photo at all\n" * 50, "not an image"),
        "zeros.jpg": (b"\0" * 4096, "not an image"),
        "phone.heic": (b"\0\0\0\x18ftypheic" + b"\0" * 64, "HEIC"),
        "huge.png": (png_header(30_000, 30_000), "absurdly large"),
        "flipped.png": (bytes(flipped), "damaged"),
        "script.bmp": (b"BM" + b"\xff" * 100, "truncated"),
        "drawing.tiff": (b"II*\0" + b"\xff" * 20, "not an image"),
    }
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data)
    return {"float.tif": "unsupported pixel type"} | {
        name: reason for name, (_, reason) in files.items()
    }


def write_odd(folder: Path, photos: list[Photo]) -> None:
    """Write files that are odd and yet photos: they must be read."""
    image = [Image.fromarray(photo) for photo in photos]
    image[0].convert("CMYK").save(folder / "cmyk.jpg", quality=90)
    deep = photos[1][:, :, 0].astype(np.uint16) * 257
    Image.fromarray(deep).save(folder / "deep.png")
    image[2].save(folder / "moving.gif", save_all=True, append_images=[image[3]])
    palette = image[4].convert("P", palette=Image.Palette.ADAPTIVE)
    palette.info["transparency"] = 0
    palette.save(folder / "palette.png", transparency=0)
    image[5].save(folder / "wrong_name.png", "JPEG", quality=90)
    image[6].save(folder / "exif.JPG", "JPEG", quality=90, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")


class Planted:
    """The source, and what was put into it."""

    def __init__(self, root: Path, draw: Callable[..., Photo]) -> None:
        self.root = root
        self.pairs: set[frozenset[str]] = set()
        self.conflicts: set[frozenset[str]] = set()
        self.wrong: set[str] = set()
        for kind, name in enumerate(CLASSES):
            (root / name).mkdir(parents=True)
            for index in range(PER_CLASS):
                self._save(draw(index, 96, 128, kind=kind), f"{name}/{index:03}.jpg", 92)
        for number in range(N_PAIRS):
            kind, index = number % 4, number // 4
            name = CLASSES[kind]
            copy, quality = near_copy(draw(index, 96, 128, kind=kind), number % 6, number)
            self._save(copy, f"{name}/near{number:02}.jpg", quality)
            self.pairs.add(frozenset({f"{name}/{index:03}.jpg", f"{name}/near{number:02}.jpg"}))
        for number in range(N_CONFLICTS):
            kind, index = number % 4, 40 + number // 4
            first = f"{CLASSES[kind]}/{index:03}.jpg"
            other = f"{CLASSES[(kind + 1) % 4]}/conflict{number:02}.jpg"
            (root / other).write_bytes((root / first).read_bytes())
            self.conflicts.add(frozenset({first, other}))
        for number in range(N_WRONG):
            kind = number % 4
            name = f"{CLASSES[(kind + 1) % 4]}/wrong{number:02}.jpg"
            self._save(draw(1000 + number, 96, 128, kind=kind), name, 92)
            self.wrong.add(name)
        self.corrupt = {
            f"circle/{name}": reason
            for name, reason in write_corrupt(root / "circle", draw(2000, 96, 128)).items()
        }
        write_odd(root / "circle", [draw(2001 + index, 96, 128) for index in range(7)])
        self.odd = [
            f"circle/{name}"
            for name in (
                "cmyk.jpg",
                "deep.png",
                "moving.gif",
                "palette.png",
                "wrong_name.png",
                "exif.JPG",
            )
        ]

    def _save(self, photo: Photo, name: str, quality: int) -> None:
        Image.fromarray(photo).save(self.root / name, quality=quality)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, draw_photo: Callable[..., Photo]) -> Planted:
    return Planted(tmp_path_factory.mktemp("planted") / "photos", draw_photo)


@pytest.fixture(scope="module")
def findings(
    planted: Planted, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, list[dict[str, str]]]:
    """Findings by kind, in the order of audit.csv."""
    out = tmp_path_factory.mktemp("audit") / "out"
    done = subprocess.run(
        [sys.executable, "-m", "lineament", "audit", str(planted.root), "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    by_kind: dict[str, list[dict[str, str]]] = {}
    with (out / "audit.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            by_kind.setdefault(row["finding"], []).append(row)
    return by_kind


def named(rows: list[dict[str, str]]) -> set[frozenset[str]]:
    return {frozenset({row["filename"], row["partner"]}) for row in rows}


def test_planted_near_duplicates_are_found_and_hardly_anything_else(
    planted: Planted, findings: Mapping[str, list[dict[str, str]]]
) -> None:
    found = named(findings["near_duplicate"])
    right = len(found & planted.pairs)

    assert right / len(planted.pairs) >= 0.95, planted.pairs - found
    assert right / len(found) >= 0.98, found - planted.pairs


def test_every_planted_conflict_is_named_with_both_paths(
    planted: Planted, findings: Mapping[str, list[dict[str, str]]]
) -> None:
    assert named(findings["label_conflict"]) == planted.conflicts


def test_wrong_labels_are_among_the_first_sixty_suspects(
    planted: Planted, findings: Mapping[str, list[dict[str, str]]]
) -> None:
    first = [row["filename"] for row in findings["label_suspect"][:60]]

    assert len(planted.wrong & set(first)) >= 24


def test_every_corrupt_file_is_named_with_its_reason(
    planted: Planted, findings: Mapping[str, list[dict[str, str]]]
) -> None:
    reasons = {row["filename"]: row["partner"] for row in findings["unreadable"]}

    assert reasons.keys() == planted.corrupt.keys()
    for name, reason in planted.corrupt.items():
        assert reason in reasons[name], name


def test_odd_files_that_are_photos_are_read(
    planted: Planted, findings: Mapping[str, list[dict[str, str]]]
) -> None:
    assert not {row["filename"] for row in findings["unreadable"]} & set(planted.odd)
