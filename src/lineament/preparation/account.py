"""Account: the counts of ``dataset.json``, which add up to every file that was scanned."""

from collections import Counter
from collections.abc import Mapping, Sequence

from lineament.artifacts.dataset import SPLITS, Sample
from lineament.preparation.grouping import Member, splits_by_tie
from lineament.preparation.layout import Rejection


def count_files(
    *,
    scanned: int,
    classes: Sequence[str],
    splits: Mapping[str, Sequence[Sample]],
    rejected: Sequence[Rejection],
) -> dict[str, object]:
    """Count what became of every file.

    Args:
        scanned: How many files were found.
        classes: Class names in label order.
        splits: The kept photos by split.
        rejected: The files left out.

    Returns:
        ``scanned``, ``kept``, ``rejected``, ``rejected_by_reason``, ``per_class``, ``per_split``,
        ``per_class_and_split``; kept and rejected add up to scanned.

    Example:
        >>> cat = Sample(filename="images/cat/a.jpg", label=0, class_name="cat", group="")
        >>> splits = {"train": [cat], "validation": [], "test": []}
        >>> counts = count_files(scanned=1, classes=["cat"], splits=splits, rejected=[])
        >>> counts["kept"], counts["per_class_and_split"]
        (1, {'cat': {'train': 1, 'validation': 0, 'test': 0}})
    """
    both = Counter((sample.class_name, split) for split in SPLITS for sample in splits[split])
    kept = both.total()
    assert kept + len(rejected) == scanned, (kept, len(rejected), scanned)
    return {
        "scanned": scanned,
        "kept": kept,
        "rejected": len(rejected),
        "rejected_by_reason": dict(sorted(Counter(each.kind for each in rejected).items())),
        "per_class": {name: sum(both[name, split] for split in SPLITS) for name in classes},
        "per_split": {split: len(splits[split]) for split in SPLITS},
        "per_class_and_split": {
            name: {split: both[name, split] for split in SPLITS} for name in classes
        },
    }


def check_results(
    members: Sequence[Member],
    sides: Mapping[str, str],
    *,
    read: int,
    unreadable: int,
    copies: int,
) -> dict[str, object]:
    """State what was checked and what came out, counted anew from the finished split.

    Args:
        members: The kept photos.
        sides: Key to split.
        read: How many files were decoded or tried.
        unreadable: How many of them could not be.
        copies: How many photos were left out as copies across given splits.

    Returns:
        ``decoded``, ``duplicates`` and ``groups``, each with its figures; ``in_several_splits`` is
        0 for a split without that leak.
    """
    groups, sets = splits_by_tie(members, sides)
    return {
        "decoded": {"files": read, "unreadable": unreadable},
        "duplicates": {
            "compared": "decoded RGB pixels",
            "sets": len(sets),
            "left_out_across_given_splits": copies,
            "in_several_splits": sum(len(splits) > 1 for splits in sets.values()),
        },
        "groups": {
            "groups": len(groups),
            "photos_without_group": sum(not member.group for member in members),
            "in_several_splits": sum(len(splits) > 1 for splits in groups.values()),
        },
    }
