"""Counts and checks: they add up, are counted anew, and are said in sentences."""

import numpy as np
import pytest

from lineament.artifacts.dataset import Sample
from lineament.imaging.decode import FileFacts
from lineament.imaging.look import look
from lineament.preparation.account import (
    check_results,
    count_files,
    duplicates_document,
    note_findings,
)
from lineament.preparation.dividing import Division
from lineament.preparation.division.grouping import Member
from lineament.preparation.inspection.inspect import Inspection
from lineament.preparation.inspection.near import Pair
from lineament.preparation.inspection.shortcuts import Shortcut
from lineament.preparation.photo import Photo
from lineament.preparation.sources.listing import BALANCE, COPY, DECISION, HIDDEN, Rejection

LOOK = look(np.zeros((8, 8, 3), np.uint8))
FACTS = FileFacts(format="PNG", mode="RGB", width=24, height=20, size_bytes=99, taken="")


def photo(relative: str, pixels: str) -> Photo:
    return Photo(
        relative=relative,
        class_name=relative.split("/")[0],
        split="",
        group="",
        metadata={},
        filename=f"images/{relative}",
        sha256="",
        pixels=pixels * 64,
        look=LOOK,
        facts=FACTS,
        row=0,
    )


def sample(name: str) -> Sample:
    return Sample(filename=name, label=0, class_name=name.split("/")[0], group="")


def out(kind: str) -> Rejection:
    return Rejection(relative="x", kind=kind, reason=kind)


class Notes:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def start(self, task: str, total: int | None) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        pass

    def finish(self) -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_kept_rejected_balance_and_decision_add_up() -> None:
    counts = count_files(
        scanned=7,
        classes=["cat", "dog"],
        splits={
            "train": [sample("cat/1"), sample("dog/1")],
            "validation": [sample("cat/2")],
            "test": [],
        },
        rejected=[out(BALANCE), out(DECISION), out(HIDDEN), out(HIDDEN)],
    )
    assert counts == {
        "scanned": 7,
        "kept": 3,
        "rejected": 2,
        "left_out_by_balance": 1,
        "left_out_by_decision": 1,
        "rejected_by_reason": {"hidden file": 2},
        "per_class": {"cat": 2, "dog": 1},
        "per_split": {"train": 2, "validation": 1, "test": 0},
        "per_class_and_split": {
            "cat": {"train": 1, "validation": 1, "test": 0},
            "dog": {"train": 1, "validation": 0, "test": 0},
        },
    }


def test_a_file_that_is_not_accounted_for_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        count_files(scanned=2, classes=["cat"], splits={"train": [sample("cat/1")]}, rejected=[])


def test_checks_are_counted_from_the_finished_split() -> None:
    members = [
        Member(key="1", class_name="cat", group="anna", duplicate_set="same-1"),
        Member(key="2", class_name="cat", group="anna", duplicate_set="same-1"),
        Member(key="3", class_name="cat", near_set="near-1"),
        Member(key="4", class_name="cat", near_set="near-1", group="bob"),
    ]
    division = Division(
        members=members,
        sides={"1": "train", "2": "test", "3": "train", "4": "train"},
        left_out=[out(COPY), out(BALANCE)],
        leaks={"duplicates": 1, "near": 0, "group": 1},
        random_leaks={"duplicates": 0.5, "near": 0.0, "group": 0.5},
    )
    assert check_results(division, read=8, unreadable=2) == {
        "decoded": {"files": 8, "unreadable": 2},
        "duplicates": {
            "compared": "decoded RGB pixels",
            "sets": 1,
            "left_out_across_given_splits": 1,
            "in_several_splits": 1,
        },
        "near_duplicates": {"sets": 1, "in_several_splits": 0},
        "groups": {"groups": 2, "photos_without_group": 1, "in_several_splits": 1},
        "test_photos_with_a_partner_in_train": {"duplicates": 1, "near": 0, "group": 1},
        "of_a_random_split": {"duplicates": 0.5, "near": 0.0, "group": 0.5},
    }


PHOTOS = (photo("cat/1", "a"), photo("cat/2", "a"), photo("dog/1", "a"), photo("dog/2", "b"))
SHORTCUT = Shortcut(
    property="width",
    accuracy=1.0,
    chance=0.5,
    low=0.9,
    high=1.0,
    suspicious=True,
    separated={},
    per_class={},
    sentence="Width alone tells the classes apart.",
)
FOUND = Inspection(
    photos=PHOTOS,
    duplicates={"same-a": PHOTOS[:3]},
    near_sets={"near-a": PHOTOS},
    pairs=(Pair(first=0, second=3, score=0.99, mirrored=False),),
    faults=(),
    shortcuts=(SHORTCUT,),
)
NOTHING = Inspection(photos=(), duplicates={}, near_sets={}, pairs=(), faults=(), shortcuts=())
DIVISION = Division(members=[], sides={}, warnings=["All 4 photos: train 100.0%."])


def test_sets_of_copies_and_conflicts_are_stated() -> None:
    assert duplicates_document(FOUND) == {
        "sets": 1,
        "files": 3,
        "label_conflicts": [
            {
                "duplicate_set": "same-a",
                "classes": ["cat", "dog"],
                "files": ["cat/1", "cat/2", "dog/1"],
            }
        ],
    }


def test_what_a_person_would_want_to_look_at_is_said() -> None:
    notes = Notes()
    note_findings(
        FOUND, rejected=[out(COPY), out(COPY), out(HIDDEN)], division=DIVISION, progress=notes
    )
    assert notes.notes == [
        "2 files left out: same pixels as a photo of another split (see rejected.csv).",
        "3 photos with the same pixels as another one.",
        "4 photos in 1 set of near duplicates.",
        "2 pairs of the same picture under different classes (see audit.csv).",
        "warning: Width alone tells the classes apart.",
        "warning: All 4 photos: train 100.0%.",
    ]


def test_nothing_is_said_where_there_is_nothing() -> None:
    notes = Notes()
    division = Division(members=[], sides={})
    note_findings(NOTHING, rejected=[out(HIDDEN)], division=division, progress=notes)
    assert notes.notes == []
