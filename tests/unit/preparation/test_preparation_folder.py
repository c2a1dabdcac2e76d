"""A folder as a source: what it lists and gives."""

import os
from pathlib import Path

import pytest

from lineament.preparation.sources.folder import FolderSource


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("cat/1.png", "dog/2.png", "dog/notes.txt"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "photos"


def test_its_name_is_the_path_as_it_was_given(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root.parent)
    assert FolderSource(root=Path("photos")).name == "photos"


def test_folders_are_classes(root: Path) -> None:
    layout = FolderSource(root=root).layout()
    assert [(each.relative, each.class_name) for each in layout.candidates] == [
        ("cat/1.png", "cat"),
        ("dog/2.png", "dog"),
    ]
    assert [each.relative for each in layout.rejected] == ["dog/notes.txt"]


def test_folders_are_no_classes_without_labels(root: Path) -> None:
    layout = FolderSource(root=root, labelled=False).layout()
    assert [(each.relative, each.class_name) for each in layout.candidates] == [
        ("cat/1.png", ""),
        ("dog/2.png", ""),
    ]


def test_the_content_of_a_photo_is_its_file(root: Path) -> None:
    source = FolderSource(root=root)
    candidates = source.layout().candidates
    assert list(source.contents(candidates[1:])) == [(candidates[1], root / "dog" / "2.png")]


def test_a_stamp_changes_with_size_and_with_time(root: Path) -> None:
    def stamp() -> str:
        return FolderSource(root=root).layout().candidates[0].stamp

    path = root / "cat" / "1.png"
    os.utime(path, ns=(1, 1))
    first = stamp()
    os.utime(path, ns=(1, 2))
    assert stamp() != first
    path.write_bytes(b"longer than before")
    os.utime(path, ns=(1, 1))
    assert stamp() != first


def test_a_name_that_is_not_utf8_can_still_be_opened(root: Path) -> None:
    (root / "cat" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"x")
    source = FolderSource(root=root)
    (odd,) = [each for each in source.layout().candidates if "caf" in each.relative]
    assert odd.relative == "cat/caf\\xe9.png"
    ((_, path),) = source.contents([odd])
    assert isinstance(path, Path)
    assert path.read_bytes() == b"x"
