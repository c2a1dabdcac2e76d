"""A bundle can be looked at: it passes ONNX's full check, and everything in it has a name."""

import json
import re
from pathlib import Path

import onnx
import pytest

from bundle_fields import wrong_fields
from lineament.artifacts.bundle import METADATA_KEY
from lineament.artifacts.onnx_file import read_model, split
from lineament.artifacts.run import Run
from lineament.exporting.config import ExportConfig
from lineament.exporting.export import export

# What a viewer shows without escapes, and a person can search for.
READABLE = re.compile(r"[A-Za-z0-9_./:-]+")
LONGEST = 80


@pytest.fixture(scope="module")
def int8_bundle(small_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("readable") / "m.onnx"
    export(small_run, path, config=ExportConfig(precision="int8", max_drop=30))
    return path


@pytest.fixture(params=["fp32", "int8"])
def bundle(request: pytest.FixtureRequest, small_bundle: Path) -> Path:
    if request.param == "fp32":
        return small_bundle
    made: Path = request.getfixturevalue("int8_bundle")
    return made


def test_bundle_passes_the_full_check(bundle: Path) -> None:
    onnx.checker.check_model(onnx.load(bundle), full_check=True)


def test_every_node_has_a_name_of_its_own(bundle: Path) -> None:
    names = [node.name for node in onnx.load(bundle).graph.node]

    assert len(set(names)) == len(names)
    assert "" not in names


def test_every_name_can_be_read(bundle: Path) -> None:
    graph = onnx.load(bundle).graph
    values = [name for node in graph.node for name in (*node.output, *node.input) if name]
    names = {*values, *(node.name for node in graph.node), *(each.name for each in graph.input)}

    odd = [name for name in names if not READABLE.fullmatch(name) or len(name) > LONGEST]
    assert odd == []


def test_nodes_of_our_own_are_called_as_what_they_give(small_bundle: Path) -> None:
    nodes = {node.name: node for node in onnx.load(small_bundle).graph.node}

    for output in ("probabilities", "embedding", "activation", "familiarity"):
        assert list(nodes[output].output) == [output]


def test_file_says_who_made_it_and_nothing_of_where(bundle: Path) -> None:
    model = onnx.load(bundle)

    assert model.producer_name == "lineament"
    assert [each.domain for each in model.opset_import] == [""]
    assert not model.functions
    assert not any(node.doc_string or node.metadata_props for node in model.graph.node)


def test_every_field_of_a_card_is_in_the_reference(bundle: Path) -> None:
    _, metadata = split(read_model(bundle), name=str(bundle))

    assert wrong_fields(json.loads(metadata[METADATA_KEY])) == []
