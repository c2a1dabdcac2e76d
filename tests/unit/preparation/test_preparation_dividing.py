"""Every way to divide, from photos on disk to the tables; and every photo is accounted for."""

import csv
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lineament.artifacts.dataset import SPLITS, Dataset
from lineament.artifacts.origins import origins, rejections
from lineament.core.errors import DataError, LineamentError, UsageError
from lineament.preparation.build import prepare
from lineament.preparation.config import PrepareConfig


def draw(path: Path, seed: int, *, taken: str = "") -> None:
    """A photo of noise that no other seed draws."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    exif = Image.Exif()
    if taken:
        exif.get_ifd(0x8769)[0x9003] = taken
    Image.fromarray(pixels).save(path, exif=exif)


def build(root: Path, counts: Mapping[str, int], *, first_seed: int = 0) -> Path:
    seed = first_seed
    for name, count in counts.items():
        for n in range(count):
            seed += 1
            draw(root / name / f"{n:02}.png", seed)
    return root


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return build(tmp_path / "photos", {"cat": 20, "dog": 20})


def made(source: Path, out: Path, **options: Any) -> Dataset:
    dataset = prepare(source, out, config=PrepareConfig(**options))
    dataset.verify()
    return dataset


def refused(kind: type[LineamentError], source: Path, out: Path, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        prepare(source, out, config=PrepareConfig(**options))
    assert not out.exists()
    assert not list(out.parent.glob(f".{out.name}*"))
    return str(caught.value)


def sides(dataset: Dataset) -> dict[str, str]:
    """Name in the source to split."""
    named = {each.filename: each.source for each in origins(dataset.root)}
    return {named[each.filename]: split for split in SPLITS for each in dataset.splits[split]}


def said(dataset: Dataset) -> dict[str, Any]:
    return dict(dataset.document)


# test=FILE


def test_listed_photos_are_the_test_split(source: Path, tmp_path: Path) -> None:
    (tmp_path / "hard.txt").write_text("cat/00.png\ncat/01.png\ndog/07.png\n")
    dataset = made(source, tmp_path / "out", test_list=str(tmp_path / "hard.txt"))
    where = sides(dataset)
    assert {name for name in where if where[name] == "test"} == {
        *("cat/00.png", "cat/01.png", "dog/07.png")
    }
    assert Counter(where.values()) == {"train": 30, "validation": 7, "test": 3}
    assert said(dataset)["split"]["given"] == {"test": str(tmp_path / "hard.txt")}
    assert said(dataset)["split"]["carved"] == ["validation"]


def test_a_copy_of_a_listed_photo_is_left_out(source: Path, tmp_path: Path) -> None:
    (tmp_path / "hard.csv").write_text("filename\ncat/00.png\ndog/00.png\n")
    shutil.copy(source / "cat" / "00.png", source / "cat" / "copy.png")
    dataset = made(source, tmp_path / "out", test_list=str(tmp_path / "hard.csv"))
    assert [(each.filename, each.reason) for each in rejections(dataset.root)] == [
        ("cat/copy.png", "same pixels as cat/00.png, which is in the test split")
    ]


def test_photos_of_a_listed_photo_s_group_are_left_out(tmp_path: Path) -> None:
    for person in range(12):
        for label, name in enumerate(("happy", "sad")):
            draw(tmp_path / "photos" / name / f"P{person:02}_x.png", 100 * label + person)
    (tmp_path / "hard.txt").write_text("happy/P00_x.png\nsad/P01_x.png\n")
    dataset = made(
        tmp_path / "photos",
        tmp_path / "out",
        test_list=str(tmp_path / "hard.txt"),
        group_by=r"(P\d+)_",
    )
    assert [(each.filename, each.reason) for each in rejections(dataset.root)] == [
        ("happy/P01_x.png", "same group as sad/P01_x.png, which is in the test split"),
        ("sad/P00_x.png", "same group as happy/P00_x.png, which is in the test split"),
    ]


def test_a_list_goes_before_split_folders(tmp_path: Path) -> None:
    source = build(
        tmp_path / "photos", {"train/cat": 8, "train/dog": 8, "test/cat": 3, "test/dog": 3}
    )
    (tmp_path / "hard.txt").write_text("train/cat/00.png\ntrain/dog/00.png\n")
    where = sides(made(source, tmp_path / "out", test_list=str(tmp_path / "hard.txt")))
    assert {name for name in where if where[name] == "test"} == {
        "train/cat/00.png",
        "train/dog/00.png",
    }


def test_a_listed_photo_that_is_not_there_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "hard.txt").write_text("cat/99.png\n")
    assert refused(DataError, source, tmp_path / "out", test_list=str(tmp_path / "hard.txt")) == (
        f"1 name in {tmp_path / 'hard.txt'} cannot be found among the 40 photos; nothing was "
        "written.\n"
        "  at:  line 1 (cat/99.png) Did you mean `cat/19.png`?\n"
        "  fix: Name each photo by its path below the source."
    )


# groups


@pytest.mark.parametrize("group_by", [r"/(\d)", r"/\d"])
def test_a_group_is_the_capture_or_the_whole_match(
    source: Path, tmp_path: Path, group_by: str
) -> None:
    build(source, {"cat": 60, "dog": 60})
    dataset = made(source, tmp_path / "out", group_by=group_by)
    of_group: dict[str, set[str]] = {}
    for split in SPLITS:
        for sample in dataset.splits[split]:
            of_group.setdefault(sample.group, set()).add(split)
    assert len(of_group) == 6
    assert all(len(splits) == 1 for splits in of_group.values())


def test_a_column_of_what_has_none_is_refused(source: Path, tmp_path: Path) -> None:
    assert refused(UsageError, source, tmp_path / "out", group_by="column:person") == (
        "`group_by` is `column:person`, but the source has no column `person`.\n"
        "  fix: The source has no further columns; write a regular expression instead."
    )


# time


def test_by_exif_the_newest_photos_are_tested(tmp_path: Path) -> None:
    for label, name in enumerate(("cat", "dog")):
        for n in range(10):
            draw(
                tmp_path / "photos" / name / f"{n}.jpg",
                100 * label + n,
                taken=f"20{10 + n}:01:01 00:00:00",
            )
    dataset = made(tmp_path / "photos", tmp_path / "out", time_by="exif")
    years = {each.filename: each.facts.taken[:4] for each in origins(dataset.root)}
    of_split = {split: {years[each.filename] for each in dataset.splits[split]} for split in SPLITS}
    assert max(of_split["train"]) < min(of_split["validation"])
    assert max(of_split["validation"]) < min(of_split["test"])
    assert max(of_split["test"]) == "2019"
    assert said(dataset)["split"]["time_by"] == "exif"


def test_photos_without_a_time_are_named(source: Path, tmp_path: Path) -> None:
    text = refused(DataError, source, tmp_path / "out", time_by="exif")
    assert text.startswith(
        "40 of 40 photos have no time; nothing was written.\n  at:  cat/00.png, cat/01.png, "
    )


def test_by_an_expression_the_newest_photos_are_tested(source: Path, tmp_path: Path) -> None:
    where = sides(made(source, tmp_path / "out", time_by=r"(\d\d)\.png"))
    newest = {name for name in where if where[name] == "test"}
    assert newest == {f"{label}/{n}.png" for label in ("cat", "dog") for n in (17, 18, 19)}


# folds


def test_folds_are_of_everything_that_is_not_tested(source: Path, tmp_path: Path) -> None:
    dataset = made(source, tmp_path / "out", folds=4)
    with (tmp_path / "out" / "folds.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    free = {each.filename for part in ("train", "validation") for each in dataset.splits[part]}
    assert {row["filename"] for row in rows} == free
    assert [row["filename"] for row in rows] == sorted(free)
    assert set(Counter(row["fold"] for row in rows)) == {"1", "2", "3", "4"}


def test_each_fold_is_once_the_validation_split(source: Path, tmp_path: Path) -> None:
    dataset = made(source, tmp_path / "out", folds=4)
    free = {*dataset.splits["train"], *dataset.splits["validation"]}
    validated: list[object] = []
    for number in range(1, 5):
        fold = dataset.fold(number)
        assert {*fold.splits["train"], *fold.splits["validation"]} == free
        assert not {*fold.splits["train"]} & {*fold.splits["validation"]}
        assert fold.splits["test"] == dataset.splits["test"]
        assert {each.class_name for each in fold.splits["validation"]} == {"cat", "dog"}
        validated += fold.splits["validation"]
    assert len(validated) == len(free)
    assert {*validated} == free


def test_folds_keep_groups_whole(source: Path, tmp_path: Path) -> None:
    build(source, {"cat": 60, "dog": 60})
    dataset = made(source, tmp_path / "out", folds=2, group_by=r"/(\d)", split=(0.7, 0.3, 0))
    for number in (1, 2):
        fold = dataset.fold(number)
        groups = [{each.group for each in fold.splits[part]} for part in ("train", "validation")]
        assert not groups[0] & groups[1]


def test_more_folds_than_photos_are_refused(source: Path, tmp_path: Path) -> None:
    text = refused(DataError, source, tmp_path / "out", folds=18)
    assert text.startswith(
        "2 classes have too few independent photos to be in 18 folds; nothing was written.\n"
        "  at:  cat (has 17, needs 18), dog (has 17, needs 18)\n"
    )


# no test split


def test_without_a_test_split_nothing_is_said_to_leak(source: Path, tmp_path: Path) -> None:
    dataset = made(source, tmp_path / "out", split=(0.8, 0.2, 0))
    assert len(dataset.splits["test"]) == 0
    leaking = said(dataset)["checks"]["test_photos_with_a_partner_in_train"]
    assert leaking == {"duplicates": 0, "near": 0, "group": 0}
    sheet = (tmp_path / "out" / "datasheet.md").read_text(encoding="utf-8")
    assert "- 0 of 0 test photos have the same pixels as a training photo;" in sheet


# balance


def test_a_cap_leaves_every_class_as_many_as_the_smallest(tmp_path: Path) -> None:
    source = build(tmp_path / "photos", {"cat": 9, "dog": 20})
    dataset = made(source, tmp_path / "out", balance="cap")
    counts = said(dataset)["counts"]
    assert counts["per_class"] == {"cat": 9, "dog": 9}
    assert (counts["left_out_by_balance"], counts["rejected"]) == (11, 0)
    assert {each.reason for each in rejections(dataset.root)} == {"left out by balance (cap)"}
    assert len(list((tmp_path / "out" / "images").rglob("*.png"))) == 18


def test_of_a_balanced_class_copies_go_first(tmp_path: Path) -> None:
    source = build(tmp_path / "photos", {"cat": 5, "dog": 5})
    for n in range(3):
        shutil.copy(source / "cat" / "00.png", source / "cat" / f"copy{n}.png")
    dataset = made(source, tmp_path / "out", balance="cap:5")
    assert {each.duplicate_set for each in origins(dataset.root)} == {""}
    assert said(dataset)["checks"]["duplicates"]["sets"] == 0
    assert said(dataset)["duplicates"]["sets"] == 1


def test_given_test_photos_are_not_balanced(tmp_path: Path) -> None:
    source = build(
        tmp_path / "photos", {"train/cat": 6, "train/dog": 12, "test/cat": 2, "test/dog": 9}
    )
    counts = said(made(source, tmp_path / "out", balance="cap"))["counts"]
    assert counts["per_class_and_split"]["dog"]["test"] == 9
    assert counts["per_class"] == {"cat": 8, "dog": 15}


# extend


def test_a_grown_source_moves_no_old_photo(source: Path, tmp_path: Path) -> None:
    old = sides(made(source, tmp_path / "old"))
    build(source / ".." / "photos", {"cat": 0})
    for n in range(20, 33):
        draw(source / "cat" / f"{n}.png", 1000 + n)
        draw(source / "dog" / f"{n}.png", 2000 + n)
    grown = made(source, tmp_path / "new", extend=str(tmp_path / "old"), seed=5)
    new = sides(grown)
    assert {name: new[name] for name in old} == old
    assert len(new) == 66
    assert Counter(new.values())["test"] == pytest.approx(0.15 * 66, abs=1.5)
    assert said(grown)["split"]["extends"] == str(tmp_path / "old")


def test_a_renamed_photo_stays_where_it_was(source: Path, tmp_path: Path) -> None:
    old = sides(made(source, tmp_path / "old"))
    (source / "cat" / "00.png").rename(source / "cat" / "zz.png")
    new = sides(made(source, tmp_path / "new", extend=str(tmp_path / "old")))
    assert new["cat/zz.png"] == old["cat/00.png"]


def test_a_new_class_can_be_added_to_a_dataset(source: Path, tmp_path: Path) -> None:
    old = sides(made(source, tmp_path / "old"))
    build(source, {"fox": 8}, first_seed=5000)
    new = sides(made(source, tmp_path / "new", extend=str(tmp_path / "old")))
    assert {name: new[name] for name in old} == old
    assert {new[name] for name in new if name.startswith("fox/")} == {*SPLITS}


def test_a_dataset_can_be_extended_in_place(source: Path, tmp_path: Path) -> None:
    old = sides(made(source, tmp_path / "out"))
    draw(source / "cat" / "new.png", 7000)
    config = PrepareConfig(extend=str(tmp_path / "out"))
    new = sides(prepare(source, tmp_path / "out", config=config, overwrite=True))
    assert {name: new[name] for name in old} == old
    assert "cat/new.png" in new


def test_old_test_photos_stay_though_no_test_split_is_asked_for(
    source: Path, tmp_path: Path
) -> None:
    old = sides(made(source, tmp_path / "old"))
    new = sides(made(source, tmp_path / "new", extend=str(tmp_path / "old"), split=(0.8, 0.2, 0)))
    assert new == old


def test_a_dataset_without_labels_cannot_be_extended(source: Path, tmp_path: Path) -> None:
    made(source, tmp_path / "old", unlabelled=True)
    assert refused(DataError, source, tmp_path / "new", extend=str(tmp_path / "old")) == (
        f"{tmp_path / 'old'} holds photos without labels, so it has no splits to keep.\n"
        "  fix: Name another dataset as `--extend`, or leave it out."
    )


def test_a_near_duplicate_of_an_old_photo_follows_it(
    source: Path, tmp_path: Path, draw_photo: Any
) -> None:
    shutil.rmtree(source)
    for label, name in enumerate(("cat", "dog")):
        (source / name).mkdir(parents=True)
        for n in range(12):
            photo = draw_photo(n, 90, 120, kind=label)
            Image.fromarray(photo).save(source / name / f"{n:02}.jpg", quality=95)
    old = sides(made(source, tmp_path / "old"))
    for n in range(12):
        photo = draw_photo(n, 90, 120, kind=0)
        Image.fromarray(photo).resize((160, 120)).save(source / "cat" / f"n{n:02}.jpg", quality=80)
    grown = made(source, tmp_path / "new", extend=str(tmp_path / "old"))
    new = sides(grown)
    assert {name: new[name] for name in old} == old
    assert all(new[f"cat/n{n:02}.jpg"] == old[f"cat/{n:02}.jpg"] for n in range(12))
    named = {each.source: each.near_set for each in origins(grown.root)}
    assert all(named[f"cat/n{n:02}.jpg"] == named[f"cat/{n:02}.jpg"] != "" for n in range(12))
    assert said(grown)["checks"]["near_duplicates"] == {"sets": 12, "in_several_splits": 0}


# the account

NAMES = ("cat", "dog", "fox")
JUNK = (".DS_Store", "notes.txt", "broken.jpg", ".hidden/x.png")


@settings(max_examples=25)
@given(
    counts=st.tuples(*[st.integers(8, 11)] * 3),
    junk=st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(JUNK)), max_size=4),
    copies=st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.integers(0, 3)), max_size=3
    ),
    dropped=st.sets(st.tuples(st.sampled_from(NAMES[:2]), st.integers(0, 3)), max_size=2),
    options=st.sampled_from(
        [
            {},
            {"exclude_class": ("fox",)},
            {"merge": ("animal=cat,fox",), "split": (0.5, 0.5, 0.0)},
            {"merge": ("other=*",), "rename": ("dog=wolf",), "balance": "cap"},
            {"balance": "cap", "split": (0.4, 0.3, 0.3)},
            {"balance": "cap:5", "folds": 2},
            {"unlabelled": True},
        ]
    ),
    listed=st.booleans(),
)
def test_every_file_is_kept_or_in_the_table_of_the_rejected(
    tmp_path_factory: pytest.TempPathFactory,
    counts: tuple[int, ...],
    junk: list[tuple[str, str]],
    copies: list[tuple[str, str, int]],
    dropped: set[tuple[str, int]],
    options: dict[str, Any],
    listed: bool,
) -> None:
    root = tmp_path_factory.mktemp("account")
    source = build(root / "photos", dict(zip(NAMES, counts, strict=True)))
    for class_name, name in junk:
        path = source / class_name / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"junk")
    for number, (one, other, n) in enumerate(copies):
        shutil.copy(source / one / f"{n:02}.png", source / other / f"copy{number}.png")
    table = ["filename,finding,partner,score,decision"]
    table += [f"{name}/{n:02}.png,blank,,,drop" for name, n in sorted(dropped)]
    (root / "audit.csv").write_text("\n".join(table) + "\n")
    if listed and not options.get("unlabelled"):
        names = [f"{name}/04.png" for name in NAMES if name not in options.get("exclude_class", ())]
        (root / "hard.txt").write_text("\n".join(names))
        options = {**options, "test_list": str(root / "hard.txt")}
    config = PrepareConfig(unreadable="skip", decisions=str(root / "audit.csv"), **options)
    every = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    dataset = prepare(source, root / "out", config=config)
    kept = {each.source for each in origins(dataset.root)}
    rejected = [each.filename for each in rejections(dataset.root)]
    assert sorted([*kept, *rejected]) == sorted(every)
    assert rejected == sorted(rejected)
    said = dict(dataset.document)["counts"]
    assert isinstance(said, dict)
    assert said["scanned"] == len(every)
    assert said["kept"] == len(kept) == sum(len(part) for part in dataset.splits.values())
    assert said["rejected"] + said["left_out_by_balance"] + said["left_out_by_decision"] == len(
        rejected
    )
    assert said["rejected"] == sum(said["rejected_by_reason"].values())
    assert said["left_out_by_decision"] >= len(dropped)
    photos = {
        path.relative_to(dataset.root).as_posix()
        for path in (dataset.root / "images").rglob("*")
        if path.is_file()
    }
    assert photos == {each.filename for each in origins(dataset.root)}
    dataset.verify()
