"""A dataset opens as it was written, and not when someone edited it."""

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lineament.artifacts.dataset import (
    Dataset,
    Sample,
    fingerprint,
    write_dataset,
)
from lineament.artifacts.origins import Origin, Rejected, origins, rejections
from lineament.core.errors import ArtifactError, DataError, UsageError
from lineament.core.files import sha256_file
from lineament.imaging.decode import FileFacts

CLASSES = ("cat", "dog")
FIX = "\n  fix: Prepare the dataset again; a dataset is not edited by hand."


def sample(name: str, class_name: str, group: str = "") -> Sample:
    label = CLASSES.index(class_name)
    return Sample(
        filename=f"images/{class_name}/{name}.png", label=label, class_name=class_name, group=group
    )


SPLITS = {
    "train": [sample("1", "cat", "ann"), sample("2", "dog", "bob")],
    "validation": [sample("3", "cat", "cyd")],
    "test": [],
}
FACTS = FileFacts(format="PNG", mode="RGB", width=24, height=20, size_bytes=99, taken="")
REJECTED = [Rejected(filename="x/bad.jpg", reason="truncated after 3 bytes")]


def write(
    root: Path,
    *,
    classes: Sequence[str] = CLASSES,
    splits: Mapping[str, Sequence[Sample]] = SPLITS,
    rejected: Sequence[Rejected] = REJECTED,
) -> Path:
    """Write a small dataset whose photos hold their own names."""
    sources = []
    for each in itertools.chain(*splits.values()):
        path = root / each.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(each.filename.encode())
        origin = Origin(
            filename=each.filename,
            source=f"from/{path.name}",
            sha256=sha256_file(path),
            pixels="0" * 64,
            duplicate_set="",
            near_set="",
            facts=FACTS,
        )
        sources.append(origin)
    write_dataset(
        root,
        classes=classes,
        splits=splits,
        sources=sources,
        rejected=rejected,
        document={"n": 4},
    )
    return root


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def refusal(root: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        Dataset.open(root)
    return str(caught.value)


def edited(root: Path) -> str:
    return (
        f"{root} is not what `lineament prepare` wrote: its tables do not match its fingerprint."
        + FIX
    )


def test_round_trip_keeps_everything(tmp_path: Path) -> None:
    root = write(tmp_path / "d")

    dataset = Dataset.open(root)

    assert dataset.classes == CLASSES
    assert {split: list(samples) for split, samples in dataset.splits.items()} == SPLITS
    assert rejections(root) == REJECTED
    assert [origin.source for origin in origins(root)] == ["from/1.png", "from/3.png", "from/2.png"]
    assert (dataset.document["kind"], dataset.document["n"]) == ("dataset", 4)
    dataset.verify()


def test_path_of_a_sample_is_its_file(tmp_path: Path) -> None:
    dataset = Dataset.open(write(tmp_path / "d"))

    assert dataset.path(dataset.samples("train")[0]).read_bytes() == b"images/cat/1.png"


def test_groups_are_noticed(tmp_path: Path) -> None:
    alone = {"train": [sample("1", "cat")], "validation": [], "test": []}

    assert Dataset.open(write(tmp_path / "with")).has_groups
    assert not Dataset.open(write(tmp_path / "without", splits=alone)).has_groups


def test_unknown_split_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        Dataset.open(write(tmp_path / "d")).samples("tset")

    assert str(caught.value) == (
        "There is no split `tset`. Did you mean `test`?\n"
        "  fix: The splits are train, validation, test."
    )


def test_empty_split_is_refused_when_asked_for(tmp_path: Path) -> None:
    root = write(tmp_path / "d")

    with pytest.raises(DataError) as caught:
        Dataset.open(root).samples("test")

    assert str(caught.value) == (
        f"The test split of {root} is empty.\n"
        "  fix: Prepare the dataset again with a part for it, as in `--split 0.7,0.15,0.15`."
    )


HASHES = {each.filename: f"hash of {each.filename}" for part in SPLITS.values() for each in part}


def test_fingerprint_does_not_depend_on_the_order_of_rows() -> None:
    turned = {split: samples[::-1] for split, samples in reversed(SPLITS.items())}

    assert fingerprint(turned, HASHES) == fingerprint(SPLITS, HASHES)


@pytest.mark.parametrize(
    "train",
    [
        [sample("1", "cat", "ann")],
        [sample("1", "cat", "ann"), sample("2", "dog", "ann")],
        [sample("1", "cat", "ann"), sample("2", "dog", "bob"), sample("2", "dog", "bob")],
    ],
    ids=["fewer", "other group", "more"],
)
def test_fingerprint_depends_on_rows(train: list[Sample]) -> None:
    assert fingerprint({**SPLITS, "train": train}, HASHES) != fingerprint(SPLITS, HASHES)


def test_fingerprint_depends_on_the_split() -> None:
    moved = {"train": SPLITS["train"], "validation": [], "test": SPLITS["validation"]}

    assert fingerprint(moved, HASHES) != fingerprint(SPLITS, HASHES)


def test_fingerprint_depends_on_the_content() -> None:
    assert fingerprint(SPLITS, {**HASHES, "images/cat/1.png": "other"}) != fingerprint(
        SPLITS, HASHES
    )


def test_fingerprint_depends_on_the_class() -> None:
    one, other = (
        Sample(filename="1.png", label=0, class_name=name, group="") for name in ("cat", "dog")
    )

    assert fingerprint({"train": [one]}, {}) != fingerprint({"train": [other]}, {})


def test_fingerprint_tells_class_from_group_whatever_is_in_their_names() -> None:
    one = Sample(filename="1.png", label=0, class_name="a", group="b\tc")
    other = Sample(filename="1.png", label=0, class_name="a\tb", group="c")

    assert fingerprint({"train": [one]}, {}) != fingerprint({"train": [other]}, {})


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("splits/train.csv", "ann", "bob"),
        ("splits/train.csv", "images/cat/1.png,0,cat,ann\n", ""),
        ("splits/train.csv", "images/cat/1.png,0,cat", "images/cat/1.png,1,dog"),
        ("splits/test.csv", "class,group\n", "class,group\nimages/cat/1.png,0,cat,ann\n"),
        ("sources.csv", "images/cat/1.png,from/1.png,", "images/cat/1.png,from/1.png,0"),
        ("dataset.json", '"fingerprint": "', '"fingerprint": "0'),
    ],
)
def test_table_edited_by_hand_is_refused(file: str, old: str, new: str, tmp_path: Path) -> None:
    root = write(tmp_path / "d")
    edit(root / file, old, new)

    assert refusal(root) == edited(root)


