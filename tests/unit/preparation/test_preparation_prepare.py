"""Preparing a folder of class folders: what is written, and every way it is refused."""

import json
import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from PIL import Image

from lineament.artifacts.dataset import SPLITS, Dataset
from lineament.artifacts.origins import origins, rejections
from lineament.core.config import resolve
from lineament.core.errors import ArtifactError, DataError, LineamentError, UsageError
from lineament.core.executor import LocalExecutor
from lineament.preparation.build import PrepareConfig, prepare

T = TypeVar("T")
R = TypeVar("R")


def draw(path: Path, seed: int, *, side: int = 24) -> None:
    """A photo that no other seed draws; small ones are kept pixel by pixel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side + 4, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two classes of ten photos."""
    for label, name in enumerate(("cat", "dog")):
        for n in range(10):
            draw(tmp_path / "photos" / name / f"{n}.png", 100 * label + n)
    return tmp_path / "photos"


def document(dataset: Dataset) -> dict[str, Any]:
    return dict(dataset.document)


def side_of(dataset: Dataset) -> dict[str, str]:
    """Path below the source to split."""
    sources = {origin.filename: origin.source for origin in origins(dataset.root)}
    return {sources[sample.filename]: split for split in SPLITS for sample in dataset.splits[split]}


class Listener:
    def __init__(self) -> None:
        self.tasks: list[tuple[str, int | None]] = []
        self.notes: list[str] = []

    def start(self, task: str, total: int | None) -> None:
        self.tasks.append((task, total))

    def advance(self, steps: int = 1) -> None:
        pass

    def finish(self) -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)


