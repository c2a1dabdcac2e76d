"""Stored graph: the exported graph of a frozen backbone, kept on disk for the next run.

torch takes seconds to export what is read back in a hundredth of one. The file is named by a hash
of all that its bytes depend on. A graph that was just trained is worth no file: nobody asks for it
again.
"""

import hashlib
import importlib.metadata
import json
from pathlib import Path

import onnx
import torch

from lineament.core.cache import hold, limit_bytes, make_room, opened
from lineament.core.errors import ArtifactError
from lineament.core.files import atomic_file, cache_folder
from lineament.core.progress import Progress
from lineament.core.version import __version__
from lineament.models.backbones import Backbone
from lineament.models.graph import backbone_graph
from lineament.models.nodes import OPSET

FORMAT = 1  # raised when the same backbone gives another graph than before
GRAPHS = "graphs"
MAKERS = ("onnx", "onnx-ir", "onnxscript", "timm", "torch")  # what writes a graph, and networks
DIGEST_BYTES = hashlib.sha256().digest_size


def stored_graph(backbone: Backbone, *, progress: Progress, cache: bool = True) -> onnx.ModelProto:
    """Give what `lineament.models.graph.backbone_graph` gives, exporting only the first time.

    Args:
        backbone: A backbone whose weights other runs will have, too.
        progress: Who listens.
        cache: Whether a graph is looked for on disk, and kept there.

    Raises:
        UsageError: torch cannot export the network, or the limit of the cache is no number.
    """
    path = cache_folder() / GRAPHS / f"{_key(backbone)}.graph"
    stored = _read(path) if cache else None
    if stored is not None:
        return stored
    if cache:
        limit_bytes(path)  # said before the work if it is no number
    progress.note(f"writing the graph of {backbone.name}")
    graph = backbone_graph(backbone)
    if cache:
        try:
            _write(path, graph.SerializeToString())
        except ArtifactError as refused:
            progress.note(f"The graph is not kept: {refused.what} {refused.fix}")
    return graph


def _key(backbone: Backbone) -> str:
    """A hash of the weights, the network around them, and whatever else decides on the bytes."""
    ingredients = [
        FORMAT,
        __version__,
        OPSET,
        {name: importlib.metadata.version(name) for name in MAKERS},
        backbone.name,
        backbone.preprocessing.size_px,
        repr(backbone.network),  # layers with their strides and widths, which no weight tells
    ]
    hashed = hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode("utf-8"))
    # Buffers that no file holds, such as tables of positions, are in no state dict.
    tensors = {**dict(backbone.named_buffers()), **backbone.state_dict()}
    for name, tensor in sorted(tensors.items()):
        hashed.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        plain = tensor.detach().cpu().contiguous().reshape(-1)
        hashed.update(plain.view(torch.uint8).numpy())
    return hashed.hexdigest()


def _read(path: Path) -> onnx.ModelProto | None:
    """Read a graph that is there and whole: its hash stands before it."""
    try:
        with opened(path) as file:
            content = file.read()
    except OSError:  # absent, or not to be read
        return None
    graph = content[DIGEST_BYTES:]
    if hashlib.sha256(graph).digest() != content[:DIGEST_BYTES]:
        return None
    return onnx.load_model_from_string(graph)


def _write(path: Path, graph: bytes) -> None:
    with atomic_file(path, overwrite=True, flag="LINEAMENT_CACHE") as file:
        hold(file)
        make_room(path.parent, DIGEST_BYTES + len(graph))
        file.write(hashlib.sha256(graph).digest())
        file.write(graph)
