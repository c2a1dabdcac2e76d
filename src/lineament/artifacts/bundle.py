"""Bundle: one ``.onnx`` file from pixels to calibrated probabilities, complete for a stranger.

The graph takes ``image`` (``uint8 (N, H, W, 3)``, RGB, any size) and gives ``probabilities
(N, C)``, ``embedding (N, D)``, ``activation (N, C, h, w)``, whose mean over ``h, w`` is the class's
logit, and ``familiarity (N,)``, from 0 (like no training photo) to 1, which is 0.5 for half of the
known photos; graphs of before that lack the last.
The metadata entry ``lineament`` holds the card below as JSON.
"""

import base64
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from lineament.artifacts.decisions import Decisions
from lineament.artifacts.onnx_card import KEY, card_document, card_entry
from lineament.artifacts.onnx_file import content_sha256, join, read_model, split
from lineament.artifacts.plain import optional
from lineament.artifacts.precision import FP32, INT8, Precision
from lineament.artifacts.schema import check_stamp, class_names, field, positive, stamp
from lineament.artifacts.tested import FiguresOnTest
from lineament.artifacts.torchscript_card import refuse_torchscript
from lineament.core.errors import ArtifactError
from lineament.imaging.decode import decoding_rule
from lineament.imaging.preprocess import Preprocessing

KIND = "bundle"
SCHEMA_VERSION = 1
METADATA_KEY = KEY
INPUT = "image"
OUTPUTS = ("probabilities", "embedding", "activation")
FAMILIARITY = "familiarity"
# A thousandth of a probability changes no answer that anyone would rely on, and is a thousand times
# what rounding in float32 gives; above it something else is being computed.
MAX_DIFFERENCE = 1e-3


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoldenPhoto:
    """A photo file that travels in the bundle, and what the model answers to it.

    Attributes:
        name: What is special about it.
        data: The file's bytes.
        probabilities: The expected answer, one per class.
        familiarity: The expected familiarity; ``None`` where the model does not say.
    """

    name: str
    data: bytes
    probabilities: tuple[float, ...]
    familiarity: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class BundleCard:
    """What a bundle says about itself.

    Attributes:
        classes: Class names in output order.
        preprocessing: What the graph does to pixels. How files become pixels follows from it and
            is spelt out in the metadata's field `decoding`, for ports to other languages.
        temperature: Already in the graph; what the logits were divided by.
        provenance: Run, dataset fingerprint, backbone, weights, licence, versions, seed.
        parity: Largest differences in any probability and in familiarity between PyTorch and ONNX
            Runtime.
        golden: Photos with their expected answers.
        messages: A sentence per class for live use.
        decisions: When it says that it does not know; ``None`` in bundles of before that.
        precision: What a faster arithmetic than float32 costs; ``None`` where it is float32.
        content_sha256: Of the file without its metadata; empty in bundles of before that.
        backbone_sha256: Identity of what computes the embedding, so that a head can be laid on it;
            empty in bundles of before that.
        tested: What the graph reached on test photos; ``None`` where no report was named at its
            export.
    """

    classes: tuple[str, ...]
    preprocessing: Preprocessing
    temperature: float
    provenance: Mapping[str, object]
    parity: Mapping[str, object]
    golden: tuple[GoldenPhoto, ...]
    messages: Mapping[str, str] = dataclasses.field(default_factory=dict)
    decisions: Decisions | None = None
    precision: Precision | None = None
    content_sha256: str = ""
    backbone_sha256: str = ""
    tested: FiguresOnTest | None = None

    @property
    def arithmetic(self) -> str:
        """``fp32``, ``bf16`` or ``int8``."""
        return FP32 if self.precision is None else self.precision.arithmetic

    @property
    def written(self) -> str:
        """The arithmetic that is written into the graph: ``fp32`` or ``int8``."""
        return INT8 if self.arithmetic == INT8 else FP32

    @property
    def allowed_difference(self) -> float:
        """By how much an engine may differ in any probability of a golden photo."""
        allowed = self.parity.get("allowed")
        return float(allowed) if isinstance(allowed, int | float) else MAX_DIFFERENCE

    @property
    def unknown_threshold(self) -> float | None:
        """Below which familiarity the answer is "unknown"; ``None`` when not fitted."""
        return None if self.decisions is None else self.decisions.unknown_threshold

    def metadata(self) -> dict[str, str]:
        """The entries to store in the ONNX file."""
        return card_entry(self.as_dict())

    def without_photos(self) -> dict[str, object]:
        """The document with the names of the golden photos in their place, to be shown."""
        return {**self.as_dict(), "golden": [photo.name for photo in self.golden]}

    def as_dict(self) -> dict[str, object]:
        """The document that is stored."""
        return {
            **stamp(KIND, SCHEMA_VERSION),
            "classes": list(self.classes),
            "preprocessing": self.preprocessing.as_dict(),
            "decoding": decoding_rule(self.preprocessing.needed_short_side_px),
            "temperature": self.temperature,
            "provenance": dict(self.provenance),
            "parity": dict(self.parity),
            "messages": dict(self.messages),
            "decisions": self.decisions and dataclasses.asdict(self.decisions),
            "precision": self.precision and dataclasses.asdict(self.precision),
            "tested": self.tested and dataclasses.asdict(self.tested),
            "content_sha256": self.content_sha256,
            "backbone_sha256": self.backbone_sha256,
            "golden": [
                {
                    "name": photo.name,
                    "data_base64": base64.b64encode(photo.data).decode("ascii"),
                    "probabilities": list(photo.probabilities),
                    "familiarity": photo.familiarity,
                }
                for photo in self.golden
            ],
        }


