"""What is found in photos that were read, and how it is said."""

import dataclasses

import numpy as np
import pytest

from lineament.artifacts.audit import Finding
from lineament.core.progress import QUIET, Progress
from lineament.imaging.decode import FileFacts
from lineament.imaging.look import look
from lineament.imaging.signature import SIGNATURE_PX
from lineament.preparation.inspection import inspect
from lineament.preparation.inspection.inspect import (
    SAME_PICTURE,
    Inspection,
    audit_document,
    inspect_photos,
    names_of,
)
from lineament.preparation.inspection.near import Pair
from lineament.preparation.photo import Photo
from lineament.preparation.sources.listing import Rejection

NOISE = np.random.default_rng(0).integers(0, 256, (200, 260, 3), dtype=np.uint8)
LOOK = look(NOISE)
FACTS = FileFacts(format="JPEG", mode="RGB", width=260, height=200, size_bytes=9999, taken="")
BLACK = look(np.zeros((200, 260, 3), np.uint8))


def photo(relative: str, pixels: str, *, split: str = "") -> Photo:
    return Photo(
        relative=relative,
        class_name=relative.split("/")[0],
        split=split,
        group="",
        metadata={},
        filename=f"images/{relative}",
        sha256="",
        pixels=pixels * 64,
        look=LOOK,
        facts=FACTS,
        row=0,
    )


PHOTOS = [
    photo("cat/1", "a"),
    photo("cat/2", "b"),
    photo("cat/3", "a"),
    photo("cat/4", "c"),
    photo("dog/1", "d"),
    photo("dog/2", "b"),
]


