"""The journal: what it believes, and what it clears away."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lineament.core.files import sha256_file
from lineament.imaging.decode import FileFacts
from lineament.imaging.look import look
from lineament.imaging.signature import SIGNATURE_PX
from lineament.preparation.journal import FLUSHED, Journal
from lineament.preparation.photo import Photo, image_folder, photo_of
from lineament.preparation.sources.listing import Candidate

FACTS = FileFacts(
    format="JPEG", mode="L", width=9, height=8, size_bytes=77, taken="2020:01:02 03:04:05"
)


def candidate(number: int, *, class_name: str = "cat", stamp: str = "1-1") -> Candidate:
    return Candidate(
        relative=f"{number}.png",
        class_name=class_name,
        split="train",
        group="anna",
        metadata={"age": "3"},
        stamp=stamp,
    )


def signature(number: int) -> bytes:
    return np.full((SIGNATURE_PX, SIGNATURE_PX), number % 256, np.uint8).tobytes()


def note(journal: Journal, folder: Path, number: int, *, class_name: str = "cat") -> Photo:
    """Write a photo's file and its line."""
    each = candidate(number, class_name=class_name)
    filename = f"{image_folder(class_name)}/{number}.png"
    path = folder / filename
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(f"photo {number}".encode())
    photo = photo_of(
        each,
        filename=filename,
        sha256=sha256_file(path),
        pixels="ab" * 32,
        look=look(np.full((9, 9, 3), number, np.uint8)),
        facts=FACTS,
        row=journal.next_row,
    )
    journal.add(photo, stamp=each.stamp, signature=signature(number))
    return photo


@contextlib.contextmanager
def reopened(folder: Path) -> Iterator[Journal]:
    with contextlib.closing(Journal(folder)) as journal:
        yield journal


def test_a_photo_comes_back_as_it_was_noted(tmp_path: Path) -> None:
    with reopened(tmp_path) as journal:
        photo = note(journal, tmp_path, 7)
    with reopened(tmp_path) as journal:
        assert journal.known([candidate(7)]) == {"7.png": photo}


def test_what_the_source_says_is_taken_from_the_source(tmp_path: Path) -> None:
    with reopened(tmp_path) as journal:
        note(journal, tmp_path, 7)
    other = dataclasses.replace(candidate(7), group="bob", split="", metadata={})
    with reopened(tmp_path) as journal:
        found = journal.known([other])["7.png"]
    assert (found.group, found.split, found.metadata) == ("bob", "", {})


@pytest.mark.parametrize(
    "other",
    [
        candidate(7, stamp="1-2"),
        candidate(7, stamp=""),
        candidate(7, class_name="dog"),
        candidate(7, class_name=""),
        candidate(8),
    ],
)
def test_a_photo_that_may_be_another_one_is_not_known(tmp_path: Path, other: Candidate) -> None:
    with reopened(tmp_path) as journal:
        note(journal, tmp_path, 7)
    with reopened(tmp_path) as journal:
        assert journal.known([other]) == {}
    assert not (tmp_path / "images").exists()


def test_a_photo_without_a_stamp_is_never_known(tmp_path: Path) -> None:
    with reopened(tmp_path) as journal:
        photo = note(journal, tmp_path, 7)
        journal.add(
            dataclasses.replace(photo, row=journal.next_row), stamp="", signature=signature(7)
        )
    with reopened(tmp_path) as journal:
        assert journal.known([candidate(7, stamp="")]) == {}


def test_photos_of_a_class_do_not_count_as_photos_without_one(tmp_path: Path) -> None:
    with reopened(tmp_path) as journal:
        note(journal, tmp_path, 1)
        bare = note(journal, tmp_path, 2, class_name="")
    with reopened(tmp_path) as journal:
        known = journal.known([candidate(1, class_name=""), candidate(2, class_name="")])
    assert known == {"2.png": bare}


def test_the_last_note_of_a_photo_counts(tmp_path: Path) -> None:
    with reopened(tmp_path) as journal:
        note(journal, tmp_path, 7)
        again = note(journal, tmp_path, 7)
    with reopened(tmp_path) as journal:
        assert journal.known([candidate(7)])["7.png"].row == again.row == 1


def test_signatures_come_in_the_order_that_is_asked_for(tmp_path: Path) -> None:
    with reopened(tmp_path) as journal:
        first, second, third = (note(journal, tmp_path, number) for number in range(3))
        assert journal.signatures([third, first])[:, 0, 0].tolist() == [2, 0]
    with reopened(tmp_path) as journal:
        more = note(journal, tmp_path, 3)
        assert journal.signatures([more, second])[:, 5, 5].tolist() == [3, 1]
        assert journal.signatures([]).shape == (0, SIGNATURE_PX, SIGNATURE_PX)


def test_what_was_cut_off_is_written_behind_what_is_whole(tmp_path: Path) -> None:
    with reopened(tmp_path) as journal:
        for number in range(3):
            note(journal, tmp_path, number)
    rows = tmp_path / ".resume" / "signatures.bin"
    rows.write_bytes(rows.read_bytes()[:-1])
    with reopened(tmp_path) as journal:
        assert set(journal.known([candidate(number) for number in range(3)])) == {"0.png", "1.png"}
        note(journal, tmp_path, 2)
    with reopened(tmp_path) as journal:
        known = journal.known([candidate(number) for number in range(3)])
        photos = [known[f"{number}.png"] for number in range(3)]
        assert journal.signatures(photos)[:, 0, 0].tolist() == [0, 1, 2]


def test_what_is_in_no_line_is_removed(tmp_path: Path) -> None:
    with reopened(tmp_path) as journal:
        note(journal, tmp_path, 1)
        note(journal, tmp_path, 2, class_name="dog")
    (tmp_path / "images" / "cat" / "half.png").write_bytes(b"x")
    (tmp_path / "images" / "empty").mkdir()
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "train.csv").write_text("x")
    (tmp_path / "dataset.json").write_text("{}")
    with reopened(tmp_path) as journal:
        journal.known([candidate(1)])
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    assert [name for name in left if not name.startswith(".resume")] == [
        "images",
        "images/cat",
        "images/cat/1.png",
    ]


def test_a_killed_process_loses_a_few_photos_at_most(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(FLUSHED + 5):
        note(journal, tmp_path, number)
    with reopened(tmp_path) as other:  # as a process that comes after one which never closed it
        known = other.known([candidate(number) for number in range(FLUSHED + 5)])
    assert len(known) >= FLUSHED
    journal.close()
