"""The chapter on the data: how many photos of what, from where, and what was left out."""

from collections.abc import Mapping

from lineament.artifacts.dataset import Dataset
from lineament.reporting.documents import number, part
from lineament.reporting.numbers import counted, percent

SHOWN_CLASSES = 60  # a longer table is not read to its end; `splits` in the dataset holds all
REASONS = {  # what is left out on purpose, beside what could not be used
    "left_out_by_balance": "left out to balance the classes",
    "left_out_by_decision": "left out by a person's decision in audit.csv",
}


def data(dataset: Dataset, audit: Mapping[str, object]) -> dict[str, object]:
    """Write the chapter.

    Args:
        dataset: The dataset.
        audit: What its ``audit.json`` says; may be empty.

    Returns:
        What ``chapter_data.html.j2`` names.
    """
    document = dataset.document
    counts = part(document, "counts")
    table = part(counts, "per_class_and_split")
    splits = list(part(counts, "per_split"))
    rows = [
        (name, [f"{number(part(table, name), split):,}" for split in splits], _total(table, name))
        for name in list(table)[:SHOWN_CLASSES]
    ]
    return {
        "source": str(document.get("source") or "not stated"),
        "sentences": [_scanned(counts), *_settings(document), *_audit(audit)],
        "splits": splits,
        "rows": rows,
        "totals": [f"{number(part(counts, 'per_split'), split):,}" for split in splits],
        "kept": f"{number(counts, 'kept'):,}",
        "n_classes": len(table),
        "left_out": left_out(counts),
        "warnings": _warnings(document),
    }


def left_out(counts: Mapping[str, object]) -> list[tuple[str, str]]:
    """Say what was left out: how many files, and why; most first.

    Args:
        counts: The part ``counts`` of ``dataset.json``.
    """
    reasons = part(counts, "rejected_by_reason")
    found = [(number(reasons, reason), str(reason)) for reason in reasons]
    found += [(number(counts, key), words) for key, words in REASONS.items()]
    return [(f"{count:,}", why) for count, why in sorted(found, reverse=True) if count]


def _total(table: Mapping[str, object], name: str) -> str:
    row = part(table, name)
    return f"{sum(number(row, split) for split in row):,}"


def _scanned(counts: Mapping[str, object]) -> str:
    scanned, kept = number(counts, "scanned"), number(counts, "kept")
    told = f"{counted(scanned, 'file')} {'was' if scanned == 1 else 'were'} looked at"
    out = scanned - kept
    if not out:
        return f"{told}, and all are in."
    return f"{told}: {kept:,} are in, {out:,} ({percent(out / scanned)}) are not."


def _settings(document: Mapping[str, object]) -> list[str]:
    """How classes and splits came about, where it is not plain from the table."""
    config, split = part(document, "config"), part(document, "split")
    told = []
    for key, words in (
        ("exclude_class", "Classes left out"),
        ("rename", "Classes renamed"),
        ("merge", "Classes merged"),
        ("add", "Sources added"),
    ):
        values = config.get(key)
        if isinstance(values, list) and values:
            told.append(f"{words}: {', '.join(map(str, values))}.")
    if config.get("decisions"):
        told.append(
            f"A person's decisions in `{config['decisions']}` were followed: photos were left out "
            "or given another class as it says."
        )
    given = part(split, "given")
    if given:
        told.append(f"The source came with its own {' and '.join(map(str, given))} photos.")
    n_groups = number(split, "n_groups")
    if n_groups:
        told.append(
            f"Photos belong to {counted(n_groups, 'group')} (by `{config.get('group_by')}`); a "
            "group is never divided between the splits."
        )
    if split.get("time_by"):
        told.append(f"Split by time (`{split['time_by']}`): test photos are the latest.")
    return told


def _audit(audit: Mapping[str, object]) -> list[str]:
    counts = part(audit, "counts")
    found = [
        f"{str(kind).replace('_', ' ')}: {number(counts, kind):,}"
        for kind in counts
        if number(counts, kind)
    ]
    return [f"The audit noted {'; '.join(found)}."] if found else []


def _warnings(document: Mapping[str, object]) -> list[str]:
    warnings = part(document, "split").get("warnings")
    return [str(each) for each in warnings] if isinstance(warnings, list) else []
