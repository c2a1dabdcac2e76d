"""Duplicates: photos with the same decoded pixels, and what follows from them.

Copies stay on one side of a split; a copy on the other side of a given split is left out; copies
with different classes are a label conflict, which is kept and named.
"""

from collections.abc import Iterable, Mapping, Sequence

from lineament.preparation.photo import Photo

SET_LETTERS = 16  # of the hash: two sets in a billion photos share that many once in decades


def duplicate_sets(photos: Iterable[Photo]) -> dict[str, list[Photo]]:
    """Collect photos with the same pixels.

    Args:
        photos: The photos, in any order.

    Returns:
        Name of each set of two or more to its photos; the name follows from the pixels, sets are in
        order of their first photo, photos in order of their path.
    """
    sets: dict[str, list[Photo]] = {}
    for photo in sorted(photos, key=lambda photo: photo.relative):
        sets.setdefault(f"same-{photo.pixels[:SET_LETTERS]}", []).append(photo)
    return {name: members for name, members in sets.items() if len(members) > 1}


def label_conflicts(sets: Mapping[str, Sequence[Photo]]) -> list[dict[str, object]]:
    """Name the sets whose photos have the same pixels and different classes.

    Args:
        sets: From `duplicate_sets`.

    Returns:
        For ``dataset.json``: the set, its classes, and its files below the source.
    """
    return [
        {
            "duplicate_set": name,
            "classes": sorted({photo.class_name for photo in members}),
            "files": [photo.relative for photo in members],
        }
        for name, members in sets.items()
        if len({photo.class_name for photo in members}) > 1
    ]
