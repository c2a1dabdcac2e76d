"""Listed: how a list names photos."""

from pathlib import Path

import pytest

from lineament.core.errors import DataError, UsageError
from lineament.preparation.division.listed import read_listed

KEYS = ["cat/a.jpg", "cat/b.png", "dog/a.jpg", "dog/c.d.jpg"]


def write(folder: Path, text: str, *, name: str = "hard.txt") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, text: str, *, name: str = "hard.txt") -> list[str]:
    return read_listed(write(folder, text, name=name), KEYS)


def test_a_plain_list_has_one_photo_per_line(tmp_path: Path) -> None:
    assert read(tmp_path, "dog/a.jpg\n\ncat/b.png\n") == ["dog/a.jpg", "cat/b.png"]


@pytest.mark.parametrize("header", ["filename", "path", "File"])
def test_the_first_column_of_a_table_names_the_photos(tmp_path: Path, header: str) -> None:
    text = f'{header},why\n"cat/a.jpg","dark, blurred"\ndog/a.jpg,\n'
    assert read(tmp_path, text, name="hard.csv") == ["cat/a.jpg", "dog/a.jpg"]


def test_a_table_needs_no_header(tmp_path: Path) -> None:
    assert read(tmp_path, "cat/a.jpg\r\ndog/a.jpg\r\n", name="hard.csv") == [
        "cat/a.jpg",
        "dog/a.jpg",
    ]


def test_a_byte_order_mark_is_no_part_of_the_name(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufefffilename\ncat/b.png\n", name="hard.csv") == ["cat/b.png"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("b.png", "cat/b.png"),
        ("b", "cat/b.png"),
        ("cat/a", "cat/a.jpg"),
        ("c.d", "dog/c.d.jpg"),
        ("./dog/a.jpg", "dog/a.jpg"),
        ("dog\\a.jpg", "dog/a.jpg"),
        ("/home/me/photos/dog/a.jpg", "dog/a.jpg"),
    ],
)
def test_a_photo_is_found_by_a_name_that_only_it_has(tmp_path: Path, name: str, key: str) -> None:
    assert read(tmp_path, name) == [key]


def test_a_photo_named_twice_is_there_once(tmp_path: Path) -> None:
    assert read(tmp_path, "cat/b.png\nb\n") == ["cat/b.png"]


def test_a_comma_in_a_plain_list_belongs_to_the_name(tmp_path: Path) -> None:
    assert read_listed(write(tmp_path, "a, b.jpg\n"), ["cat/a, b.jpg"]) == ["cat/a, b.jpg"]


def test_a_photo_called_like_a_header_can_be_named_below_it(tmp_path: Path) -> None:
    path = write(tmp_path, "file\nfile\n")
    assert read_listed(path, ["cat/file.jpg"]) == ["cat/file.jpg"]


def test_names_of_no_photo_and_of_several_are_all_named(tmp_path: Path) -> None:
    path = write(tmp_path, "filename\ncat/b.pgn\na.jpg\nowl/xyzzy.jpeg\ncat/a.jpg\n")
    with pytest.raises(DataError) as caught:
        read_listed(path, KEYS)
    assert str(caught.value) == (
        f"3 names in {path} cannot be found among the 4 photos; nothing was written.\n"
        "  at:  line 2 (cat/b.pgn) Did you mean `cat/b.png`?, line 3 (a.jpg: more than one photo), "
        "line 4 (owl/xyzzy.jpeg)\n"
        "  fix: Name each photo by its path below the source."
    )


def test_another_folder_with_the_same_base_name_is_not_the_photo(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 name in"):
        read(tmp_path, "owl/b.png")


def test_an_absent_list_is_refused_with_the_nearest_file(tmp_path: Path) -> None:
    write(tmp_path, "", name="hard.csv")
    with pytest.raises(UsageError) as caught:
        read_listed(tmp_path / "hrad.csv", KEYS)
    assert str(caught.value) == (
        f"There is no file {tmp_path / 'hrad.csv'}. Did you mean `hard.csv`?\n"
        "  fix: Name a file that lists photos, one per line."
    )


def test_an_empty_list_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "filename\n\n")
    with pytest.raises(DataError) as caught:
        read_listed(path, KEYS)
    assert str(caught.value) == (
        f"{path} names no photo; nothing was written.\n"
        "  fix: Write one photo per line, by its path below the source."
    )


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hard.txt"
    path.write_bytes(b"cat/a.jpg\n\xff\xd8\xff")
    with pytest.raises(DataError) as caught:
        read_listed(path, KEYS)
    assert str(caught.value) == (
        f"{path} is not text in UTF-8 (byte 10).\n  fix: Save it as UTF-8, one photo per line."
    )
