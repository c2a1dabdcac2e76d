"""Metadata come off an ONNX file and go on again; every other byte stays as it was."""

import hashlib
from pathlib import Path

import onnx
import pytest
from onnx import helper

from lineament.artifacts.bundle import read_bundle
from lineament.artifacts.onnx_file import content_sha256, join, read_model, split
from lineament.core.errors import ArtifactError

STORED_BUNDLE = Path(__file__).parents[2] / "contract" / "bundle-schema-1.onnx"
REFUSAL = (
    "m is not an ONNX model.\n"
    "  fix: Name a bundle made by `lineament export`; the model comes before the photos."
)


def model() -> onnx.ModelProto:
    node = helper.make_node("Identity", ["a"], ["b"])
    ends = [helper.make_tensor_value_info(name, 1, [1]) for name in "ab"]
    return helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:]))


def test_what_was_joined_is_split_to_the_same_bytes() -> None:
    graph = model().SerializeToString()
    entries = {"lineament": "{" + "ö" * 300 + "}", "": "empty key", "none": ""}

    assert split(join(graph, entries), name="m") == (graph, entries)


def test_onnx_reads_what_was_joined() -> None:
    proto = onnx.load_model_from_string(join(model().SerializeToString(), {"a": "1", "b": "2"}))

    assert {entry.key: entry.value for entry in proto.metadata_props} == {"a": "1", "b": "2"}
    del proto.metadata_props[:]
    assert proto == model()


def test_what_onnx_wrote_is_split() -> None:
    proto = model()
    helper.set_model_props(proto, {"a": "1"})
    graph, entries = split(proto.SerializeToString(), name="m")

    assert entries == {"a": "1"}
    assert onnx.load_model_from_string(graph) == model()


def test_metadata_before_the_graph_are_found() -> None:
    proto = onnx.ModelProto()
    helper.set_model_props(proto, {"a": "1"})
    graph = model().SerializeToString()

    assert split(proto.SerializeToString() + graph, name="m") == (graph, {"a": "1"})


@pytest.mark.parametrize(
    "content",
    [b"", b"no model at all", b"\0" * 64, b"\xff" * 64, b"\x3a\x05ab", b"\x08", b"\x08\x01"],
    ids=["empty", "text", "zeros", "ones", "cut", "no-value", "no-graph"],
)
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(ArtifactError) as caught:
        split(content, name="m")

    assert str(caught.value) == REFUSAL


def test_metadata_that_are_no_text_are_refused() -> None:
    with pytest.raises(ArtifactError) as caught:
        split(model().SerializeToString() + b"\x72\x05\x0a\x03\xff\xfe\xfd", name="m")

    assert str(caught.value) == REFUSAL


def test_model_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        read_model(tmp_path / "absent.onnx")

    assert str(caught.value) == (
        f"{tmp_path}/absent.onnx cannot be read (No such file or directory).\n"
        "  fix: Name a bundle made by `lineament export`."
    )


def test_identity_is_that_of_the_bytes() -> None:
    assert content_sha256(b"abc") == hashlib.sha256(b"abc").hexdigest()


def test_bundle_whose_graph_was_changed_is_refused(small_bundle: Path, tmp_path: Path) -> None:
    data = bytearray(small_bundle.read_bytes())
    graph, _ = read_bundle(small_bundle)
    at = data.index(graph[len(graph) // 2 :][:64])
    data[at] ^= 1
    path = tmp_path / "m.onnx"
    path.write_bytes(data)

    with pytest.raises(ArtifactError) as caught:
        read_bundle(path)

    assert str(caught.value) == (
        f"{path} was changed after it was exported.\n"
        "  fix: Export the run again; a bundle is not edited by hand."
    )


def test_bundle_of_before_hashes_is_read() -> None:
    _, card = read_bundle(STORED_BUNDLE)

    assert (card.content_sha256, card.backbone_sha256, card.arithmetic) == ("", "", "fp32")
