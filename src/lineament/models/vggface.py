"""VGG-Face: the released weights of Parkhi et al. 2015, in whichever of their layouts a file is.

Three conversions of the same thirteen convolutions go round. Those from MatConvNet
(``conv1_1.weight`` of `vgg_face_dag.pth`) and those in torchvision's layout
(``features.0.weight``) take R G B. Those from Lua Torch (``0.weight`` of `VGG_FACE.pth`, or
``conv_1_1.weight``) take B G R, as the authors' demonstration does: their first convolution's input
is turned round here. The fully connected layers (fc6 to fc8) are left out: they are a head for
2,622 celebrities.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from lineament.core.errors import ArtifactError
from lineament.models.table import TABLE

PAGE = "https://www.robots.ox.ac.uk/~vgg/software/vgg_face/"
CONVERTED = "https://www.robots.ox.ac.uk/~albanie/pytorch-models.html"
BLOCKS = (2, 2, 3, 3, 3)  # convolutions between two poolings
FIRST = "features.0.weight"

# Layout by layout: how the first convolution is called, and the order of its input channels.
LAYOUTS = {
    "conv1_1.weight": "MatConvNet, RGB",
    "features.0.weight": "torchvision, RGB",
    "conv_1_1.weight": "Lua Torch, BGR",
    "0.weight": "Lua Torch, BGR",
}


def no_weights() -> ArtifactError:
    """The error where the weights' file is not named."""
    return ArtifactError(
        "The weights of vggface cannot be fetched: they are released for "
        f"{TABLE['vggface'].licence}.",
        fix=f"Get `vgg_face_dag.pth` from {CONVERTED} (or VGG_FACE from {PAGE}, converted to "
        "PyTorch) and name it: `--weights file:vgg_face_dag.pth`. `sface` needs no such file.",
    )


def translated(stored: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Name the tensors of a file as timm's VGG-16 does, its input being R G B.

    Args:
        stored: The file's tensors, in any known layout.

    Returns:
        The same tensors, and which layout the file is of; empty if it is of none.

    Example:
        >>> import torch
        >>> tensors, layout = translated({"0.weight": torch.arange(3.0).reshape(1, 3, 1, 1)})
        >>> layout, tensors["features.0.weight"].flatten().tolist()
        ('Lua Torch, BGR', [2.0, 1.0, 0.0])
    """
    plain = {_plain(name): tensor for name, tensor in stored.items()}
    layout = next((said for first, said in LAYOUTS.items() if first in plain), "")
    named = {_named(name): tensor for name, tensor in plain.items()}
    first = named.get(FIRST)
    if layout.endswith("BGR") and first is not None and first.ndim == 4:
        named[FIRST] = first.flip(1)
    return named, layout


def _plain(name: str) -> str:
    """Leave out what the conversions put before ``conv_1_1``."""
    return re.sub(r"^.*?(?=conv_?\d_\d\.|fc_?\d\.)", "", name)


def _named(name: str) -> str:
    """One tensor's name in timm's layout; those of the fully connected layers as of a head."""
    convolution = re.fullmatch(r"conv_?(\d)_(\d)\.(weight|bias)", name)
    if convolution:
        block, place, leaf = convolution.groups()
        return f"features.{_position(int(block), int(place))}.{leaf}"
    numbered = re.fullmatch(r"(\d+)\.(?:1\.)?(weight|bias)", name)
    if numbered and int(numbered[1]) < _position(len(BLOCKS) + 1, 1):
        return f"features.{name}"
    return f"fc.{name}" if numbered or re.match(r"fc_?\d\.", name) else name


def _position(block: int, place: int) -> int:
    """Where a convolution stands among convolutions, ReLUs and poolings, all in one row."""
    return sum(2 * count + 1 for count in BLOCKS[: block - 1]) + 2 * (place - 1)
