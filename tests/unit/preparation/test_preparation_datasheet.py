"""The datasheet: a page that can be read, whatever stands in names."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from lineament.preparation.datasheet import datasheet

DOCUMENT: Mapping[str, Any] = {
    "source": "/data/photos",
    "config": {"near_duplicates": True},
    "counts": {
        "scanned": 24,
        "kept": 17,
        "rejected": 3,
        "left_out_by_balance": 2,
        "left_out_by_decision": 2,
        "rejected_by_reason": {"cannot be read": 2, "hidden file": 1},
        "per_split": {"train": 11, "validation": 3, "test": 3},
        "per_class_and_split": {
            "cat": {"train": 5, "validation": 1, "test": 2},
            "dog": {"train": 6, "validation": 2, "test": 1},
        },
    },
    "checks": {
        "test_photos_with_a_partner_in_train": {"duplicates": 0, "near": 0, "group": 0},
        "of_a_random_split": {"duplicates": 1.4, "near": 2.6, "group": 0.0},
    },
    "split": {"given": {}, "n_units": 14, "n_groups": 3, "seed": 0, "warnings": []},
}
AUDIT: Mapping[str, Any] = {
    "counts": {"unreadable": 2, "label_conflict": 0, "near_duplicate": 4},
    "shortcuts": [
        {"suspicious": True, "sentence": "Width alone tells the classes apart."},
        {"suspicious": False, "sentence": "Brightness alone does not."},
    ],
}


def sheet(
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    audit: Mapping[str, Any] = AUDIT,
    classes: Sequence[str] = ("cat", "dog"),
) -> str:
    document = copy.deepcopy(dict(DOCUMENT))
    for name, fields in (changes or {}).items():
        document[name].update(fields)
    return datasheet(document, audit, classes)


def counts(*classes: str) -> dict[str, dict[str, Any]]:
    parts = {"train": 1, "validation": 1, "test": 1}
    return {"counts": {"per_class_and_split": dict.fromkeys(classes, parts)}}


def test_it_says_what_is_there_what_is_not_and_what_was_checked() -> None:
    assert sheet() == (
        "# Datasheet\n"
        "\n"
        "Source: `/data/photos`.\n"
        "\n"
        "## Photos\n"
        "\n"
        "24 files, rows or frames were scanned: 17 kept, 3 rejected, 2 left out by balance, 2 left "
        "out by decision.\n"
        "\n"
        "- 2: cannot be read\n"
        "- 1: hidden file\n"
        "\n"
        "| class | train | validation | test |\n"
        "|---|---:|---:|---:|\n"
        "| cat | 5 | 1 | 2 |\n"
        "| dog | 6 | 2 | 1 |\n"
        "| all | 11 | 3 | 3 |\n"
        "\n"
        "## Split\n"
        "\n"
        "14 independent units in 3 groups; seed 0.\n"
        "- 0 of 3 test photos have the same pixels as a training photo; a random split would have "
        "had 1.\n"
        "- 0 of 3 test photos have a near duplicate in training; a random split would have had 3.\n"
        "- 0 of 3 test photos have a training photo of the same group; a random split would have "
        "had 0.\n"
        "\n"
        "## Audit\n"
        "\n"
        "- unreadable: 2\n"
        "- near_duplicate: 4\n"
        "- Shortcut: Width alone tells the classes apart.\n"
    )


def test_given_splits_are_named_as_the_source_names_them() -> None:
    text = sheet({"split": {"given": {"train": "Train", "test": "hard.csv"}}})
    assert "\nGiven with the source: train (`Train`), test (`hard.csv`).\n" in text


def test_warnings_stand_with_the_split() -> None:
    text = sheet({"split": {"warnings": ["All 17 photos: train 90.0%."]}})
    assert "\n- Warning: All 17 photos: train 90.0%.\n" in text


def test_near_duplicates_that_were_not_looked_for_are_not_said_to_be_absent() -> None:
    text = sheet({"config": {"near_duplicates": False}})
    assert "a near duplicate in training" not in text
    assert "\n- Near duplicates were not looked for.\n" in text


def test_an_audit_that_found_nothing_says_so() -> None:
    clean = {"counts": {"unreadable": 0}, "shortcuts": []}
    assert sheet(audit=clean).endswith("\n## Audit\n\nNothing was found.\n")


def test_photos_without_labels_have_no_split() -> None:
    text = sheet(classes=())
    assert "## Split" not in text
    assert "| class |" not in text


def test_a_pipe_in_a_class_name_does_not_end_its_cell() -> None:
    text = sheet(counts("a|b", "c"), classes=("a|b", "c"))
    assert "\n| a\\|b | 1 | 1 | 1 |\n" in text


def test_a_line_break_in_a_name_does_not_end_its_line() -> None:
    names = ("two\nlines", "a\u2028b")
    text = sheet(
        {**counts(*names), "split": {"warnings": ["cat: they are in 2 units (group a\r\nb)."]}},
        classes=names,
    )
    assert "\n| two lines | 1 | 1 | 1 |\n" in text
    assert "\n| a b | 1 | 1 | 1 |\n" in text
    assert "\n- Warning: cat: they are in 2 units (group a b).\n" in text


def test_of_many_classes_fifty_are_shown() -> None:
    names = [f"c{n:03}" for n in range(53)]
    text = sheet(counts(*names), classes=names)
    assert "| c049 | 1 | 1 | 1 |\n| 3 more classes | | | |\n| all | 11 | 3 | 3 |\n" in text
    assert "c050" not in text