def test_class_added_by_hand_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "d")
    edit(root / "dataset.json", '"dog"', '"dog",\n    "fox"')

    assert refusal(root) == edited(root)


@pytest.mark.parametrize(
    ("new", "class_name", "label"),
    [("images/cat/1.png,1,cat", "cat", "1"), ("images/cat/1.png,0,fox", "fox", "0")],
)
def test_label_and_class_that_disagree_are_refused(
    new: str, class_name: str, label: str, tmp_path: Path
) -> None:
    root = write(tmp_path / "d")
    edit(root / "splits" / "train.csv", "images/cat/1.png,0,cat", new)

    assert refusal(root) == (
        f"splits/train.csv of {root} gives images/cat/1.png the class {class_name!r} with label "
        f"{label}, which is not in dataset.json." + FIX
    )


def test_classes_swapped_in_the_document_are_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "d")
    edit(root / "dataset.json", '"cat",\n    "dog"', '"dog",\n    "cat"')

    assert "which is not in dataset.json" in refusal(root)


def test_newer_schema_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "d")
    edit(root / "dataset.json", '"schema_version": 1', '"schema_version": 2')

    assert refusal(root) == (
        f"{root} has dataset schema 2; this Lineament 0.1.0 reads 1 to 1.\n"
        "  fix: Install the version of Lineament that wrote it, or a newer one."
    )


def test_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (
        f"{tmp_path} is not a dataset: it has no dataset.json.\n"
        "  fix: Name the folder of a dataset that Lineament wrote."
    )


@pytest.mark.parametrize("file", ["splits/train.csv", "splits/test.csv", "sources.csv"])
def test_absent_table_is_refused(file: str, tmp_path: Path) -> None:
    root = write(tmp_path / "d")
    (root / file).unlink()

    assert refusal(root).startswith(f"{root / file} cannot be read (")


