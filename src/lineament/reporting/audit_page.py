"""Audit page: what was found in a source, with the photos, for a person to look at and decide.

The page is made from the findings and ``audit.json`` and shows a part of them, the worst first. Its
script writes what is decided beside the photos into ``audit.csv``, in the browser, and sends
nothing anywhere. Without JavaScript the page reads the same and leaves the table to an editor.

Names that a spreadsheet would take for a formula (``=cmd|...``) stand in the table as they are,
since `prepare` looks for files of exactly that name; the page warns of them.
"""

import csv
import io
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import PurePosixPath

from lineament.artifacts.audit import (
    ALIKE,
    COLUMNS,
    CONFLICT,
    DUPLICATE,
    NEAR,
    SUSPECT,
    TABLE,
    UNREADABLE,
    Finding,
    findings_text,
)
from lineament.artifacts.table import printable
from lineament.reporting.audit_gallery import SHOWN, SHOWN_LEAST, Gallery, Item
from lineament.reporting.audit_words import KINDS, about, lead, looked_for, warnings
from lineament.reporting.documents import part, parts
from lineament.reporting.numbers import PERCENT_DIGITS, counted, digits, percent
from lineament.reporting.template import as_json, package_text, render, script_hash

PURPOSE = "The audit's page"
TEMPLATE = "audit.html.j2"
SCRIPT = "audit.js"
PART = "decisions.csv"  # what is saved where the whole table is too long for a page
TABLE_BYTES = 2_000_000  # of the table in the page, which stays below some 8 MB in all
PAIRS = (CONFLICT, NEAR, DUPLICATE, ALIKE)
SHOWN_QUALITY = 24  # of each kind: a glance tells whether the photos are meant to be so
SHOWN_REASONS = 200
SHOWN_CLASSES = 12  # of a property's typical values
# Whether more (1) or less (-1) is worse, in the numbers of `preparation.inspection.quality`.
QUALITY = {"blank": -1, "dark": -1, "bright": 1, "blurred": -1, "tiny": -1, "extreme_aspect": 1}


