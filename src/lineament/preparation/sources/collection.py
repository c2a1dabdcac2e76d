"""Collection: photos that a service kept, alone or added to those of a dataset, as a source.

The table of a collection says what a photo's label is; the session is its group. A dataset that is
extended gives its own photos, as they stand in it: with `lineament prepare`, the source of the
dataset need not be there any more. A photo of the collection that the dataset holds already is
listed once; one that the collection does not hold any more was forgotten, and is left out.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lineament.artifacts.collection import TABLE, Collection, Contents
from lineament.artifacts.dataset import SPLITS, Dataset
from lineament.artifacts.kept_photo import FEEDBACK, KeptRow
from lineament.artifacts.metadata import metadata
from lineament.artifacts.origins import Origin, origins
from lineament.core.errors import DataError
from lineament.core.progress import QUIET, Progress
from lineament.preparation.sources.listing import (
    ABSENT,
    DAMAGED_ROW,
    FORGOTTEN,
    NO_ROW,
    Candidate,
    Content,
    Layout,
    Prepared,
    Rejection,
)

KIND = "kind"  # the column that says whether a photo is a correction


@dataclasses.dataclass(frozen=True, kw_only=True)
class CollectionSource:
    """Photos of a collection.

    Attributes:
        root: Its folder.
        extends: A dataset whose photos come first; ``None`` for the collection alone.
    """

    root: Path
    extends: Path | None = None

    @property
    def name(self) -> str:
        """The folder as it was given."""
        return str(self.root)

    def layout(self, *, progress: Progress = QUIET) -> Layout:
        """List the photos; those of the collection are named after it and their file.

        Raises:
            ArtifactError: The collection or the dataset is damaged.
            DataError: The collection holds no photo, or the dataset holds others under their names.
        """
        collection = Collection.open(self.root)
        found = collection.contents()
        if not found.rows:
            raise DataError(
                f"{self.name} holds no photos that can be used.",
                at=_unusable(found),
                fix="Keep some first: `lineament serve BUNDLE --feedback FOLDER`.",
            )
        candidates = {
            each.relative: each for each in (self._new(collection, row) for row in found.rows)
        }
        rejected = _rejected(collection, found)
        document: dict[str, object] = {"collection": _described(collection, found)}
        if self.extends is not None:
            old = open_labelled(self.extends)
            old.verify()
            taken, forgotten = _old(old, candidates, prefix=f"{collection.name}/")
            candidates |= taken
            names = {each.relative for each in forgotten}
            rejected = [*(each for each in rejected if each.relative not in names), *forgotten]
            document["extended"] = {
                "dataset": str(self.extends.absolute()),
                "fingerprint": old.fingerprint,
                "photos": len(taken),
            }
        return Layout(
            candidates=tuple(candidates[name] for name in sorted(candidates)),
            rejected=tuple(sorted(rejected, key=lambda each: each.relative)),
            notes=(_note(self.name, found),),
            document=document,
        )

    def contents(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Content]]:
        """Give the files; those of a dataset are to be taken as they are."""
        for candidate in candidates:
            assert candidate.path is not None
            if candidate.origin is None:
                yield candidate, candidate.path
            else:
                yield candidate, Prepared(path=candidate.path, origin=candidate.origin)

    def _new(self, collection: Collection, row: KeptRow) -> Candidate:
        photo, path = row.photo, self.root / row.filename
        status = path.stat()
        return Candidate(
            relative=f"{collection.name}/{row.filename}",
            class_name=photo.label,
            group=photo.session,
            metadata={
                KIND: photo.kind,
                "condition": photo.condition,
                "said": photo.said,
                "confidence": "" if photo.confidence is None else f"{photo.confidence:g}",
                "model": photo.model,
                "kept_at": row.kept_at,
            },
            path=path,
            stamp=f"{status.st_size}-{status.st_mtime_ns}",
            correction=photo.kind == FEEDBACK,
        )


def open_labelled(path: Path) -> Dataset:
    """Open a dataset that has splits to keep.

    Raises:
        ArtifactError: It is no dataset.
        DataError: Its photos have no labels.
    """
    dataset = Dataset.open(path)
    if not dataset.classes:
        raise DataError(
            f"{path} holds photos without labels, so it has no splits to keep.",
            fix="Name another dataset as `--extend`, or leave it out.",
        )
    return dataset


def _old(
    dataset: Dataset, new: Mapping[str, Candidate], *, prefix: str
) -> tuple[dict[str, Candidate], list[Rejection]]:
    """List the photos of a dataset by the names that they had in its own source.

    Args:
        dataset: The dataset.
        new: The photos of the collection, by name.
        prefix: What the names of the collection's photos begin with.

    Returns:
        The candidates by name, and the photos of this collection that are in it no more.

    Raises:
        DataError: Photos of the collection are others than those of the same names in the dataset.
    """
    known, columns = {each.filename: each for each in origins(dataset.root)}, metadata(dataset.root)
    candidates: dict[str, Candidate] = {}
    forgotten, others = [], []
    placed = [(split, sample) for split in SPLITS for sample in dataset.splits[split]]
    for split, sample in placed:
        origin, said = known[sample.filename], columns.get(sample.filename, {})
        name = origin.source
        if name.startswith(prefix) and name not in new:
            forgotten.append(Rejection(relative=name, kind=FORGOTTEN, reason=FORGOTTEN))
            continue
        # A collection that was copied and went its own way gives its numbers to other photos.
        if name in new and not new[name].stamp.startswith(f"{origin.facts.size_bytes}-"):
            others.append(name)
        candidates[name] = Candidate(
            relative=name,
            # What a person has put right in the table since then counts.
            class_name=new[name].class_name if name in new else sample.class_name,
            group=sample.group,
            metadata={column: text for column, text in said.items() if text},
            path=dataset.path(sample),
            stamp=f"{origin.sha256}-{origin.pixels}",
            correction=split == "train" and _is_correction(origin, said),
            origin=origin,
        )
    if others:
        raise DataError(
            f"{dataset.root} holds photos under the names of others of the collection.",
            at=others,
            fix="Extend the dataset that held none of this collection's photos.",
        )
    return candidates, forgotten


def _is_correction(origin: Origin, said: Mapping[str, str]) -> bool:
    return origin.source.startswith("collection-") and said.get(KIND) == FEEDBACK


def _rejected(collection: Collection, found: Contents) -> list[Rejection]:
    named = [
        *((row.filename, ABSENT) for row in found.absent),
        *((name, NO_ROW) for name in found.loose),
        *((f"{TABLE} line {number}", DAMAGED_ROW) for number in found.damaged),
    ]
    return [
        Rejection(relative=f"{collection.name}/{name}", kind=kind, reason=kind)
        for name, kind in named
    ]


def _described(collection: Collection, found: Contents) -> dict[str, object]:
    return {
        "name": collection.name,
        "photos": len(found.rows),
        "sessions": len({row.photo.session for row in found.rows}),
        "corrections": sum(row.photo.kind == FEEDBACK for row in found.rows),
    }


def _note(name: str, found: Contents) -> str:
    sessions = len({row.photo.session for row in found.rows})
    corrections = sum(row.photo.kind == FEEDBACK for row in found.rows)
    return (
        f"{name}: {_counted(len(found.rows), 'photo')} of {_counted(sessions, 'session')}, "
        f"{_counted(corrections, 'correction')} among them."
    )


def _unusable(found: Contents) -> list[str]:
    counts = (
        (len(found.damaged), "damaged row"),
        (len(found.absent), "absent photo"),
        (len(found.loose), "photo without a row"),
    )
    return [
        _counted(count, what) if what != "photo without a row" else f"{count} without a row"
        for count, what in counts
        if count
    ]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
