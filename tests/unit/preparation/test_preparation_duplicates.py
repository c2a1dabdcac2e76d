"""Duplicates: sets, label conflicts."""

import numpy as np

from lineament.imaging.decode import FileFacts
from lineament.imaging.look import look
from lineament.preparation.inspection.duplicates import duplicate_sets, label_conflicts
from lineament.preparation.photo import Photo

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


def test_photos_with_the_same_pixels_are_one_set_named_after_them() -> None:
    sets = duplicate_sets([photo("b/2", "a"), photo("a/1", "a"), photo("a/3", "b")])
    assert {name: [each.relative for each in members] for name, members in sets.items()} == {
        "same-aaaaaaaaaaaaaaaa": ["a/1", "b/2"]
    }


def test_copies_with_different_classes_are_a_label_conflict() -> None:
    sets = duplicate_sets(
        [photo("cat/1", "a"), photo("dog/1", "a"), photo("dog/2", "b"), photo("dog/3", "b")]
    )
    assert label_conflicts(sets) == [
        {
            "duplicate_set": "same-aaaaaaaaaaaaaaaa",
            "classes": ["cat", "dog"],
            "files": ["cat/1", "dog/1"],
        }
    ]
