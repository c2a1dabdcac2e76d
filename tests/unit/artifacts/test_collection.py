"""The collection: what is kept, what is refused, and what is left by whoever was killed."""

import csv
import errno
import json
import multiprocessing
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.collection import DOCUMENT, TABLE, Collection, KeptPhoto, KeptRow
from lineament.artifacts.dataset import Dataset
from lineament.artifacts.kept_photo import FILENAME, filename_of, folder_of, read_row
from lineament.core.errors import ArtifactError, LineamentError, UsageError
from lineament.imaging.decode import decode

HASH = "0123456789abcdef" * 4


def pixels(value: int = 90, height: int = 24, width: int = 32) -> NDArray[np.uint8]:
    return np.full((height, width, 3), value, np.uint8)


def about(label: str = "cat", **fields: object) -> KeptPhoto:
    known: dict[str, object] = {"kind": "capture", "session": "anna", "consent": True}
    return KeptPhoto(label=label, **{**known, **fields})  # type: ignore[arg-type]


def refused(error: type[LineamentError], call: object, *arguments: object, **fields: object) -> str:
    assert callable(call)
    with pytest.raises(error) as caught:
        call(*arguments, **fields)
    return str(caught.value)


def rows(root: Path) -> list[dict[str, str]]:
    with (root / TABLE).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def kept(tmp_path: Path) -> Collection:
    return Collection.open(tmp_path / "kept")


# keeping


def test_a_kept_photo_lies_where_its_name_says_with_its_row(kept: Collection) -> None:
    photo = about(kind="feedback", said="dog", confidence=0.625, model="pets", model_sha256=HASH)
    name = kept.keep(pixels(), photo)
    assert name == "photos/cat/anna-000001-feedback.jpg"
    assert (decode(kept.root / name) == 90).all()
    (row,) = rows(kept.root)
    assert datetime.fromisoformat(row.pop("kept_at")).tzinfo == UTC
    assert row == {
        "filename": name,
        "label": "cat",
        "session": "anna",
        "kind": "feedback",
        "condition": "",
        "said": "dog",
        "confidence": "0.625",
        "model": "pets",
        "model_sha256": HASH,
        "consent": "yes",
    }


def test_what_is_kept_is_read(kept: Collection) -> None:
    photo = about(confidence=1 / 3, condition="bright", said="fox, red")
    name = kept.keep(pixels(), photo)
    found = Collection.open(kept.root).contents()
    assert [(row.filename, row.photo) for row in found.rows] == [(name, photo)]
    assert name.endswith("anna-000001-bright.jpg")
    assert (found.damaged, found.absent, found.loose) == ((), (), ())


def test_a_photo_is_kept_without_metadata_and_no_larger_than_needed(kept: Collection) -> None:
    name = kept.keep(pixels(height=1300, width=2600), about())
    with Image.open(kept.root / name) as image:
        assert image.size == (2048, 1024)
        assert (image.format, dict(image.getexif())) == ("JPEG", {})
        assert not {"exif", "comment", "icc_profile", "xmp"} & image.info.keys()


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_photo_is_not_kept(kept: Collection, array: NDArray[np.uint8]) -> None:
    assert "uint8 (H, W, 3)" in refused(UsageError, kept.keep, array, about())
    assert not (kept.root / TABLE).exists()


def test_a_photo_that_no_jpeg_can_hold_is_not_kept(kept: Collection) -> None:
    text = refused(UsageError, kept.keep, pixels(height=1, width=65_501), about())
    assert text.startswith("The photo is too long to be kept (65501 x 1 pixels).")


def test_without_consent_nothing_can_be_said_of_a_photo() -> None:
    assert refused(UsageError, about, consent=False) == (
        "Nobody agreed that the photo is kept.\n"
        "  fix: Keep a photo only when the person in it has agreed."
    )


def test_every_field_that_cannot_be_is_named() -> None:
    text = refused(
        UsageError,
        about,
        "c\u202eat",
        kind="theft",
        session="../etc",
        condition="Bright!",
        said="a\nb",
        confidence=float("nan"),
        model="x" * 201,
        model_sha256="abc",
    )
    for name in ("label", "kind", "session", "condition", "said", "confidence", "model", "model_s"):
        assert f"{name} (" in text or f"{name}ha256 (" in text, name


@pytest.mark.parametrize("label", ["", "   ", "x" * 81, "a\x00b", "a\tb", "\ud800"])
def test_a_label_that_cannot_be_printed_or_is_too_long_is_refused(label: str) -> None:
    assert "label (1 to 80 characters" in refused(UsageError, about, label)


# hostile labels


@pytest.mark.parametrize(
    ("label", "folder"),
    [("cat", "cat"), ("rock_n-roll", "rock_n-roll"), ("con", "con-1143da2b")],
)
def test_plain_labels_name_their_folder(label: str, folder: str) -> None:
    assert folder_of(label) == folder
    assert FILENAME.fullmatch(filename_of(about(label), 1))