def read_card(metadata: Mapping[str, str], *, name: str) -> BundleCard:
    """Read the card from an ONNX file's metadata.

    Args:
        metadata: The custom metadata of the file, as its reader gives it.
        name: What to call the file in an error.

    Raises:
        ArtifactError: There is no card, or it is damaged or newer.
    """
    document = card_document(
        metadata,
        name=name,
        wanted="Name a bundle made by `lineament export`.",
        again="Export the bundle again.",
    )
    check_stamp(document, kind=KIND, schema_version=SCHEMA_VERSION, name=name)
    classes = class_names(document, name=name)
    messages = field(document, "messages", dict, name=name)
    if not all(isinstance(message, str) for message in messages.values()):
        raise ArtifactError(
            f"{name} has a message that is not a text.", fix="Export the bundle again."
        )
    return BundleCard(
        classes=classes,
        preprocessing=Preprocessing.from_dict(field(document, "preprocessing", dict, name=name)),
        temperature=positive(document, "temperature", name=name),
        provenance=field(document, "provenance", dict, name=name),
        parity=field(document, "parity", dict, name=name),
        golden=tuple(
            _golden(entry, len(classes), name)
            for entry in field(document, "golden", list, name=name)
        ),
        messages=messages,
        decisions=optional(Decisions, document, "decisions", name=name),
        precision=optional(Precision, document, "precision", name=name),
        content_sha256=field({"content_sha256": "", **document}, "content_sha256", str, name=name),
        backbone_sha256=field(
            {"backbone_sha256": "", **document}, "backbone_sha256", str, name=name
        ),
        tested=optional(FiguresOnTest, document, "tested", name=name),
    )


def read_bundle(path: Path) -> tuple[bytes, BundleCard]:
    """Read a bundle, and check that its graph is the one that was exported.

    Args:
        path: The file.

    Returns:
        The graph without its metadata, and the card.

    Raises:
        ArtifactError: It cannot be read, is no bundle, is damaged or newer, or its graph was
            changed.
    """
    data = read_model(path)
    refuse_torchscript(data, name=str(path))
    graph, metadata = split(data, name=str(path))
    card = read_card(metadata, name=str(path))
    if card.content_sha256 and card.content_sha256 != content_sha256(graph):
        raise ArtifactError(
            f"{path} was changed after it was exported.",
            fix="Export the run again; a bundle is not edited by hand.",
        )
    return graph, card


def with_card(model: bytes, card: BundleCard) -> bytes:
    """Put a card behind an ONNX graph, which stays byte for byte what it was.

    Args:
        model: The serialised graph; metadata that it has are left out.
        card: What the bundle says about itself; the graph's hash is added to it.

    Returns:
        The content of the bundle's file.
    """
    graph, _ = split(model, name="the graph")
    card = dataclasses.replace(card, content_sha256=content_sha256(graph))
    return join(graph, card.metadata())


def _golden(entry: object, n_classes: int, name: str) -> GoldenPhoto:
    try:
        record = cast(Mapping[str, object], entry)
        answers = [float(value) for value in cast(list[float], record["probabilities"])]
        if len(answers) != n_classes:
            raise ValueError("one probability per class is wanted")
        familiarity = record.get("familiarity")
        return GoldenPhoto(
            name=str(record["name"]),
            data=base64.b64decode(str(record["data_base64"]), validate=True),
            probabilities=tuple(answers),
            familiarity=None if familiarity is None else float(cast(float, familiarity)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"{name} has a damaged golden photo.", fix="Export the bundle again."
        ) from error
