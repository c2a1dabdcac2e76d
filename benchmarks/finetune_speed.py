"""Fine-tuning against the plain script: images per second on the same photos, taking turns.

The plain script is what tutorials show: torchvision transforms on photos that Pillow decodes, a
DataLoader with two workers, float32. Lineament's side is its loop as `train` runs it: the decoded
photos of its cache, prefetching, augmentation, its choice of arithmetic. Each turn is a process of
its own; starting, decoding into the cache and exporting are not in the time, but the cache's is
stated.

    python benchmarks/finetune_speed.py DATASET --backbone resnet18 --steps 12 --rounds 5
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

SIDES = ("plain", "lineament")


def main() -> None:
    """Take turns and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--size-px", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", choices=SIDES)
    arguments = parser.parse_args()
    if arguments.side:
        run = plain if arguments.side == "plain" else lineament
        print(json.dumps(run(arguments)))
        return
    results: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for turn in range(arguments.rounds):
        for side in SIDES if turn % 2 == 0 else SIDES[::-1]:
            command = [sys.executable, __file__, *sys.argv[1:], "--side", side]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            results[side].append(json.loads(done.stdout.splitlines()[-1]))
            print(turn, side, results[side][-1], flush=True)
    for side in SIDES:
        speeds = [each["images_per_second"] for each in results[side]]
        memory = max(each["peak_gb"] for each in results[side])
        print(
            f"{side}: {statistics.median(speeds):.1f} img/s ({min(speeds):.1f} to "
            f"{max(speeds):.1f}), peak {memory:.2f} GB"
        )
    pairs = zip(results["lineament"], results["plain"], strict=True)
    ratios = [ours["images_per_second"] / theirs["images_per_second"] for ours, theirs in pairs]
    print(
        f"ratio: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), "
        f"n = {len(ratios)}"
    )


def plain(arguments: argparse.Namespace) -> dict[str, float]:
    """Train as a tutorial does, for some steps."""
    import timm
    import torch
    from torch.nn import functional
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    size = arguments.size_px
    seen = transforms.Compose(
        [
            transforms.Resize((size, size)),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    photos = datasets.ImageFolder(arguments.dataset / "images", seen)
    loader = DataLoader(photos, batch_size=arguments.batch_size, shuffle=True, num_workers=2)
    model = timm.create_model(arguments.backbone, num_classes=len(photos.classes))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    model.train()
    batches = iter(loader)
    started = 0.0
    for step in range(arguments.steps + 1):  # the first one warms up
        if step == 1:
            started = time.perf_counter()
        pixels, labels = next(batches)
        loss = functional.cross_entropy(model(pixels), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's stubs lack it
        optimizer.step()
        loss.item()
    seconds = time.perf_counter() - started
    return _result(arguments, seconds)


def lineament(arguments: argparse.Namespace) -> dict[str, float]:
    """Train as Lineament does, for as many steps."""
    import functools

    import numpy as np
    import torch

    from lineament.artifacts.dataset import Dataset
    from lineament.core.executor import LocalExecutor
    from lineament.core.progress import QUIET
    from lineament.models.classifier import Classifier
    from lineament.training.assembling import make_backbone, make_head
    from lineament.training.fitting.batching import Batching
    from lineament.training.fitting.estimate import estimated
    from lineament.training.fitting.learner import Learner
    from lineament.training.fitting.processes import accelerator_for
    from lineament.training.optimisation.allocation import kept_memory
    from lineament.training.pixels import open_pixels
    from lineament.training.prefetch import Prefetch
    from lineament.training.recipe import TrainConfig

    config = TrainConfig(
        mode="finetune",
        backbone=arguments.backbone,
        weights="none",
        size_px=arguments.size_px,
        batch_size=arguments.batch_size,
    )
    data = Dataset.open(arguments.dataset)
    backbone = make_backbone(config)
    started = time.perf_counter()
    pixels = open_pixels(
        data, "train", backbone.preprocessing, executor=LocalExecutor(), progress=QUIET
    )
    cache_s = time.perf_counter() - started
    model = Classifier(backbone, make_head(config, backbone, len(data.classes)))
    counts = np.bincount(pixels.labels, minlength=len(data.classes))
    learner = Learner(model, config, counts, accelerator_for(config), QUIET)
    batching = Batching(
        train=pixels,
        preprocessing=backbone.preprocessing,
        config=config,
        n_classes=len(data.classes),
    )
    learner.begin(1)
    order = batching.order(1)
    first, targets, _ = batching.batch(order, 1, arguments.size_px, 0)
    labels = torch.from_numpy(pixels.labels[batching.rows(order, 0)])
    estimate = estimated(learner, first, targets, labels)
    make = functools.partial(batching.batch, order, 1, arguments.size_px)
    batches = Prefetch(make, range(min(batching.steps, arguments.steps + 1)))
    with kept_memory():
        for number, (images, wanted, everyone) in enumerate(batches):
            learner.step(images, wanted, everyone=everyone, factor=1.0)
            if number == 0:
                started, waited = time.perf_counter(), batches.waited_s
    seconds = time.perf_counter() - started
    return {
        **_result(arguments, seconds),
        "threads": estimate.threads,
        "waiting": (batches.waited_s - waited) / seconds,
        "expected_gb": (estimate.memory_bytes or 0) / 1e9,
        "cache_s": cache_s,
    }


def _result(arguments: argparse.Namespace, seconds: float) -> dict[str, float]:
    return {
        "images_per_second": arguments.steps * arguments.batch_size / seconds,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
    }


if __name__ == "__main__":
    main()
