"""Account: counts and checks of ``dataset.json``, which add up to everything that was scanned."""

from collections import Counter
from collections.abc import Mapping, Sequence

from lineament.artifacts.dataset import Sample
from lineament.core.progress import Progress
from lineament.preparation.config import PrepareConfig
from lineament.preparation.dividing import Division
from lineament.preparation.division.grouping import Member, connected, splits_by_tie
from lineament.preparation.inspection.duplicates import label_conflicts
from lineament.preparation.inspection.inspect import Inspection
from lineament.preparation.plan import Plan
from lineament.preparation.sources.listing import (
    BALANCE,
    COPY,
    DECISION,
    HIDDEN,
    HIDDEN_FOLDER,
    Rejection,
)

SHOWN_WARNINGS = 2  # one per class can be a long list; the datasheet holds all


def count_files(
    *,
    scanned: int,
    classes: Sequence[str],
    splits: Mapping[str, Sequence[Sample]],
    rejected: Sequence[Rejection],
) -> dict[str, object]:
    """Count what became of every file, row or frame.

    Args:
        scanned: How many were found.
        classes: Class names in label order.
        splits: The kept photos by split.
        rejected: What is left out, for whatever reason.

    Returns:
        ``scanned``, ``kept``, ``rejected``, ``left_out_by_balance``, ``left_out_by_decision``,
        ``rejected_by_reason``, ``per_class``, ``per_split``, ``per_class_and_split``; the second to
        the fifth add up to the first.

    Example:
        >>> cat = Sample(filename="images/cat/a.jpg", label=0, class_name="cat", group="")
        >>> splits = {"train": [cat], "validation": [], "test": []}
        >>> counts = count_files(scanned=1, classes=["cat"], splits=splits, rejected=[])
        >>> counts["kept"], counts["per_class_and_split"]
        (1, {'cat': {'train': 1, 'validation': 0, 'test': 0}})
    """
    both = Counter((each.class_name, split) for split in splits for each in splits[split])
    kinds = Counter(each.kind for each in rejected)
    chosen = {BALANCE: kinds.pop(BALANCE, 0), DECISION: kinds.pop(DECISION, 0)}
    kept, out = both.total(), kinds.total()
    assert kept + out + sum(chosen.values()) == scanned, (kept, out, chosen, scanned)
    return {
        "scanned": scanned,
        "kept": kept,
        "rejected": out,
        "left_out_by_balance": chosen[BALANCE],
        "left_out_by_decision": chosen[DECISION],
        "rejected_by_reason": dict(sorted(kinds.items())),
        "per_class": {name: sum(both[name, split] for split in splits) for name in classes},
        "per_split": {split: len(splits[split]) for split in splits},
        "per_class_and_split": {
            name: {split: both[name, split] for split in splits} for name in classes
        },
    }


def check_results(division: Division, *, read: int, unreadable: int) -> dict[str, object]:
    """State what was checked and what came out, counted anew from the finished split.

    Args:
        division: Which photo is where.
        read: How many files were decoded or tried.
        unreadable: How many of them could not be.

    Returns:
        ``decoded``, ``duplicates``, ``near_duplicates``, ``groups`` and ``leaks``, each with its
        figures; ``in_several_splits`` is 0 for a split without that leak.
    """
    found = splits_by_tie(division.members, division.sides)
    copies = sum(each.kind == COPY for each in division.left_out)

    def crossing(kind: str) -> dict[str, int]:
        return {"in_several_splits": sum(len(splits) > 1 for splits in found[kind].values())}

    return {
        "decoded": {"files": read, "unreadable": unreadable},
        "duplicates": {
            "compared": "decoded RGB pixels",
            "sets": len(found["duplicates"]),
            "left_out_across_given_splits": copies,
            **crossing("duplicates"),
        },
        "near_duplicates": {"sets": len(found["near"]), **crossing("near")},
        "groups": {
            "groups": len(found["group"]),
            "photos_without_group": sum(not member.group for member in division.members),
            **crossing("group"),
        },
        "test_photos_with_a_partner_in_train": dict(division.leaks),
        "of_a_random_split": dict(division.random_leaks),
    }


def split_document(plan: Plan, division: Division, config: PrepareConfig) -> dict[str, object]:
    """State how the split was made."""
    members = division.members
    return {
        "seed": config.seed,
        "fractions": config.fractions(),
        "given": dict(plan.given),
        "carved": [name for name in plan.to_make if plan.given and name != "train"],
        "group_by": config.group_by,
        "time_by": config.time_by,
        "extends": config.extend,
        "folds": config.folds,
        **_train_only(members, plan),
        "n_groups": len({member.group for member in members if member.group}),
        "n_units": len(connected(members)),
        "warnings": list(division.warnings),
    }


def _train_only(members: Sequence[Member], plan: Plan) -> dict[str, object]:
    """Count the corrections, where there are any."""
    count = sum(member.key in plan.train_only for member in members)
    return {"train_only": count} if count else {}


def duplicates_document(inspection: Inspection) -> dict[str, object]:
    """State how many photos have copies, and name those whose copy is of another class."""
    sets = inspection.duplicates
    return {
        "sets": len(sets),
        "files": sum(len(same) for same in sets.values()),
        "label_conflicts": label_conflicts(sets),
    }


def note_findings(
    inspection: Inspection,
    *,
    rejected: Sequence[Rejection],
    division: Division,
    progress: Progress,
) -> None:
    """Say what a person would want to look at; nothing where there is nothing."""
    for kind, count in sorted(Counter(rejection.kind for rejection in rejected).items()):
        if kind not in (HIDDEN, HIDDEN_FOLDER):  # left by the system, in nearly every folder
            what = kind if kind in (BALANCE, DECISION) else f"left out: {kind}"
            progress.note(f"{_counted(count, 'file')} {what} (see rejected.csv).")
    copies = sum(len(same) for same in inspection.duplicates.values())
    near = sum(len(alike) for alike in inspection.near_sets.values())
    if copies:
        progress.note(f"{_counted(copies, 'photo')} with the same pixels as another one.")
    if near:
        progress.note(
            f"{_counted(near, 'photo')} in {_counted(len(inspection.near_sets), 'set')} of near "
            "duplicates."
        )
    conflicts = [finding for finding in inspection.findings([]) if finding.kind == "label_conflict"]
    if conflicts:
        progress.note(
            f"{_counted(len(conflicts), 'pair')} of the same picture under different classes "
            "(see audit.csv)."
        )
    for shortcut in inspection.shortcuts:
        if shortcut.suspicious:
            progress.note(f"warning: {shortcut.sentence}")
    for warning in division.warnings[:SHOWN_WARNINGS]:
        progress.note(f"warning: {warning}")
    more = len(division.warnings) - SHOWN_WARNINGS
    if more > 0:
        progress.note(f"{_counted(more, 'more warning')} about the split (see datasheet.md).")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
