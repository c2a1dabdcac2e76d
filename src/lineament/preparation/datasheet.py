"""Datasheet: a page of text that says what a dataset holds, what was left out and what was checked.

After Gebru et al. 2021, "Datasheets for datasets", as far as it can be known from the photos.
"""

from collections.abc import Mapping, Sequence
from typing import Any

DATASHEET = "datasheet.md"
SHOWN_CLASSES = 50


def datasheet(document: Mapping[str, Any], audit: Mapping[str, Any], classes: Sequence[str]) -> str:
    """Write the datasheet of a dataset as Markdown.

    Args:
        document: What ``dataset.json`` says.
        audit: What ``audit.json`` says.
        classes: Class names.
    """
    counts, checks, split = document["counts"], document["checks"], document["split"]
    lines = [
        "# Datasheet",
        "",
        f"Source: `{document['source']}`.",
        *_collected(document),
        "",
        "## Photos",
        "",
        f"{counts['scanned']} files, rows or frames were scanned: {counts['kept']} kept, "
        f"{counts['rejected']} rejected, {counts['left_out_by_balance']} left out by balance, "
        f"{counts['left_out_by_decision']} left out by decision.",
        "",
    ]
    reasons = [f"- {count}: {reason}" for reason, count in counts["rejected_by_reason"].items()]
    lines += [*reasons, ""] if reasons else []
    if classes:
        near = document["config"]["near_duplicates"]
        said = _split(split, checks, counts, near=near)
        lines += [*_table(counts, classes), "", "## Split", "", *said]
    lines += ["", "## Audit", "", *_audit(audit)]
    # a path or a group may hold a line break
    return "".join(f"{' '.join(line.splitlines())}\n" for line in lines)


def _collected(document: Mapping[str, Any]) -> list[str]:
    """Say what came of a collection, and what was there before."""
    collection, extended = document.get("collection"), document.get("extended")
    lines = []
    if collection is not None:
        lines.append(
            f"It is a collection ({collection['name']}): {collection['photos']} photos of "
            f"{collection['sessions']} sessions, kept with consent; {collection['corrections']} "
            "corrections among them."
        )
    if extended is not None:
        lines.append(
            f"Added to the {extended['photos']} photos of `{extended['dataset']}` (fingerprint "
            f"{extended['fingerprint'][:12]}), which stay in their splits."
        )
    return lines


def _table(counts: Mapping[str, Any], classes: Sequence[str]) -> list[str]:
    names = list(counts["per_split"])
    rows = [f"| class | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for name in classes[:SHOWN_CLASSES]:
        parts = counts["per_class_and_split"][name]
        shown = name.replace("|", "\\|")
        rows.append(f"| {shown} | {' | '.join(str(parts[split]) for split in names)} |")
    if len(classes) > SHOWN_CLASSES:
        rows.append(f"| {len(classes) - SHOWN_CLASSES} more classes |{' |' * len(names)}")
    total = " | ".join(str(counts["per_split"][split]) for split in names)
    return [*rows, f"| all | {total} |"]


def _split(
    split: Mapping[str, Any], checks: Mapping[str, Any], counts: Mapping[str, Any], *, near: bool
) -> list[str]:
    n_test = counts["per_split"]["test"]
    words = {
        "duplicates": "the same pixels as a training photo",
        "near": "a near duplicate in training",
        "group": "a training photo of the same group",
    }
    lines = []
    if split["given"]:
        named = ", ".join(f"{name} (`{what}`)" for name, what in split["given"].items())
        lines.append(f"Given with the source: {named}.")
    lines.append(
        f"{split['n_units']} independent units in {split['n_groups']} groups; seed {split['seed']}."
    )
    for kind, text in words.items():
        if kind == "near" and not near:
            lines.append("- Near duplicates were not looked for.")
            continue
        found = checks["test_photos_with_a_partner_in_train"].get(kind, 0)
        expected = checks["of_a_random_split"].get(kind, 0)
        lines.append(
            f"- {found} of {n_test} test photos have {text}; a random split would have had "
            f"{expected:.0f}."
        )
    if split.get("train_only"):
        lines.append(
            f"- {split['train_only']} corrections are in train only: a test on photos that were "
            "kept because a model got them wrong would say little of others."
        )
    return [*lines, *(f"- Warning: {warning}" for warning in split["warnings"])]


def _audit(audit: Mapping[str, Any]) -> list[str]:
    found = [f"- {kind}: {count}" for kind, count in audit["counts"].items() if count]
    shortcuts = [
        f"- Shortcut: {each['sentence']}" for each in audit["shortcuts"] if each["suspicious"]
    ]
    return [*found, *shortcuts] or ["Nothing was found."]
