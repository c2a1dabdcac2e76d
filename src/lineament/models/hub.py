"""The hub: asked whether it is there before its client retries for a minute."""

import os
import socket
import urllib.parse
import urllib.request

import timm
from huggingface_hub import try_to_load_from_cache

DEFAULT_ENDPOINT = "https://huggingface.co"
PATIENCE_S = 5.0
FILES = ("model.safetensors", "pytorch_model.bin")  # what timm looks for, in its order


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
