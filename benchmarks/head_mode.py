"""Head mode against the plain way: a frozen backbone that is run again in every epoch.

The plain way is what tutorials show: a DataLoader with two workers, Pillow decoding and resizing,
the backbone in float32 under `no_grad`, a linear layer trained by Adam at 1e-3 for 10 epochs. It
would take hours, so a stated number of its batches is timed and multiplied. What it ends with does
not depend on how often the backbone runs, for there is no augmentation: its head is trained on
features of its own pixels computed once, in float32 by ONNX Runtime, and the timed batches show how
far those are from torch's.

Lineament's side is `train` as a whole in this process: graph, features of training and validation
photos, the choice of the regularisation, calibration, the run's files. Rounds take turns.

    python benchmarks/head_mode.py SOURCE --work SCRATCH [--train 20000] [--batches 40] [--rounds 3]

SOURCE is a folder of class folders; eight tenths of what is taken train, a tenth validates, a tenth
tests. Prints one JSON document.
"""

import argparse
import itertools
import json
import random
import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms

from lineament.artifacts.dataset import Dataset, Sample
from lineament.core.machine import machine, versions
from lineament.imaging.preprocess import Preprocessing
from lineament.models.backbones import DEFAULT_BACKBONE, Backbone, create_backbone
from lineament.models.graph import backbone_graph
from lineament.preparation.build import PrepareConfig, prepare
from lineament.runtime.onnx_runtime import onnxruntime
from lineament.runtime.predictor import Predictor
from lineament.training.recipe import TrainConfig
from lineament.training.train import train

EPOCHS = 10
BATCH = 32
WARM_UP = 3  # batches that are not timed: the workers start


class Photos(TorchDataset[tuple[Tensor, int]]):
    """Photos as torchvision's tutorials read them."""

    def __init__(self, data: Dataset, samples: Sequence[Sample], rule: Preprocessing) -> None:
        self.samples = samples
        self.paths = [data.path(each) for each in samples]
        modes = transforms.InterpolationMode
        self.transform = transforms.Compose(
            [
                transforms.Resize((rule.size_px, rule.size_px), modes(rule.interpolation)),
                transforms.ToTensor(),
                transforms.Normalize(rule.mean, rule.std),
            ]
        )

    def __len__(self) -> int:
        """How many."""
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """One photo and its label."""
        with Image.open(self.paths[index]) as image:
            pixels: Tensor = self.transform(image.convert("RGB"))
        return pixels, self.samples[index].label


class Plain:
    """The plain way, whole in what it does and cut short in how long."""

    def __init__(self, data: Dataset, backbone: Backbone) -> None:
        self.backbone = backbone.eval()
        rule = backbone.preprocessing
        self.parts = {split: Photos(data, data.samples(split), rule) for split in ("train", "test")}
        self.n_classes = len(data.classes)
        graph = backbone_graph(backbone).SerializeToString()
        self.session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        self.largest_difference = 0.0

    def seconds_per_photo(self, batches: int) -> float:
        """Time batches of the plain way after a few that are not counted."""
        torch.manual_seed(0)
        head = nn.Linear(self.backbone.n_features, self.n_classes)
        optimiser = torch.optim.Adam(head.parameters(), lr=1e-3)
        loader = DataLoader(self.parts["train"], BATCH, shuffle=True, num_workers=2)
        started, photos = 0.0, 0
        for number, (pixels, labels) in enumerate(itertools.islice(loader, WARM_UP + batches)):
            if number == WARM_UP:
                started = time.perf_counter()
            with torch.no_grad():
                embedding = self.backbone(pixels).mean(dim=(2, 3))
            step(head, optimiser, embedding, labels)
            photos += len(labels) * (number >= WARM_UP)
        seconds = time.perf_counter() - started
        once = self.embedding(pixels)
        self.largest_difference = float(np.abs(once - embedding.numpy()).max())
        return seconds / photos

    def accuracy(self) -> float:
        """Train the same head on features computed once, and test it."""
        (train_part, train_labels), (test_part, test_labels) = (
            self.features(part) for part in self.parts.values()
        )
        torch.manual_seed(0)
        head = nn.Linear(self.backbone.n_features, self.n_classes)
        optimiser = torch.optim.Adam(head.parameters(), lr=1e-3)
        for _ in range(EPOCHS):
            for rows in torch.split(torch.randperm(len(train_labels)), BATCH):
                step(head, optimiser, train_part[rows], train_labels[rows])
        with torch.no_grad():
            answers = head(test_part).argmax(dim=1)
        return float((answers == test_labels).double().mean())

    def features(self, photos: Photos) -> tuple[Tensor, Tensor]:
        """Run the backbone once over all photos."""
        pairs = [
            (self.embedding(pixels), labels)
            for pixels, labels in DataLoader(photos, BATCH, num_workers=2)
        ]
        return (
            torch.from_numpy(np.concatenate([rows for rows, _ in pairs])),
            torch.cat([labels for _, labels in pairs]),
        )

    def embedding(self, pixels: Tensor) -> NDArray[np.float32]:
        """Run the backbone in float32 by ONNX Runtime."""
        (features,) = self.session.run(None, {"pixels": pixels.numpy()})
        pooled: NDArray[np.float32] = features.mean(axis=(2, 3))
        return pooled