def audit_page(
    findings: Sequence[Finding],
    document: Mapping[str, object],
    *,
    thumbnail: Callable[[str], bytes | None],
) -> str:
    """Render an audit as one HTML page that needs no network and no other file.

    Args:
        findings: The rows of ``audit.csv``, in its order.
        document: The content of ``audit.json``; what is absent is left out of the page. Its field
            ``class_of`` states the class of files; without it a file is of the one class that a
            folder of its path is named by.
        thumbnail: Gives a file's picture as a JPEG of at most 160 px, or ``None``.

    Returns:
        The whole document; the same arguments give the same bytes.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    gallery = Gallery(findings, class_of=_class_of(document), thumbnail=thumbnail)
    counts = Counter(each.kind for each in findings)
    counts |= {kind: gallery.n_pairs(kind) for kind in PAIRS if kind in counts}
    # In the order of the page: the first use of a picture embeds it.
    conflicts = gallery.pairs(CONFLICT)
    suspects = gallery.singles(SUSPECT, worst=-1, most=SHOWN, offer=True)
    near, copies, alike = gallery.pairs(NEAR), gallery.copies(DUPLICATE), gallery.pairs(ALIKE)
    quality = {
        kind: [(each, _measured(kind, each)) for each in items]
        for kind, worst in QUALITY.items()
        if (items := gallery.singles(kind, worst=worst, most=SHOWN_QUALITY))
    }
    unreadable = [number for number, each in enumerate(findings) if each.kind == UNREADABLE]
    shown = gallery.shown.union(unreadable[:SHOWN_REASONS])
    classes = sorted(printable(name) for name in part(document, "classes"))
    table, is_whole = _table(findings, classes, shown=shown)
    name = TABLE if is_whole else PART
    source = printable(str(document.get("source") or "SOURCE"))
    script = package_text(SCRIPT)
    first = lead(findings, document, counts)
    values: dict[str, object] = {
        "source": source,
        "version": str(document.get("lineament_version") or ""),
        "lead": printable(first),
        "about": printable(about(document)),
        "warnings": [printable(each) for each in warnings(findings, document) if each != first],
        "kinds": {kind: words for kind, words in KINDS.items() if counts.get(kind)},
        "absent": [KINDS[kind][0].lower() for kind in looked_for(document) if not counts.get(kind)],
        "counts": counts,
        "conflicts": conflicts,
        "suspects": suspects,
        "near": near,
        "copies": copies,
        "alike": alike,
        "quality": quality,
        "unreadable": [
            (number, printable(findings[number].filename), printable(findings[number].partner))
            for number in unreadable[:SHOWN_REASONS]
        ],
        "n_pictures": gallery.n_sets(DUPLICATE),
        "sets": part(document, "near"),
        "labels": part(document, "labels"),
        "accuracy": _accuracy(part(document, "labels")),
        "shortcuts": [_shortcut(each) for each in parts(document, "shortcuts")],
        "titles": KINDS,
        "least": SHOWN_LEAST,
        "table": table,
        "is_whole": is_whole,
        "n_findings": len(findings),
        "save_as": name,
        "command": f"lineament prepare {shlex.quote(source)} --decisions {name} --out DATASET",
        "script": script,
        "script_hash": script_hash(script),
        "counted": counted,
    }
    return render(TEMPLATE, values, purpose=PURPOSE)


def _class_of(document: Mapping[str, object]) -> Callable[[str], str]:
    stated, classes = part(document, "class_of"), part(document, "classes")

    def class_of(file: str) -> str:
        if stated:
            return str(stated.get(file) or "")
        named = {folder for folder in PurePosixPath(file).parts[:-1] if folder in classes}
        return named.pop() if len(named) == 1 else ""

    return class_of


def _table(
    findings: Sequence[Finding], classes: Sequence[str], *, shown: Set[int]
) -> tuple[str, bool]:
    """Embed ``audit.csv`` as JSON that no name can break out of.

    Returns:
        The JSON, and whether it holds every row. Of a table that is too long for a page it holds
        the rows that are shown or decided, and 0 in place of the others.
    """
    # The cells just as the table on disk has them.
    cells = list(csv.reader(io.StringIO(findings_text(findings), newline="")))[1:]
    whole = _json(cells, classes, save_as=TABLE)
    if len(whole.encode()) <= TABLE_BYTES:
        return whole, True
    rows = [
        row if number in shown or findings[number].decision else 0
        for number, row in enumerate(cells)
    ]
    return _json(rows, classes, save_as=PART), False


def _json(rows: Sequence[object], classes: Sequence[str], *, save_as: str) -> str:
    return as_json({"columns": COLUMNS, "rows": rows, "classes": classes, "save_as": save_as})


def _measured(kind: str, item: Item) -> str:
    if item.score is None:
        return ""
    if kind == "tiny":
        return f"shorter side {item.score:.0f} px"
    return f"{item.score:.1f} : 1" if kind == "extreme_aspect" else f"measured {item.score:.2f}"


def _accuracy(labels: Mapping[str, object]) -> str:
    accuracy = labels.get("accuracy")
    return percent(accuracy) if isinstance(accuracy, float) else ""


def _shortcut(shortcut: Mapping[str, object]) -> dict[str, object]:
    value, low, high, chance = (
        float(found) if isinstance(found := shortcut.get(key), int | float) else 0.0
        for key in ("accuracy", "low", "high", "chance")
    )
    decimals = digits((high - low) * 100, most=PERCENT_DIGITS)
    per_class = part(shortcut, "per_class")
    typical = [(printable(name), printable(str(words))) for name, words in per_class.items()]
    return {
        "property": printable(str(shortcut.get("property") or "")),
        "suspicious": shortcut.get("suspicious") is True,
        "sentence": printable(str(shortcut.get("sentence") or "")),
        "accuracy": percent(value, decimals=decimals),
        "low": percent(low, decimals=decimals, unit=False),
        "high": percent(high, decimals=decimals, unit=False),
        "chance": percent(chance, decimals=decimals),
        "left": f"{low * 100:.2f}%",
        "width": f"{(high - low) * 100:.2f}%",
        "dot": f"{value * 100:.2f}%",
        "typical": typical[:SHOWN_CLASSES],
        "more": max(0, len(typical) - SHOWN_CLASSES),
    }
