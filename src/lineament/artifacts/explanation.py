"""Explanation: where a model looks on a dataset's photos, and how far its maps can be believed.

On disk: ``explanation.json`` (every figure, and the hashes of the other files);
``explanation.html`` (self-contained, made from these); ``photos/``, the shown photos, each as
it is and with what spoke for a class laid over it.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from lineament.artifacts.findings.faithfulness import Faithfulness
from lineament.artifacts.findings.galleries import Gallery
from lineament.artifacts.findings.hiding import Hiding
from lineament.artifacts.findings.localisation import Localisation
from lineament.artifacts.findings.sanity import SanityCheck
from lineament.artifacts.plain import plain_of, read_plain
from lineament.artifacts.sealed import open_sealed, seal

KIND = "explanation"
SCHEMA_VERSION = 1
DOCUMENT = "explanation.json"
PAGE = "explanation.html"
PHOTOS = "photos"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explanation:
    """Every figure of one explanation; the last four are ``None`` or empty where nobody asked.

    Attributes:
        subject: What was explained: ``path``, ``graph_sha256``.
        dataset: Whose photos: ``path``, ``fingerprint``.
        split: Which of them.
        classes: Class names in column order.
        n_images: How many photos the galleries were chosen from.
        method: Title of the method whose maps are shown.
        galleries: The photos.
        seed: Of every choice by chance.
        environment: Versions and system.
        faithfulness: Whether the maps mark what the model answers by.
        localisation: How much of them lies in given regions.
        hiding: Whether the model still answers with the centre hidden.
        sanity: Whether the maps depend on what was learnt, by method.
    """

    subject: Mapping[str, object]
    dataset: Mapping[str, object]
    split: str
    classes: tuple[str, ...]
    n_images: int
    method: str
    galleries: tuple[Gallery, ...]
    seed: int
    environment: Mapping[str, object]
    faithfulness: Faithfulness | None = None
    localisation: Localisation | None = None
    hiding: Hiding | None = None
    sanity: tuple[SanityCheck, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Give the fields as ``explanation.json`` holds them."""
        return plain_of(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, object], *, name: str) -> "Explanation":
        """Read what `as_dict` gave.

        Args:
            document: The fields; others are not looked at.
            name: What to call the explanation in an error.

        Raises:
            ArtifactError: A field is absent or of another type.
        """
        return read_plain(cls, document, name=name)


def write_explanation(folder: Path, explanation: Explanation, *, page: str) -> None:
    """Write ``explanation.html`` and ``explanation.json`` beside the photos in ``folder``."""
    (folder / PAGE).write_text(page, encoding="utf-8")
    seal(folder, DOCUMENT, explanation.as_dict(), kind=KIND, schema_version=SCHEMA_VERSION)


def read_explanation(folder: Path) -> Explanation:
    """Read an explanation and check that its files are those that were written.

    Raises:
        ArtifactError: It is no explanation, is of a newer schema, is damaged, or a file was
            changed.
    """
    document = open_sealed(
        folder,
        DOCUMENT,
        kind=KIND,
        schema_version=SCHEMA_VERSION,
        wrote="`explain`",
        fix="Explain again; an explanation is not edited by hand.",
    )
    return Explanation.from_dict(document, name=str(folder))