def step(
    head: nn.Module, optimiser: torch.optim.Optimizer, embedding: Tensor, labels: Tensor
) -> None:
    """One step of the head."""
    loss = nn.functional.cross_entropy(head(embedding), labels)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch's stubs lack it
    optimiser.step()


def sample(source: Path, target: Path, photos: int) -> None:
    """Link a seeded sample, as many of each class, into a new folder."""
    folders = sorted(path for path in source.iterdir() if path.is_dir())
    draw = random.Random(0)
    for folder in folders:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        (target / folder.name).mkdir(parents=True)
        for number, path in enumerate(draw.sample(files, min(len(files), photos // len(folders)))):
            (target / folder.name / f"{number:05d}{path.suffix}").symlink_to(path.resolve())


def turns(
    plain: Plain, data: Dataset, work: Path, options: argparse.Namespace
) -> Iterator[tuple[float, float]]:
    """Seconds of the plain way, extrapolated, and of Lineament, round by round."""
    n_train = len(data.samples("train"))
    for number in range(options.rounds):
        per_photo = plain.seconds_per_photo(options.batches)
        started = time.perf_counter()
        train(
            data, work / "run", config=TrainConfig(backbone=options.backbone), overwrite=number > 0
        )
        yield per_photo * n_train * EPOCHS, time.perf_counter() - started


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and range."""
    return {
        "median": round(statistics.median(values), 2),
        "min": round(min(values), 2),
        "max": round(max(values), 2),
    }


def main() -> None:
    """Take turns, judge both heads on the same test photos, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--train", type=int, default=20000)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backbone", default=DEFAULT_BACKBONE)
    options = parser.parse_args()
    work: Path = options.work
    shutil.rmtree(work, ignore_errors=True)
    sample(options.source, work / "photos", round(options.train / 0.8))
    config = PrepareConfig(split=(0.8, 0.1, 0.1), near_duplicates=False)
    data = prepare(work / "photos", work / "dataset", config=config)
    plain = Plain(data, create_backbone(options.backbone, None))
    seconds = list(turns(plain, data, work, options))
    n_train = len(data.samples("train"))
    answers = Predictor(work / "run").predict_split(data, "test")
    card = json.loads((work / "run" / "run.json").read_text(encoding="utf-8"))
    print(
        json.dumps(
            {
                "photos": {split: len(data.samples(split)) for split in data.splits},
                "epochs": EPOCHS,
                "plain": {
                    "timed_batches": options.batches,
                    "batch_size": BATCH,
                    "extrapolated": True,
                    "seconds": spread([theirs for theirs, _ in seconds]),
                    "images_per_second": spread(
                        [n_train * EPOCHS / theirs for theirs, _ in seconds]
                    ),
                    "accuracy": plain.accuracy(),
                    "features_against_torch": plain.largest_difference,
                },
                "lineament": {
                    "seconds": spread([ours for _, ours in seconds]),
                    "images_per_second": spread([n_train * EPOCHS / ours for _, ours in seconds]),
                    "accuracy": float(
                        (answers.probabilities.argmax(axis=1) == answers.labels).mean()
                    ),
                    "engine": card.get("training", {}).get("engine"),
                },
                "ratio": spread([theirs / ours for theirs, ours in seconds]),
                "rounds": options.rounds,
                "machine": machine(),
                "versions": versions(),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
