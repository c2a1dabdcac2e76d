"""Stating: what a report says of what it was made with, as JSON gives it back."""

import json
import platform
from collections.abc import Mapping
from importlib import metadata

from lineament.core.files import json_text
from lineament.core.version import __version__

PACKAGES = ("numpy", "onnxruntime", "Pillow")


def as_json(document: Mapping[str, object]) -> dict[str, object]:
    """Give a mapping as JSON gives it back, so that what is read equals what was written."""
    plain: dict[str, object] = json.loads(json_text(document))
    return plain


def environment() -> dict[str, object]:
    """Give the versions and the system that figures were computed with."""
    return {
        "lineament": __version__,
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in PACKAGES},
        "system": f"{platform.system()} {platform.machine()}",
    }
