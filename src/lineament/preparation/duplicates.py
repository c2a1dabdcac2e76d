"""Duplicates: photos with the same decoded pixels, and what follows from them.

Copies stay on one side of a split; a copy on the other side of a given split is left out; copies
with different classes are a label conflict, which is kept and named.
"""

from collections.abc import Iterable, Mapping, Sequence

from lineament.artifacts.dataset import SPLITS
from lineament.preparation.layout import COPY, Rejection
from lineament.preparation.reading import Photo

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


def copies_across(sets: Mapping[str, Sequence[Photo]]) -> list[Rejection]:
    """Choose which copies to leave out where copies lie on both sides of a given split.

    What reports or chooses keeps its photos: the copy in the test split stays, then the one in the
    validation split.

    Args:
        sets: From `duplicate_sets`.

    Returns:
        The photos to leave out, each with the reason.
    """
    rejected = []
    for members in sets.values():
        stays = max((photo.split for photo in members), key=_rank)
        kept = next(photo.relative for photo in members if photo.split == stays)
        rejected += [
            Rejection(
                relative=photo.relative,
                kind=COPY,
                reason=f"same pixels as {kept}, which is in the {stays} split",
            )
            for photo in members
            if photo.split != stays
        ]
    return rejected


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


def _rank(split: str) -> int:
    return SPLITS.index(split) if split else -1
