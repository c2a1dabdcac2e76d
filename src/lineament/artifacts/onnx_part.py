"""ONNX part: the beginning of a graph as a graph of its own, without the package onnx.

An engine may then leave the pixels to another one, which is given that part alone.
"""

from typing import NamedTuple

from lineament.artifacts.onnx_file import DELIMITED, GRAPH, NotProtobufError, delimited, fields

# Fields of GraphProto, NodeProto, TensorProto and ValueInfoProto, as onnx.proto numbers them.
NODE, INITIALIZER, OUTPUT, VALUE_INFO = 1, 5, 12, 13
NODE_INPUT, NODE_OUTPUT = 1, 2
TENSOR_NAME = 8
INFO_NAME, INFO_TYPE = 1, 2
# TypeProto: a tensor of float32 with four axes, of which none is said how long it is.
FLOAT_TENSOR = bytes.fromhex("0a0c 0801 1208 0a00 0a00 0a00 0a00")


class _Part(NamedTuple):
    """A part of the graph: its number, its bytes as they stand, and the content."""

    number: int
    whole: memoryview
    content: memoryview


def beginning(model: bytes, tensor: str) -> bytes | None:
    """Take out of a graph what makes one of its tensors.

    Args:
        model: The graph, its nodes in the order in which they are computed.
        tensor: Name of a tensor within, ``float32`` with four axes.

    Returns:
        A graph of the same inputs whose only output is the tensor; ``None`` where no node makes it
        or the bytes are no graph.
    """
    view = memoryview(model)
    made, has_graph = [], False
    try:
        for number, kind, begin, inside, end in fields(view):
            if number == GRAPH and kind == DELIMITED:
                graph = _until(_parts(view[inside:end]), tensor)
                if graph is None:
                    return None
                made.append(delimited(GRAPH, graph))
                has_graph = True
            else:
                made.append(bytes(view[begin:end]))
    except (NotProtobufError, UnicodeDecodeError):
        return None
    return b"".join(made) if has_graph else None


def _until(parts: list[_Part], tensor: str) -> bytes | None:
    wanted, found = {tensor}, False
    kept: list[_Part] = []
    for part in reversed(parts):
        if part.number == NODE:
            if not wanted & _texts(part.content, NODE_OUTPUT):
                continue
            found = found or tensor in _texts(part.content, NODE_OUTPUT)
            wanted |= _texts(part.content, NODE_INPUT)
        kept.append(part)
    if not found:
        return None
    output = delimited(INFO_NAME, tensor.encode()) + delimited(INFO_TYPE, FLOAT_TENSOR)
    left_out = (OUTPUT, VALUE_INFO)
    return b"".join(
        bytes(part.whole)
        for part in reversed(kept)
        if part.number not in left_out
        and (part.number != INITIALIZER or _texts(part.content, TENSOR_NAME) & wanted)
    ) + delimited(OUTPUT, output)


def _parts(view: memoryview) -> list[_Part]:
    return [
        _Part(number, view[begin:end], view[inside:end])
        for number, _, begin, inside, end in fields(view)
    ]


def _texts(view: memoryview, wanted: int) -> set[str]:
    """The texts that a message has under one number."""
    return {
        bytes(view[inside:end]).decode()
        for number, kind, _, inside, end in fields(view)
        if number == wanted and kind == DELIMITED
    }
