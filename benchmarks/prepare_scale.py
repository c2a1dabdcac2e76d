"""How `prepare` grows: 14,000 and 140,000 photos of 7,000 classes, time and peak memory of each.

The photos are drawn, small and all different; a tenth are near copies of another one, so that
every step has work. Each size is prepared in a process of its own.

    python benchmarks/prepare_scale.py --work /tmp/prepare-scale

A step that is quadratic would take 100 times as long for ten times the photos.
"""

import argparse
import json
import multiprocessing
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from lineament.core.executor import available_cores
from lineament.core.version import __version__

PER_CLASS = 20
SIDE_PX = 64
COPIES = 10  # one photo in so many is a near copy of the one before

PROGRAM = """
import json, resource, sys, time
from pathlib import Path
from lineament import prepare
started = time.perf_counter()
dataset = prepare(sys.argv[1], Path(sys.argv[2]), overwrite=True)
print(json.dumps({
    "seconds": time.perf_counter() - started,
    "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    "photos": sum(len(samples) for samples in dataset.splits.values()),
    "near": dataset.document["near_duplicates"],
}))
"""


def draw_class(job: tuple[Path, int]) -> None:
    """Draw the photos of one class."""
    root, number = job
    folder = root / f"{number:05}"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(number)
    for index in range(PER_CLASS):
        if index % COPIES != COPIES - 1:
            small = rng.integers(0, 256, (7, 7, 3), dtype=np.uint8)
            image = Image.fromarray(small).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
        pixels = np.asarray(image, dtype=np.float32) + rng.normal(0, 5, (SIDE_PX, SIDE_PX, 3))
        photo = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        photo.save(folder / f"{index:03}.jpg", quality=85)


def draw(root: Path, n_classes: int) -> None:
    """Draw all classes, on every core."""
    with multiprocessing.Pool(available_cores()) as pool:
        pool.map(draw_class, [(root, number) for number in range(n_classes)], chunksize=50)


def measure(source: Path, out: Path) -> dict[str, float]:
    """Prepare in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(source), str(out)],
        check=True,
        capture_output=True,
        text=True,
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--classes", type=int, nargs="+", default=[700, 7000])
    arguments = parser.parse_args()
    print(f"Lineament {__version__}, Python {platform.python_version()}, {available_cores()} cores")
    seconds = []
    for n_classes in arguments.classes:
        source = arguments.work / f"{n_classes}-classes"
        if not source.exists():
            started = time.perf_counter()
            draw(source, n_classes)
            print(f"drawn in {time.perf_counter() - started:.0f} s")
        out = arguments.work / f"{n_classes}-dataset"
        figures = measure(source, out)
        shutil.rmtree(out)
        seconds.append(figures["seconds"])
        print(
            f"{n_classes} classes, {figures['photos']} photos: {figures['seconds']:.1f} s "
            f"({figures['photos'] / figures['seconds']:.0f}/s), peak "
            f"{figures['peak_bytes'] / 1e9:.2f} GB, near duplicates {figures['near']}"
        )
    if len(seconds) > 1:
        print(f"time ratio {seconds[-1] / seconds[0]:.1f}")


if __name__ == "__main__":
    main()
