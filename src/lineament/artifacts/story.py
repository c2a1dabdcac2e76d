"""Full report: the whole story of a run, a study or a comparison, in figures and on one page.

On disk: ``report.json`` (every figure, and the hashes of the other files); ``report.html``
(self-contained); ``parts/<dataset>/``, what was measured for it: an ``evaluation``, an
``explanation``, and of several models a ``comparison``, each an artifact of its own.
"""

from collections.abc import Mapping
from pathlib import Path

from lineament.artifacts.schema import field, open_document, stamp
from lineament.core.errors import ArtifactError
from lineament.core.files import json_text, sha256_file

KIND = "full-report"
SCHEMA_VERSION = 1
DOCUMENT = "report.json"
PAGE = "report.html"
PARTS = "parts"


def write_story(folder: Path, document: Mapping[str, object], *, page: str) -> None:
    """Write ``report.html`` and ``report.json`` beside the parts that stand in ``folder``."""
    (folder / PAGE).write_text(page, encoding="utf-8")
    written = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): sha256_file(path) for path in written}
    whole = {**stamp(KIND, SCHEMA_VERSION), **document, "files": files}
    (folder / DOCUMENT).write_text(json_text(whole), encoding="utf-8")


def read_story(folder: Path) -> dict[str, object]:
    """Read every figure of a full report and check that its files are those that were written.

    Raises:
        ArtifactError: It is none, is of a newer schema, is damaged, or a file was changed.
    """
    document = open_document(folder, DOCUMENT, kind=KIND, schema_version=SCHEMA_VERSION)
    name = str(folder)
    changed = [
        file
        for file, stated in field(document, "files", dict, name=name).items()
        if not (folder / file).is_file() or sha256_file(folder / file) != stated
    ]
    if changed:
        raise ArtifactError(
            f"{name} has files that are absent or are not those that `report` wrote.",
            at=changed,
            fix="Report again; a report is not edited by hand.",
        )
    return document
