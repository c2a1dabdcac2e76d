"""A head's file says what it is laid on, and one that was changed is refused."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from lineament.artifacts.decisions import Decisions
from lineament.artifacts.head import HeadCard, head_file, read_head
from lineament.artifacts.onnx_card import card_entry
from lineament.artifacts.onnx_file import join, split
from lineament.core.errors import ArtifactError
from lineament.models.head_graph import head_graph
from lineament.models.head_spec import HeadSpec

SPEC = HeadSpec(
    kind="linear",
    weight=np.arange(6, dtype=np.float32).reshape(2, 3),
    bias=np.zeros(2, np.float32),
)
CARD = HeadCard(
    classes=("cat", "dog"),
    temperature=1.5,
    backbone_sha256="ab" * 32,
    provenance={"seed": 0},
    parity={"allowed": 1e-6},
    messages={"cat": "a cat"},
    decisions=Decisions(
        photos=20,
        groups=20,
        unknown_share=0.05,
        unknown_threshold=0.2,
        set_coverage=0.95,
        set_threshold=None,
        confidences={},
    ),
)


@pytest.fixture
def head(tmp_path: Path) -> Path:
    content, _ = head_file(head_graph(SPEC, temperature=1.5), CARD)
    (tmp_path / "a.head").write_bytes(content)
    return tmp_path / "a.head"


def refusal(path: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        read_head(path)
    return caught.value.what.replace(str(path), "a.head")


def changed(path: Path, **values: object) -> Path:
    """Change fields of the stored document."""
    graph, card = read_head(path)
    path.write_bytes(join(graph, card_entry({**card.as_dict(), **values})))
    return path


def test_what_is_read_is_what_was_written(head: Path) -> None:
    graph, card = read_head(head)

    assert dataclasses.replace(card, content_sha256="") == CARD
    assert graph == split(head.read_bytes(), name="a.head")[0]
    assert card.unknown_threshold == 0.2


def test_graph_that_was_changed_is_refused(head: Path) -> None:
    _, metadata = split(head.read_bytes(), name="a.head")
    other = head_graph(dataclasses.replace(SPEC, weight=SPEC.weight + 1), temperature=1.5)
    head.write_bytes(join(other, metadata))

    assert refusal(head) == "a.head was changed after it was written."


def test_bundle_is_no_head(small_bundle: Path) -> None:
    assert refusal(small_bundle).startswith("a.head ")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"schema_version": 99}, "99"),
        ({"temperature": 0}, "temperature"),
        ({"classes": ["cat", "cat"]}, "cat"),
        ({"backbone_sha256": 3}, "backbone_sha256"),
        ({"messages": {"cat": 1}}, "a message that is not a text"),
    ],
)
def test_card_that_cannot_be_is_refused(head: Path, values: dict[str, object], words: str) -> None:
    assert words in refusal(changed(head, **values))


@pytest.mark.parametrize("content", [b"", b"no onnx", b"\x08\x08" * 40])
def test_other_files_are_refused(head: Path, content: bytes) -> None:
    head.write_bytes(content)

    assert refusal(head)
