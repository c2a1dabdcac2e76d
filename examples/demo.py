"""The main job on real photos that come with scikit-image: `make demo`.

100 faces and 100 patches without a face (Labeled Faces in the Wild, 25 x 25 pixels, grey) become a
classifier; three ordinary photos are then answered by the exported file. Every step is a command
of the command line, printed as it can be typed.
"""

import shlex
import shutil
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from lineament.artifacts.bundle import read_card
from lineament.artifacts.dataset import Dataset
from lineament.artifacts.report import read_report
from lineament.cli.application import run
from lineament.runtime.engines import OnnxRuntimeEngine

FACES = 100  # the first hundred of the subset are faces, the others are not


def write_photos(folder: Path) -> None:
    """Write the packaged photos as a folder of class folders."""
    for number, patch in enumerate(data.lfw_subset()):
        photo = folder / ("face" if number < FACES else "other") / f"{number:03d}.png"
        photo.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((patch * 255).round().astype(np.uint8)).save(photo)


def write_three(folder: Path) -> list[Path]:
    """Write the three photos of the last step."""
    folder.mkdir(parents=True, exist_ok=True)
    photos = []
    for name in ("astronaut", "chelsea", "coffee"):
        photo = folder / f"{name}.jpg"
        Image.fromarray(getattr(data, name)()).save(photo, quality=95)
        photos.append(photo)
    return photos


def lineament(*arguments: object) -> None:
    """Show a command, run it, and stop the demo if it fails."""
    words = [str(argument) for argument in arguments]
    print(f"\n$ lineament {shlex.join(words)}", flush=True)
    code = run([*words, "--overwrite"])
    if code != 0:
        sys.exit(code)


def main() -> None:
    """Run the main job below build/demo."""
    started = time.perf_counter()
    home = Path("build/demo")
    shutil.rmtree(home, ignore_errors=True)
    write_photos(home / "photos")
    photos = write_three(home / "new")
    dataset, trained, report = home / "dataset", home / "run", home / "report"
    bundle = home / "model.onnx"
    lineament("prepare", home / "photos", "--out", dataset)
    lineament("train", dataset, "--out", trained)
    lineament("evaluate", trained, dataset, "--out", report)
    lineament("explain", trained, *photos, "--out", home / "overlays")
    lineament("export", trained, "--out", bundle)
    lineament("predict", bundle, *photos, "--csv", home / "predictions.csv")
    page = home / "report.html"
    shutil.copyfile(report / "report.html", page)
    summarise(home, page, time.perf_counter() - started)


def summarise(home: Path, page: Path, seconds: float) -> None:
    """Say what was made and where, from the artifacts themselves."""
    dataset = Dataset.open(home / "dataset")
    report = read_report(home / "report")
    accuracy = report.headline["accuracy"]
    bundle = home / "model.onnx"
    card = read_card(OnnxRuntimeEngine(bundle, name=str(bundle)).metadata, name=str(bundle))
    parts = ", ".join(f"{len(samples)} {split}" for split, samples in dataset.splits.items())
    rows = [
        (home / "photos", "200 photos as one would have them: a folder per class"),
        (dataset.root, f"checked and split: {parts}"),
        (home / "run", "the training: recipe, history, weights, graph"),
        (home / "report", f"{report.n_right} of {report.n_images} test photos right: accuracy"),
        ("", f"{accuracy.value:.1%}, 95 % interval {accuracy.low:.1%} to {accuracy.high:.1%}"),
        (home / "overlays", "where the model looks on three new photos"),
        (bundle, "one file from pixels to probabilities; PyTorch and ONNX Runtime"),
        ("", f"differ by at most {card.parity['largest_difference']:.0e} in a probability"),
        (home / "predictions.csv", "its answers to the three new photos, which are sharp and in"),
        ("", "colour: it has seen 25-pixel grey patches alone, so expect mistakes"),
        (page, "the page to open in a browser"),
    ]
    print(f"\nMade in {seconds:.0f} s:")
    for path, text in rows:
        print(f"  {path!s:27} {text}")


if __name__ == "__main__":
    main()