def numbered(photos: list[Photo]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Signatures that hold the place of their photo."""
    side = SIGNATURE_PX
    return np.stack([np.full((side, side), index, np.uint8) for index in range(len(photos))])


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, float]]:
    """Give a list of pairs of places that are found to be near duplicates."""
    pairs: list[tuple[int, int, float]] = []

    def found(
        signatures: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], *, progress: Progress = QUIET
    ) -> list[Pair]:
        places = signatures[:, 0, 0].tolist()
        return [
            Pair(first=places.index(one), second=places.index(two), score=score, mirrored=False)
            for one, two, score in pairs
            if one in places and two in places
        ]

    monkeypatch.setattr(inspect, "near_duplicates", found)
    return pairs


def inspected(
    photos: list[Photo] = PHOTOS,
    *,
    near: bool = True,
    different: frozenset[tuple[str, str]] = frozenset(),
) -> Inspection:
    groups = dict.fromkeys([each.relative for each in photos], "")
    return inspect_photos(photos, numbered(photos), groups, near=near, different=different)


def test_copies_are_told_from_conflicts(planted: list[tuple[int, int, float]]) -> None:
    assert inspected().findings([]) == [
        Finding(filename="dog/2", kind="label_conflict", partner="cat/2"),
        Finding(filename="cat/3", kind="exact_duplicate", partner="cat/1"),
    ]


def test_a_near_pair_names_its_photos_in_the_source(
    planted: list[tuple[int, int, float]],
) -> None:
    planted += [(1, 3, 0.9), (3, 4, 0.99)]
    found = inspected()
    assert found.near_names() == [("cat/2", "cat/4"), ("cat/4", "dog/1")]
    assert found.findings([])[:2] == [
        Finding(filename="dog/2", kind="label_conflict", partner="cat/2"),
        Finding(filename="cat/4", kind="label_conflict", partner="dog/1", score=0.99),
    ]
    assert found.findings([])[-1] == (
        Finding(filename="cat/2", kind="near_duplicate", partner="cat/4", score=0.9)
    )


def test_two_photos_of_one_moment_under_two_classes_are_no_conflict(
    planted: list[tuple[int, int, float]],
) -> None:
    planted += [(3, 4, SAME_PICTURE - 0.01)]
    assert Finding(
        filename="cat/4", kind="near_duplicate", partner="dog/1", score=SAME_PICTURE - 0.01
    ) in inspected().findings([])


def test_of_copies_only_the_first_is_compared(planted: list[tuple[int, int, float]]) -> None:
    planted += [(2, 3, 0.9), (3, 5, 0.9)]
    assert inspected().pairs == ()


def test_pairs_that_share_a_photo_or_a_copy_of_one_are_one_set(
    planted: list[tuple[int, int, float]],
) -> None:
    planted += [(0, 3, 0.9), (1, 3, 0.9)]
    names = names_of(inspected().near_sets)
    assert set(names) == {"cat/1", "cat/2", "cat/3", "cat/4", "dog/2"}
    assert set(names.values()) == {"near-aaaaaaaaaaaaaaaa"}


def test_copies_alone_are_no_near_set(planted: list[tuple[int, int, float]]) -> None:
    assert inspected().near_sets == {}


def test_a_pair_that_a_person_found_different_ties_nothing(
    planted: list[tuple[int, int, float]],
) -> None:
    planted += [(1, 3, 0.9), (3, 4, 0.8)]
    found = inspected(different=frozenset({("cat/2", "cat/4")}))
    assert found.near_names() == [("cat/4", "dog/1")]


def test_near_duplicates_are_not_looked_for_unless_wanted(
    planted: list[tuple[int, int, float]],
) -> None:
    planted += [(1, 3, 0.9)]
    assert inspected(near=False).pairs == ()


def test_findings_come_by_kind_then_score_then_name(
    planted: list[tuple[int, int, float]],
) -> None:
    planted += [(0, 3, 0.7), (1, 3, 0.9)]
    photos = [*PHOTOS[:4], dataclasses.replace(PHOTOS[4], look=BLACK), PHOTOS[5]]
    bad = Rejection(relative="cat/bad", kind="cannot be read", reason="empty file")
    lines = inspected(photos).findings([bad])
    assert [(each.kind, each.filename) for each in lines] == [
        ("unreadable", "cat/bad"),
        ("label_conflict", "dog/2"),
        ("exact_duplicate", "cat/3"),
        ("near_duplicate", "cat/2"),
        ("near_duplicate", "cat/1"),
        ("blank", "dog/1"),
    ]
    assert lines[0].partner == "empty file"


def test_photos_without_classes_have_no_conflicts(planted: list[tuple[int, int, float]]) -> None:
    photos = [dataclasses.replace(each, class_name="") for each in PHOTOS]
    assert {each.kind for each in inspected(photos).findings([])} == {"exact_duplicate"}


def test_no_photos_have_no_findings(planted: list[tuple[int, int, float]]) -> None:
    empty = np.zeros((0, SIGNATURE_PX, SIGNATURE_PX), np.uint8)
    assert inspect_photos([], empty, {}).findings([]) == []


def test_the_document_counts_every_kind(planted: list[tuple[int, int, float]]) -> None:
    planted += [(1, 3, 0.9)]
    found = inspected()
    said = audit_document(found, found.findings([]), source="photos", scanned=9, given={})
    counts = said["counts"]
    assert isinstance(counts, dict)
    assert {kind: count for kind, count in counts.items() if count} == {
        "label_conflict": 1,
        "exact_duplicate": 1,
        "near_duplicate": 1,
    }
    assert (said["source"], said["n_scanned"], said["n_photos"]) == ("photos", 9, 6)
    assert said["classes"] == {"cat": 4, "dog": 2}
    assert said["near"] == {"pairs": 1, "sets": 1, "photos": 3}


def test_photos_that_cross_given_splits_are_counted_on_the_tested_side(
    planted: list[tuple[int, int, float]],
) -> None:
    planted += [(1, 2, 0.9), (2, 3, 0.9), (1, 4, 0.9)]
    photos = [
        photo("cat/1", "a", split="train"),
        photo("cat/2", "b", split="train"),
        photo("cat/3", "c", split="test"),
        photo("cat/4", "d", split="test"),
        photo("cat/5", "e", split="validation"),
        photo("cat/6", "a", split="test"),
        photo("cat/7", "a", split="test"),
        photo("cat/8", "f", split="test"),
        photo("cat/9", "f", split="test"),
    ]
    said = audit_document(
        inspected(photos), [], source="x", scanned=9, given={"train": "train", "test": "test"}
    )
    assert said["across_given_splits"] == {"exact_duplicate": 2, "near_duplicate": 2}
    assert said["given"] == {"train": "train", "test": "test"}