def test_table_with_other_columns_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "d")
    edit(root / "splits" / "train.csv", "filename,label", "label,filename")

    assert refusal(root) == (
        f"{root / 'splits' / 'train.csv'} has other columns than filename,label,class,group.\n"
        "  fix: Prepare the dataset again; a dataset is not edited by hand."
    )


def test_table_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "d")
    (root / "sources.csv").write_bytes(b"\xff\xfe")

    assert refusal(root).startswith(f"{root / 'sources.csv'} cannot be read (")


@pytest.mark.parametrize("row", ["one,two,three,four,five", "one", "x" * 200_000 + ",,,"])
@pytest.mark.parametrize("file", ["sources.csv", "splits/train.csv"])
def test_row_with_other_cells_is_refused(file: str, row: str, tmp_path: Path) -> None:
    root = write(tmp_path / "d")
    with (root / file).open("a") as table:
        table.write(row + "\n")

    refusal(root)


def test_cell_added_to_a_row_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "d")
    edit(root / "splits" / "train.csv", "0,cat,ann", "0,cat,ann,added")

    refusal(root)


def test_missing_group_cell_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "d")
    edit(root / "splits" / "train.csv", "0,cat,ann", "0,cat")

    assert refusal(root) == (
        f"{root / 'splits' / 'train.csv'} has rows with other than 4 cells.\n  at:  row 2" + FIX
    )


def test_file_saved_again_with_windows_line_ends_is_the_same(tmp_path: Path) -> None:
    root = write(tmp_path / "d")
    table = root / "splits" / "train.csv"
    table.write_bytes(table.read_bytes().replace(b"\n", b"\r\n"))

    assert list(Dataset.open(root).samples("train")) == SPLITS["train"]


AWKWARD = ['a,b "c"', "ünï 猫", "a\nb", " a ", "'", ";", "-1", "=1+1"]


@pytest.mark.parametrize("name", [*AWKWARD, "a\rb"])
def test_any_name_survives_the_tables(name: str, tmp_path: Path) -> None:
    row = Sample(filename="images/1.png", label=0, class_name=name, group=name)
    splits = {"train": [row], "validation": [], "test": []}
    rejected = [Rejected(filename=name, reason=name)]
    root = write(tmp_path / "d", classes=[name], splits=splits, rejected=rejected)

    assert Dataset.open(root).samples("train") == (row,)
    assert rejections(root) == rejected


def test_file_name_that_is_not_utf8_survives_the_tables(tmp_path: Path) -> None:
    rejected = [Rejected(filename="caf\udce9.jpg", reason="empty file")]

    assert rejections(write(tmp_path / "d", rejected=rejected))[0].reason == "empty file"


def test_absent_and_changed_photos_are_all_named(tmp_path: Path) -> None:
    root = write(tmp_path / "d")
    (root / "images/cat/1.png").unlink()
    (root / "images/dog/2.png").write_bytes(b"other")

    with pytest.raises(ArtifactError) as caught:
        Dataset.open(root).verify()

    assert str(caught.value) == (
        f"2 photos of {root} are not those that were prepared.\n"
        "  at:  images/cat/1.png (absent), images/dog/2.png (changed)\n"
        "  fix: Prepare the dataset again."
    )


def test_one_changed_photo_is_counted_in_the_singular(tmp_path: Path) -> None:
    root = write(tmp_path / "d")
    (root / "images/cat/1.png").unlink()

    with pytest.raises(ArtifactError, match=r"^1 photo of "):
        Dataset.open(root).verify()


def test_document_is_stable_text(tmp_path: Path) -> None:
    one, other = ((write(tmp_path / name) / "dataset.json").read_bytes() for name in "ab")

    assert one == other
    assert list(json.loads(one))[:4] == ["kind", "schema_version", "lineament", "fingerprint"]


FREE = [each for part in ("train", "validation") for each in SPLITS[part]]


def with_folds(root: Path) -> Path:
    """The same dataset with its three photos in three folds."""
    write(root)
    write_dataset(
        root,
        classes=CLASSES,
        splits=SPLITS,
        sources=origins(root),
        rejected=REJECTED,
        document={"n": 4},
        folds={each.filename: number for number, each in enumerate(FREE, 1)},
        metadata={FREE[0].filename: {"age": "7", "place": "a, b"}, FREE[1].filename: {"sex": "f"}},
    )
    return root


