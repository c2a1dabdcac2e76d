"""Finding files: order, links, names, what cannot be listed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lineament.core.errors import DataError
from lineament.preparation.sources.scan import find_files


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


class Notes:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def start(self, task: str, total: int | None) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        pass

    def finish(self) -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_files_come_in_order_of_their_whole_relative_path(tmp_path: Path) -> None:
    for name in ("b/1.jpg", "a.jpg", "a/2.jpg", "a/10.jpg", "a/c/0.jpg"):
        touch(tmp_path / name)
    assert [file.relative for file in find_files(tmp_path)] == [
        "a.jpg",
        "a/10.jpg",
        "a/2.jpg",
        "a/c/0.jpg",
        "b/1.jpg",
    ]


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    touch(tmp_path / "far" / "a.jpg")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "cat").symlink_to(tmp_path / "far")
    assert [file.relative for file in find_files(tmp_path / "source")] == ["cat/a.jpg"]


def test_a_link_to_a_folder_around_it_is_named_and_not_followed(tmp_path: Path) -> None:
    touch(tmp_path / "cat" / "a.jpg")
    (tmp_path / "cat" / "again").symlink_to(tmp_path)
    notes = Notes()
    assert [file.relative for file in find_files(tmp_path, progress=notes)] == ["cat/a.jpg"]
    assert notes.notes == ["cat/again was not followed: it links to a folder around it."]


def test_a_link_that_leads_nowhere_is_a_file_to_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "absent.jpg")
    (tmp_path / "b.jpg").symlink_to(tmp_path / "b.jpg")
    found = find_files(tmp_path)
    assert [(file.relative, file.regular) for file in found] == [("a.jpg", True), ("b.jpg", True)]


def test_a_pipe_is_found_and_marked_so_that_nobody_opens_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    assert [file.regular for file in find_files(tmp_path)] == [False]


def test_bytes_that_are_not_utf8_are_shown_as_numbers(tmp_path: Path) -> None:
    touch(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")))
    (found,) = find_files(tmp_path)
    assert found.relative == "caf\\xe9.jpg"
    assert found.path is not None
    assert found.path.exists()


def test_folders_that_cannot_be_listed_are_all_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cat", "dog", "fox"):
        touch(tmp_path / name / "a.jpg")
    listing = os.scandir

    def guarded(folder: str) -> Iterator[os.DirEntry[str]]:
        if Path(folder).name in ("cat", "fox"):
            raise PermissionError(13, "Permission denied")
        return listing(folder)

    monkeypatch.setattr(os, "scandir", guarded)  # permissions do not bind root, who runs CI
    with pytest.raises(DataError) as caught:
        find_files(tmp_path)
    assert str(caught.value) == (
        f"2 folders of {tmp_path} cannot be listed; nothing was written.\n"
        "  at:  cat (Permission denied), fox (Permission denied)\n"
        "  fix: Give yourself permission to read them, or move them out of the source."
    )
