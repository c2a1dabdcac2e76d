"""Given splits: kept as they are, copies across them left out, a lacking one carved."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lineament.artifacts.dataset import SPLITS, Dataset
from lineament.artifacts.origins import origins, rejections
from lineament.core.errors import DataError
from lineament.preparation.build import PrepareConfig, prepare
from lineament.preparation.division.divide import fractions_to_make


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def build(root: Path, folders: Mapping[str, int]) -> Path:
    """A source with that many photos per class in each split folder, all different."""
    seed = 0
    for folder, count in folders.items():
        for name in ("cat", "dog"):
            for n in range(count):
                draw(root / "photos" / folder / name / f"{n}.png", seed)
                seed += 1
    return root / "photos"


def document(dataset: Dataset) -> dict[str, Any]:
    return dict(dataset.document)


def side_of(dataset: Dataset) -> dict[str, str]:
    sources = {origin.filename: origin.source for origin in origins(dataset.root)}
    return {sources[sample.filename]: split for split in SPLITS for sample in dataset.splits[split]}


def test_three_given_splits_stay_as_they_are(tmp_path: Path) -> None:
    source = build(tmp_path, {"train": 5, "val": 2, "Test": 1})
    dataset = prepare(source, tmp_path / "out")
    tops = {"train": "train", "val": "validation", "Test": "test"}
    assert all(tops[path.split("/")[0]] == split for path, split in side_of(dataset).items())
    said = document(dataset)
    assert said["split"]["given"] == {"train": "train", "validation": "val", "test": "Test"}
    assert said["split"]["carved"] == []
    assert said["counts"]["per_split"] == {"train": 10, "validation": 4, "test": 2}


def test_class_folders_of_the_dataset_leave_out_the_split(tmp_path: Path) -> None:
    dataset = prepare(build(tmp_path, {"train": 8, "test": 2}), tmp_path / "out")
    assert sorted(path.name for path in (dataset.root / "images").iterdir()) == ["cat", "dog"]
    assert dataset.classes == ("cat", "dog")


def test_a_lacking_validation_split_is_carved_out_of_train(tmp_path: Path) -> None:
    dataset = prepare(build(tmp_path, {"train": 17, "test": 4}), tmp_path / "out")
    assert document(dataset)["split"]["carved"] == ["validation"]
    assert document(dataset)["counts"]["per_class_and_split"]["cat"] == {
        "train": 14,
        "validation": 3,
        "test": 4,
    }
    assert {p.split("/")[0] for p, side in side_of(dataset).items() if side == "test"} == {"test"}


def test_a_lacking_test_split_is_carved_out_of_train(tmp_path: Path) -> None:
    dataset = prepare(build(tmp_path, {"train": 17, "validation": 4}), tmp_path / "out")
    assert document(dataset)["split"]["carved"] == ["test"]
    assert document(dataset)["counts"]["per_split"] == {"train": 28, "validation": 8, "test": 6}


def test_a_test_part_of_zero_carves_no_test_split(tmp_path: Path) -> None:
    source = build(tmp_path, {"train": 8, "validation": 4})
    dataset = prepare(source, tmp_path / "out", config=PrepareConfig(split=(0.8, 0.2, 0)))
    assert document(dataset)["split"]["carved"] == []
    assert document(dataset)["counts"]["per_split"] == {"train": 16, "validation": 8, "test": 0}


def test_the_carved_part_is_what_remains_of_the_whole() -> None:
    wanted = {"train": 0.7, "validation": 0.15, "test": 0.15}
    made = fractions_to_make({"train": "train", "test": "test"}, wanted)
    assert made == {"train": pytest.approx(0.7 / 0.85), "validation": pytest.approx(0.15 / 0.85)}


def test_copies_across_given_splits_are_left_out_with_the_one_that_stays(tmp_path: Path) -> None:
    source = build(tmp_path, {"train": 5, "validation": 3, "test": 3})
    for name in ("train/cat/x.png", "validation/cat/x.png", "test/cat/x.png"):
        draw(source / name, 700)
    for name in ("train/dog/y.png", "validation/dog/y.png"):
        draw(source / name, 701)
    dataset = prepare(source, tmp_path / "out")
    dataset.verify()
    assert {each.filename: each.reason for each in rejections(dataset.root)} == {
        "train/cat/x.png": "same pixels as test/cat/x.png, which is in the test split",
        "train/dog/y.png": "same pixels as validation/dog/y.png, which is in the validation split",
        "validation/cat/x.png": "same pixels as test/cat/x.png, which is in the test split",
    }
    said = document(dataset)
    assert said["checks"]["duplicates"]["left_out_across_given_splits"] == 3
    assert said["checks"]["duplicates"]["sets"] == 0
    assert said["duplicates"]["sets"] == 2
    assert {each.duplicate_set for each in origins(dataset.root)} == {""}
    assert said["counts"]["scanned"] == said["counts"]["kept"] + 3
    assert len(list((dataset.root / "images").rglob("*.png"))) == said["counts"]["kept"]


def test_a_class_that_is_all_copies_of_another_split_is_refused(tmp_path: Path) -> None:
    source = build(tmp_path, {"train": 5, "test": 3})
    for n in range(2):
        draw(source / "train" / "fox" / f"{n}.png", 800 + n)
        draw(source / "test" / "fox" / f"{n}.png", 800 + n)
    with pytest.raises(DataError) as caught:
        prepare(source, tmp_path / "out")
    assert str(caught.value) == (
        "1 class has no photo left; nothing was written.\n"
        "  at:  train/fox (2 same pixels as a photo of another split)\n"
        "  fix: Add photos to these classes, or leave them out with `--exclude-class`."
    )
    assert not (tmp_path / "out").exists()


def test_a_group_across_given_splits_is_refused(tmp_path: Path) -> None:
    source = build(tmp_path, {"train": 5, "test": 3})
    with pytest.raises(DataError) as caught:
        prepare(source, tmp_path / "out", config=PrepareConfig(group_by=r"cat/(\d)\.png"))
    assert caught.value.what == (
        "3 groups lie in more than one of the given splits; nothing was written."
    )
    assert caught.value.at == ("0 (train, test)", "1 (train, test)", "2 (train, test)")


def test_carving_keeps_groups_whole(tmp_path: Path) -> None:
    for person in range(10):
        top = "test" if person < 3 else "train"
        for label, name in enumerate(("cat", "dog")):
            for n in range(3):
                path = tmp_path / "photos" / top / name / f"p{person}_{n}.png"
                draw(path, 1000 * label + 10 * person + n)
    config = PrepareConfig(group_by=r"(p\d)_")
    dataset = prepare(tmp_path / "photos", tmp_path / "out", config=config)
    sides: dict[str, set[str]] = {}
    for split in SPLITS:
        for sample in dataset.samples(split):
            sides.setdefault(sample.group, set()).add(split)
    assert [len(splits) for splits in sides.values()] == [1] * 10
