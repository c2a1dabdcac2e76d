"""Sealed: folders whose document holds the hashes of all their other files."""

from collections.abc import Mapping
from pathlib import Path

from lineament.artifacts.schema import field, open_document, stamp
from lineament.core.errors import ArtifactError
from lineament.core.files import json_text, sha256_file


def seal(
    folder: Path, name: str, document: Mapping[str, object], *, kind: str, schema_version: int
) -> None:
    """Write a document with the hashes of every file that stands in its folder.

    Args:
        folder: Usually the partial one of an atomic write; everything else is already in it.
        name: Of the document.
        document: What it says.
        kind: Of the artifact.
        schema_version: Of the artifact.
    """
    written = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {
        path.relative_to(folder).as_posix(): sha256_file(path)
        for path in written
        if path != folder / name
    }
    whole = {**stamp(kind, schema_version), **document, "files": files}
    (folder / name).write_text(json_text(whole), encoding="utf-8")


def open_sealed(
    folder: Path, name: str, *, kind: str, schema_version: int, wrote: str, fix: str
) -> dict[str, object]:
    """Read what `seal` wrote, and check that the files are those of then.

    Args:
        folder: The artifact.
        name: Of its document.
        kind: Of the artifact.
        schema_version: The newest that is understood.
        wrote: Who wrote it, for the error.
        fix: The way out, for the error.

    Raises:
        ArtifactError: It is no such artifact, is of a newer schema, is damaged, or a file was
            changed.
    """
    document = open_document(folder, name, kind=kind, schema_version=schema_version)
    changed = [
        file
        for file, stated in field(document, "files", dict, name=str(folder)).items()
        if not (folder / file).is_file() or sha256_file(folder / file) != stated
    ]
    if changed:
        raise ArtifactError(
            f"{folder} has files that are absent or are not those that {wrote} wrote.",
            at=changed,
            fix=fix,
        )
    return document
