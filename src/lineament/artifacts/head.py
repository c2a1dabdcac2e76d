"""Head: what tells the classes apart, without the backbone that it is laid on.

A head is an ONNX file, called ``.head``: ``embedding float32 (N, D)`` to ``probabilities (N, C)``,
``logits (N, C)`` and, where it says when a photo is unknown, ``familiarity (N,)``. Its metadata
entry ``lineament`` is a JSON document, the card. The embedding comes from any bundle whose card
states the same `HeadCard.backbone_sha256`.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from lineament.artifacts.decisions import Decisions
from lineament.artifacts.onnx_card import card_document, card_entry
from lineament.artifacts.onnx_file import content_sha256, join, read_model, split
from lineament.artifacts.plain import optional
from lineament.artifacts.schema import check_stamp, class_names, field, positive, stamp
from lineament.core.errors import ArtifactError

KIND = "head"
SCHEMA_VERSION = 1
SUFFIX = ".head"
INPUT = "embedding"
OUTPUTS = ("probabilities", "logits")
WANTED = "Name a head made by `lineament export RUN --head-only`."
AGAIN = "Export the head again."


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeadCard:
    """What a head says about itself.

    Attributes:
        classes: Class names in label order.
        temperature: Already in the graph; what the logits were divided by.
        backbone_sha256: Identity of what computes the embedding
            (`lineament.models.identity.backbone_sha256`).
        provenance: Run, dataset fingerprint, backbone, weights, licence, versions, seed; of a head
            that was extended, what was added from what.
        parity: How far the head on the run's embedding was from the run's whole graph.
        messages: A sentence per class for live use.
        decisions: When it says that it does not know; ``None`` where that was not measured.
        content_sha256: Of the file without its metadata.
    """

    classes: tuple[str, ...]
    temperature: float
    backbone_sha256: str
    provenance: Mapping[str, object]
    parity: Mapping[str, object]
    messages: Mapping[str, str] = dataclasses.field(default_factory=dict)
    decisions: Decisions | None = None
    content_sha256: str = ""

    @property
    def unknown_threshold(self) -> float | None:
        """Below which familiarity the answer is "unknown"; ``None`` when not chosen."""
        return None if self.decisions is None else self.decisions.unknown_threshold

    def as_dict(self) -> dict[str, object]:
        """The document that is stored."""
        return {
            **stamp(KIND, SCHEMA_VERSION),
            "classes": list(self.classes),
            "temperature": self.temperature,
            "backbone_sha256": self.backbone_sha256,
            "decisions": self.decisions and dataclasses.asdict(self.decisions),
            "messages": dict(self.messages),
            "parity": dict(self.parity),
            "provenance": dict(self.provenance),
            "content_sha256": self.content_sha256,
        }


def read_head(path: Path) -> tuple[bytes, HeadCard]:
    """Read a head, and check that its graph is the one that was exported.

    Args:
        path: The file.

    Returns:
        The graph without its metadata, and the card.

    Raises:
        ArtifactError: It cannot be read, is no head, is damaged or newer, or its graph was changed.
    """
    name = str(path)
    graph, metadata = split(read_model(path), name=name)
    document = card_document(metadata, name=name, wanted=WANTED, again=AGAIN)
    check_stamp(document, kind=KIND, schema_version=SCHEMA_VERSION, name=name)
    messages = field(document, "messages", dict, name=name)
    if not all(isinstance(message, str) for message in messages.values()):
        raise ArtifactError(f"{name} has a message that is not a text.", fix=AGAIN)
    card = HeadCard(
        classes=class_names(document, name=name),
        temperature=positive(document, "temperature", name=name),
        backbone_sha256=field(document, "backbone_sha256", str, name=name),
        provenance=field(document, "provenance", dict, name=name),
        parity=field(document, "parity", dict, name=name),
        messages=messages,
        decisions=optional(Decisions, document, "decisions", name=name),
        content_sha256=field(document, "content_sha256", str, name=name),
    )
    if card.content_sha256 != content_sha256(graph):
        raise ArtifactError(
            f"{name} was changed after it was written.",
            fix="Export the head again; it is not edited by hand.",
        )
    return graph, card


def head_file(graph: bytes, card: HeadCard) -> tuple[bytes, HeadCard]:
    """Put a card behind a head's graph.

    Args:
        graph: The serialised graph; metadata that it has are left out.
        card: What the head says about itself; the graph's hash is added to it.

    Returns:
        The content of the file, and the card as it stands in it.
    """
    bare, _ = split(graph, name="the graph")
    card = dataclasses.replace(card, content_sha256=content_sha256(bare))
    return join(bare, card_entry(card.as_dict())), card
