"""Classifier: backbone, global average pooling and a head, from raw pixels to logits."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from lineament.artifacts.run import RunCard
from lineament.core.errors import ArtifactError
from lineament.imaging.preprocess import TIE, Preprocessing
from lineament.models.backbones import Backbone, create_backbone
from lineament.models.heads import Head, head_from_dict
from lineament.models.resize import resize_matrix


class Classifier(nn.Module):
    """A backbone with a head.

    Args:
        backbone: Normalised pixels to a feature map.
        head: Pooled features to logits.
        mirrored_view: Outside training, see a photo and its mirror image, turn the second map of
            features back and average both; training sees the photo alone.
    """

    def __init__(self, backbone: Backbone, head: Head, *, mirrored_view: bool = False) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.mirrored_view = mirrored_view

    def forward(self, pixels: Tensor, labels: Tensor | None = None) -> Tensor:
        """Score preprocessed pixels.

        Args:
            pixels: ``float32 (N, 3, S, S)``.
            labels: The right classes, ``int64 (N,)``, for heads with a margin in training; absent
                where a photo has no single right class, as after mixup.

        Returns:
            Logits ``float32 (N, C)``.
        """
        # In float32 also where the map is bfloat16: embeddings differ by less than its steps.
        embedding = self.features(pixels).mean(dim=(2, 3), dtype=torch.float32)
        logits: Tensor = self.head(embedding, labels)
        return logits

    def features(self, pixels: Tensor) -> Tensor:
        """The map of features that is pooled, ``(N, D, h, w)``: the mean of both views if two."""
        if self.training or not self.mirrored_view:
            features: Tensor = self.backbone(pixels)
            return features
        both: Tensor = self.backbone(torch.cat([pixels, pixels.flip(3)]))
        straight, mirrored = both.chunk(2)
        return (straight + mirrored.flip(3)) / 2

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
    is_cubic = spec.interpolation == "bicubic"
    rows, inside_rows = resize_matrix(height, spec.size_px, window.top, window.height, is_cubic)
    columns, inside_columns = resize_matrix(
        width, spec.size_px, window.left, window.width, is_cubic
    )
    channels = image.permute(2, 0, 1).to(torch.float32)
    resized = (rows @ channels @ columns.T).clamp(0.0, 255.0)
    mean = torch.tensor(spec.mean)[:, None, None] * 255.0
    std = torch.tensor(spec.std)[:, None, None] * 255.0
    inside = inside_rows[:, None] * inside_columns[None, :]
    filled = resized * inside + mean * (1 - inside)
    if spec.rounded:
        filled = (filled - TIE).round()
    return (filled - mean) / std


def load_classifier(card: RunCard, weights: Path) -> Classifier:
    """Build a trained classifier again from what a run holds.

    Args:
        card: What the run says about itself.
        weights: The run's safetensors file.

    Raises:
        ArtifactError: The weights do not fit the network, or the run states what this version does
            not know.
    """
    stated = card.preprocessing
    name, n_classes = str(card.backbone["name"]), len(card.classes)
    widths = cast(Sequence[int] | None, card.backbone.get("widths"))
    backbone = create_backbone(
        name,
        "none",
        size_px=stated.size_px,
        fit=stated.fit,
        crop_fraction=stated.crop_fraction,
        widths=None if widths is None else tuple(widths),
    )
    backbone.preprocessing = stated
    head = head_from_dict(card.head, backbone.n_features, n_classes=n_classes)
    model = Classifier(backbone, head, mirrored_view=card.mirrored_view)
    try:
        model.load_state_dict(load_file(weights))
    except (RuntimeError, SafetensorError) as error:
        raise ArtifactError(
            f"{weights} does not fit {name} with {n_classes} classes.",
            fix="Train again with the versions that are installed now.",
        ) from error
    return model.eval()
