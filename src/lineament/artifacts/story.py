"""Full report: the whole story of a run, a study or a comparison, in figures and on one page.

On disk: ``report.json`` (every figure, and the hashes of the other files); ``report.html``
(self-contained); ``parts/<dataset>/``, what was measured for it: an ``evaluation``, an
``explanation``, and of several models a ``comparison``, each an artifact of its own.
"""

from collections.abc import Mapping
from pathlib import Path

from lineament.artifacts.sealed import open_sealed, seal

KIND = "full-report"
SCHEMA_VERSION = 1
DOCUMENT = "report.json"
PAGE = "report.html"
PARTS = "parts"


def write_story(folder: Path, document: Mapping[str, object], *, page: str) -> None:
    """Write ``report.html`` and ``report.json`` beside the parts that stand in ``folder``."""
    (folder / PAGE).write_text(page, encoding="utf-8")
    seal(folder, DOCUMENT, document, kind=KIND, schema_version=SCHEMA_VERSION)


def read_story(folder: Path) -> dict[str, object]:
    """Read every figure of a full report and check that its files are those that were written.

    Raises:
        ArtifactError: It is none, is of a newer schema, is damaged, or a file was changed.
    """
    return open_sealed(
        folder,
        DOCUMENT,
        kind=KIND,
        schema_version=SCHEMA_VERSION,
        wrote="`report`",
        fix="Report again; a report is not edited by hand.",
    )
