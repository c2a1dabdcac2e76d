"""Photo: what is known of a photo once it was read."""

import dataclasses
from collections.abc import Mapping

from lineament.imaging.decode import FileFacts
from lineament.imaging.look import Look
from lineament.preparation.sources.listing import Candidate


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Photo:
    """A photo that was read and written.

    Attributes:
        relative: Its name in the source.
        class_name: Its class; empty for none.
        split: The given split that it lies in; empty where the source gives none.
        group: What the source says it must stay together with; empty for nothing.
        metadata: Further columns of the source.
        filename: Path below the dataset.
        sha256: Hash of the file in the dataset.
        pixels: Hash of the decoded image.
        look: Its brightness, sharpness and so on.
        facts: What its original file says.
        row: Its row among the signatures.
    """

    relative: str
    class_name: str
    split: str
    group: str
    metadata: Mapping[str, str]
    filename: str
    sha256: str
    pixels: str
    look: Look
    facts: FileFacts
    row: int


def image_folder(class_name: str) -> str:
    """Where the photos of a class lie, below the dataset; those without one lie in ``images``."""
    return f"images/{class_name}" if class_name else "images"


def photo_of(
    candidate: Candidate,
    *,
    filename: str,
    sha256: str,
    pixels: str,
    look: Look,
    facts: FileFacts,
    row: int,
) -> Photo:
    """Join what the source says of a photo and what was read; arguments as `Photo` has them."""
    return Photo(
        relative=candidate.relative,
        class_name=candidate.class_name,
        split=candidate.split,
        group=candidate.group,
        metadata=candidate.metadata,
        filename=filename,
        sha256=sha256,
        pixels=pixels,
        look=look,
        facts=facts,
        row=row,
    )
