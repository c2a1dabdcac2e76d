"""Heads: from an embedding to one logit per class.

``linear`` and ``mlp`` score a class by a weighted sum. ``cosface`` (Wang et al. 2018, "CosFace:
large margin cosine loss for deep face recognition") and ``arcface`` (Deng et al. 2019, "ArcFace:
additive angular margin loss") score it by the angle to a direction of its own, and in training ask
the right class to be nearer by a margin.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from lineament.core.errors import ArtifactError, UsageError
from lineament.core.suggest import did_you_mean
from lineament.models.head_spec import SHORTEST, HeadSpec

KINDS = ("linear", "mlp", "cosface", "arcface")
MARGINS = {"cosface": 0.35, "arcface": 0.5}  # the papers' own; ArcFace's is in radians
# Below this squared sine (a thousandth of a radian) rounding in float32 is all that is left of it,
# and the slope of its root would grow without bound.
LEAST_SQUARED_SINE = 1e-6


class Head(nn.Module):
    """What every head has: a last layer and dropout before it.

    Args:
        kind: One of `KINDS`.
        n_inputs: Width of what the last layer takes.
        n_classes: How many classes.
        dropout: Part of the last layer's inputs that is dropped in training.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, kind: str, n_inputs: int, n_classes: int, *, dropout: float) -> None:
        super().__init__()
        self.kind = kind
        self.dropout = nn.Dropout(dropout)
        layer = nn.Linear(n_inputs, n_classes)  # for its random start
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, embedding: Tensor, labels: Tensor | None = None) -> Tensor:
        """Score embeddings.

        Args:
            embedding: ``float32 (N, D)``.
            labels: The right classes, ``int64 (N,)``, where there is one each; only margins ask
                for them, and only in training.

        Returns:
            Logits ``float32 (N, C)``.
        """
        return functional.linear(self.dropout(embedding), self.weight, self.bias)

    def spec(self) -> HeadSpec:
        """The head as arrays."""
        bias = None if self.bias is None else _array(self.bias)
        return HeadSpec(kind=self.kind, weight=_array(self.weight), bias=bias)

    def as_dict(self) -> dict[str, object]:
        """How it was made, for a run."""
        return {"kind": self.kind, "dropout": self.dropout.p}


class MlpHead(Head):
    """A hidden layer with ReLU, then the last layer.

    Args:
        n_features: Width ``D`` of the embedding.
        n_classes: How many classes.
        hidden: Width of the hidden layer.
        dropout: Part of the hidden layer's outputs that is dropped in training.
    """

    def __init__(self, n_features: int, n_classes: int, *, hidden: int, dropout: float) -> None:
        super().__init__("mlp", hidden, n_classes, dropout=dropout)
        self.hidden = nn.Linear(n_features, hidden)

    def forward(self, embedding: Tensor, labels: Tensor | None = None) -> Tensor:
        """Score embeddings, as `Head.forward`."""
        return super().forward(functional.relu(self.hidden(embedding)), labels)

    def spec(self) -> HeadSpec:
        """The head as arrays."""
        return dataclasses.replace(
            super().spec(),
            hidden_weight=_array(self.hidden.weight),
            hidden_bias=_array(self.hidden.bias),
        )

    def as_dict(self) -> dict[str, object]:
        """How it was made, for a run."""
        return {**super().as_dict(), "hidden": self.hidden.out_features}