def test_labels_that_differ_by_capitals_alone_have_folders_that_differ_by_more() -> None:
    assert len({folder_of(name).casefold() for name in ("cat", "Cat", "CAT")}) == 3


@pytest.mark.parametrize(
    "label",
    [
        "../../etc/passwd",
        "/root",
        "C:\\Windows",
        "..",
        ".",
        "NUL",
        "a,b",
        'say "x"',
        "=1+1",
        "猫",
        "😀",
    ],
)
def test_a_hostile_label_leads_nowhere_and_is_kept_as_it_is(kept: Collection, label: str) -> None:
    name = kept.keep(pixels(), about(label))
    path = (kept.root / name).resolve()
    assert path.is_relative_to(kept.root.resolve() / "photos")
    assert path.relative_to(kept.root.resolve()).as_posix() == name
    assert rows(kept.root)[0]["label"] == label
    kept.verify()


LABELS = st.text(min_size=1, max_size=80).filter(lambda text: text.strip() and text.isprintable())


@settings(max_examples=200)
@given(label=LABELS, said=st.text(max_size=80).filter(str.isprintable))
def test_whatever_can_be_printed_reads_back(label: str, said: str) -> None:
    photo = about(label, said=said)
    row = KeptRow(filename=filename_of(photo, 7), photo=photo, kept_at="2026-11-24T04:00:00+00:00")
    assert row.line.count("\n") == 1
    assert read_row(row.line.rstrip("\n")) == row


# opening


def test_an_absent_folder_becomes_a_collection_with_a_name_of_its_own(tmp_path: Path) -> None:
    one, other = (Collection.open(tmp_path / "deep" / name) for name in "ab")
    document = json.loads((one.root / DOCUMENT).read_text(encoding="utf-8"))
    assert (document["kind"], document["schema_version"]) == ("collection", 1)
    assert one.name == f"collection-{document['id']}" == Collection.open(one.root).name
    assert one.name != other.name
    assert one.contents().rows == ()