def test_fold_is_the_validation_split_and_the_others_are_train(tmp_path: Path) -> None:
    dataset = Dataset.open(with_folds(tmp_path / "d"))

    fold = dataset.fold(2)

    assert fold.splits == {"train": (FREE[0], FREE[2]), "validation": (FREE[1],), "test": ()}
    assert dataset.splits["train"] == (FREE[0], FREE[1])


@pytest.mark.parametrize("number", [0, 4, -1])
def test_fold_that_there_is_not_is_refused(number: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        Dataset.open(with_folds(tmp_path / "d")).fold(number)

    assert str(caught.value) == f"There is no fold {number}.\n  fix: The folds are 1 to 3."


def test_fold_of_a_dataset_without_folds_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "d")

    with pytest.raises(DataError) as caught:
        Dataset.open(root).fold(1)

    assert str(caught.value) == (f"{root} has no folds.\n  fix: Prepare it again with `--folds 5`.")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("images/cat/1.png,1\n", ""),
        ("images/cat/1.png,1", "images/cat/1.png,one"),
        ("images/cat/1.png,1", "images/cat/1.png,7"),
        ("images/cat/1.png,1", "images/cat/other.png,1"),
    ],
)
def test_folds_edited_by_hand_are_refused(old: str, new: str, tmp_path: Path) -> None:
    root = with_folds(tmp_path / "d")
    edit(root / "folds.csv", old, new)

    with pytest.raises(ArtifactError) as caught:
        Dataset.open(root).fold(1)

    assert str(caught.value) == f"{root / 'folds.csv'} does not fit the dataset." + FIX


def test_further_columns_are_kept_with_empty_cells_where_a_photo_has_none(tmp_path: Path) -> None:
    assert (with_folds(tmp_path / "d") / "metadata.csv").read_text(encoding="utf-8") == (
        'filename,age,place,sex\nimages/cat/1.png,7,"a, b",\nimages/dog/2.png,,,f\n'
    )


def test_tables_that_were_not_asked_for_are_not_written(tmp_path: Path) -> None:
    root = write(tmp_path / "d")

    assert sorted(path.name for path in root.iterdir() if path.is_file()) == [
        "dataset.json",
        "rejected.csv",
        "sources.csv",
    ]


BARE = [Sample(filename=f"images/{n}.png", label=-1, class_name="", group="") for n in range(2)]
UNLABELLED = {"train": [], "validation": [], "test": [], "unlabelled": BARE}


def test_photos_without_labels_are_in_a_split_of_their_own(tmp_path: Path) -> None:
    dataset = Dataset.open(write(tmp_path / "d", classes=(), splits=UNLABELLED))

    assert dataset.classes == ()
    assert {split: list(samples) for split, samples in dataset.splits.items()} == UNLABELLED
    dataset.verify()


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_photos_without_labels_are_neither_trained_on_nor_measured(
    split: str, tmp_path: Path
) -> None:
    root = write(tmp_path / "d", classes=(), splits=UNLABELLED)

    with pytest.raises(DataError) as caught:
        Dataset.open(root).samples(split)

    assert str(caught.value) == (
        f"{root} holds photos without labels: they can be predicted, not trained on or measured.\n"
        "  fix: Use a dataset of labelled photos, or `lineament predict BUNDLE` and this one."
    )


def test_changed_photo_without_a_label_is_named(tmp_path: Path) -> None:
    root = write(tmp_path / "d", classes=(), splits=UNLABELLED)
    (root / "images/1.png").write_bytes(b"other")

    with pytest.raises(ArtifactError) as caught:
        Dataset.open(root).verify()

    assert caught.value.at == ("images/1.png (changed)",)


def test_photo_without_a_label_removed_from_its_table_is_noticed(tmp_path: Path) -> None:
    root = write(tmp_path / "d", classes=(), splits=UNLABELLED)
    edit(root / "splits" / "unlabelled.csv", "images/1.png,-1,,\n", "")

    assert refusal(root) == edited(root)
