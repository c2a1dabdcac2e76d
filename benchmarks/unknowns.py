"""Measure how well the shipped familiarity tells photos that show none of the classes.

Draws classes of a folder, trains a head on the default backbone with the default recipe and
evaluates it on its test split against unknown photos: those of the classes that were not drawn, or
of another folder. The draws (seeds) choose classes and photos; docs/concepts/unknown.md says which
were looked at when the method was chosen.

    python benchmarks/unknowns.py CIFAR10/train --classes 6 --per-class 600 --draws 101 102 103
    python benchmarks/unknowns.py LFW --classes 20 --at-least 30 --unknown PETS/cat --draws 101

Prints one JSON document: per draw the sizes, the accuracy on known photos, and for each score the
area under ROC and the false positive rate at 95 % true positive rate with their 95 % intervals,
then what the shipped threshold did.
"""

import argparse
import dataclasses
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from lineament import EvaluateConfig, TrainConfig, evaluate, prepare, train
from lineament.core.machine import machine, versions
from lineament.runtime.sources import photo_files


def some(folder: Path, most: int, rng: np.random.Generator) -> list[Path]:
    """Photos of a folder, drawn."""
    files = photo_files([folder])
    return [files[index] for index in np.sort(rng.permutation(len(files))[:most])]


def measured(options: argparse.Namespace, draw: int, work: Path) -> dict[str, object]:
    """Train and evaluate on one draw of classes and photos."""
    rng = np.random.default_rng(draw)
    fitting = [
        folder
        for folder in sorted(options.photos.iterdir())
        if folder.is_dir() and len(list(folder.iterdir())) >= options.at_least
    ]
    drawn = [fitting[index] for index in rng.permutation(len(fitting))[: options.classes]]
    for folder in drawn:
        (work / "known" / folder.name).mkdir(parents=True)
        for file in some(folder, options.per_class, rng):
            shutil.copy(file, work / "known" / folder.name)
    others = (
        [options.unknown] if options.unknown else [each for each in fitting if each not in drawn]
    )
    (work / "unknown").mkdir()
    for folder in others:
        for file in some(folder, options.unknown_per_class, rng):
            shutil.copy(file, work / "unknown" / f"{folder.name}-{file.name}")

    dataset = prepare(work / "known", work / "dataset")
    run = train(dataset, work / "run", config=TrainConfig(backbone=options.backbone))
    config = EvaluateConfig(unknown=str(work / "unknown"))
    report = evaluate(run.root, dataset.root, work / "report", config=config)
    found = report.unknowns
    assert found is not None
    return {
        "draw": draw,
        "classes": sorted(folder.name for folder in drawn),
        "train": len(dataset.samples("train")),
        "known": found.known,
        "unknown": found.unknown,
        "accuracy": report.headline["accuracy"].value,
        "scores": {
            score.name: {
                "area_under_roc": dataclasses.asdict(score.area_under_roc),
                "false_positive_rate": dataclasses.asdict(score.false_positive_rate),
            }
            for score in found.scores
        },
        "known_refused": found.known_refused and dataclasses.asdict(found.known_refused),
        "unknown_refused": found.unknown_refused and dataclasses.asdict(found.unknown_refused),
        "sentence": found.sentence,
    }


def main() -> None:
    """Print the figures of all draws."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path, help="one folder per class")
    parser.add_argument("--unknown", type=Path, help="a folder of photos that show no class")
    parser.add_argument("--classes", type=int, default=6)
    parser.add_argument("--at-least", type=int, default=2, help="photos of a class")
    parser.add_argument("--per-class", type=int, default=600)
    parser.add_argument("--unknown-per-class", type=int, default=300)
    parser.add_argument("--backbone", default=TrainConfig().backbone)
    parser.add_argument("--draws", type=int, nargs="+", default=[101])
    options = parser.parse_args()
    found = []
    for draw in options.draws:
        with tempfile.TemporaryDirectory() as work:
            found.append(measured(options, draw, Path(work)))
    print(json.dumps({"machine": machine(), "versions": versions(), "draws": found}, indent=2))


if __name__ == "__main__":
    main()
