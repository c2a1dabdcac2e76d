"""ONNX card: the JSON document that our ONNX files carry in their metadata."""

import json
from collections.abc import Mapping

from lineament.core.errors import ArtifactError

KEY = "lineament"


def card_entry(document: Mapping[str, object]) -> dict[str, str]:
    """Make the metadata that hold a document."""
    return {KEY: json.dumps(document, ensure_ascii=False, allow_nan=False)}


def card_document(
    metadata: Mapping[str, str], *, name: str, wanted: str, again: str
) -> dict[str, object]:
    """Read the document from an ONNX file's metadata.

    Args:
        metadata: As `lineament.artifacts.onnx_file.split` gives them.
        name: What to call the file in an error.
        wanted: What to name instead, for the error.
        again: How a damaged one is made again, for the error.

    Raises:
        ArtifactError: There is none, or it is no JSON object.
    """
    if KEY not in metadata:
        raise ArtifactError(f"{name} is an ONNX file without Lineament's metadata.", fix=wanted)
    try:
        document = json.loads(metadata[KEY])
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{name} has metadata that is not JSON.", fix=again) from error
    if not isinstance(document, dict):
        raise ArtifactError(f"{name} has metadata that is not a JSON object.", fix=again)
    return document