def test_a_folder_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear", encoding="utf-8")
    assert refused(ArtifactError, Collection.open, tmp_path) == (
        f"{tmp_path} is no collection and not empty, so no photo is kept there.\n"
        "  at:  letters.txt\n"
        "  fix: Name a new folder, or one that `lineament serve` has kept photos in."
    )
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_a_file_is_no_collection(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert "is no collection" in refused(ArtifactError, Collection.open, tmp_path / "file")


def test_a_collection_is_no_dataset(kept: Collection) -> None:
    text = refused(ArtifactError, Dataset.open, kept.root)
    assert text.startswith(f"{kept.root} is a collection, not a dataset.")


def test_a_newer_collection_is_refused(kept: Collection) -> None:
    path = kept.root / DOCUMENT
    path.write_text(path.read_text("utf-8").replace('"schema_version": 1', '"schema_version": 2'))
    assert "collection schema 2" in refused(ArtifactError, Collection.open, kept.root)


def test_reading_writes_nothing(kept: Collection) -> None:
    kept.keep(pixels(), about())
    (kept.root / ".lock").unlink()
    before = sorted(path.name for path in kept.root.iterdir())
    Collection.open(kept.root).contents()
    assert sorted(path.name for path in kept.root.iterdir()) == before


# limits


def test_no_more_photos_are_kept_than_may_be(tmp_path: Path) -> None:
    kept = Collection.open(tmp_path / "kept", max_photos=2)
    for _ in range(2):
        kept.keep(pixels(), about())
    assert refused(ArtifactError, kept.keep, pixels(), about()) == (
        "The collection is full (2 of 2 photos); the photo was not kept.\n"
        "  fix: Train on what is there and begin another folder, or allow more."
    )
    assert len(rows(kept.root)) == len(list(kept.root.rglob("*.jpg"))) == 2


def test_no_more_bytes_are_kept_than_may_be(tmp_path: Path) -> None:
    kept = Collection.open(tmp_path / "kept", max_bytes=2_000)
    first = kept.keep(pixels(), about())
    left = 2_000 - (kept.root / first).stat().st_size
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    assert left > 0
    text = refused(ArtifactError, kept.keep, noise, about())
    assert text.startswith("The collection is full (0.0 of 0.0 MB)")
    assert len(rows(kept.root)) == 1


def test_a_limit_counts_what_was_there_before(tmp_path: Path) -> None:
    Collection.open(tmp_path / "kept").keep(pixels(), about())
    again = Collection.open(tmp_path / "kept", max_photos=1)
    assert "is full" in refused(ArtifactError, again.keep, pixels(), about())


# who is killed, and who works beside


def test_a_photo_without_a_row_is_named_and_not_counted_as_kept(kept: Collection) -> None:
    kept.keep(pixels(), about())
    loose = kept.root / "photos" / "cat" / "anna-000002-capture.jpg"
    loose.write_bytes(b"half a pho")
    name = kept.keep(pixels(), about())
    assert name == "photos/cat/anna-000003-capture.jpg"
    assert len(kept.contents().rows) == 2
    assert kept.contents().loose == ("photos/cat/anna-000002-capture.jpg",)
    text = refused(ArtifactError, kept.verify)
    assert "photos/cat/anna-000002-capture.jpg (without a row)" in text


def test_a_row_whose_photo_is_gone_is_named(kept: Collection) -> None:
    (kept.root / kept.keep(pixels(), about())).unlink()
    assert [row.photo.label for row in kept.contents().absent] == ["cat"]
    assert "anna-000001-capture.jpg (absent)" in refused(ArtifactError, kept.verify)


@pytest.mark.parametrize(
    "line",
    [
        "photos/cat/x.jpg,cat",
        "../../etc/passwd,cat,anna,capture,,,,,,yes,2026-11-24T04:00:00+00:00",
        "photos/../x.jpg,cat,anna,capture,,,,,,yes,2026-11-24T04:00:00+00:00",
        "photos/cat/x.jpg,cat,anna,capture,,,,,,,2026-11-24T04:00:00+00:00",
        "photos/cat/x.jpg,cat,anna,capture,,,2,,,yes,2026-11-24T04:00:00+00:00",
        "photos/cat/x.jpg,cat,anna,capture,,,,,,yes,yesterday",
        "photos/cat/x.jpg,cat,anna,capture,,,,,,yes,2026-11-24T04:00:00",
        '"photos/cat/x.jpg',
        "\x00\xff",
    ],
)
def test_a_damaged_row_is_passed_over_and_named(kept: Collection, line: str) -> None:
    kept.keep(pixels(), about())
    with (kept.root / TABLE).open("ab") as file:
        file.write(line.encode("latin-1") + b"\n")
    kept.keep(pixels(), about("dog"))
    found = kept.contents()
    assert [row.photo.label for row in found.rows] == ["cat", "dog"]
    assert found.damaged == (3,)
    assert "photos.csv line 3 (damaged)" in refused(ArtifactError, kept.verify)


def test_a_row_that_was_cut_off_does_not_swallow_the_next(kept: Collection) -> None:
    kept.keep(pixels(), about())
    with (kept.root / TABLE).open("ab") as file:
        file.write(b"photos/cat/anna-0000")
    kept.keep(pixels(), about("dog"))
    assert [row.photo.label for row in kept.contents().rows] == ["cat", "dog"]


def test_a_row_that_was_copied_counts_once(kept: Collection) -> None:
    kept.keep(pixels(), about())
    line = (kept.root / TABLE).read_bytes().splitlines(keepends=True)[1]
    with (kept.root / TABLE).open("ab") as file:
        file.write(line.replace(b",cat,", b",dog,"))
    assert [row.photo.label for row in kept.contents().rows] == ["cat"]
    assert kept.contents().damaged == (3,)


def test_a_table_that_a_spreadsheet_saved_is_read(kept: Collection) -> None:
    kept.keep(pixels(), about("猫"))
    data = (kept.root / TABLE).read_bytes()
    (kept.root / TABLE).write_bytes(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))
    assert [row.photo.label for row in kept.contents().rows] == ["猫"]
    kept.verify()


def test_a_table_with_other_columns_is_refused(kept: Collection) -> None:
    (kept.root / TABLE).write_text("a,b\n", encoding="utf-8")
    assert "has other columns" in refused(ArtifactError, kept.contents)


