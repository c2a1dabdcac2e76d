"""Classifier: backbone, global average pooling and one linear layer, from raw pixels to logits.

Because the head is linear over averaged features, the class activation map (Zhou et al. 2016) is
exact: its mean over the grid is the logit.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from lineament.core.errors import ArtifactError
from lineament.imaging.preprocess import CUBIC_A, TOUCH, Preprocessing
from lineament.models.backbones import Backbone, create_backbone


class Classifier(nn.Module):
    """A backbone with a linear head.

    Args:
        backbone: Normalised pixels to a feature map.
        n_classes: How many classes.
    """

    def __init__(self, backbone: Backbone, n_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(backbone.n_features, n_classes)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map preprocessed pixels ``float32 (N, 3, S, S)`` to logits ``float32 (N, C)``."""
        logits: Tensor = self.head(self.backbone(pixels).mean(dim=(2, 3)))
        return logits

    def probabilities(self, image: Tensor, *, temperature: float) -> Tensor:
        """Answer one image of any size, ``uint8 (H, W, 3)``: probabilities ``float32 (C,)``."""
        pixels = preprocess(image, self.backbone.preprocessing).unsqueeze(0)
        return torch.softmax(self(pixels)[0] / temperature, dim=0)


def preprocess(image: Tensor, spec: Preprocessing) -> Tensor:
    """Turn an image into the model's input, as `lineament.imaging.preprocess` states it.

    Args:
        image: ``uint8 (H, W, 3)``, RGB.
        spec: The preprocessing.

    Returns:
        ``float32 (3, size_px, size_px)``.
    """
    height, width = image.shape[:2]
    window = spec.window(height, width)
    rows, inside_rows = _resize_matrix(height, spec, window.top, window.height)
    columns, inside_columns = _resize_matrix(width, spec, window.left, window.width)
    channels = image.permute(2, 0, 1).to(torch.float32)
    resized = (rows @ channels @ columns.T).clamp(0.0, 255.0)
    mean = torch.tensor(spec.mean)[:, None, None] * 255.0
    std = torch.tensor(spec.std)[:, None, None] * 255.0
    return (resized - mean) / std * (inside_rows[:, None] * inside_columns[None, :])


def _resize_matrix(
    length_px: int, spec: Preprocessing, start: float, extent: float
) -> tuple[Tensor, Tensor]:
    scale = torch.tensor(extent / spec.size_px, dtype=torch.float32)
    centres = start + (torch.arange(spec.size_px, dtype=torch.float32) + 0.5) * scale
    pixels = torch.arange(length_px, dtype=torch.float32) + 0.5
    distance = (pixels[None, :] - centres[:, None]).abs() / scale.clamp(min=1.0)
    if spec.interpolation == "bilinear":
        weights = (1 - distance).clamp(min=0.0)
    else:
        near = ((CUBIC_A + 2) * distance - (CUBIC_A + 3)) * distance * distance + 1
        far = ((CUBIC_A * distance - 5 * CUBIC_A) * distance + 8 * CUBIC_A) * distance - 4 * CUBIC_A
        zero = torch.zeros_like(distance)
        weights = torch.where(distance < 1, near, torch.where(distance < 2, far, zero))
    sums = weights.sum(dim=1, keepdim=True)
    safe = torch.where(sums.abs() > 1e-6, sums, torch.ones_like(sums))
    reach = scale * TOUCH
    inside = ((centres + reach > 0) & (centres - reach < length_px)).to(torch.float32)
    return weights / safe, inside


def load_classifier(
    name: str, preprocessing: Preprocessing, *, n_classes: int, weights: Path
) -> Classifier:
    """Build a trained classifier again from what a run holds.

    Args:
        name: Of the backbone.
        preprocessing: As the run states it.
        n_classes: How many classes.
        weights: The run's safetensors file.

    Raises:
        ArtifactError: The weights do not fit the network.
    """
    backbone = create_backbone(name, "none", size_px=preprocessing.size_px, fit=preprocessing.fit)
    backbone.preprocessing = preprocessing
    model = Classifier(backbone, n_classes)
    try:
        model.load_state_dict(load_file(weights))
    except (RuntimeError, SafetensorError) as error:
        raise ArtifactError(
            f"{weights} does not fit {name} with {n_classes} classes.",
            fix="Train again with the versions that are installed now.",
        ) from error
    return model.eval()
