"""What instruments cost: the same training with and without them, taking turns in one process.

    python benchmarks/instruments_cost.py [DATASET] --backbone resnet18 --size-px 64 --rounds 7

Without a DATASET the photos are noise, which costs a network what photos do. Timed are whole
epochs: steps, judging, and what is done at their ends; short epochs show the most.
`inside` is the time that the instruments themselves took, which other work on the machine blurs
less than the difference of two trainings. Prints one JSON document.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
from torch import nn

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.watching import Nobody
from lineament.core.executor import LocalExecutor
from lineament.core.machine import machine, versions
from lineament.core.progress import QUIET
from lineament.imaging.preprocess import Preprocessing
from lineament.models.backbones import create_backbone
from lineament.models.classifier import Classifier
from lineament.models.heads import create_head
from lineament.training.fitting import fit as fitting
from lineament.training.fitting.checkpoints import Checkpoints
from lineament.training.fitting.processes import accelerator_for
from lineament.training.instruments.watch import Instruments
from lineament.training.pixels import Pixels, open_pixels
from lineament.training.recipe import TrainConfig

CLASSES = 4  # of noise


class Stopwatch(Nobody):
    """Notes when each epoch ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def epoch(self, row: Mapping[str, object], layers: Sequence[LayerValues]) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())


class Timed(Instruments):
    """Instruments that add up what they take."""

    inside_s = 0.0

    def before(self, model: nn.Module, *, shrunk: float) -> None:
        """Time it."""
        started = time.perf_counter()
        super().before(model, shrunk=shrunk)
        Timed.inside_s += time.perf_counter() - started

    def after(self, model: nn.Module) -> None:
        """Time it."""
        started = time.perf_counter()
        super().after(model)
        Timed.inside_s += time.perf_counter() - started

    def epoch(self, model: nn.Module, epoch: int) -> tuple[tuple[LayerValues, ...], list[str]]:
        """Time it."""
        started = time.perf_counter()
        closed = super().epoch(model, epoch)
        Timed.inside_s += time.perf_counter() - started
        return closed


class Noise:
    """Photos of noise in memory."""

    def __init__(self, count: int, side_px: int) -> None:
        rng = np.random.default_rng(0)
        self.images = rng.integers(0, 256, (count, side_px, side_px, 3), dtype=np.uint8)

    def read(
        self, rows: np.ndarray[tuple[int], np.dtype[np.intp]]
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        """Give some of them."""
        return self.images[rows]


def noise(count: int, side_px: int) -> Pixels:
    """Make photos of noise."""
    labels = np.arange(count, dtype=np.int64) % CLASSES
    return Pixels(labels, side_px, photos=Noise(count, side_px), rows=np.arange(count))


def both(options: argparse.Namespace, preprocessing: Preprocessing) -> tuple[Pixels, Pixels, int]:
    """Give training and validation photos, and how many classes they have."""
    if options.dataset is None:
        train = noise(options.steps * options.batch_size, preprocessing.size_px)
        return train, noise(options.validation, preprocessing.size_px), CLASSES
    data = Dataset.open(options.dataset)
    train, validation = (
        open_pixels(data, split, preprocessing, executor=LocalExecutor(), progress=QUIET)
        for split in ("train", "validation")
    )
    return train, validation, len(data.classes)


def epoch_s(options: argparse.Namespace, *, measured: bool) -> float:
    """Train once; seconds of an epoch."""
    backbone = create_backbone(options.backbone, "none", size_px=options.size_px)
    train, validation, n_classes = both(options, backbone.preprocessing)
    config = TrainConfig(
        mode="scratch",
        backbone=options.backbone,
        size_px=options.size_px,
        epochs=options.epochs,
        batch_size=options.batch_size,
        threads=options.threads,
    )
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        fitting.fit(
            Classifier(backbone, create_head("linear", backbone.n_features, n_classes)),
            train,
            validation,
            config,
            accelerator=accelerator_for(config),
            checkpoints=Checkpoints(Path(folder) / "run", {}),
            watcher=watch,
            measured=measured,
        )
    return (watch.ends[-1] - watch.ends[0]) / config.resolved_epochs


def figures(values: Sequence[float]) -> dict[str, float]:
    """Median and range."""
    return {
        "median": round(statistics.median(values), 4),
        "min": round(min(values), 4),
        "max": round(max(values), 4),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path, nargs="?")
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--size-px", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20, help="of an epoch of noise")
    parser.add_argument("--validation", type=int, default=64, help="photos of noise to judge by")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, help="none given: by measurement")
    options = parser.parse_args()
    with patch.object(fitting, "Instruments", Timed):
        print(json.dumps(compared(options), indent=2))


def compared(options: argparse.Namespace) -> dict[str, object]:
    """Take turns."""
    epoch_s(options, measured=True)  # warms up
    seconds: dict[bool, list[float]] = {True: [], False: []}
    inside: list[float] = []
    for turn in range(options.rounds):
        for measured in (True, False) if turn % 2 else (False, True):
            Timed.inside_s = 0.0
            seconds[measured].append(epoch_s(options, measured=measured))
            if measured:
                inside.append(Timed.inside_s / options.epochs)
    pairs = [*zip(seconds[True], seconds[False], strict=True)]
    return {
        "epoch_s": {"with": figures(seconds[True]), "without": figures(seconds[False])},
        "cost_fraction": figures([with_ / without - 1 for with_, without in pairs]),
        "inside_s": figures(inside),
        "inside_fraction": figures(
            [mine / without for mine, (_, without) in zip(inside, pairs, strict=True)]
        ),
        "what": {name: str(value) for name, value in sorted(vars(options).items())},
        "machine": machine(),
        "versions": versions(),
    }


if __name__ == "__main__":
    main()
