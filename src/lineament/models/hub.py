"""The hub: asked whether it is there before its client retries for a minute."""

import os
import socket
import urllib.parse
import urllib.request
from typing import Any, cast

import timm
from huggingface_hub import try_to_load_from_cache
from torch import nn

from lineament.core.errors import ArtifactError
from lineament.models.packaged import PACKAGED
from lineament.models.table import TABLE

DEFAULT_ENDPOINT = "https://huggingface.co"
PATIENCE_S = 5.0
FILES = ("model.safetensors", "pytorch_model.bin")  # what timm looks for, in its order


def from_hub(name: str, timm_name: str) -> tuple[nn.Module, dict[str, object]]:
    """Make a network with the weights that timm fetches.

    Args:
        name: Lineament's name of the backbone.
        timm_name: timm's name of it; empty if timm does not have it.

    Returns:
        The network without its head, and the provenance of its weights.

    Raises:
        ArtifactError: There are no such weights, or the hub cannot be reached.
    """
    way_out = (
        f"Use a backbone whose weights come with a package ({', '.join(PACKAGED)}), "
        "`--weights file:PATH`, or `--mode scratch`."
    )
    if not timm_name or not timm.is_model_pretrained(timm_name):
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
        "trained_on": TABLE[name].trained_on if name in TABLE else None,
    }


def can_fetch(timm_name: str) -> bool:
    """Whether the weights of a network are in the hub's cache, or the hub answers.

    Args:
        timm_name: Name of a timm network, with or without a weights tag.

    Returns:
        False only where the client could do nothing but fail.
    """
    stated = timm.get_pretrained_cfg(timm_name)
    repository = stated.hf_hub_id if stated else None
    if repository and any(
        isinstance(try_to_load_from_cache(repository, file), str) for file in FILES
    ):
        return True
    if urllib.request.getproxies():
        return True  # a proxy resolves names that this machine cannot
    host = urllib.parse.urlsplit(os.environ.get("HF_ENDPOINT", DEFAULT_ENDPOINT))
    try:
        with socket.create_connection((host.hostname, host.port or 443), timeout=PATIENCE_S):
            return True
    except OSError:
        return False
