"""Measure which faces are found: turned, small, blurred, dark; and what is taken for one.

    python benchmarks/face_finding.py LFW --without PETS CIFAR10 --photos 400

Every photo of LFW shows a face in its middle. It is found where one of the faces that are reported
has its middle in the middle half of the photo, in either direction. Two ways to look: as Lineament
does by default, and YuNet alone (no closer look, no turning), both at score 0.8. Photos are drawn
with a seed. Prints one JSON document; shares have 95 % intervals (Wilson).
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from lineament.core.executor import LocalExecutor
from lineament.core.machine import machine, versions
from lineament.imaging.decode import decode
from lineament.imaging.faces import Face
from lineament.measure.intervals import wilson
from lineament.runtime.face_finder import FaceFinder, Search
from lineament.runtime.face_opening import open_finder
from lineament.runtime.sources import photo_files

FACE_OF_LFW_PX = 110  # its height in a photo of 250 px
ALONE = Search(turned=False, passes=0)


def drawn(folder: Path, most: int) -> list[Path]:
    """Photos of a folder, with a seed."""
    files = photo_files([folder])
    return [files[index] for index in np.random.default_rng(0).permutation(len(files))[:most]]


def turned(degrees: int) -> Callable[[Image.Image], Image.Image]:
    """Turned clockwise, the same size."""
    return lambda photo: photo.rotate(-degrees, Image.Resampling.BICUBIC)


def small(face_px: int) -> Callable[[Image.Image], Image.Image]:
    """Made small, in the middle of a photo of 640 x 480."""

    def made(photo: Image.Image) -> Image.Image:
        side = round(photo.width * face_px / FACE_OF_LFW_PX)
        whole = Image.new("RGB", (640, 480), (90, 100, 110))
        whole.paste(
            photo.resize((side, side), Image.Resampling.BILINEAR),
            (320 - side // 2, 240 - side // 2),
        )
        return whole

    return made


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda photo: photo,
    **{f"turned by {degrees} degrees": turned(degrees) for degrees in (20, 40, 65, 90, 180)},
    **{f"{face_px} px in 640 x 480": small(face_px) for face_px in (12, 16, 20, 30)},
    "four times as large": lambda photo: photo.resize((4 * photo.width, 4 * photo.height)),
    "blurred, sigma 3 px": lambda photo: photo.filter(ImageFilter.GaussianBlur(3)),
    "blurred, sigma 5 px": lambda photo: photo.filter(ImageFilter.GaussianBlur(5)),
    "15 % of the light": lambda photo: ImageEnhance.Brightness(photo).enhance(0.15),
}


def in_the_middle(face: Face, image: NDArray[np.uint8]) -> bool:
    """Whether a face is the one in the middle of its photo."""
    height, width = image.shape[:2]
    x, y = (face.box[0] + face.box[2]) / 2 / width, (face.box[1] + face.box[3]) / 2 / height
    return bool(0.25 <= x <= 0.75 and 0.25 <= y <= 0.75)


def share(of: list[bool]) -> dict[str, object]:
    """How many of them, as a fraction, with its interval."""
    interval = wilson(sum(of), len(of))
    return {"n": len(of), "fraction": interval.value, "low": interval.low, "high": interval.high}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--without", type=Path, nargs="*", default=[])
    parser.add_argument("--photos", type=int, default=400)
    options = parser.parse_args()
    ways = {"lineament": open_finder(), "yunet alone": open_finder(ALONE)}
    photos = [Image.fromarray(decode(path)) for path in drawn(options.faces, options.photos)]
    found: dict[str, dict[str, object]] = {}
    for name, change in CHANGES.items():
        images = [np.asarray(change(photo)) for photo in photos]
        found[name] = {way: share(seen(finder, images)) for way, finder in ways.items()}
    false: dict[str, dict[str, object]] = {}
    for folder in options.without:
        images = [decode(path) for path in drawn(folder, options.photos)]
        false[folder.name] = {way: share(any_face(finder, images)) for way, finder in ways.items()}
    document = {
        "machine": machine(),
        "versions": versions(),
        "found": found,
        "taken for a face": false,
        "ms per photo, one thread": {
            way: 1000 * seconds(finder, [np.asarray(photo) for photo in photos[:100]])
            for way, finder in ways.items()
        },
    }
    print(json.dumps(document, indent=2))


def seen(finder: FaceFinder, images: list[NDArray[np.uint8]]) -> list[bool]:
    """Whether the face in the middle was found, for each photo."""
    faces = LocalExecutor().map(finder.find, images)
    return [
        any(in_the_middle(face, image) for face in each)
        for each, image in zip(faces, images, strict=True)
    ]


def any_face(finder: FaceFinder, images: list[NDArray[np.uint8]]) -> list[bool]:
    """Whether any face was found, for each photo."""
    return [bool(each) for each in LocalExecutor().map(finder.find, images)]


def seconds(finder: FaceFinder, images: list[NDArray[np.uint8]]) -> float:
    """Median time of a photo."""
    taken = []
    for image in images:
        began = time.perf_counter()
        finder.find(image)
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


if __name__ == "__main__":
    main()
