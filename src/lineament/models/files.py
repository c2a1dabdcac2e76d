"""Weights files: a safetensors or weights-only ``.pth`` file put into any backbone.

Tensors are matched by name, whatever wrappers put before it (``module.``, ``model.``, ``backbone.``
and so on), and whether they lie at the top of the file or in its ``state_dict`` or ``model``. Where
no name is known they are matched by order, if every shape and kind agrees: so torchvision's files
fit timm's networks. A head is left out. Anything else that is missing, of another shape or left
over is refused and named. The run records how many tensors matched, how, and which were left out.
"""

import dataclasses
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from lineament.core.errors import ArtifactError, DataError
from lineament.core.files import sha256_file
from lineament.models import vggface
from lineament.models.table import TABLE

HEAD_PREFIXES = ("classifier.", "fc.", "head.", "head_", "pre_logits.")  # not of a backbone
# What training code puts before a network's own names: wrappers, and Lineament's own classifier.
PREFIXES = ("module.", "model.", "backbone.", "network.", "encoder.")
NESTED = ("state_dict", "model_state_dict", "model")
# Counts batches for a cumulative average that no network here takes; old files do not have it.
COUNTER = "num_batches_tracked"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matched:
    """Which tensors of a file went where.

    Attributes:
        tensors: By the network's names.
        left_out: Names of the file's that are of a head.
        how: ``by name`` or ``by order``.
    """

    tensors: Mapping[str, Tensor]
    left_out: tuple[str, ...]
    how: str


def load_file(network: nn.Module, name: str, path: Path) -> dict[str, object]:
    """Fill a network from a weights file.

    Args:
        network: To be filled.
        name: Of the backbone.
        path: ``.safetensors``, or a ``.pth`` that holds tensors alone.

    Returns:
        Provenance: kind, tag, hash, licence, and how many tensors matched, and which were left out.

    Raises:
        ArtifactError: The file is absent, or a tensor of the network is missing or of another
            shape, or one is left that is not of a head.
        DataError: It cannot be read as weights.
    """
    stored = read_weights(path)
    known: dict[str, object] = {"licence": "not stated", "trained_on": None}
    if name == "vggface":
        bare = {_bare(key, {}): tensor for key, tensor in stored.items()}
        stored, layout = vggface.translated(bare)
        entry = TABLE[name]
        known = {"licence": entry.licence, "trained_on": entry.trained_on, "layout": layout}
    matched = match(stored, network.state_dict(), name=name, path=path)
    network.load_state_dict({**network.state_dict(), **matched.tensors})
    return {
        "weights": f"file:{path}",
        "tag": path.name,
        "sha256": sha256_file(path),
        **known,
        "matched": len(matched.tensors),
        "matched_how": matched.how,
        "left_out": list(matched.left_out),
    }


def match(
    stored: Mapping[str, Tensor], wanted: Mapping[str, Tensor], *, name: str, path: Path
) -> Matched:
    """Find a network's tensors in a file, by name or, if no name is known, by their order.

    Args:
        stored: The file's tensors.
        wanted: The network's.
        name: Of the backbone, for errors.
        path: Of the file, for errors.

    Raises:
        ArtifactError: A tensor of the network is missing or of another shape, or one is left that
            is not of a head.
    """
    named = _named(stored, wanted)
    known = [key for key in named if key in wanted]
    if not known:
        ordered = _ordered(stored, wanted)
        if ordered is not None:
            return ordered
    wrong = [
        f"{key} ({'absent' if key not in named else f'{tuple(named[key].shape)}'}, wanted "
        f"{tuple(like.shape)})"
        for key, like in wanted.items()
        if (key not in named and not key.endswith(COUNTER))
        or (key in named and named[key].shape != like.shape)
    ]
    left = [key for key in named if key not in wanted]
    strange = [key for key in left if not key.startswith(HEAD_PREFIXES)]
    if wrong or strange:
        raise ArtifactError(
            f"{path} does not hold the weights of `{name}`.",
            at=[*wrong, *(f"{key} (not in the network)" for key in strange)],
            fix="Name the backbone that the file was saved from.",
        )
    return Matched(tensors={key: named[key] for key in known}, left_out=tuple(left), how="by name")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a file, those of a checkpoint's network if it holds other things too.

    Raises:
        ArtifactError: There is no such file.
        DataError: It cannot be read as weights, or holds some that are not numbers.
    """
    if not path.is_file():
        raise ArtifactError(f"{path} is not a file.", fix="Name a .safetensors or .pth file.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file as load_safetensors

            stored = load_safetensors(path)
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
    tensors = _tensors(stored)
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


def _tensors(stored: object) -> dict[str, Tensor]:
    """The tensors of a file, or of the first member that holds a network's."""
    if not isinstance(stored, dict):
        return {}
    for key in NESTED:
        if isinstance(stored.get(key), dict):
            return _tensors(stored[key])
    return {
        key: value
        for key, value in stored.items()
        if isinstance(key, str) and isinstance(value, Tensor)
    }


def _named(stored: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The file's tensors without prefixes; of two with one name, the shorter one's counts."""
    named: dict[str, Tensor] = {}
    for key in sorted(stored, key=len):
        named.setdefault(_bare(key, wanted), stored[key])
    return {key: named[key] for key in (_bare(each, wanted) for each in stored)}


def _bare(key: str, wanted: Mapping[str, Tensor]) -> str:
    """A name without what stands before the network's own; some networks' own begin so too."""
    while key not in wanted:
        prefix = next((each for each in PREFIXES if key.startswith(each)), "")
        if not prefix:
            break
        key = key.removeprefix(prefix)
    return key


def _ordered(stored: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Matched | None:
    """Pair tensors by order, as torchvision and timm list the same network; None if they differ."""
    theirs = [key for key in stored if not key.endswith(COUNTER)]
    ours = [key for key in wanted if not key.endswith(COUNTER)]
    alike = all(
        stored[one].shape == wanted[other].shape and _leaf(one) == _leaf(other)
        for one, other in zip(theirs, ours, strict=False)
    )
    # What is left must be one or two layers: a head stands last, with a weight and a bias each.
    left = theirs[len(ours) :]
    if not alike or len(theirs) < len(ours) or len(left) > 4:
        return None
    tensors = {other: stored[one] for one, other in zip(theirs, ours, strict=False)}
    return Matched(tensors=tensors, left_out=tuple(left), how="by order")


def _leaf(key: str) -> str:
    return key.rpartition(".")[2]