class Nowhere:
    """An executor that must not be asked."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        raise AssertionError("photos were read before the cheap checks")


def refused(
    source: Path,
    out: Path,
    kind: type[LineamentError],
    *,
    config: PrepareConfig | None = None,
    before_reading: bool = False,
) -> str:
    """The text of the refusal; under the name of the dataset there must be nothing."""
    executor = Nowhere() if before_reading else LocalExecutor(workers=1)
    with pytest.raises(kind) as caught:
        prepare(source, out, config=config or PrepareConfig(), executor=executor)
    assert not (out / "dataset.json").exists()
    assert not list(out.parent.glob(f".{out.name}*"))
    return str(caught.value)


def test_a_dataset_opens_and_verifies(source: Path, tmp_path: Path) -> None:
    dataset = prepare(source, tmp_path / "out")
    dataset.verify()
    assert dataset.classes == ("cat", "dog")


def test_a_photo_lies_in_its_class_folder_under_its_stem(source: Path, tmp_path: Path) -> None:
    prepare(source, tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out" / "images" / "cat").iterdir())
    assert len(names) == 10
    assert names[0] == "0-1a07b51d89.png"


def test_the_source_is_not_changed(source: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    prepare(source, tmp_path / "out")
    assert before == {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}


def test_the_document_says_what_was_done(source: Path, tmp_path: Path) -> None:
    (source / "notes.txt").write_text("x")
    said = document(prepare(source, tmp_path / "out"))
    for named in ("kind", "schema_version", "lineament", "fingerprint", "classes"):
        said.pop(named)
    per_class = {"train": 7, "validation": 2, "test": 1}
    other_class = {"train": 7, "validation": 1, "test": 2}
    assert said == {
        "source": str(source),
        "config": {
            "size_px": 256,
            "split": [0.7, 0.15, 0.15],
            "test_list": None,
            "group_by": None,
            "time_by": None,
            "folds": 0,
            "extend": None,
            "unreadable": "fail",
            "near_duplicates": True,
            "decisions": None,
            "exclude_class": [],
            "rename": [],
            "merge": [],
            "add": [],
            "labels": None,
            "label_column": None,
            "one_class": False,
            "unlabelled": False,
            "fps": None,
            "balance": "none",
            "seed": 0,
        },
        "counts": {
            "scanned": 21,
            "kept": 20,
            "rejected": 1,
            "left_out_by_balance": 0,
            "left_out_by_decision": 0,
            "rejected_by_reason": {"not named like an image": 1},
            "per_class": {"cat": 10, "dog": 10},
            "per_split": {"train": 14, "validation": 3, "test": 3},
            "per_class_and_split": {"cat": per_class, "dog": other_class},
        },
        "checks": {
            "decoded": {"files": 20, "unreadable": 0},
            "duplicates": {
                "compared": "decoded RGB pixels",
                "sets": 0,
                "left_out_across_given_splits": 0,
                "in_several_splits": 0,
            },
            "near_duplicates": {"sets": 0, "in_several_splits": 0},
            "groups": {"groups": 0, "photos_without_group": 20, "in_several_splits": 0},
            "test_photos_with_a_partner_in_train": {"duplicates": 0, "near": 0, "group": 0},
            "of_a_random_split": {"duplicates": 0, "near": 0, "group": 0},
        },
        "split": {
            "seed": 0,
            "fractions": {"train": 0.7, "validation": 0.15, "test": 0.15},
            "given": {},
            "carved": [],
            "group_by": None,
            "time_by": None,
            "extends": None,
            "folds": 0,
            "n_groups": 0,
            "n_units": 20,
            "warnings": [],
        },
        "duplicates": {"sets": 0, "files": 0, "label_conflicts": []},
        "near_duplicates": {"pairs": 0, "sets": 0, "photos": 0},
        "shortcuts": [],
    }


def test_the_same_photos_and_seed_give_the_same_bytes(source: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        prepare(source, tmp_path / name, executor=LocalExecutor(workers=1 if name == "one" else 3))
    written = [
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "one", tmp_path / "two")
    ]
    assert written[0] == written[1]


def test_another_seed_gives_another_split(source: Path, tmp_path: Path) -> None:
    one = prepare(source, tmp_path / "one")
    other = prepare(source, tmp_path / "two", config=PrepareConfig(seed=1))
    assert side_of(one) != side_of(other)


def test_every_scanned_file_is_kept_or_rejected_with_a_reason(source: Path, tmp_path: Path) -> None:
    (source / "cat" / ".DS_Store").write_bytes(b"x")
    (source / "dog" / "Thumbs.db").write_bytes(b"x")
    draw(source / "loose.png", 900)
    (source / "dog" / "bad.jpg").write_bytes(b"no image")
    dataset = prepare(source, tmp_path / "out", config=PrepareConfig(unreadable="skip"))
    assert {each.filename: each.reason for each in rejections(dataset.root)} == {
        "cat/.DS_Store": "hidden file",
        "dog/Thumbs.db": "not named like an image",
        "dog/bad.jpg": "not an image, or an unsupported format",
        "loose.png": "in no class folder",
    }
    counts = document(dataset)["counts"]
    assert (counts["scanned"], counts["kept"], counts["rejected"]) == (24, 20, 4)
    assert counts["rejected_by_reason"] == {
        "cannot be read": 1,
        "hidden file": 1,
        "in no class folder": 1,
        "not named like an image": 1,
    }


def test_what_was_left_out_is_said(source: Path, tmp_path: Path) -> None:
    (source / "cat" / ".DS_Store").write_bytes(b"x")
    draw(source / "loose.png", 900)
    listener = Listener()
    prepare(source, tmp_path / "out", progress=listener)
    assert listener.tasks[:2] == [("finding files", None), ("reading photos", 20)]
    assert listener.notes == ["1 file left out: in no class folder (see rejected.csv)."]


def test_one_stem_in_two_folders_or_with_two_extensions_is_two_photos(
    source: Path, tmp_path: Path
) -> None:
    draw(source / "cat" / "more" / "0.png", 901)
    draw(source / "cat" / "0.bmp", 902)
    draw(source / "cat" / "0.PNG", 903)
    assert document(prepare(source, tmp_path / "out"))["counts"]["per_class"]["cat"] == 13


def test_class_names_keep_their_letters(tmp_path: Path) -> None:
    for label, name in enumerate(("naïve Kätzchen", "犬")):
        for n in range(4):
            draw(tmp_path / "photos" / name / f"{n}.png", 100 * label + n)
    dataset = prepare(tmp_path / "photos", tmp_path / "out")
    assert dataset.classes == ("naïve Kätzchen", "犬")
    dataset.verify()


def test_unreadable_images_are_all_named_and_nothing_is_written(
    source: Path, tmp_path: Path
) -> None:
    (source / "cat" / "IMG_0031.heic").write_bytes(b"ftypheic")
    draw(source / "dog" / "a.jpg", 5, side=200)
    whole = (source / "dog" / "a.jpg").read_bytes()
    (source / "dog" / "a.jpg").write_bytes(whole[:8192])
    (source / "dog" / "b.png").write_bytes(b"")
    assert refused(source, tmp_path / "out", DataError) == (
        "3 of 23 images cannot be read; nothing was written.\n"
        "  at:  cat/IMG_0031.heic (not an image, or an unsupported format), "
        "dog/a.jpg (truncated after 8192 bytes), dog/b.png (empty file)\n"
        "  fix: Repair or remove them, or run again with `--unreadable skip` to leave them out "
        "and list them in the dataset's `rejected.csv`."
    )


def test_a_link_that_leads_nowhere_cannot_be_read(source: Path, tmp_path: Path) -> None:
    (source / "cat" / "x.jpg").symlink_to(source / "absent.jpg")
    assert "  at:  cat/x.jpg (no such file)\n" in refused(source, tmp_path / "out", DataError)


def test_a_class_whose_every_image_is_rejected_is_refused(source: Path, tmp_path: Path) -> None:
    for n in range(3):
        (source / "fox").mkdir(exist_ok=True)
        (source / "fox" / f"{n}.jpg").write_bytes(b"")
    text = refused(source, tmp_path / "out", DataError, config=PrepareConfig(unreadable="skip"))
    assert text == (
        "1 class has no photo left; nothing was written.\n"
        "  at:  fox (3 cannot be read)\n"
        "  fix: Add photos to these classes, or leave them out with `--exclude-class`."
    )


def test_copies_are_on_one_side_and_carry_the_name_of_their_set(
    source: Path, tmp_path: Path
) -> None:
    for n in range(5):
        draw(source / "cat" / f"copy{n}.bmp", 3)
    dataset = prepare(source, tmp_path / "out")
    sides = side_of(dataset)
    copies = ["cat/3.png", *(f"cat/copy{n}.bmp" for n in range(5))]
    assert len({sides[path] for path in copies}) == 1
    names = {origin.source: origin.duplicate_set for origin in origins(dataset.root)}
    assert len({names[path] for path in copies}) == 1
    assert [names[path] for path in names if path not in copies] == [""] * 19
    assert document(dataset)["checks"]["duplicates"]["sets"] == 1
    assert document(dataset)["split"]["n_units"] == 20


def test_copies_with_different_classes_are_named_as_label_conflicts(
    source: Path, tmp_path: Path
) -> None:
    draw(source / "dog" / "cat3.png", 3)
    listener = Listener()
    dataset = prepare(source, tmp_path / "out", progress=listener)
    (conflict,) = document(dataset)["duplicates"]["label_conflicts"]
    assert conflict["classes"] == ["cat", "dog"]
    assert conflict["files"] == ["cat/3.png", "dog/cat3.png"]
    assert side_of(dataset)["cat/3.png"] == side_of(dataset)["dog/cat3.png"]
    assert listener.notes == [
        "2 photos with the same pixels as another one.",
        "1 pair of the same picture under different classes (see audit.csv).",
    ]


def test_groups_stay_whole_across_classes(tmp_path: Path) -> None:
    for person in range(12):
        for label, mood in enumerate(("happy", "sad")):
            for n in range(3):
                path = tmp_path / "photos" / mood / f"S{person:02}_{n}.png"
                draw(path, 1000 * label + 10 * person + n)
    dataset = prepare(
        tmp_path / "photos", tmp_path / "out", config=PrepareConfig(group_by=r"(S\d+)_")
    )
    sides: dict[str, set[str]] = {}
    for split in SPLITS:
        for sample in dataset.samples(split):
            sides.setdefault(sample.group, set()).add(split)
    assert [len(splits) for splits in sides.values()] == [1] * 12
    assert document(dataset)["checks"]["groups"] == {
        "groups": 12,
        "photos_without_group": 0,
        "in_several_splits": 0,
    }
    assert document(dataset)["split"]["n_groups"] == 12


def test_a_dataset_holds_these_files(source: Path, tmp_path: Path) -> None:
    prepare(source, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "audit.csv",
        "audit.json",
        "dataset.json",
        "datasheet.md",
        "images",
        "rejected.csv",
        "sources.csv",
        "splits",
    ]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_odd_letters_in_names_are_spelt_the_same_in_every_table(
    source: Path, tmp_path: Path
) -> None:
    names = ['it\'s "here", a=b.png', "two\nlines.png", "+plus.png", "Icon\r.png", "=1+1.png"]
    for seed, name in enumerate(names):
        draw(source / "cat" / name, 700 + seed)
    draw(source / "cat" / os.fsdecode(b"caf\xe9.png"), 799)
    dataset = prepare(source, tmp_path / "out")
    dataset.verify()
    spelt = {each.source for each in origins(dataset.root)}
    assert {f"cat/{name}" for name in names} < spelt
    assert "cat/caf\\xe9.png" in spelt
    assert len(list((dataset.root / "images").rglob("*.*"))) == 26


def test_a_source_whose_path_is_not_utf8_has_its_bytes_spelt_out(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"caf\xe9")
    for label, name in enumerate(("cat", "dog")):
        for n in range(4):
            draw(root / name / f"{n}.png", 100 * label + n)
    said = document(prepare(root, tmp_path / "out"))
    assert said["source"] == f"{tmp_path}/caf\\udce9"


def test_photos_without_labels_are_in_one_split(tmp_path: Path) -> None:
    for n in range(3):
        draw(tmp_path / "photos" / f"{n}.png", n)
    dataset = prepare(tmp_path / "photos", tmp_path / "out")
    dataset.verify()
    assert {name: len(samples) for name, samples in dataset.splits.items()} == {
        "train": 0,
        "validation": 0,
        "test": 0,
        "unlabelled": 3,
    }
    assert sorted(path.parent.name for path in (dataset.root / "images").iterdir()) == (
        ["images"] * 3
    )
    said = document(dataset)
    assert (said["counts"]["kept"], said["counts"]["per_split"]["unlabelled"]) == (3, 3)
    assert said["split"]["fractions"]["train"] == 0.7


def test_class_folders_are_no_labels_if_none_are_wanted(source: Path, tmp_path: Path) -> None:
    dataset = prepare(source, tmp_path / "out", config=PrepareConfig(unlabelled=True))
    assert (dataset.classes, len(dataset.splits["unlabelled"])) == ((), 20)


def test_unlabelled_photos_of_which_none_can_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"")
    config = PrepareConfig(unreadable="skip")
    assert refused(tmp_path / "photos", tmp_path / "out", DataError, config=config) == (
        "1 class has no photo left; nothing was written.\n"
        "  at:  unlabelled (1 cannot be read)\n"
        "  fix: Add photos to these classes, or leave them out with `--exclude-class`."
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("test_list", "list.txt"),
        ("time_by", "exif"),
        ("folds", 3),
        ("extend", "dataset"),
        ("balance", "cap"),
    ],
)
def test_what_divides_has_no_meaning_without_labels(
    source: Path, tmp_path: Path, name: str, value: object
) -> None:
    config = resolve(PrepareConfig, {"unlabelled": True, name: value})
    assert refused(source, tmp_path / "out", UsageError, config=config, before_reading=True) == (
        f"Photos without labels are not divided, so `{name}` has no meaning for them.\n"
        "  fix: Leave it out, or give the photos labels."
    )


def test_a_photo_that_matches_no_group_is_alone(source: Path, tmp_path: Path) -> None:
    listener = Listener()
    config = PrepareConfig(group_by=r"cat/([01])\.")
    dataset = prepare(source, tmp_path / "out", config=config, progress=listener)
    assert document(dataset)["split"]["n_units"] == 20
    assert listener.notes == ["18 of 20 photos match no group; each is its own."]


def test_a_test_part_of_zero_leaves_the_test_split_empty(source: Path, tmp_path: Path) -> None:
    dataset = prepare(source, tmp_path / "out", config=PrepareConfig(split=(0.8, 0.2, 0.0)))
    assert document(dataset)["counts"]["per_split"] == {"train": 16, "validation": 4, "test": 0}


def test_an_existing_dataset_is_replaced_only_when_asked(source: Path, tmp_path: Path) -> None:
    prepare(source, tmp_path / "out")
    with pytest.raises(ArtifactError) as caught:
        prepare(source, tmp_path / "out", executor=Nowhere())
    assert str(caught.value) == (
        f"{tmp_path / 'out'} exists; nothing was written.\n"
        "  fix: Name another `--out`, or run again with `--overwrite` to replace it."
    )
    again = prepare(source, tmp_path / "out", config=PrepareConfig(seed=5), overwrite=True)
    assert document(again)["split"]["seed"] == 5


def test_a_folder_that_is_no_dataset_is_never_replaced(source: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(ArtifactError) as caught:
        prepare(source, tmp_path / "thesis", overwrite=True)
    assert str(caught.value) == (
        f"{tmp_path / 'thesis'} was not replaced: it holds no dataset.json, so it is not what this "
        "command writes.\n"
        "  fix: Name another `--out`, or remove it yourself."
    )
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"


def test_only_small_picklable_things_go_to_the_executor(source: Path, tmp_path: Path) -> None:
    class Elsewhere:
        def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
            for item in items:
                message = pickle.dumps((function, item))
                assert len(message) < 1000
                there, what = pickle.loads(message)  # noqa: S301  # bytes made a line above
                yield there(what)

    assert len(side_of(prepare(source, tmp_path / "out", executor=Elsewhere()))) == 20


def test_an_absent_source_is_refused_with_a_suggestion(source: Path, tmp_path: Path) -> None:
    text = refused(tmp_path / "phots", tmp_path / "out", UsageError, before_reading=True)
    assert text == (
        f"There is no folder or file {tmp_path / 'phots'}. Did you mean `photos`?\n"
        "  fix: Name a folder of class folders, a table, an archive, `hf:OWNER/NAME` or "
        "`torchvision:NAME`."
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [("", "SOURCE is empty."), ("x" * 300, f"{'x' * 300} cannot be opened: File name too long.")],
)
def test_a_name_of_nothing_is_refused(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        prepare(name, tmp_path / "out")
    assert str(caught.value) == (
        f"{said}\n"
        "  fix: Name a folder of class folders, a table, an archive, `hf:OWNER/NAME` or "
        "`torchvision:NAME`."
    )


def test_a_source_that_is_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos.pdf").write_bytes(b"%PDF")
    text = refused(tmp_path / "photos.pdf", tmp_path / "out", UsageError, before_reading=True)
    assert text == (
        f"{tmp_path / 'photos.pdf'} is no folder, table, archive or file of arrays.\n"
        "  fix: Name a folder of class folders; a .csv, .jsonl or .parquet table; a zip or tar "
        "archive; an .npz or IDX file."
    )


def test_a_dataset_may_not_lie_in_around_or_at_its_source(source: Path, tmp_path: Path) -> None:
    fix = "\n  fix: Name an `--out` beside the source, not in or around it."
    assert refused(source, source / "x", UsageError, before_reading=True) == (
        f"`--out` {source / 'x'} lies in the source {source}.{fix}"
    )
    assert refused(source, source, UsageError, before_reading=True) == (
        f"The source and `--out` are the same folder, {source}.{fix}"
    )
    assert refused(source / "cat", source, UsageError, before_reading=True) == (
        f"The source {source / 'cat'} lies in `--out` {source}.{fix}"
    )


def test_too_few_photos_are_known_before_any_is_read(source: Path, tmp_path: Path) -> None:
    draw(source / "fox" / "a.png", 800)
    text = refused(source, tmp_path / "out", DataError, before_reading=True)
    assert "  at:  fox (has 1, needs 3)\n" in text


def test_copies_do_not_count_as_independent_photos(source: Path, tmp_path: Path) -> None:
    for n in range(3):
        draw(source / "fox" / f"{n}.png", 800)
    assert "  at:  fox (has 1, needs 3)\n" in refused(source, tmp_path / "out", DataError)


def test_the_document_is_readable_json(source: Path, tmp_path: Path) -> None:
    prepare(source, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "dataset.json").read_text(encoding="utf-8"))["kind"] == (
        "dataset"
    )
