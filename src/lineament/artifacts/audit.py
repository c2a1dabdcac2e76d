"""Audit: what was found in a source, as a table that a person edits and `prepare` obeys.

On disk: ``audit.csv`` with the columns ``filename,finding,partner,score,decision`` (filenames as in
the source), and ``audit.json`` with everything that is not about single files.

A decision is empty (nothing decided), ``keep``, ``drop`` (leave it out), ``label:NAME`` (it is of
that class) or ``different`` (these two are no near duplicates).
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lineament.artifacts.schema import open_document, stamp
from lineament.artifacts.table import read_table, table_text, write_table
from lineament.core.errors import DataError
from lineament.core.files import json_text
from lineament.core.suggest import did_you_mean

KIND = "audit"
DOCUMENT = "audit.json"
TABLE = "audit.csv"
SCHEMA_VERSION = 1
COLUMNS = ("filename", "finding", "partner", "score", "decision")

UNREADABLE = "unreadable"
DUPLICATE = "exact_duplicate"
NEAR = "near_duplicate"
CONFLICT = "label_conflict"
SUSPECT = "label_suspect"
ALIKE = "alike"  # by embedding: the same person's burst, the same scene
QUALITY = ("blank", "dark", "bright", "blurred", "tiny", "extreme_aspect")
FINDINGS = (UNREADABLE, CONFLICT, DUPLICATE, NEAR, ALIKE, SUSPECT, *QUALITY)

KEEP, DROP, DIFFERENT, RELABEL = "keep", "drop", "different", "label:"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One line of the table.

    Attributes:
        filename: The file, as the source names it.
        kind: One of `FINDINGS`.
        partner: The other file of a pair, the suggested class, or the reason.
        score: What was measured; empty where nothing was.
        decision: What a person decided; empty until then.
    """

    filename: str
    kind: str
    partner: str = ""
    score: float | None = None
    decision: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decisions:
    """What a person decided.

    Attributes:
        dropped: Files to leave out.
        relabelled: File to its class.
        different: Pairs, in order of name, that are no near duplicates.
    """

    dropped: frozenset[str] = frozenset()
    relabelled: Mapping[str, str] = dataclasses.field(default_factory=dict)
    different: frozenset[tuple[str, str]] = frozenset()

    @property
    def files(self) -> set[str]:
        """Every file that something was decided about."""
        pairs = {name for pair in self.different for name in pair}
        return {*self.dropped, *self.relabelled, *pairs}


def findings_text(findings: Iterable[Finding]) -> str:
    """Render the table."""
    return table_text(COLUMNS, [_row(each) for each in findings])


def write_audit(folder: Path, findings: Sequence[Finding], document: Mapping[str, object]) -> None:
    """Write ``audit.csv`` and ``audit.json`` below a folder that is being made."""
    write_table(folder / TABLE, COLUMNS, [_row(each) for each in findings])
    whole = {**stamp(KIND, SCHEMA_VERSION), **document}
    (folder / DOCUMENT).write_text(json_text(whole), encoding="utf-8")


def read_audit(folder: Path) -> tuple[list[Finding], dict[str, object]]:
    """Read what `write_audit` wrote.

    Raises:
        ArtifactError: It is no audit, or damaged.
    """
    document = open_document(folder, DOCUMENT, kind=KIND, schema_version=SCHEMA_VERSION)
    return read_findings(folder / TABLE), document


def read_findings(path: Path) -> list[Finding]:
    """Read an ``audit.csv``, edited or not.

    Raises:
        ArtifactError: It is absent or has other columns.
        DataError: A score is no number.
    """
    findings, wrong = [], []
    fix = "Write one with `lineament audit`, and edit the column `decision` alone."
    for number, row in enumerate(read_table(path, COLUMNS, fix=fix), 2):
        try:
            score = float(row["score"]) if row["score"] else None
            if score is not None and not math.isfinite(score):
                raise ValueError
        except ValueError:
            wrong.append(f"row {number} ({row['score']})")
            continue
        findings.append(
            Finding(
                filename=row["filename"],
                kind=row["finding"],
                partner=row["partner"],
                score=score,
                decision=row["decision"].strip(),
            )
        )
    if wrong:
        raise DataError(f"{path} has scores that are no numbers.", at=wrong, fix=fix)
    return findings


def read_decisions(path: Path) -> Decisions:
    """Read what a person decided in an ``audit.csv``.

    Args:
        path: The table.

    Returns:
        The decisions; lines without one decide nothing.

    Raises:
        ArtifactError: The table is absent or has other columns.
        DataError: A decision is not one of the words, or two contradict each other; all of them
            are named.
    """
    dropped: set[str] = set()
    kept: set[str] = set()
    relabelled: dict[str, str] = {}
    different: set[tuple[str, str]] = set()
    wrong = []
    for number, finding in enumerate(read_findings(path), 2):
        name, decision = finding.filename, finding.decision
        if decision == KEEP:
            kept.add(name)
        elif decision == DROP:
            dropped.add(name)
        elif decision == DIFFERENT and _is_near(finding):
            different.add((min(name, finding.partner), max(name, finding.partner)))
        elif decision == DIFFERENT:
            wrong.append(f"row {number} ({decision}, but it is no near duplicate)")
        elif decision.startswith(RELABEL):
            class_name = decision.removeprefix(RELABEL).strip()
            if not class_name:
                wrong.append(f"row {number} ({decision} without a class)")
            elif relabelled.setdefault(name, class_name) != class_name:
                wrong.append(f"{name} (two classes)")
        elif decision:
            words = (KEEP, DROP, DIFFERENT, RELABEL)
            wrong.append(f"row {number} ({decision}){did_you_mean(decision, words)}")
    wrong += [f"{name} (keep and drop)" for name in sorted(kept & dropped)]
    wrong += [f"{name} (drop and label)" for name in sorted(dropped & relabelled.keys())]
    if wrong:
        raise DataError(
            f"{path} has decisions that cannot be followed; nothing was written.",
            at=wrong,
            fix="Write `keep`, `drop`, `label:NAME`, for near duplicates also `different`, or "
            "leave the cell empty.",
        )
    return Decisions(
        dropped=frozenset(dropped), relabelled=relabelled, different=frozenset(different)
    )


def _is_near(finding: Finding) -> bool:
    """Whether two files are alike by a measure; a conflict of copies has no score."""
    return finding.kind in (NEAR, ALIKE) or (finding.kind == CONFLICT and finding.score is not None)


def _row(finding: Finding) -> tuple[str, ...]:
    score = "" if finding.score is None else f"{finding.score:.4f}"
    return (finding.filename, finding.kind, finding.partner, score, finding.decision)
