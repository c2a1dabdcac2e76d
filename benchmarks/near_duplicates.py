"""Show what near-duplicate detection finds, what it ties wrongly, and how its time grows.

    python benchmarks/near_duplicates.py [--photos FOLDER] [--sample 500] [--sizes 14000 140000]

Copies of every kind are planted among drawn photos, and among a sample of FOLDER's if one is given:
recall per kind is the share of them that is tied to its original. A pair of two originals is
`unplanted`; among drawn photos it is wrong, among real ones it is for a person to judge, so
`--sheet PNG` draws them, least sure first. For the timing, signatures are drawn: textures, each
hundredth with a planted copy. Prints one JSON document.
"""

import argparse
import io
import json
import platform
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.core.machine import machine, versions
from lineament.imaging.decode import decode, is_image_name
from lineament.imaging.signature import SIGNATURE_PX, signature
from lineament.preparation.inspection.near import Pair, near_duplicates

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels, np.random.Generator], Pixels]
SHEET_COLUMNS, SHEET_PAIRS = 16, 64


def encoded(image: Pixels, quality: int) -> Pixels:
    """A JPEG round trip."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def resized(image: Pixels, factor: float) -> Pixels:
    """Smaller, bicubic."""
    height, width = image.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def toned(image: Pixels, gain: float, offset: float = 0.0, gamma: float = 1.0) -> Pixels:
    """Other brightness, contrast or gamma."""
    levels = 255 * (image / 255) ** gamma * gain + offset
    return np.asarray(np.clip(levels, 0, 255).round(), dtype=np.uint8)


def cropped(image: Pixels, rng: np.random.Generator, least: float, most: float) -> Pixels:
    """Each side cut by its own share."""
    height, width = image.shape[:2]
    top, bottom, left, right = rng.uniform(least, most, 4)
    rows = slice(round(top * height), height - round(bottom * height))
    return image[rows, round(left * width) : width - round(right * width)]


def next_frame(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Shifted by up to 4 %, with new noise."""
    height, width = image.shape[:2]
    down, across = round(rng.uniform(-0.04, 0.04) * height), round(rng.uniform(-0.04, 0.04) * width)
    rows = np.abs(np.arange(height) + down)
    columns = np.abs(np.arange(width) + across)
    rows = np.minimum(rows, 2 * (height - 1) - rows)
    columns = np.minimum(columns, 2 * (width - 1) - columns)
    noisy = image[rows][:, columns] + rng.normal(0, 4, image.shape)
    return np.asarray(np.clip(noisy, 0, 255).round(), dtype=np.uint8)


def brightness(rng: np.random.Generator) -> float:
    """10 to 30 % up or down."""
    return float(1 + rng.choice([-1, 1]) * rng.uniform(0.1, 0.3))


