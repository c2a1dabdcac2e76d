"""A table laid over a folder: which photo each row means, and what becomes of the others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lineament.core.errors import DataError, LineamentError, UsageError
from lineament.preparation.sources.labels import LabelledFolderSource
from lineament.preparation.sources.listing import Layout

Laid = Callable[..., LabelledFolderSource]


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    """Write empty photos into the folder ``photos`` and a table beside it."""

    def write(
        text: str, *files: str, name: str = "labels.csv", label_column: str | None = None
    ) -> LabelledFolderSource:
        folder = tmp_path / "photos"
        folder.mkdir()
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).touch()
        (tmp_path / name).write_text(text, encoding="utf-8")
        return LabelledFolderSource(folder=folder, table=tmp_path / name, label_column=label_column)

    return write


def labels(layout: Layout) -> dict[str, str]:
    return {each.relative: each.class_name for each in layout.candidates}


def refusal(source: LabelledFolderSource, kind: type[LineamentError] = DataError) -> str:
    with pytest.raises(kind) as caught:
        source.layout()
    return str(caught.value).replace(f"{source.folder.parent}/", "")


def test_rows_are_found_by_path(laid: Laid) -> None:
    source = laid("path,label\nx/1.jpg,cat\ny/1.jpg,dog\n", "x/1.jpg", "y/1.jpg")
    assert labels(source.layout()) == {"x/1.jpg": "cat", "y/1.jpg": "dog"}


def test_rows_are_found_by_base_name(laid: Laid) -> None:
    source = laid("path,label\nimg/1.jpg,cat\n2.jpg,dog\n", "1.jpg", "y/2.jpg")
    assert labels(source.layout()) == {"1.jpg": "cat", "y/2.jpg": "dog"}


def test_rows_without_suffix_are_found_by_stem(laid: Laid) -> None:
    source = laid("id,breed\n1,corgi\n2.5,pug\n", "train/1.jpg", "train/2.5.png")
    assert labels(source.layout()) == {"train/1.jpg": "corgi", "train/2.5.png": "pug"}


def test_another_suffix_is_another_photo(laid: Laid) -> None:
    source = laid("path,label\n1.png,cat\n2.jpg,dog\n", "1.jpg", "2.jpg")
    assert labels(source.layout()) == {"2.jpg": "dog"}


def test_rows_with_folders_are_taken_by_their_word_where_one_is_right(laid: Laid) -> None:
    source = laid("path,label\nx/1.jpg,cat\nz/2.jpg,dog\n", "x/1.jpg", "y/2.jpg")
    assert labels(source.layout()) == {"x/1.jpg": "cat"}


def test_names_that_several_photos_have_are_refused(laid: Laid) -> None:
    source = laid(
        "path,label\n1.jpg,cat\n2.jpg,dog\nq/3.jpg,cat\nr/3.jpg,dog\n4.jpg,cat\n",
        *("x/1.jpg", "y/1.jpg", "x/2.jpg", "3.jpg", "4.jpg"),
    )
    assert refusal(source) == (
        "labels.csv does not tell photos of photos apart that have the same name.\n"
        "  at:  1.jpg (2 photos, 1 row), 3.jpg (1 photo, 2 rows)\n"
        "  fix: Write their paths below photos into the table."
    )


def test_a_table_of_other_photos_is_refused(laid: Laid) -> None:
    assert refusal(laid("path,label\na.jpg,cat\nb.jpg,dog\n", "1.jpg", "2.jpg")) == (
        "labels.csv names none of the 2 photos of photos.\n"
        "  at:  a.jpg (line 2), b.jpg (line 3)\n"
        "  fix: Write their paths below photos into the table, such as 1.jpg."
    )


def test_every_file_without_a_label_is_rejected_with_a_reason(laid: Laid) -> None:
    source = laid(
        "path,label\n1.jpg,cat\n2.jpg,\n",
        *("1.jpg", "2.jpg", "3.jpg", ".4.jpg", "notes.txt", ".git/5.jpg"),
    )
    layout = source.layout()
    assert labels(layout) == {"1.jpg": "cat"}
    assert {each.relative: each.reason for each in layout.rejected} == {
        "2.jpg": "no label in the table",
        "3.jpg": "no label in the table",
        ".4.jpg": "hidden file",
        ".git/5.jpg": "in a hidden folder",
        "notes.txt": "not named like an image",
    }


def test_rows_without_a_photo_are_counted_in_a_note_and_not_as_scanned(laid: Laid) -> None:
    rows = "".join(f"{number}.jpg,cat\n" for number in range(1, 7))
    source = laid(f"path,label\n{rows}", "1.jpg", "2.jpg")
    layout = source.layout()
    assert layout.scanned == 2
    assert layout.notes == (
        f"4 rows of {source.table} name no photo of {source.folder}: 3.jpg, 4.jpg, 5.jpg, ....",
    )


def test_one_row_without_a_photo_is_named(laid: Laid) -> None:
    source = laid("path,label\n1.jpg,cat\n2.jpg,cat\n", "1.jpg")
    assert source.layout().notes == (
        f"1 row of {source.table} names no photo of {source.folder}: 2.jpg.",
    )


def test_a_table_that_labels_none_of_its_photos_is_refused(laid: Laid) -> None:
    assert refusal(laid("path,label\n1.jpg,\n2.jpg,cat\n", "1.jpg")) == (
        "labels.csv gives none of the photos of photos a label.\n"
        "  fix: Fill its column of labels, or name another with `--label-column`."
    )


def test_a_photo_with_two_labels_is_refused(laid: Laid) -> None:
    assert refusal(laid("path,label\n1.jpg,cat\n./1.jpg,dog\n1.jpg,cat\n", "1.jpg")) == (
        "labels.csv gives photos different labels, splits or groups.\n"
        "  at:  ./1.jpg (line 2: cat; line 3: dog)\n"
        "  fix: Keep the row that is right."
    )


def test_a_photo_that_is_listed_again_is_the_same_photo(laid: Laid) -> None:
    layout = laid("path,label\n1.jpg,cat\n1.jpg,cat\n", "1.jpg").layout()
    assert (labels(layout), layout.notes) == ({"1.jpg": "cat"}, ())


def test_group_split_and_further_columns_are_kept(laid: Laid) -> None:
    source = laid(
        "path,label,group,split,age\n1.jpg,cat,tom,train,3\n2.jpg,cat,rex,test,4\n9.jpg,cat,,,\n",
        *("1.jpg", "2.jpg"),
    )
    layout = source.layout()
    assert [(each.group, each.split, each.metadata) for each in layout.candidates] == [
        ("tom", "train", {"age": "3"}),
        ("rex", "test", {"age": "4"}),
    ]
    assert layout.given == {"test": "test", "train": "train"}


def test_celebas_identities_are_labels(laid: Laid) -> None:
    source = laid(
        "000001.jpg 2880\n000002.jpg 2937\n", "000001.jpg", "000002.jpg", name="identity_CelebA.txt"
    )
    assert labels(source.layout()) == {"000001.jpg": "2880", "000002.jpg": "2937"}


def test_an_attribute_of_celebas_is_the_label_and_the_others_are_kept(laid: Laid) -> None:
    source = laid(
        "2\nMale Smiling\n000001.jpg -1  1\n000002.jpg  1 -1\n",
        *("000001.jpg", "000002.jpg"),
        name="list_attr_celeba.txt",
        label_column="Smiling",
    )
    layout = source.layout()
    assert labels(layout) == {"000001.jpg": "1", "000002.jpg": "-1"}
    assert layout.candidates[0].metadata == {"Male": "-1"}


def test_which_of_several_columns_is_the_label_must_be_said(laid: Laid) -> None:
    source = laid("2\nMale Smiling\n1.jpg -1  1\n2.jpg  1 -1\n", "1.jpg", name="attributes.txt")
    assert refusal(source, UsageError) == (
        "attributes.txt has no column `label`.\n"
        "  fix: Name it `label`, or say which of filename, Male, Smiling is the label with "
        "`--label-column`."
    )


def test_a_folder_without_photos_is_refused(laid: Laid) -> None:
    assert refusal(laid("path,label\n1.jpg,cat\n", "notes.txt")).startswith(
        "photos holds no images.\n"
    )


def test_an_absent_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        LabelledFolderSource(folder=tmp_path / "none", table=tmp_path / "labels.csv").layout()
    assert str(caught.value) == (
        f"There is no folder {tmp_path}/none.\n  fix: Name the folder of the photos."
    )


def test_contents_are_the_files(laid: Laid) -> None:
    source = laid("path,label\n1.jpg,cat\n", "1.jpg")
    assert [content for _, content in source.contents(source.layout().candidates)] == [
        source.folder / "1.jpg"
    ]