class CosineHead(Head):
    """The cosine of embedding and class direction, times a scale; with a margin in training.

    Computed in float32 also under autocast: a margin is smaller than the steps of bfloat16.

    Args:
        kind: ``cosface``, whose margin is taken off the right class's cosine, or ``arcface``, whose
            margin is added to its angle.
        n_features: Width ``D`` of the embedding.
        n_classes: How many classes.
        dropout: Part of the embedding that is dropped in training.
        margin: How much nearer the right class must be, 0 or more; in radians for ``arcface``.
        scale: Factor on the cosine.
    """

    def __init__(
        self,
        kind: str,
        n_features: int,
        n_classes: int,
        *,
        dropout: float,
        margin: float,
        scale: float,
    ) -> None:
        super().__init__(kind, n_features, n_classes, dropout=dropout)
        self.margin = float(margin)
        self.scale = float(scale)
        self.bias = None
        # Directions of length about 1, so that a learning rate means the same at every width.
        nn.init.normal_(self.weight, std=n_features**-0.5)

    def forward(self, embedding: Tensor, labels: Tensor | None = None) -> Tensor:
        """Score embeddings, as `Head.forward`."""
        with torch.autocast(embedding.device.type, enabled=False):
            direction = functional.normalize(self.dropout(embedding).float(), eps=SHORTEST)
            classes = functional.normalize(self.weight.float(), eps=SHORTEST)
            cosine = functional.linear(direction, classes)
            if self.training and labels is not None:
                right = cosine.gather(1, labels[:, None])
                cosine = cosine.scatter(1, labels[:, None], self._harder(right))
            return self.scale * cosine

    def spec(self) -> HeadSpec:
        """The head as arrays."""
        return dataclasses.replace(super().spec(), scale=self.scale)

    def as_dict(self) -> dict[str, object]:
        """How it was made, for a run."""
        return {**super().as_dict(), "margin": self.margin, "scale": self.scale}

    def _harder(self, cosine: Tensor) -> Tensor:
        """The right class's cosine with the margin against it."""
        if self.kind == "cosface":
            return cosine - self.margin
        sine = (1 - cosine.square()).clamp(min=LEAST_SQUARED_SINE).sqrt()
        turned = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        # Past pi the cosine would rise again and reward being wrong: there it goes on falling.
        falling = cosine - self.margin * math.sin(self.margin)
        return torch.where(cosine > -math.cos(self.margin), turned, falling)


def create_head(
    kind: str,
    n_features: int,
    n_classes: int,
    *,
    hidden: int = 512,
    dropout: float = 0.0,
    margin: float | None = None,
    scale: float = 32.0,
) -> Head:
    """Make a head with random weights.

    Args:
        kind: One of `KINDS`.
        n_features: Width ``D`` of the embedding.
        n_classes: How many classes.
        hidden: Width of the hidden layer of an ``mlp``.
        dropout: Part of the last layer's inputs that is dropped in training, 0 to below 1.
        margin: Of ``cosface`` and ``arcface``; ``None`` takes the paper's, `MARGINS`.
        scale: Factor on the cosine of ``cosface`` and ``arcface``.

    Raises:
        UsageError: There is no such kind.

    Example:
        >>> create_head("arcface", 128, 40).as_dict()
        {'kind': 'arcface', 'dropout': 0.0, 'margin': 0.5, 'scale': 32.0}
    """
    if kind == "linear":
        return Head(kind, n_features, n_classes, dropout=dropout)
    if kind == "mlp":
        return MlpHead(n_features, n_classes, hidden=hidden, dropout=dropout)
    if kind in MARGINS:
        return CosineHead(
            kind,
            n_features,
            n_classes,
            dropout=dropout,
            margin=MARGINS[kind] if margin is None else margin,
            scale=scale,
        )
    raise UsageError(
        f"There is no head `{kind}`.{did_you_mean(kind, KINDS)}", fix=f"Use {', '.join(KINDS)}."
    )


def head_from_dict(document: Mapping[str, object], n_features: int, *, n_classes: int) -> Head:
    """Make the head that `Head.as_dict` described, with random weights.

    Raises:
        ArtifactError: The description is damaged or of a newer version.
    """
    settings = cast(dict[str, Any], {**document})
    try:
        # What is no setting of a head, or no number, is a TypeError of the call.
        return create_head(str(settings.pop("kind")), n_features, n_classes, **settings)
    except (KeyError, TypeError, ValueError, RuntimeError, UsageError) as error:
        raise ArtifactError(
            f"The artifact states a head that this version does not know: {dict(document)}.",
            fix="Use the version of Lineament that made it, or a newer one.",
        ) from error


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().to("cpu", torch.float32, copy=True).numpy()
    return array
