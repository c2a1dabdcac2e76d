"""The flags of `prepare` and `audit`, as they are typed."""

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.origins import origins

Result = subprocess.CompletedProcess[str]
Draw = Callable[..., NDArray[np.uint8]]


@pytest.fixture
def folder(tmp_path: Path, draw: Draw) -> Path:
    """A folder with ``photos`` (three classes of 12), ``faces`` and a list of hard ones."""
    for kind, name in enumerate(("cat", "dog", "fox")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(12):
            photo = Image.fromarray(draw(number, kind))
            photo.save(tmp_path / "photos" / name / f"p{number % 4}_{number:02}.png")
    (tmp_path / "faces").mkdir()
    for number in range(6):
        Image.fromarray(draw(100 + number, 1)).save(tmp_path / "faces" / f"{number}.png")
    (tmp_path / "hard.txt").write_text("cat/p0_00.png\ndog/p0_00.png\nfox/p0_00.png\n")
    return tmp_path


def made(done: Result, root: Path) -> Dataset:
    assert done.returncode == 0, done.stderr
    dataset = Dataset.open(root)
    dataset.verify()
    return dataset


def test_classes_are_left_out_merged_and_added_without_copying(
    folder: Path, warm: Callable[..., Result]
) -> None:
    done = warm(
        *("prepare", "photos", "--out", "out"),
        *("--exclude-class", "fox", "--merge", "non_face=*", "--add", "face=faces"),
        cwd=folder,
    )

    dataset = made(done, folder / "out")
    assert dataset.classes == ("face", "non_face")
    counts = json.loads((folder / "out" / "dataset.json").read_text(encoding="utf-8"))["counts"]
    assert counts["per_class"] == {"face": 6, "non_face": 24}
    assert counts["left_out_by_decision"] == 12


def test_a_list_of_test_photos_and_fractions_are_given_together(
    folder: Path, warm: Callable[..., Result]
) -> None:
    done = warm(
        *("prepare", "photos", "--out", "out", "--split", "test=hard.txt", "--split", "0.5,0.5,0"),
        *("--folds", "3"),
        cwd=folder,
    )

    dataset = made(done, folder / "out")
    counts = {split: len(samples) for split, samples in dataset.splits.items()}
    assert counts["test"] == 3
    assert {counts["train"], counts["validation"]} == {16, 17}
    assert len(dataset.fold(3).splits["test"]) == 3


def test_a_dataset_is_extended_by_what_was_added_to_its_source(
    folder: Path, warm: Callable[..., Result]
) -> None:
    old = made(warm("prepare", "photos", "--out", "old", cwd=folder), folder / "old")
    (folder / "faces").rename(folder / "photos" / "face")

    done = warm("prepare", "photos", "--out", "new", "--extend", "old", cwd=folder)

    new = made(done, folder / "new")
    for split, samples in old.splits.items():
        assert {each.filename for each in samples} <= {each.filename for each in new.splits[split]}
    assert "face" in new.classes


def test_groups_and_a_cap_are_flags(folder: Path, warm: Callable[..., Result]) -> None:
    done = warm(
        *("prepare", "photos", "--out", "out", "--group-by", r"(p\d)_", "--balance", "cap:9"),
        *("--split", "0.5,0.25,0.25"),
        cwd=folder,
    )

    dataset = made(done, folder / "out")
    groups = [{each.group for each in samples} for samples in dataset.splits.values()]
    assert sum(map(len, groups)) == 4
    assert sum(map(len, dataset.splits.values())) == 27


def test_the_newest_photos_are_tested(folder: Path, warm: Callable[..., Result]) -> None:
    done = warm("prepare", "photos", "--out", "out", "--time-by", r"_(\d\d)", cwd=folder)

    dataset = made(done, folder / "out")
    named = {each.filename: each.source[-6:-4] for each in origins(dataset.root)}
    times = {
        split: {named[each.filename] for each in samples}
        for split, samples in dataset.splits.items()
    }
    assert max(times["train"]) < min(times["validation"])
    assert max(times["validation"]) < min(times["test"])


def test_a_table_brings_labels_groups_splits_and_further_columns(
    folder: Path, warm: Callable[..., Result]
) -> None:
    with (folder / "photos.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group", "weather"])
        for path in sorted((folder / "photos").rglob("*.png")):
            relative = path.relative_to(folder).as_posix()
            writer.writerow(
                [relative, path.parent.name, path.name, "rain" if "0" in path.name else ""]
            )

    dataset = made(warm("prepare", "photos.csv", "--out", "out", cwd=folder), folder / "out")

    with (folder / "out" / "metadata.csv").open(newline="", encoding="utf-8") as file:
        weather = {row["filename"]: row["weather"] for row in csv.DictReader(file)}
    assert "rain" in weather.values()
    assert dataset.has_groups
    assert dataset.classes == ("cat", "dog", "fox")


def test_an_audit_names_the_command_that_obeys_it(
    folder: Path, warm: Callable[..., Result]
) -> None:
    (folder / "photos" / "cat" / "copy.png").write_bytes(
        (folder / "photos" / "cat" / "p0_00.png").read_bytes()
    )

    done = warm("audit", "photos", "--out", "audit", "--check-labels", "off", cwd=folder)

    assert done.returncode == 0, done.stderr
    assert "      1 the same pixels as another\n" in done.stdout
    assert done.stderr.splitlines()[-1] == (
        "next: lineament prepare photos --decisions audit/audit.csv --out dataset"
    )
    table = folder / "audit" / "audit.csv"
    line = "cat/p0_00.png,exact_duplicate,cat/copy.png,,"
    text = table.read_text(encoding="utf-8")
    assert f"\n{line}\n" in text
    table.write_text(text.replace(line, f"{line}drop"), encoding="utf-8")
    again = warm(
        *("prepare", "photos", "--decisions", "audit/audit.csv", "--out", "dataset", "--json"),
        cwd=folder,
    )
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["counts"]["left_out_by_decision"] == 1


def test_audit_prints_one_document(folder: Path, warm: Callable[..., Result]) -> None:
    done = warm("audit", "photos", "--out", "a", "--check-labels", "off", "--json", cwd=folder)

    said = json.loads(done.stdout)
    assert (said["audit"], said["n_photos"]) == ("a", 36)
    assert said["labels"] == {"checked": False, "why": "it was switched off"}
