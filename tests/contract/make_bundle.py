"""Make the stored bundle of a schema version: ``python tests/contract/make_bundle.py OUT.onnx``.

Run once when a schema version is released, and never again for that version: what users exported
with it must load for ever, and so must this file.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from timm.models import register_model
from torch import Tensor, nn

from lineament import PrepareConfig, TrainConfig, export, prepare, train

CLASSES = ("dark", "light")
PER_CLASS = 20


class ContractNet(nn.Module):
    """Two convolutions: the smallest network with a map of features."""

    num_features = 8

    def __init__(self, **_: object) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.second = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.pretrained_cfg = {
            "input_size": (3, 32, 32),
            "interpolation": "bicubic",
            "mean": (0.5, 0.5, 0.5),
            "std": (0.5, 0.5, 0.5),
        }

    def forward_features(self, pixels: Tensor) -> Tensor:
        """Map pixels to features."""
        return torch.relu(self.second(torch.relu(self.first(pixels))))


def contract_net(pretrained: bool = False, **kwargs: object) -> ContractNet:
    """Make the network, as timm asks for it."""
    return ContractNet(**kwargs)


def draw_photos(root: Path) -> Path:
    """Write class folders of noise around a darker and a lighter level."""
    draw = np.random.default_rng(0)
    for name, level in zip(CLASSES, (90, 165), strict=True):
        (root / name).mkdir(parents=True)
        for number in range(PER_CLASS):
            photo = draw.normal(level, 40, (40, 52, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(photo).save(root / name / f"{number:02d}.png")
    return root


def main(out: Path) -> None:
    """Prepare, train and export."""
    register_model(contract_net)
    assert timm.is_model("contract_net")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        config = PrepareConfig(split=(0.5, 0.25, 0.25))
        prepare(draw_photos(root / "photos"), root / "dataset", config=config)
        recipe = TrainConfig(
            backbone="contract_net", weights="none", size_px=32, fit="letterbox", regularisation=1.0
        )
        train(root / "dataset", root / "run", config=recipe)
        export(root / "run", out)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
