"""Dataset: photos in class folders, their split, and a count that adds up to every file scanned.

On disk: ``images/<class>/<id>.{jpg,png}``; ``splits/{train,validation,test}.csv`` with the columns
``filename,label,class,group``; ``sources.csv``, where each photo came from and what it was tied to;
``rejected.csv`` with ``filename,reason``; ``dataset.json``. Where they were asked for:
``metadata.csv``, the source's further columns, and ``folds.csv`` with ``filename,fold``. Photos
without labels are all in ``splits/unlabelled.csv``.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.origins import (
    FIX,
    Origin,
    Rejected,
    origins,
    write_origins,
    write_rejections,
)
from lineament.artifacts.schema import field, open_document, stamp, texts
from lineament.artifacts.table import read_table, write_table
from lineament.core.errors import ArtifactError, DataError, ImageError, UsageError
from lineament.core.files import json_text, sha256_file
from lineament.core.suggest import did_you_mean
from lineament.imaging.decode import decode, shrink

KIND = "dataset"
DOCUMENT = "dataset.json"
SCHEMA_VERSION = 1
SPLITS = ("train", "validation", "test")
UNLABELLED = "unlabelled"  # the one split of photos without labels
SPLIT_COLUMNS = ("filename", "label", "class", "group")
FOLD_COLUMNS = ("filename", "fold")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One photo of a dataset.

    Attributes:
        filename: Path below the dataset's folder, with forward slashes.
        label: Index of the class in the dataset's class list.
        class_name: The class.
        group: What must stay on one side of the split (a person, a recording); empty for none.
    """

    filename: str
    label: int
    class_name: str
    group: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dataset:
    """An opened dataset.

    Attributes:
        root: Its folder.
        classes: Class names; a label is an index into them.
        splits: The samples of ``train``, ``validation`` and ``test``; all empty, and ``unlabelled``
            beside them, where photos have no labels.
        fingerprint: Hash of every photo's content, class, group and split.
        document: Everything that ``dataset.json`` says.
    """

    root: Path
    classes: tuple[str, ...]
    splits: Mapping[str, tuple[Sample, ...]]
    fingerprint: str
    document: Mapping[str, object]

    def path(self, sample: Sample) -> Path:
        """The photo's file."""
        return self.root / sample.filename

    def samples(self, split: str) -> tuple[Sample, ...]:
        """The samples of a split.

        Raises:
            UsageError: There is no such split.
            DataError: The split is empty.
        """
        if split not in SPLITS:
            raise UsageError(
                f"There is no split `{split}`.{did_you_mean(split, SPLITS)}",
                fix=f"The splits are {', '.join(SPLITS)}.",
            )
        if UNLABELLED in self.splits:
            raise DataError(
                f"{self.root} holds photos without labels: they can be predicted, not trained on "
                "or measured.",
                fix="Use a dataset of labelled photos, or `lineament predict BUNDLE` and this one.",
            )
        if not self.splits[split]:
            raise DataError(
                f"The {split} split of {self.root} is empty.",
                fix="Prepare the dataset again with a part for it, as in `--split 0.7,0.15,0.15`.",
            )
        return self.splits[split]

    def fold(self, number: int) -> "Dataset":
        """The same dataset with one fold as validation and the others as train.

        The test split stays as it is: folds are made of everything else.

        Args:
            number: 1 to the number of folds.

        Raises:
            DataError: The dataset was prepared without folds.
            ArtifactError: The table of folds is damaged.
            UsageError: There is no such fold.
        """
        path = self.root / "folds.csv"
        if not path.is_file():
            raise DataError(f"{self.root} has no folds.", fix="Prepare it again with `--folds 5`.")
        rows = read_table(path, FOLD_COLUMNS, fix=FIX)
        of = {row["filename"]: row["fold"] for row in rows}
        free = [*self.splits["train"], *self.splits["validation"]]
        folds = set(of.values())
        if of.keys() != {each.filename for each in free} or folds != _numbers(len(folds)):
            raise ArtifactError(f"{path} does not fit the dataset.", fix=FIX)
        if str(number) not in folds:
            raise UsageError(f"There is no fold {number}.", fix=f"The folds are 1 to {len(folds)}.")
        train = tuple(each for each in free if of.get(each.filename) != str(number))
        validation = tuple(each for each in free if of.get(each.filename) == str(number))
        splits = {**self.splits, "train": train, "validation": validation}
        return dataclasses.replace(self, splits=splits)

    @property
    def has_groups(self) -> bool:
        """Whether any photo names a group."""
        return any(sample.group for samples in self.splits.values() for sample in samples)

    @classmethod
    def open(cls, root: Path) -> "Dataset":
        """Open a dataset and check that its tables agree with its fingerprint.

        Photos are not read; `verify` does that.

        Raises:
            ArtifactError: It is no dataset, is of a newer schema, or was changed by hand.
        """
        document = open_document(root, DOCUMENT, kind=KIND, schema_version=SCHEMA_VERSION)
        name = str(root)
        classes = texts(document, "classes", name=name)
        splits = {split: tuple(_samples(root, split, classes)) for split in SPLITS}
        if not classes:
            splits[UNLABELLED] = tuple(_unlabelled(root))
        hashes = {origin.filename: origin.sha256 for origin in origins(root)}
        stated = field(document, "fingerprint", str, name=name)
        if fingerprint(splits, hashes, classes) != stated:
            raise ArtifactError(
                f"{root} is not what `lineament prepare` wrote: its tables do not match its "
                "fingerprint.",
                fix=FIX,
            )
        return cls(root=root, classes=classes, splits=splits, fingerprint=stated, document=document)

    def verify(self, *splits: str) -> None:
        """Read the photos of some splits and compare their hashes with those that were written.

        A run and a report state the dataset's fingerprint, so whoever reads the photos asks first.

        Args:
            splits: Which splits; none for all of them.

        Raises:
            ArtifactError: Photos are absent or changed; all of them are named.
        """
        used = {each.filename for name in splits or self.splits for each in self.splits[name]}
        wrong = []
        for origin in origins(self.root):
            if origin.filename not in used:
                continue
            path = self.root / origin.filename
            if not path.is_file():
                wrong.append(f"{origin.filename} (absent)")
            elif sha256_file(path) != origin.sha256:
                wrong.append(f"{origin.filename} (changed)")
        if wrong:
            raise ArtifactError(
                f"{len(wrong)} photo{'s' * (len(wrong) > 1)} of {self.root} "
                f"{'are not those that were' if len(wrong) > 1 else 'is not the one that was'} "
                "prepared.",
                at=wrong,
                fix="Prepare the dataset again.",
            )


