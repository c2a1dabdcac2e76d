"""How fast `prepare` reads photos, against the plain way, on large photos and on small ones.

The plain way is one process that opens, turns, converts, resizes and saves with Pillow, photo by
photo. Both sides read the same files and write JPEG of quality 95 in this one process, in
alternation; medians and their ratio are what counts.

    python benchmarks/prepare_speed.py --work /tmp/prepare-speed

Lineament also hashes, looks for copies, takes a signature and measures each photo; that is in its
time.
"""

import argparse
import platform
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from PIL import __version__ as pillow_version

from lineament.core.executor import available_cores
from lineament.core.version import __version__
from lineament.preparation.build import executor_for
from lineament.preparation.journal import Journal
from lineament.preparation.reading import read_photos
from lineament.preparation.sources.folder import FolderSource

SIZE_PX = 256
DRAWN = 48
KINDS = {  # name: width, height, how many
    "12 megapixels": (4000, 3000, 240),
    "250 px": (250, 250, 4000),
    "32 px": (32, 32, 6000),
}


def draw(folder: Path, width: int, height: int, count: int) -> None:
    """Write photo-like JPEGs: smooth light, edges and fine grain, each another one."""
    rng = np.random.default_rng(width)
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
    grain = rng.normal(0, 8, (height, width, 1))
    for index in range(count):
        target = folder / "ab"[index % 2] / f"{index:05}.jpg"
        if index >= DRAWN and width > 1000:  # drawing takes seconds; the same file again serves
            target.hardlink_to(folder / "ab"[index % 2] / f"{index % DRAWN:05}.jpg")
            continue
        small = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
        image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
        if index % 3 == 0:
            image = image.filter(ImageFilter.EDGE_ENHANCE)
        pixels = np.asarray(image, dtype=np.float32) + np.roll(grain, index, axis=1)
        photo = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        photo.save(target, quality=90)


def plainly(source: Path, out: Path) -> int:
    """The plain way."""
    files = sorted(source.rglob("*.jpg"))
    for file in files:
        target = out / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(file) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
            factor = min(1.0, SIZE_PX / min(image.size))
            size = (round(image.width * factor), round(image.height * factor))
            image.resize(size, Image.Resampling.BILINEAR).save(target, quality=95, subsampling=0)
    return len(files)


def with_lineament(source: Path, out: Path) -> int:
    """The reading part of `prepare`."""
    out.mkdir(parents=True)
    opened = FolderSource(root=source)
    layout = opened.layout()
    journal = Journal(out)
    photos, unreadable = read_photos(
        opened,
        layout.candidates,
        out,
        journal,
        size_px=SIZE_PX,
        executor=executor_for(len(layout.candidates)),
    )
    journal.close()
    assert not unreadable
    return len(photos)


def pace(way: Callable[[Path, Path], int], source: Path, out: Path) -> float:
    """Photos per second of one pass into an empty folder, which is left there.

    After thousands of files were removed, ext4 makes new ones ten times slower for a while.
    """
    started = time.perf_counter()
    return way(source, out) / (time.perf_counter() - started)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print(
        f"Lineament {__version__}, Python {platform.python_version()}, Pillow {pillow_version}, "
        f"{available_cores()} cores"
    )
    for name, (width, height, count) in KINDS.items():
        source = arguments.work / f"{width}x{height}-{count}"
        if not source.exists():
            draw(source, width, height, count)
        plain, ours = [], []
        written = arguments.work / f"out-{time.time():.0f}"
        for number in range(arguments.repeats):
            plain.append(pace(plainly, source, written / f"plain-{number}"))
            ours.append(pace(with_lineament, source, written / f"ours-{number}"))
        ratios = [one / other for one, other in zip(ours, plain, strict=True)]
        print(
            f"{name}: plain {statistics.median(plain):.1f}/s, Lineament "
            f"{statistics.median(ours):.1f}/s, ratio {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}), n = {count}, {arguments.repeats} rounds"
        )
    for folder in arguments.work.glob("out-*"):
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
