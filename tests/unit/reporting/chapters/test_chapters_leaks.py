"""What was looked for, what was found, and what nobody looked for, are three lists."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.findings.openings import Openings
from lineament.artifacts.report import EvaluationReport
from lineament.reporting.chapters.leaks import leaks

Figures = Callable[..., EvaluationReport]


def with_checks(dataset: Dataset, found: dict[str, int], **parts: object) -> Dataset:
    checks = {
        "test_photos_with_a_partner_in_train": found,
        "of_a_random_split": {"duplicates": 2.4, "near": 0.2, "group": 7.5},
        "groups": {"groups": 3},
    }
    document = {**dataset.document, "checks": checks, **parts}
    return dataclasses.replace(dataset, document=document)


def told(dataset: Dataset, figures: Figures, **fields: object) -> Any:
    return leaks(dataset, {}, figures(**fields))


def test_split_without_leaks_says_what_was_looked_for(dataset: Dataset, figures: Figures) -> None:
    found = told(dataset, figures)

    assert found["leaks"] is False
    assert found["sentences"] == [
        "No test photo has the same pixels as a training photo; a random split would have had "
        "about 2.",
        "No test photo has a near duplicate in training.",
    ]


@pytest.mark.parametrize(
    ("kind", "count", "sentence"),
    [
        (
            "duplicates",
            1,
            "1 of 20 test photos has the same pixels as a training photo; a random split would "
            "have had about 2.",
        ),
        ("near", 4, "4 of 20 test photos have a near duplicate in training."),
        (
            "group",
            5,
            "5 of 20 test photos share a group with a training photo; a random split would have "
            "had about 8.",
        ),
    ],
)
def test_leaks_are_counted(
    dataset: Dataset, figures: Figures, kind: str, count: int, sentence: str
) -> None:
    found = told(with_checks(dataset, {kind: count}), figures)

    assert found["leaks"] is True
    assert found["sentences"] == [sentence]


def test_what_nobody_looked_for_is_not_excluded(dataset: Dataset, figures: Figures) -> None:
    blind = dataclasses.replace(
        dataset, document={**dataset.document, "config": {"near_duplicates": False}}
    )

    found = told(blind, figures)

    assert len(found["sentences"]) == 1
    assert found["not_looked"] == [
        "Near duplicates were not looked for (`prepare --set near_duplicates=true` does).",
        "No groups are known: if photos of one person, recording or place are in it, they may be "
        "on both sides (`prepare --group-by`).",
        "Shortcuts such as brightness were not looked for (`lineament audit`).",
        "What a random split would have claimed was not measured (`evaluate --inflation`).",
    ]


def test_what_was_measured_is_no_longer_missing(dataset: Dataset, figures: Figures) -> None:
    openings = Openings(evaluations=1, models=1, first="now", sentence="The first look.")
    audit = {"shortcuts": [{"property": "warmth", "suspicious": False, "sentence": "s"}]}
    evaluation = figures(openings=openings, inflation={"sentence": "2 points more."})

    found: Any = leaks(with_checks(dataset, {"near": 0}), audit, evaluation)

    assert found["sentences"][1:] == [
        "No property of the picture as such tells the classes apart (warmth).",
        "The first look.",
        "2 points more.",
    ]
    assert found["not_looked"] == []


def test_suspicious_shortcut_stands_alone(dataset: Dataset, figures: Figures) -> None:
    audit = {"shortcuts": [{"property": "border", "suspicious": True, "sentence": "Borders do."}]}

    found: Any = leaks(dataset, audit, figures())

    assert found["shortcuts"] == ["Borders do."]
    assert not any("No property" in each for each in found["sentences"])