def decode_photo(path: Path, *, short_side_px: int) -> NDArray[np.uint8]:
    """Decode a photo of a dataset, which could be read when it was prepared.

    Args:
        path: The photo's file.
        short_side_px: As for `lineament.imaging.decode.decode`.

    Returns:
        ``uint8 (H, W, 3)``, RGB.

    Raises:
        DataError: It cannot be read any more.
    """
    try:
        return decode(path, short_side_px=short_side_px)
    except ImageError as error:
        raise DataError(
            f"{path} cannot be read: {error.what}.",
            fix="The photo was there when the dataset was prepared; prepare the dataset again.",
        ) from error


def decode_shrunk(path: Path, *, short_side_px: int) -> NDArray[np.uint8]:
    """Decode a photo of a dataset, no larger than a model needs it; as `decode_photo` else.

    `decode_photo` stops at what the decoder gives for nothing; a photo that is changed and asked
    about many times is worth scaling down once.
    """
    image = decode_photo(path, short_side_px=short_side_px)
    return shrink(image, short_side_px=short_side_px)


def write_dataset(
    folder: Path,
    *,
    classes: Sequence[str],
    splits: Mapping[str, Sequence[Sample]],
    sources: Iterable[Origin],
    rejected: Sequence[Rejected],
    document: Mapping[str, object],
    metadata: Mapping[str, Mapping[str, str]] | None = None,
    folds: Mapping[str, int] | None = None,
) -> str:
    """Write the tables and ``dataset.json`` beside the photos that already stand in ``folder``.

    Args:
        folder: The dataset's folder, usually the partial one of an atomic write.
        classes: Class names in label order.
        splits: Samples by split.
        sources: Where each photo came from.
        rejected: What was scanned and left out.
        document: What else ``dataset.json`` says (sources, counts, checks, split).
        metadata: Filename to the source's further columns; no table is written without any.
        folds: Filename to fold, from 1; no table is written without any.

    Returns:
        The fingerprint.
    """
    table = sorted(sources, key=lambda origin: origin.filename)
    for split in splits:
        rows = [
            (sample.filename, sample.label, sample.class_name, sample.group)
            for sample in splits[split]
        ]
        write_table(folder / "splits" / f"{split}.csv", SPLIT_COLUMNS, rows)
    write_origins(folder, table)
    if folds:
        write_table(folder / "folds.csv", FOLD_COLUMNS, sorted(folds.items()))
    columns = sorted({name for row in (metadata or {}).values() for name in row})
    if metadata and columns:
        write_table(
            folder / "metadata.csv",
            ("filename", *columns),
            [
                (name, *(metadata[name].get(column, "") for column in columns))
                for name in sorted(metadata)
            ],
        )
    write_rejections(folder, rejected)
    mark = fingerprint(splits, {row.filename: row.sha256 for row in table}, classes)
    whole = {
        **stamp(KIND, SCHEMA_VERSION),
        "fingerprint": mark,
        "classes": list(classes),
        **document,
    }
    (folder / DOCUMENT).write_text(json_text(whole), encoding="utf-8")
    return mark


def fingerprint(
    splits: Mapping[str, Sequence[Sample]], hashes: Mapping[str, str], classes: Sequence[str] = ()
) -> str:
    """Hash what training and testing depend on: each photo's content, class, group and split.

    Args:
        splits: Samples by split.
        hashes: SHA-256 of each photo's file, by filename.
        classes: Class names in label order.

    Returns:
        The same for the same photos, in whatever order they stand.
    """
    rows = sorted(
        [hashes.get(sample.filename, ""), sample.class_name, sample.group, split]
        for split, samples in splits.items()
        for sample in samples
    )
    # JSON keeps the parts apart whatever stands in a name.
    text = json.dumps([list(classes), rows], separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _numbers(count: int) -> set[str]:
    return {str(number) for number in range(1, count + 1)}


def _unlabelled(root: Path) -> Iterable[Sample]:
    for row in read_table(root / "splits" / f"{UNLABELLED}.csv", SPLIT_COLUMNS, fix=FIX):
        yield Sample(filename=row["filename"], label=-1, class_name="", group=row["group"])


def _samples(root: Path, split: str, classes: Sequence[str]) -> Iterable[Sample]:
    labels = {name: label for label, name in enumerate(classes)}
    for row in read_table(root / "splits" / f"{split}.csv", SPLIT_COLUMNS, fix=FIX):
        # Names decide, never indices: a table whose label and class disagree is refused.
        if labels.get(row["class"]) is None or str(labels[row["class"]]) != row["label"]:
            raise ArtifactError(
                f"splits/{split}.csv of {root} gives {row['filename']} the class {row['class']!r} "
                f"with label {row['label']}, which is not in dataset.json.",
                fix=FIX,
            )
        yield Sample(
            filename=row["filename"],
            label=int(row["label"]),
            class_name=row["class"],
            group=row["group"],
        )
