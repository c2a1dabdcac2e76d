"""A collection as a source: alone, and added to a dataset, whose photos and splits stay."""

import csv
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.collection import TABLE, Collection, KeptPhoto
from lineament.artifacts.dataset import SPLITS, Dataset
from lineament.artifacts.metadata import metadata
from lineament.artifacts.origins import origins, rejections
from lineament.core.errors import ArtifactError, DataError, LineamentError, UsageError
from lineament.imaging.decode import decode
from lineament.preparation.build import prepare
from lineament.preparation.config import PrepareConfig


def noise(seed: int) -> NDArray[np.uint8]:
    """A photo that no other seed draws; coarse enough to survive JPEG."""
    small = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return small.repeat(8, axis=0).repeat(8, axis=1)


def draw(root: Path) -> Path:
    """Twenty cats and twenty dogs, of which two of each share a group."""
    for label, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for n in range(20):
            path = root / name / f"g{n // 2}_{n:02}.jpg"
            Image.fromarray(noise(100 * label + n)).save(path, quality=95)
    return root


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Only to be read; the photos that it was made of are gone."""
    root = tmp_path_factory.mktemp("old")
    config = PrepareConfig(group_by=r"(g\d+)_", size_px=48)
    made = prepare(draw(root / "photos"), root / "dataset", config=config)
    shutil.rmtree(root / "photos")
    return made


@pytest.fixture
def kept(tmp_path: Path) -> Collection:
    return Collection.open(tmp_path / "kept")


def add(
    kept: Collection, label: str, session: str, pixels: NDArray[np.uint8], kind: str = "capture"
) -> str:
    photo = KeptPhoto(label=label, kind=kind, session=session, condition="dim", consent=True)
    return f"{kept.name}/{kept.keep(pixels, photo)}"


def grown(kept: Collection, dataset: Dataset, out: Path, **options: Any) -> Dataset:
    config = PrepareConfig(extend=str(dataset.root), **{"size_px": 48, **options})
    new = prepare(kept.root, out, config=config)
    new.verify()
    return new


def refused(error: type[LineamentError], kept: Collection, out: Path, **options: Any) -> str:
    with pytest.raises(error) as caught:
        prepare(kept.root, out, config=PrepareConfig(**{"size_px": 48, **options}))
    assert not out.exists()
    return str(caught.value)


def where(dataset: Dataset) -> dict[str, tuple[str, str, str]]:
    """Name in the source to split, class and group."""
    named = {each.filename: each.source for each in origins(dataset.root)}
    return {
        named[each.filename]: (split, each.class_name, each.group)
        for split in SPLITS
        for each in dataset.splits[split]
    }


# added to a dataset


def test_old_photos_keep_file_name_split_class_and_group(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    add(kept, "cat", "anna", noise(900))
    new = grown(kept, dataset, tmp_path / "grown")
    before, after = where(dataset), where(new)
    assert {name: after[name] for name in before} == before
    assert len(after) == 41
    mine = {each.filename: each for each in origins(new.root)}
    for each in origins(dataset.root):
        assert mine[each.filename] == each
        old, copy = ((root / each.filename).read_bytes() for root in (dataset.root, new.root))
        assert old == copy


def test_new_photos_are_labelled_by_the_table_and_grouped_by_session(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    names = [add(kept, "dog", "anna", noise(900 + n)) for n in range(6)]
    after = where(grown(kept, dataset, tmp_path / "grown"))
    assert {after[name][1:] for name in names} == {("dog", "anna")}
    assert len({after[name][0] for name in names}) == 1


def test_counts_add_up_and_sources_are_stated(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    for n in range(3):
        add(kept, "cat", f"s{n}", noise(900 + n))
    correction = add(kept, "dog", "ben", noise(950), kind="feedback")
    new = grown(kept, dataset, tmp_path / "grown")
    document: Any = new.document
    counts = document["counts"]
    assert (counts["scanned"], counts["kept"], counts["rejected"]) == (44, 44, 0)
    assert sum(counts["per_split"].values()) == 44
    assert document["collection"] == {
        "name": kept.name,
        "photos": 4,
        "sessions": 4,
        "corrections": 1,
    }
    assert document["extended"] == {
        "dataset": str(dataset.root),
        "fingerprint": dataset.fingerprint,
        "photos": 40,
    }
    assert document["split"]["train_only"] == 1
    page = (new.root / "datasheet.md").read_text(encoding="utf-8")
    assert "4 photos of 4 sessions, kept with consent; 1 corrections among them." in page
    assert f"Added to the 40 photos of `{dataset.root}`" in page
    assert "1 corrections are in train only" in page
    filename = {each.source: each.filename for each in origins(new.root)}[correction]
    assert metadata(new.root)[filename]["kind"] == "feedback"
    assert metadata(new.root)[filename]["condition"] == "dim"


def test_corrections_are_for_training_alone(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    names = [add(kept, "cat", f"s{n}", noise(900 + n), kind="feedback") for n in range(19)]
    new = grown(kept, dataset, tmp_path / "grown")
    after = where(new)
    assert {after[name][0] for name in names} == {"train"}
    before = {split: len(samples) for split, samples in dataset.splits.items()}
    assert len(new.splits["test"]) == before["test"]
    assert len(new.splits["validation"]) == before["validation"]
    documents: list[Any] = [dataset.document, new.document]
    assert len({str(each["split"]["warnings"]) for each in documents}) == 1


@pytest.mark.parametrize(("others", "warned"), [(0, True), (19, True), (20, False)])
def test_a_collection_of_mistakes_alone_is_warned_of(
    dataset: Dataset, kept: Collection, tmp_path: Path, others: int, warned: bool
) -> None:
    for n in range(20):
        add(kept, "cat", f"s{n}", noise(900 + n), kind="feedback")
    for n in range(others):
        about = KeptPhoto(label="cat", said="cat", kind="feedback", session=f"r{n}", consent=True)
        kept.keep(noise(3000 + n), about)
    warnings = str(grown(kept, dataset, tmp_path / "grown").document["split"])
    said = f"20 of {20 + others} new photos are kept because a model got them wrong"
    assert (said in warnings) is warned


def test_captured_photos_are_divided_as_if_there_were_no_corrections(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    for label in ("cat", "dog"):
        for n in range(20):
            add(kept, label, f"{label}{n}", noise(ord(label[0]) * 100 + n))
    without = where(grown(kept, dataset, tmp_path / "without"))
    for n in range(30):
        add(kept, "cat", f"f{n}", noise(900 + n), kind="feedback")
    after = where(grown(kept, dataset, tmp_path / "grown"))
    assert {name: after[name] for name in without} == without


def test_photos_captured_in_the_session_of_a_correction_are_in_train_with_it(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    names = [add(kept, "cat", "anna", noise(900 + n)) for n in range(8)]
    names.append(add(kept, "dog", "anna", noise(950), kind="feedback"))
    after = where(grown(kept, dataset, tmp_path / "grown"))
    assert {after[name][0] for name in names} == {"train"}


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_correction_of_a_photo_that_is_measured_on_is_left_out(
    dataset: Dataset, kept: Collection, tmp_path: Path, split: str
) -> None:
    measured = dataset.splits[split][0]
    name = add(kept, "dog", "anna", decode(dataset.path(measured)), kind="feedback")
    other = add(kept, "dog", "anna", noise(950), kind="feedback")
    new = grown(kept, dataset, tmp_path / "grown")
    (rejected,) = rejections(new.root)
    assert rejected.filename == name
    assert rejected.reason.endswith(
        f"which is in the {split} split, and a correction is for train only"
    )
    assert where(new)[other][0] == "train"
    assert new.splits["test"] == dataset.splits["test"]


def test_a_correction_of_a_training_photo_joins_it(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    trained = dataset.splits["train"][0]
    name = add(kept, "dog", "anna", decode(dataset.path(trained)), kind="feedback")
    assert where(grown(kept, dataset, tmp_path / "grown"))[name][0] == "train"


def test_a_captured_photo_that_joins_a_correction_and_a_test_photo_is_left_out(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    tested = dataset.splits["test"][0]
    add(kept, "dog", "anna", noise(950), kind="feedback")
    name = add(kept, "cat", "anna", decode(dataset.path(tested)))
    new = grown(kept, dataset, tmp_path / "grown")
    assert [each.filename for each in rejections(new.root)] == [name]


def test_a_class_that_is_new_needs_what_every_class_needs(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    add(kept, "fox", "anna", noise(900))
    text = refused(DataError, kept, tmp_path / "grown", extend=str(dataset.root))
    assert "fox (has 1, needs 3)" in text
    new = grown(kept, dataset, tmp_path / "grown", exclude_class=("fox",))
    assert new.classes == ("cat", "dog")


def test_a_class_of_corrections_alone_is_divided_with_a_warning(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    names = [add(kept, "fox", f"s{n}", noise(900 + n), kind="feedback") for n in range(8)]
    new = grown(kept, dataset, tmp_path / "grown")
    after = where(new)
    assert {after[name][0] for name in names} == {*SPLITS}
    assert "Every photo of `fox` is a correction" in str(new.document["split"])


def test_corrections_follow_the_class_that_theirs_is_merged_into(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    names = [add(kept, "Cat", f"s{n}", noise(900 + n), kind="feedback") for n in range(8)]
    text = refused(DataError, kept, tmp_path / "grown", extend=str(dataset.root))
    assert "differ by capital letters alone" in text
    after = where(grown(kept, dataset, tmp_path / "grown", merge=("cat=cat,Cat",)))
    assert {after[name][:2] for name in names} == {("train", "cat")}


def test_a_label_that_can_name_no_folder_is_told_and_can_be_renamed(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    add(kept, "../cat", "anna", noise(900))
    text = refused(DataError, kept, tmp_path / "grown", extend=str(dataset.root))
    assert text.startswith("Class names must be able to name a folder.\n  at:  '../cat'")
    new = grown(kept, dataset, tmp_path / "grown", merge=("cat=cat,../cat",))
    assert len(where(new)) == 41


def test_the_same_photo_kept_with_two_labels_is_kept_on_one_side_and_told(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    names = [add(kept, label, f"s{label}", noise(900)) for label in ("cat", "dog")]
    new = grown(kept, dataset, tmp_path / "grown")
    after = where(new)
    assert [after[name][1] for name in names] == ["cat", "dog"]
    assert len({after[name][0] for name in names}) == 1
    with (new.root / "audit.csv").open(newline="", encoding="utf-8") as file:
        assert [
            row["filename"] for row in csv.DictReader(file) if row["finding"] == "label_conflict"
        ]


# what is not whole


def test_what_cannot_be_used_is_left_out_and_counted(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    names = [add(kept, "cat", "anna", noise(900 + n)) for n in range(2)]
    (kept.root / names[0].partition("/")[2]).unlink()
    (kept.root / "photos" / "cat" / "x.jpg").write_bytes(b"half")
    with (kept.root / TABLE).open("a", encoding="utf-8") as file:
        file.write("photos/cat/y.jpg,cat\n")
    new = grown(kept, dataset, tmp_path / "grown")
    assert {each.filename: each.reason for each in rejections(new.root)} == {
        names[0]: "photo is not there",
        f"{kept.name}/photos/cat/x.jpg": "no row of photos.csv",
        f"{kept.name}/photos.csv line 4": "damaged row",
    }
    counts: Any = new.document["counts"]
    assert (counts["scanned"], counts["kept"], counts["rejected"]) == (44, 41, 3)


def test_an_empty_collection_is_refused(dataset: Dataset, kept: Collection, tmp_path: Path) -> None:
    assert refused(DataError, kept, tmp_path / "grown", extend=str(dataset.root)) == (
        f"{kept.root} holds no photos that can be used.\n"
        "  fix: Keep some first: `lineament serve BUNDLE --feedback FOLDER`."
    )


def test_an_old_photo_that_was_changed_is_refused(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    add(kept, "cat", "anna", noise(900))
    shutil.copytree(dataset.root, tmp_path / "changed")
    name = dataset.splits["test"][0].filename
    (tmp_path / "changed" / name).write_bytes(b"other")
    text = refused(ArtifactError, kept, tmp_path / "grown", extend=str(tmp_path / "changed"))
    assert f"{name} (changed)" in text


def test_photos_of_two_sizes_are_not_put_together(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    add(kept, "cat", "anna", noise(900))
    text = refused(UsageError, kept, tmp_path / "grown", extend=str(dataset.root), size_px=64)
    assert text == (
        f"The photos of {dataset.root} were prepared with `--size 48`, and `size_px` is 64.\n"
        "  fix: Write `--size 48`."
    )


def test_a_dataset_without_labels_cannot_be_extended(kept: Collection, tmp_path: Path) -> None:
    (tmp_path / "flat").mkdir()
    Image.fromarray(noise(1)).save(tmp_path / "flat" / "a.png")
    prepare(tmp_path / "flat", tmp_path / "unlabelled", config=PrepareConfig(size_px=48))
    add(kept, "cat", "anna", noise(900))
    text = refused(DataError, kept, tmp_path / "grown", extend=str(tmp_path / "unlabelled"))
    assert "holds photos without labels, so it has no splits to keep." in text


# again and again


def test_growing_a_grown_dataset_lists_each_photo_once_where_it_was(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    for n in range(12):
        add(kept, "cat", f"s{n}", noise(900 + n))
    first = grown(kept, dataset, tmp_path / "first")
    name = add(kept, "dog", "late", noise(950))
    second = grown(kept, first, tmp_path / "second")
    before, after = where(first), where(second)
    assert {each: after[each] for each in before} == before
    assert after.keys() - before.keys() == {name}
    assert second.document["duplicates"]["sets"] == 0  # type: ignore[index]


def test_old_corrections_stay_where_they_were_when_their_class_gets_other_photos(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    for n in range(8):
        add(kept, "fox", f"s{n}", noise(900 + n), kind="feedback")
    first = grown(kept, dataset, tmp_path / "first")
    for n in range(3):
        add(kept, "fox", f"c{n}", noise(950 + n))
    before, after = where(first), where(grown(kept, first, tmp_path / "second"))
    assert {each: after[each] for each in before} == before


def test_a_forgotten_session_is_left_out_of_what_grows_next(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    gone = [add(kept, "cat", "anna", noise(900 + n)) for n in range(3)]
    add(kept, "cat", "ben", noise(950))
    first = grown(kept, dataset, tmp_path / "first")
    assert kept.forget("anna") == 3
    second = grown(kept, first, tmp_path / "second")
    assert len(where(second)) == 41
    assert {each.filename: each.reason for each in rejections(second.root)} == dict.fromkeys(
        gone, "not in the collection any more"
    )


def test_a_label_that_was_put_right_in_the_table_counts(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    name = add(kept, "cat", "anna", noise(900))
    first = grown(kept, dataset, tmp_path / "first")
    table = kept.root / TABLE
    table.write_text(table.read_text("utf-8").replace(",cat,", ",dog,"), encoding="utf-8")
    second = where(grown(kept, first, tmp_path / "second"))
    assert second[name] == (where(first)[name][0], "dog", "anna")


def test_a_copied_collection_that_went_its_own_way_is_told_from_the_first(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    add(kept, "cat", "anna", noise(900))
    shutil.copytree(kept.root, tmp_path / "copy")
    other = Collection.open(tmp_path / "copy")
    name = add(kept, "cat", "anna", noise(901))
    add(other, "cat", "anna", np.zeros((40, 40, 3), np.uint8))
    first = grown(kept, dataset, tmp_path / "first")
    text = refused(DataError, other, tmp_path / "second", extend=str(first.root))
    assert text.startswith(f"{first.root} holds photos under the names of others")
    assert name in text


def test_a_session_that_the_dataset_tests_on_stays_there(
    dataset: Dataset, kept: Collection, tmp_path: Path
) -> None:
    for n in range(20):
        add(kept, "cat", f"s{n}", noise(900 + n))
    first = grown(kept, dataset, tmp_path / "first")
    session = next(each.group for each in first.splits["test"] if each.group.startswith("s"))
    captured = add(kept, "dog", session, noise(950))
    corrected = add(kept, "dog", session, noise(951), kind="feedback")
    second = grown(kept, first, tmp_path / "second")
    assert where(second)[captured][0] == "test"
    assert [each.filename for each in rejections(second.root)] == [corrected]


# alone


def captured(kept: Collection, sessions: int) -> None:
    for n in range(sessions):
        for label, name in enumerate(("cat", "dog")):
            for m in range(3):
                add(kept, name, f"person{n}", noise(1000 * label + 10 * n + m))


def test_a_collection_alone_is_split_by_session(kept: Collection, tmp_path: Path) -> None:
    captured(kept, 10)
    new = prepare(kept.root, tmp_path / "out", config=PrepareConfig())
    sides: dict[str, set[str]] = {}
    for split, _, group in where(new).values():
        sides.setdefault(group, set()).add(split)
    assert all(len(each) == 1 for each in sides.values())
    assert Counter(next(iter(each)) for each in sides.values()).keys() == {*SPLITS}
    assert "extended" not in new.document


def test_two_people_are_enough_for_train_and_validation(kept: Collection, tmp_path: Path) -> None:
    captured(kept, 2)
    assert "has 2, needs 3" in refused(DataError, kept, tmp_path / "out")
    new = prepare(kept.root, tmp_path / "out", config=PrepareConfig(split=(0.5, 0.5, 0)))
    assert [len(new.splits[split]) for split in SPLITS] == [6, 6, 0]


def test_corrections_of_a_collection_alone_are_for_training_where_there_are_other_photos(
    kept: Collection, tmp_path: Path
) -> None:
    captured(kept, 8)
    names = [add(kept, "cat", f"f{n}", noise(5000 + n), kind="feedback") for n in range(10)]
    after = where(prepare(kept.root, tmp_path / "out", config=PrepareConfig()))
    assert {after[name][0] for name in names} == {"train"}


def test_captured_photos_that_are_all_tied_to_corrections_are_told(
    kept: Collection, tmp_path: Path
) -> None:
    captured(kept, 8)
    for n in range(8):
        add(kept, "dog", f"person{n}", noise(5000 + n), kind="feedback")
    assert refused(DataError, kept, tmp_path / "out") == (
        "2 classes have no photo that can be validated or tested on: each is tied to a correction, "
        "which is for train only; nothing was written.\n"
        "  at:  cat, dog\n"
        "  fix: Keep photos of them in sessions without a correction, name the photos to test on "
        "with `--split test=FILE`, or leave these classes out."
    )


def test_corrections_are_for_training_whatever_the_time_says(
    kept: Collection, tmp_path: Path
) -> None:
    captured(kept, 8)
    name = add(kept, "cat", "late", noise(5000), kind="feedback")
    table = kept.root / TABLE
    lines = table.read_text("utf-8").splitlines(keepends=True)
    stamped = [
        f"{line.rpartition(',')[0]},2026-11-24T04:{n:02}:00+00:00\n"
        for n, line in enumerate(lines[1:])
    ]
    table.write_text("".join([lines[0], *stamped]), encoding="utf-8")
    config = PrepareConfig(time_by="column:kept_at")
    after = where(prepare(kept.root, tmp_path / "out", config=config))
    assert after[name][0] == "train"
    assert {each[0] for each in after.values()} == {*SPLITS}


def test_what_was_captured_with_a_correction_is_in_train_whatever_the_time_says(
    kept: Collection, tmp_path: Path
) -> None:
    captured(kept, 8)
    add(kept, "cat", "late", noise(5000), kind="feedback")
    name = add(kept, "dog", "late", noise(5001))
    table = kept.root / TABLE
    lines = table.read_text("utf-8").splitlines(keepends=True)
    stamped = [
        f"{line.rpartition(',')[0]},2026-11-24T04:{n:02}:00+00:00\n"
        for n, line in enumerate(lines[1:])
    ]
    table.write_text("".join([lines[0], *stamped]), encoding="utf-8")
    config = PrepareConfig(time_by="column:kept_at")
    assert where(prepare(kept.root, tmp_path / "out", config=config))[name][0] == "train"


def test_a_listed_correction_is_tested_on_as_asked(kept: Collection, tmp_path: Path) -> None:
    captured(kept, 6)
    name = add(kept, "cat", "f", noise(5000), kind="feedback")
    dog = f"{kept.name}/" + next(
        row.filename for row in kept.contents().rows if row.photo.label == "dog"
    )
    (tmp_path / "hard.txt").write_text(f"{name}\n{dog}\n", encoding="utf-8")
    config = PrepareConfig(test_list=str(tmp_path / "hard.txt"))
    new = prepare(kept.root, tmp_path / "out", config=config)
    after = where(new)
    assert {each for each in after if after[each][0] == "test"} == {name, dog}
    assert "train_only" not in str(new.document["split"])


def test_sessions_of_one_person_can_be_tied_by_name_and_others_stay_sessions(
    kept: Collection, tmp_path: Path
) -> None:
    for n in range(8):
        for name in ("cat", "dog"):
            add(kept, name, f"anna-{n}", noise(ord(name[0]) * 100 + n))
            add(kept, name, f"s{n}", noise(ord(name[0]) * 200 + n))
    config = PrepareConfig(group_by="/(anna)-")
    after = where(prepare(kept.root, tmp_path / "out", config=config))
    assert {group for _, _, group in after.values()} == {"anna", *(f"s{n}" for n in range(8))}


def test_a_collection_is_only_read(kept: Collection, dataset: Dataset, tmp_path: Path) -> None:
    add(kept, "cat", "anna", noise(900))
    before = {path: path.stat().st_mtime_ns for path in kept.root.rglob("*")}
    grown(kept, dataset, tmp_path / "grown")
    assert {path: path.stat().st_mtime_ns for path in kept.root.rglob("*")} == before


def test_a_folder_with_a_file_of_that_name_is_a_folder_of_photos_still(tmp_path: Path) -> None:
    photos = draw(tmp_path / "photos")
    (photos / "collection.json").write_text('{"kind": "other"}', encoding="utf-8")
    assert len(where(prepare(photos, tmp_path / "out", config=PrepareConfig()))) == 40
