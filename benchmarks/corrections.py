"""Learning from what a model got wrong: corrections alone, and as many photos of every kind.

    python benchmarks/corrections.py PETS [--old 200] [--sent 300] [--fresh 200] [--seeds 3]

PETS is a folder of class folders. A model learns clean photos. Then come photos of a bad camera
(blurred, dark, noisy). Kept are those that it answers wrongly, or as many whatever it answers; the
dataset grows by them and is learned anew. Prints a Markdown table of the fresh photos of that
camera that are answered rightly, by class, and of the old test photos.
"""

import argparse
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lineament import Predictor, PrepareConfig, prepare, train
from lineament.artifacts.collection import Collection, KeptPhoto
from lineament.artifacts.dataset import Dataset
from lineament.core.machine import machine, versions
from lineament.imaging.decode import decode, shrink

Photos = list[tuple[str, NDArray[np.uint8]]]


def seen(path: Path, seed: int) -> NDArray[np.uint8]:
    """A photo as the bad camera sees it."""
    image = Image.fromarray(shrink(decode(path, short_side_px=256), short_side_px=256))
    dark = np.asarray(image.filter(ImageFilter.GaussianBlur(2)), dtype=np.float64) * 0.3
    noise = np.random.default_rng(seed).normal(0, 8, dark.shape)
    return (dark + noise).clip(0, 255).astype(np.uint8)


def kept(photos: Photos, to: Path) -> Collection:
    """Keep photos with their labels, five to a session."""
    collection = Collection.open(to)
    for number, (label, pixels) in enumerate(photos):
        session = f"visitor-{number // 5}"
        collection.keep(
            pixels, KeptPhoto(label=label, kind="feedback", session=session, consent=True)
        )
    return collection


def rights(model: Path, photos: Photos) -> list[bool]:
    """Whether each photo's most probable class is its own."""
    answers = Predictor(model).predict([pixels for _, pixels in photos])
    return [each.top(1)[0][0] == label for (label, _), each in zip(photos, answers, strict=True)]


def rows(source: Path, work: Path, counts: tuple[int, int, int], seed: int) -> Iterator[list[str]]:
    """One table row per way to learn."""
    old, sent, fresh = counts
    files = {each.name: sorted(each.iterdir()) for each in source.iterdir() if each.is_dir()}
    parts: list[Photos] = [[], []]
    for label, paths in files.items():
        chosen = random.Random(seed).sample(paths, old + sent + fresh)
        (work / "photos" / label).mkdir(parents=True)
        for path in chosen[:old]:
            shutil.copy(path, work / "photos" / label)
        for at, path in enumerate(chosen[old:]):
            parts[at >= sent].append((label, seen(path, seed * 100_000 + at)))
    data = prepare(work / "photos", work / "dataset", config=PrepareConfig(seed=seed))
    train(data, work / "before")
    right = rights(work / "before", parts[0])
    wrong = [photo for photo, is_right in zip(parts[0], right, strict=True) if not is_right]
    ways = {
        "before": [],
        "wrong answers": wrong,
        "as many, whatever the answer": random.Random(seed).sample(parts[0], len(wrong)),
        "all": parts[0],
    }
    for way, photos in ways.items():
        run = work / "before"
        if photos:
            name = way.partition(" ")[0]
            collection, run = kept(photos, work / f"{name}-kept"), work / f"{name}-run"
            config = PrepareConfig(extend=str(data.root), seed=seed)
            train(prepare(collection.root, work / f"{name}-grown", config=config), run)
        yield [str(seed), way, str(len(photos)), *scores(run, parts[1], data, list(files))]


def scores(run: Path, fresh: Photos, data: Dataset, classes: list[str]) -> list[str]:
    """Fresh photos answered rightly, all and by class, and old test photos."""
    right = rights(run, fresh)
    own = [
        f"{sum(r for r, (each, _) in zip(right, fresh, strict=True) if each == label)}"
        for label in sorted(classes)
    ]
    test: Photos = [(each.class_name, decode(data.path(each))) for each in data.samples("test")]
    tested = rights(run, test)
    return [f"{sum(right)} of {len(right)}", *own, f"{sum(tested)} of {len(tested)}"]


def main() -> None:
    """Keep, grow, learn, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("--old", type=int, default=200)
    parser.add_argument("--sent", type=int, default=300)
    parser.add_argument("--fresh", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    classes = sorted(each.name for each in options.source.iterdir() if each.is_dir())
    print(machine()["processor"], versions()["lineament"])
    print(f"| seed | kept | photos | right | {' | '.join(classes)} | old test photos right |")
    print(f"|--:|---|--:|--:|{'--:|' * len(classes)}--:|")
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            counts = (options.old, options.sent, options.fresh)
            for row in rows(options.source, Path(folder), counts, seed):
                print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