def test_a_full_disk_leaves_neither_photo_nor_half_a_row(
    kept: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.keep(pixels(), about())
    before = (kept.root / TABLE).read_bytes()
    calls = iter((None, errno.ENOSPC))

    def full(descriptor: int) -> None:
        number = next(calls)  # the photo's file is flushed first, then the table
        if number is not None:
            raise OSError(number, os.strerror(number), "/secret/path")

    monkeypatch.setattr(os, "fsync", full)
    text = refused(ArtifactError, kept.keep, pixels(), about())
    monkeypatch.undo()
    assert text.startswith("The photo could not be kept: No space left on device.")
    assert "/" not in text, "a stranger may read this"
    assert (kept.root / TABLE).read_bytes() == before
    kept.verify()


def test_threads_keep_at_the_same_time(kept: Collection) -> None:
    names: list[str] = []

    def work() -> None:
        names.extend(kept.keep(pixels(), about()) for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 60
    assert [row["filename"] for row in rows(kept.root)] == sorted(names)
    kept.verify()


def _keep_some(root: Path, session: str) -> None:
    kept = Collection.open(root)
    for n in range(25):
        kept.keep(pixels(n), about(session=session, said="x" * 80))


def test_processes_keep_at_the_same_time_from_the_very_first_photo(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=_keep_some, args=(tmp_path / "kept", f"s{n % 2}")) for n in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    kept = Collection.open(tmp_path / "kept")
    kept.verify()
    assert len(kept.contents().rows) == 100
    assert not kept.contents().damaged


def _keep_for_ever(root: Path) -> None:
    kept = Collection.open(root)
    while True:
        kept.keep(pixels(), about())


@pytest.mark.parametrize("after", [1, 7, 20])
def test_a_process_that_is_killed_leaves_at_most_a_photo_without_a_row(
    tmp_path: Path, after: int
) -> None:
    root = tmp_path / "kept"
    worker = multiprocessing.get_context("fork").Process(target=_keep_for_ever, args=(root,))
    worker.start()
    while len(list(root.glob("photos/cat/*.jpg"))) < after:
        assert worker.is_alive()
    worker.kill()
    worker.join(60)
    kept = Collection.open(root)
    found = kept.contents()
    assert (found.damaged, found.absent) == ((), ())
    assert len(found.loose) <= 1
    count = len(found.rows)
    kept.keep(pixels(), about())
    assert len(kept.contents().rows) == count + 1


def test_a_second_process_fills_the_limit_of_the_first(tmp_path: Path) -> None:
    one, other = (Collection.open(tmp_path / "kept", max_photos=3) for _ in range(2))
    one.keep(pixels(), about())
    other.keep(pixels(), about())
    one.keep(pixels(), about())
    assert "3 of 3 photos" in refused(ArtifactError, other.keep, pixels(), about())


# forgetting


def test_a_session_is_forgotten_with_its_photos_rows_and_folders(kept: Collection) -> None:
    mine = [kept.keep(pixels(), about(label)) for label in ("cat", "cat", "fox")]
    theirs = kept.keep(pixels(), about(session="anna-2"))
    assert kept.forget("anna") == 3
    assert not any((kept.root / name).exists() for name in mine)
    assert not (kept.root / "photos" / "fox").exists()
    assert [row["filename"] for row in rows(kept.root)] == [theirs]
    kept.verify()


def test_what_a_killed_process_left_of_a_session_is_forgotten_too(kept: Collection) -> None:
    kept.keep(pixels(), about(session="ben"))
    (kept.root / "photos" / "cat" / "anna-000009-capture.jpg").write_bytes(b"x")
    with (kept.root / TABLE).open("ab") as file:
        file.write(b"photos/cat/y.jpg,cat,anna,capt\nphotos/cat/z.jpg,cat,ben,capt\n")
    assert kept.forget("anna") == 1
    text = (kept.root / TABLE).read_text(encoding="utf-8")
    assert "anna" not in text
    assert "photos/cat/z.jpg" in text
    assert [row.photo.session for row in kept.contents().rows] == ["ben"]


def test_a_number_of_a_forgotten_photo_is_not_given_again(kept: Collection) -> None:
    first = kept.keep(pixels(), about())
    kept.forget("anna")
    assert Collection.open(kept.root).keep(pixels(), about()) != first


def test_an_unknown_session_takes_nothing_along(kept: Collection) -> None:
    kept.keep(pixels(), about())
    assert kept.forget("nobody") == 0
    assert len(kept.contents().rows) == 1
    assert "no session's name" in refused(UsageError, kept.forget, "../anna")


def test_an_interrupted_forgetting_is_ended_by_the_next(
    kept: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        kept.keep(pixels(), about())
    unlink, calls = Path.unlink, iter((None, KeyboardInterrupt))

    def interrupted(self: Path, missing_ok: bool = False) -> None:
        if self.suffix == ".jpg" and next(calls) is not None:
            raise KeyboardInterrupt
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kept.forget("anna")
    monkeypatch.undo()
    assert kept.forget("anna") == 2
    assert rows(kept.root) == []
    kept.verify()


def test_ten_thousand_photos_do_not_slow_the_next_one_down(
    kept: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.keep(pixels(), about())
    template = kept.contents().rows[0]
    lines = []
    for n in range(2, 10_001):
        name = filename_of(template.photo, n)
        (kept.root / name).write_bytes(b"x")
        lines.append(KeptRow(filename=name, photo=template.photo, kept_at=template.kept_at).line)
    with (kept.root / TABLE).open("a", encoding="utf-8") as file:
        file.writelines(lines)
    kept.keep(pixels(), about())
    walked: list[Path] = []

    def walk(top: Path) -> Iterator[tuple[str, list[str], list[str]]]:
        walked.append(top)
        return iter(())

    monkeypatch.setattr(os, "walk", walk)
    kept.keep(pixels(), about())
    monkeypatch.undo()
    assert walked == []
    assert len(kept.contents().rows) == 10_002
