"""What the bounds of the warnings were drawn from: networks that learn, and networks made sick.

    python benchmarks/instruments_bounds.py DATASET [--epochs 3] [--only resnet18]

Each is trained on DATASET, a prepared one, for a few short epochs. Per network, the worst epoch of
the five figures that `training/instruments/health.py` has a bound for, and which warnings it gave.
Prints one JSON document.
"""

import argparse
import dataclasses
import json
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from lineament.artifacts.dataset import Dataset
from lineament.core.errors import UsageError
from lineament.core.executor import LocalExecutor
from lineament.core.machine import machine, versions
from lineament.core.progress import QUIET
from lineament.imaging.preprocess import Preprocessing
from lineament.models.backbones import Backbone
from lineament.models.classifier import Classifier
from lineament.training.assembling import both_pixels, make_classifier, make_head
from lineament.training.fitting.checkpoints import Checkpoints
from lineament.training.fitting.fit import Outcome, fit
from lineament.training.fitting.processes import accelerator_for
from lineament.training.instruments import health
from lineament.training.instruments.spread import spread
from lineament.training.recipe import TrainConfig

SCRATCH = TrainConfig(mode="scratch", backbone="custom_cnn", size_px=64, epochs=3)
TUNE = TrainConfig(mode="finetune", size_px=96, epochs=3)
BOUNDS = ("VANISHED", "EXPLODED", "TORN", "OVERSHOT", "GROWN")
SFACE_PX = 112  # the one size that it takes


