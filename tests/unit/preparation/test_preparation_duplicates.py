"""Duplicates: sets, copies across given splits, label conflicts."""

from lineament.preparation.duplicates import copies_across, duplicate_sets, label_conflicts
from lineament.preparation.reading import Photo


def photo(relative: str, pixels: str, *, split: str = "") -> Photo:
    parts = relative.split("/")
    return Photo(
        relative=relative,
        class_name=parts[1] if split else parts[0],
        split=split,
        filename=f"images/{relative}",
        sha256="",
        pixels=pixels * 64,
    )


def test_photos_with_the_same_pixels_are_one_set_named_after_them() -> None:
    sets = duplicate_sets([photo("b/2", "a"), photo("a/1", "a"), photo("a/3", "b")])
    assert {name: [each.relative for each in members] for name, members in sets.items()} == {
        "same-aaaaaaaaaaaaaaaa": ["a/1", "b/2"]
    }


def test_the_test_copy_stays_and_the_others_name_it() -> None:
    sets = duplicate_sets(
        [
            photo("train/cat/1", "a", split="train"),
            photo("val/cat/2", "a", split="validation"),
            photo("test/cat/3", "a", split="test"),
            photo("test/cat/4", "a", split="test"),
        ]
    )
    assert [(each.relative, each.reason) for each in copies_across(sets)] == [
        ("train/cat/1", "same pixels as test/cat/3, which is in the test split"),
        ("val/cat/2", "same pixels as test/cat/3, which is in the test split"),
    ]


def test_the_validation_copy_stays_before_the_train_copy() -> None:
    sets = duplicate_sets(
        [photo("train/cat/1", "a", split="train"), photo("val/cat/2", "a", split="validation")]
    )
    assert [each.reason for each in copies_across(sets)] == [
        "same pixels as val/cat/2, which is in the validation split"
    ]


def test_copies_within_a_split_stay() -> None:
    inside = [photo("train/cat/1", "a", split="train"), photo("train/cat/2", "a", split="train")]
    assert copies_across(duplicate_sets(inside)) == []
    assert copies_across(duplicate_sets([photo("cat/1", "a"), photo("cat/2", "a")])) == []


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
