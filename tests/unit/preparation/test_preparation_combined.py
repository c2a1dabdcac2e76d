"""Adding folders of one class to a source."""

from pathlib import Path

import pytest

from lineament.core.errors import DataError, UsageError
from lineament.preparation.sources.combined import CombinedSource, read_additions
from lineament.preparation.sources.folder import FolderSource


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(str(path).encode())
    return root


@pytest.fixture
def main(tmp_path: Path) -> FolderSource:
    return FolderSource(root=touch(tmp_path / "main", "cat/1.png", "dog/1.png", "dog/x.txt"))


def combined(main: FolderSource, *added: tuple[str, Path]) -> CombinedSource:
    return CombinedSource(main=main, added=added)


def test_added_photos_are_all_of_the_class_wherever_they_lie(
    main: FolderSource, tmp_path: Path
) -> None:
    faces = touch(tmp_path / "faces", "a.png", "deep/er/b.png", "list.csv")
    layout = combined(main, ("face", faces)).layout()
    assert [(each.relative, each.class_name) for each in layout.candidates] == [
        ("+face/a.png", "face"),
        ("+face/deep/er/b.png", "face"),
        ("cat/1.png", "cat"),
        ("dog/1.png", "dog"),
    ]
    assert [each.relative for each in layout.rejected] == ["+face/list.csv", "dog/x.txt"]
    assert layout.scanned == 6


def test_it_is_named_after_the_main_source(main: FolderSource, tmp_path: Path) -> None:
    assert combined(main, ("face", tmp_path)).name == main.name


def test_photos_can_be_added_to_a_class_that_is_there(main: FolderSource, tmp_path: Path) -> None:
    more = touch(tmp_path / "more", "1.png")
    layout = combined(main, ("cat", more)).layout()
    assert [each.relative for each in layout.candidates if each.class_name == "cat"] == [
        "+cat/1.png",
        "cat/1.png",
    ]


def test_two_folders_can_be_added_to_one_class(main: FolderSource, tmp_path: Path) -> None:
    one, two = touch(tmp_path / "one", "1.png"), touch(tmp_path / "two", "1.png")
    source = combined(main, ("face", one), ("face", two))
    faces = [each for each in source.layout().candidates if each.class_name == "face"]
    assert [each.relative for each in faces] == ["+2+face/1.png", "+face/1.png"]
    assert [path for _, path in source.contents(faces)] == [two / "1.png", one / "1.png"]


def test_every_photo_s_content_is_its_own_file(main: FolderSource, tmp_path: Path) -> None:
    source = combined(main, ("face", touch(tmp_path / "faces", "1.png")))
    candidates = source.layout().candidates
    contents = dict(
        (candidate.relative, content) for candidate, content in source.contents(candidates)
    )
    assert contents == {
        "+face/1.png": tmp_path / "faces" / "1.png",
        "cat/1.png": tmp_path / "main" / "cat" / "1.png",
        "dog/1.png": tmp_path / "main" / "dog" / "1.png",
    }


def test_a_class_of_the_source_may_begin_with_a_plus(tmp_path: Path) -> None:
    main = FolderSource(root=touch(tmp_path / "main", "+plus/1.png", "dog/1.png"))
    source = combined(main, ("face", touch(tmp_path / "faces", "1.png")))
    candidates = source.layout().candidates
    assert [each.class_name for each in candidates] == ["face", "+plus", "dog"]
    assert {path for _, path in source.contents(candidates)} == {
        tmp_path / "faces" / "1.png",
        tmp_path / "main" / "+plus" / "1.png",
        tmp_path / "main" / "dog" / "1.png",
    }


def test_names_of_the_source_that_are_taken_by_added_photos_are_refused(tmp_path: Path) -> None:
    main = FolderSource(root=touch(tmp_path / "main", "+face/1.png", "dog/1.png"))
    with pytest.raises(DataError) as caught:
        combined(main, ("face", touch(tmp_path / "faces", "1.png"))).layout()
    assert str(caught.value) == (
        f"Names of photos of {tmp_path / 'main'} begin with +face/, as those of added photos do.\n"
        "  at:  +face/1.png\n"
        "  fix: Rename that folder."
    )


@pytest.mark.parametrize(
    ("names", "lacks"),
    [
        (("a.png", "b.png"), "has no labels"),
        (
            ("train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/dog/1.png"),
            "is divided into splits already",
        ),
    ],
)
def test_nothing_can_be_added_to_what_has_no_free_labelled_photos(
    tmp_path: Path, names: tuple[str, ...], lacks: str
) -> None:
    main = FolderSource(root=touch(tmp_path / "main", *names))
    with pytest.raises(DataError) as caught:
        combined(main, ("face", touch(tmp_path / "faces", "1.png"))).layout()
    assert str(caught.value) == (
        f"{tmp_path / 'main'} {lacks}, so no class can be added to it.\n"
        "  fix: Leave `--add` out, or name a source of labelled photos without splits."
    )


def test_an_added_folder_without_photos_is_refused(main: FolderSource, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no images\."):
        combined(main, ("face", touch(tmp_path / "faces", "readme.txt"))).layout()


def test_additions_are_read(tmp_path: Path) -> None:
    assert read_additions([f" face = {tmp_path}"]) == (("face", tmp_path),)


@pytest.mark.parametrize("text", ["face", "face=", "=faces"])
def test_an_addition_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_additions([text])
    assert str(caught.value) == (
        f"`--add {text}` is not of the form `CLASS=FOLDER`.\n"
        "  fix: Write for example `--add face=celeba`."
    )


def test_an_addition_of_an_absent_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_additions([f"face={tmp_path / 'x'}"])
    assert str(caught.value) == (
        f"`--add face={tmp_path / 'x'}`: there is no folder {tmp_path / 'x'}.\n"
        "  fix: Name a folder of photos."
    )
