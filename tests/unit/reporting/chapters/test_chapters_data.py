"""The data's chapter adds up to every file, and says why some are not in."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from lineament.artifacts.dataset import Dataset
from lineament.reporting.chapters.data import SHOWN_CLASSES, data, left_out


def told(dataset: Dataset, audit: Mapping[str, object] | None = None, **parts: object) -> Any:
    document = {**dataset.document, **parts}
    return data(dataclasses.replace(dataset, document=document), audit or {})


def test_files_are_counted_and_reasons_given_most_first(dataset: Dataset) -> None:
    found = told(dataset)

    assert found["sentences"] == ["100 files were looked at: 97 are in, 3 (3.0\u00a0%) are not."]
    assert found["left_out"] == [
        ("2", "unreadable"),
        ("1", "left out by a person's decision in audit.csv"),
    ]


def test_table_has_a_row_for_each_class_and_adds_up(dataset: Dataset) -> None:
    found = told(dataset)

    assert found["splits"] == ["train", "validation", "test"]
    assert found["rows"] == [("cat", ["31", "9", "10"], "50"), ("dog", ["29", "8", "10"], "47")]
    assert (found["totals"], found["kept"]) == (["60", "17", "20"], "97")


def test_one_file_alone_is_in(dataset: Dataset) -> None:
    found = told(dataset, counts={"scanned": 1, "kept": 1})

    assert found["sentences"][0] == "1 file was looked at, and all are in."


def test_many_classes_are_cut_and_counted(dataset: Dataset) -> None:
    table = {f"class {number}": {"train": 1} for number in range(SHOWN_CLASSES + 5)}
    found = told(
        dataset,
        counts={
            "scanned": 65,
            "kept": 65,
            "per_split": {"train": 65},
            "per_class_and_split": table,
        },
    )

    assert (len(found["rows"]), found["n_classes"]) == (SHOWN_CLASSES, SHOWN_CLASSES + 5)


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        (
            {"split": {"n_groups": 1, "given": {}}, "config": {"group_by": "person"}},
            "Photos belong to 1 group (by `person`); a group is never divided between the splits.",
        ),
        (
            {"split": {"given": {"train": "a", "test": "b"}}},
            "The source came with its own train and test photos.",
        ),
        (
            {"split": {"time_by": "taken"}},
            "Split by time (`taken`): test photos are the latest.",
        ),
        ({"config": {"exclude_class": ["x", "y"]}}, "Classes left out: x, y."),
        ({"config": {"merge": ["a+b=c"]}}, "Classes merged: a+b=c."),
        (
            {"config": {"decisions": "audit.csv"}},
            "A person's decisions in `audit.csv` were followed: photos were left out or given "
            "another class as it says.",
        ),
    ],
)
def test_how_classes_and_splits_came_about_is_told(
    dataset: Dataset, parts: dict[str, Any], sentence: str
) -> None:
    assert told(dataset, **parts)["sentences"][1:] == [sentence]


def test_audit_says_what_it_noted(dataset: Dataset) -> None:
    audit = {"counts": {"near_duplicate": 1200, "dark": 3, "blank": 0}}

    assert told(dataset, audit)["sentences"][1:] == [
        "The audit noted near duplicate: 1,200; dark: 3."
    ]


def test_dataset_of_an_old_version_has_an_empty_table(dataset: Dataset) -> None:
    found = data(dataclasses.replace(dataset, document={}), {})

    assert (found["rows"], found["left_out"], found["source"]) == ([], [], "not stated")


def test_nothing_left_out_has_no_reasons() -> None:
    assert left_out({"rejected_by_reason": {}, "left_out_by_balance": 0}) == []