class Stack(nn.Module):
    """Convolutions without norms; ``gain`` times He's weights, or torch's own."""

    def __init__(self, depth: int, after: type[nn.Module], gain: float | None = None) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number in range(depth):
            stride = 2 if number in (0, 2, 4) else 1
            layer = nn.Conv2d(16 if number else 3, 16, 3, stride=stride, padding=1)
            if gain is not None:
                nn.init.kaiming_normal_(layer.weight)
                layer.weight.data.mul_(gain)
            layers += [layer, after()]
        self.layers = nn.Sequential(*layers)

    def forward_features(self, pixels: Tensor) -> Tensor:
        """Map pixels to features."""
        features: Tensor = self.layers(pixels)
        return features

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        """Say, as timm's networks do, which parameters belong together."""
        return {"layers": r"^layers\.(\d+)"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """A network to train.

    Attributes:
        config: How.
        stack: Its backbone, where it is none that has a name.
    """

    config: TrainConfig
    stack: tuple[int, type[nn.Module], float | None] | None = None


def cases() -> dict[str, Case]:
    """Name them: those that learn, those that vanish, those that explode."""
    found = {}
    for name in ("custom_cnn", "resnet18", "efficientnet_lite0", "mobilenetv2_100", "vgg16"):
        found[f"{name} from scratch"] = dataclasses.replace(SCRATCH, backbone=name)
    found["sface from scratch"] = dataclasses.replace(SCRATCH, backbone="sface", size_px=SFACE_PX)
    found["mobilenetv2_100 from scratch, batches of 4"] = dataclasses.replace(
        SCRATCH, backbone="mobilenetv2_100", batch_size=4, epochs=1
    )
    for name in ("efficientnet_lite0", "mobilenetv2_100", "sface"):
        size_px = SFACE_PX if name == "sface" else TUNE.size_px
        tuned = dataclasses.replace(TUNE, backbone=name, size_px=size_px)
        found[f"{name} tuned"] = tuned
        found[f"{name} tuned, rate x 10"] = dataclasses.replace(tuned, learning_rate=1e-3)
        found[f"{name} tuned, rate x 100"] = dataclasses.replace(tuned, learning_rate=1e-2)
    for name in ("custom_cnn", "resnet18", "vgg16"):
        for times in (10, 100):
            found[f"{name} from scratch, rate x {times}"] = dataclasses.replace(
                SCRATCH, backbone=name, learning_rate=1e-3 * times
            )
    stacks: dict[str, tuple[int, type[nn.Module], float | None]] = {
        "20 ReLU layers, He's weights": (20, nn.ReLU, 1.0),
        "20 ReLU layers, torch's weights": (20, nn.ReLU, None),
        "5 sigmoid layers": (5, nn.Sigmoid, None),
        "10 sigmoid layers": (10, nn.Sigmoid, None),
        "20 sigmoid layers": (20, nn.Sigmoid, None),
        "10 ReLU layers, weights x 2": (10, nn.ReLU, 2.0),
        "10 ReLU layers, weights x 3": (10, nn.ReLU, 3.0),
        "20 ReLU layers, weights x 3": (20, nn.ReLU, 3.0),
    }
    return {name: Case(config=config) for name, config in found.items()} | {
        name: Case(config=SCRATCH, stack=stack) for name, stack in stacks.items()
    }


def classifier(case: Case, data: Dataset, config: TrainConfig) -> Classifier:
    """Make the network."""
    if case.stack is None:
        warm = config.mode == "finetune"
        return make_classifier(data, config, is_warm=warm, executor=LocalExecutor(), progress=QUIET)
    torch.manual_seed(0)
    spec = Preprocessing(
        size_px=SCRATCH.size_px or 0,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        fit="squash",
        interpolation="bilinear",
    )
    backbone = Backbone("stack", Stack(*case.stack), spec, {})
    return Classifier(backbone, make_head(config, backbone, len(data.classes)))


def figures(
    outcome: Outcome, sizes: Mapping[str, int], start: Mapping[str, float]
) -> dict[str, object]:
    """The worst epoch of each figure; ``start`` is the rms of each layer before any step."""
    epochs = sorted({row.epoch for row in outcome.layers})
    early, pulls_median, ratios_median, reach, growths_median = [], [], [], [], []
    lengths = dict(start)
    for epoch in epochs:
        rows = [row for row in outcome.layers if row.epoch == epoch and row.layer in sizes]
        weights = {row.layer: row for row in rows if row.kind == "parameter"}
        pulls = {
            row.layer: row.rms * weights[row.layer].rms * sizes[row.layer]
            for row in rows
            if row.kind == "gradient"
        }
        ratios = {layer: weights[layer].update_ratio or 0.0 for layer in pulls}
        values = list(pulls.values())
        third = len(values) // 3
        early.append(max(values[:third]) / max(*values[third:], 1e-300))
        pulls_median.append(statistics.median(values))
        ratios_median.append(statistics.median(ratios.values()))
        grown = [row.rms / lengths[name] for name, row in weights.items() if lengths[name]]
        growths_median.append(statistics.median(grown))
        lengths |= {name: row.rms for name, row in weights.items()}
        reach.append(max(pulls[layer] * ratio for layer, ratio in ratios.items()))
    losses = [float(str(row["validation_loss"])) for row in outcome.history]
    warnings = outcome.cost["warnings"]
    assert isinstance(warnings, list)
    return {
        "early_fraction": f"{min(early):.1e}",
        "median_pull": f"{max(pulls_median):.1e}",
        "median_update_ratio": f"{max(ratios_median):.1e}",
        "reach": f"{max(reach):.1e}",
        "median_growth": f"{max(growths_median):.2g}",
        "validation_losses": [f"{loss:.3g}" for loss in losses],
        "warnings": [text.partition(":")[0] for text in warnings],
    }


def trained(case: Case, data: Dataset, epochs: int | None) -> dict[str, object]:
    """Train one."""
    config = dataclasses.replace(case.config, epochs=epochs or case.config.epochs)
    model = classifier(case, data, config)
    sizes = {
        name: each.numel()
        for name, each in model.named_parameters()
        if sum(side > 1 for side in each.shape) > 1
    }
    start = {name: spread(model.get_parameter(name)).rms for name in sizes}
    train, validation = both_pixels(
        data, model.backbone, config, executor=LocalExecutor(), progress=QUIET
    )
    with tempfile.TemporaryDirectory() as folder:
        try:
            outcome = fit(
                model,
                train,
                validation,
                config,
                accelerator=accelerator_for(config),
                checkpoints=Checkpoints(Path(folder) / "run", {}),
            )
        except UsageError as error:
            return {"stopped": error.what}
    return figures(outcome, sizes, start)


def main() -> None:
    """Train them all and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--epochs", type=int, help="of each; none given: 3")
    parser.add_argument("--only", default="", help="those with this in their name")
    options = parser.parse_args()
    data = Dataset.open(options.dataset)
    found = {
        name: trained(case, data, options.epochs)
        for name, case in cases().items()
        if options.only in name
    }
    document = {
        "bounds": {name: getattr(health, name) for name in BOUNDS},
        "networks": found,
        "photos": {split: len(samples) for split, samples in data.splits.items()},
        "machine": machine(),
        "versions": versions(),
    }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
