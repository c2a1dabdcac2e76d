"""What every artifact states about itself: its kind, its schema version and who wrote it."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from lineament.core.errors import ArtifactError
from lineament.core.files import read_json
from lineament.core.version import __version__

T = TypeVar("T")

DOCUMENTS = {
    "dataset": "dataset.json",
    "collection": "collection.json",
    "run": "run.json",
    "report": "report.json",
    "audit": "audit.json",
    "study": "study.json",
    "comparison": "comparison.json",
    "explanation": "explanation.json",
}


def stamp(kind: str, schema_version: int) -> dict[str, object]:
    """The first fields of an artifact's document."""
    return {"kind": kind, "schema_version": schema_version, "lineament": __version__}


def open_document(
    root: Path, document: str, *, kind: str, schema_version: int
) -> dict[str, object]:
    """Read the document of an artifact's folder, or say what the folder is instead.

    Args:
        root: The folder.
        document: Name of its document.
        kind: What it must be.
        schema_version: The newest schema that this version reads.

    Raises:
        ArtifactError: It is something else, or newer, or its document cannot be read.
    """
    other = next((name for name, file in DOCUMENTS.items() if (root / file).is_file()), None)
    if other is not None and not (root / document).is_file():
        raise ArtifactError(
            f"{root} is {_a(other)}, not {_a(kind)}.",
            fix=f"Name {_a(kind)} there; `lineament VERB --help` shows the order.",
        )
    whole = read_json(root / document, kind=kind)
    check_stamp(whole, kind=kind, schema_version=schema_version, name=str(root))
    return whole


def check_stamp(
    document: Mapping[str, object], *, kind: str, schema_version: int, name: str
) -> None:
    """Refuse a document of another kind or of a newer schema.

    Args:
        document: What was read.
        kind: What it must be.
        schema_version: The newest schema that this version reads.
        name: What to call the artifact in the error.

    Raises:
        ArtifactError: It is something else, or newer.
    """
    found = document.get("kind")
    if found != kind:
        raise ArtifactError(
            f"{name} is not {_a(kind)}" + (f" but {_a(found)}." if isinstance(found, str) else "."),
            fix=f"Name {_a(kind)} that Lineament wrote.",
        )
    version = document.get("schema_version")
    if type(version) is not int or not 1 <= version <= schema_version:
        raise ArtifactError(
            f"{name} has {kind} schema {version}; this Lineament {__version__} reads 1 to "
            f"{schema_version}.",
            fix="Install the version of Lineament that wrote it, or a newer one.",
        )


def field(document: Mapping[str, object], key: str, kind: type[T], *, name: str) -> T:
    """Take a field of a document, of a known type.

    Raises:
        ArtifactError: The field is absent or of another type.
    """
    value = document.get(key)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise ArtifactError(
            f"{name} has no usable field `{key}` (wanted {kind.__name__}, found {value!r:.40}).",
            fix="The artifact is damaged; make it again.",
        )
    return value


def class_names(document: Mapping[str, object], *, name: str) -> tuple[str, ...]:
    """Take the field `classes`: at least one name, none empty, none twice; errors as `field`."""
    names = texts(document, "classes", name=name)
    if not names or "" in names or len(set(names)) != len(names):
        raise ArtifactError(
            f"{name} has class names that cannot be told apart: {list(names)!r:.80}.",
            fix="The artifact is damaged; make it again.",
        )
    return names


def positive(document: Mapping[str, object], key: str, *, name: str) -> float:
    """Take a field that is a finite number above 0; errors as `field`."""
    value = field(document, key, float, name=name)
    if not 0 < value < math.inf:
        raise ArtifactError(
            f"{name} has a field `{key}` that must be a number above 0, found {value}.",
            fix="The artifact is damaged; make it again.",
        )
    return value


def texts(document: Mapping[str, object], key: str, *, name: str) -> tuple[str, ...]:
    """Take a field that is a list of texts; errors as `field`."""
    values: Sequence[object] = field(document, key, list, name=name)
    if not all(isinstance(value, str) for value in values):
        raise ArtifactError(
            f"{name} has a field `{key}` that is not a list of texts.",
            fix="The artifact is damaged; make it again.",
        )
    return tuple(str(value) for value in values)


def _a(kind: str) -> str:
    """A kind with its article."""
    return f"{'an' if kind[:1] in 'aeiou' else 'a'} {kind}"
