"""ONNX file: take the metadata of a model's file off, or put some on, and keep every other byte.

An ONNX file is a protobuf message, whose parts stand one after the other and may stand in any
order: https://protobuf.dev/programming-guides/encoding. So a card is appended to a graph as it is,
without the package onnx, and whoever takes it off again has the very bytes that were tested.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from lineament.core.errors import ArtifactError

METADATA_PROPS = 14  # fields of ModelProto and StringStringEntryProto, as onnx.proto numbers them
GRAPH = 7
KEY, VALUE = 1, 2
VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5  # protobuf's wire types that are still in use
LONGEST_VARINT = 10


class NotProtobufError(Exception):
    """The bytes are no protobuf message."""


def split(data: bytes, *, name: str) -> tuple[bytes, dict[str, str]]:
    """Take the metadata off.

    Args:
        data: The file.
        name: What to call it in an error.

    Returns:
        The file without its metadata, every other byte as it was; and the metadata.

    Raises:
        ArtifactError: It is no ONNX file.
    """
    kept: list[memoryview] = []
    metadata: dict[str, str] = {}
    view = memoryview(data)
    numbers = set()
    try:
        for number, kind, begin, inside, end in fields(view):
            numbers.add(number)
            if number == METADATA_PROPS and kind == DELIMITED:
                key, value = _entry(view[inside:end])
                metadata[key] = value
            else:
                kept.append(view[begin:end])
        if GRAPH not in numbers:
            raise NotProtobufError
    except (NotProtobufError, UnicodeDecodeError) as error:
        raise ArtifactError(
            f"{name} is not an ONNX model.",
            fix="Name a bundle made by `lineament export`; the model comes before the photos.",
        ) from error
    return b"".join(kept), metadata


def join(model: bytes, metadata: Mapping[str, str]) -> bytes:
    """Append metadata to a model that has none.

    Args:
        model: What `split` gave, or a serialised graph.
        metadata: What to store.
    """
    entries = []
    for key, value in metadata.items():
        entry = delimited(KEY, key.encode()) + delimited(VALUE, value.encode())
        entries.append(delimited(METADATA_PROPS, entry))
    return model + b"".join(entries)


def read_model(path: Path) -> bytes:
    """Read a model's file.

    Raises:
        ArtifactError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{path} cannot be read ({error.strerror}).",
            fix="Name a bundle made by `lineament export`.",
        ) from error


def content_sha256(model: bytes) -> str:
    """The identity of a model without its metadata: sha256 of what `split` gave."""
    return hashlib.sha256(model).hexdigest()


def fields(view: memoryview) -> Iterator[tuple[int, int, int, int, int]]:
    """Number, wire type, begin, begin of the content, and end of each part of a message."""
    at = 0
    while at < len(view):
        begin = at
        tag, at = _varint(view, at)
        number, kind = tag >> 3, tag & 7
        inside = at
        if kind == VARINT:
            _, at = _varint(view, at)
        elif kind == FIXED64:
            at += 8
        elif kind == FIXED32:
            at += 4
        elif kind == DELIMITED:
            length, inside = _varint(view, at)
            at = inside + length
        else:
            raise NotProtobufError
        if number == 0 or at > len(view):
            raise NotProtobufError
        yield number, kind, begin, inside, at


def _entry(view: memoryview) -> tuple[str, str]:
    found = {KEY: "", VALUE: ""}
    for number, kind, _, inside, end in fields(view):
        if number in found and kind == DELIMITED:
            found[number] = bytes(view[inside:end]).decode()
    return found[KEY], found[VALUE]


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(LONGEST_VARINT):
        if at + place >= len(view):
            break
        byte = view[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise NotProtobufError


def delimited(number: int, content: bytes) -> bytes:
    """Write a part of a message: its number, its length, its content."""
    return _as_varint(number << 3 | DELIMITED) + _as_varint(len(content)) + content


def _as_varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