def contrasted(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Up to 30 % around the middle grey."""
    gain = float(rng.uniform(0.7, 1.3))
    return toned(image, gain, 128 * (1 - gain))


KINDS: dict[str, Change] = {
    "JPEG 30 to 80": lambda image, rng: encoded(image, int(rng.integers(30, 81))),
    "resized to 40 to 80 %": lambda image, rng: resized(image, rng.uniform(0.4, 0.8)),
    "brightness": lambda image, rng: toned(image, brightness(rng)),
    "contrast": contrasted,
    "gamma 0.7 to 1.4": lambda image, rng: toned(image, 1, gamma=rng.uniform(0.7, 1.4)),
    "cropped 2 to 10 % per side": lambda image, rng: cropped(image, rng, 0.02, 0.1),
    "mirrored": lambda image, rng: image[:, ::-1],
    "next frame": next_frame,
    "cropped to 6 % and JPEG": lambda image, rng: encoded(
        cropped(image, rng, 0, 0.06), int(rng.integers(60, 91))
    ),
    "mirrored and cropped to 6 %": lambda image, rng: cropped(image[:, ::-1], rng, 0, 0.06),
    "mirrored, brightness and JPEG": lambda image, rng: encoded(
        toned(image[:, ::-1], brightness(rng)), int(rng.integers(60, 91))
    ),
    "resized to 50 to 80 %, brightness and JPEG": lambda image, rng: encoded(
        toned(resized(image, rng.uniform(0.5, 0.8)), brightness(rng)), 75
    ),
}


def drawing(rng: np.random.Generator) -> Pixels:
    """Noisy discs or squares on a plain ground with a gradient, 64 to 200 px."""
    side = int(rng.integers(64, 201))
    height, width = side, side * 4 // 3
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    drawn = rng.uniform(60, 190, 3) + 40 * (rows / height - 0.5)[:, :, None]
    centre, radius = rng.uniform(0.35, 0.65, 2) * (height, width), rng.uniform(0.25, 0.35) * side
    down, right = np.abs(rows - centre[0]), np.abs(columns - centre[1])
    inside = np.hypot(down, right) if rng.random() < 0.5 else np.maximum(down, right)
    drawn = np.where((inside < radius)[:, :, None], rng.uniform(0, 255, 3), drawn)
    return np.clip(drawn + rng.normal(0, 6, drawn.shape), 0, 255).round().astype(np.uint8)


def trial(originals: list[Pixels], seed: int) -> tuple[dict[str, object], Pixels, list[Pair]]:
    """Plant one copy of each photo, the kinds in turn, and look for them."""
    rng = np.random.default_rng(seed)
    kinds = [list(KINDS)[index % len(KINDS)] for index in range(len(originals))]
    copies = [
        np.ascontiguousarray(KINDS[kind](image, rng))
        for kind, image in zip(kinds, originals, strict=True)
    ]
    signatures = np.stack([signature(image) for image in [*originals, *copies]])
    started = time.perf_counter()
    pairs = near_duplicates(signatures)
    seconds = time.perf_counter() - started
    count = len(originals)
    tied = {(pair.first, pair.second) for pair in pairs}
    hits = {
        kind: [(index, count + index) in tied for index in range(count) if kinds[index] == kind]
        for kind in KINDS
    }
    unplanted = [pair for pair in pairs if pair.first % count != pair.second % count]
    planted = sum(map(sum, hits.values()))
    return (
        {
            "photos": 2 * count,
            "planted": count,
            "recall": round(planted / count, 4),
            "recall_by_kind": {
                kind: round(float(np.mean(found)), 3) for kind, found in hits.items() if found
            },
            "unplanted": len(unplanted),
            "precision_if_unplanted_are_wrong": round(planted / max(1, len(pairs)), 4),
            "seconds": round(seconds, 1),
        },
        signatures,
        sorted(unplanted, key=lambda pair: pair.score),
    )


def timing(count: int) -> dict[str, object]:
    """Search drawn textures in a memory-mapped file."""
    rng = np.random.default_rng(count)
    with tempfile.TemporaryDirectory() as folder:
        shape = (count, SIGNATURE_PX, SIGNATURE_PX)
        path = Path(folder) / "signatures.npy"
        written = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
        for index in range(count):
            if index % 100 == 99:
                written[index] = np.clip(
                    written[index - 99] * 0.9 + rng.normal(8, 1, shape[1:]), 0, 255
                )
                continue
            # Amplitudes that fall like 1 / size, as those of photos do.
            levels = np.full(shape[1:], 128.0)
            for size, spread in ((4, 40), (8, 20), (16, 10), (64, 4)):
                coarse = Image.fromarray(rng.normal(0, spread, (size, size)).astype(np.float32))
                levels += np.asarray(coarse.resize(shape[:0:-1], Image.Resampling.BICUBIC))
            written[index] = np.clip(levels, 0, 255)
        written.flush()
        del written
        started = time.perf_counter()
        pairs = near_duplicates(np.load(path, mmap_mode="r"))
        seconds = time.perf_counter() - started
    planted = {(index - 99, index) for index in range(99, count, 100)}
    found = {(pair.first, pair.second) for pair in pairs}
    return {
        "signatures": count,
        "seconds": round(seconds, 1),
        "recall": round(len(found & planted) / len(planted), 4),
        "unplanted": len(found - planted),
    }


def sheet(signatures: Pixels, pairs: list[Pair], path: Path) -> None:
    """Draw pairs over one another, for a person to judge."""
    tiles = [
        np.concatenate(
            [signatures[pair.first], signatures[pair.second][:, :: -1 if pair.mirrored else 1]]
        )
        for pair in pairs[:SHEET_PAIRS]
    ]
    tiles += [np.zeros((2 * SIGNATURE_PX, SIGNATURE_PX), np.uint8)] * (-len(tiles) % SHEET_COLUMNS)
    rows = [
        np.concatenate(tiles[start : start + SHEET_COLUMNS], axis=1)
        for start in range(0, len(tiles), SHEET_COLUMNS)
    ]
    if rows:
        Image.fromarray(np.concatenate(rows)).save(path)


def main() -> None:
    """Run the trials and the timings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--sample", type=int, default=500)
    parser.add_argument("--sizes", type=int, nargs="*", default=[14_000, 140_000])
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    document: dict[str, object] = {}
    document["drawn"], _, _ = trial([drawing(rng) for _ in range(options.sample)], seed=1)
    if options.photos:
        files = sorted(path for path in options.photos.rglob("*") if is_image_name(path))
        chosen = rng.permutation(len(files))[: options.sample]
        real, signatures, unplanted = trial([decode(files[index]) for index in chosen], seed=2)
        document["photos"] = real
        if options.sheet:
            sheet(signatures, unplanted, options.sheet)
    document["timing"] = [timing(count) for count in options.sizes]
    per_mb = 1024 if platform.system() == "Linux" else 1024**2  # the unit differs by system
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_mb
    document |= {"peak_memory_mb": round(peak), "machine": machine(), "versions": versions()}
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
