"""A manifest as a source: what its columns mean, which rows are photos, and which are not."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.core.errors import DataError, ImageError, LineamentError, UsageError
from lineament.imaging.decode import decode
from lineament.preparation.sources.listing import Layout
from lineament.preparation.sources.manifest import ManifestSource


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., ManifestSource]:
    """Write a table, and an empty file for each name."""

    def write(
        text: str, *files: str, name: str = "photos.csv", label_column: str | None = None
    ) -> ManifestSource:
        path = tmp_path / "data" / name
        for file in files:
            (path.parent / file).parent.mkdir(parents=True, exist_ok=True)
            (path.parent / file).touch()
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return ManifestSource(path=path, label_column=label_column)

    return write


def refusal(source: ManifestSource, kind: type[LineamentError] = DataError) -> str:
    with pytest.raises(kind) as caught:
        source.layout()
    return str(caught.value).replace(f"{source.path.parent}/", "")


def labels(layout: Layout) -> list[tuple[str, str]]:
    return [(each.relative, each.class_name) for each in layout.candidates]


def rejections(layout: Layout) -> list[tuple[str, str]]:
    return [(each.relative, each.reason) for each in layout.rejected]


Manifest = Callable[..., ManifestSource]


def test_a_row_gives_file_label_group_split_and_the_rest(manifest: Manifest) -> None:
    source = manifest(
        "age,path,label,group,split,eyes\n30,b/1.jpg,cat,tom,Train,\n8,a/1.jpg,dog,rex,val,blue\n",
        "a/1.jpg",
    )
    layout = source.layout()
    first, second = layout.candidates
    assert (first.relative, first.class_name, first.split, first.group) == (
        "a/1.jpg",
        "dog",
        "validation",
        "rex",
    )
    assert (first.metadata, second.metadata) == (
        {"age": "8", "eyes": "blue"},
        {"age": "30", "eyes": ""},
    )
    assert layout.given == {"train": "Train", "validation": "val"}
    assert first.path == source.path.parent / "a/1.jpg"
    assert (layout.rejected, layout.notes, layout.scanned) == ((), (), 2)


@pytest.mark.parametrize("file", ["path", "Filename", "file_name", "FILE", "image", "image_id"])
@pytest.mark.parametrize("label", ["label", "Class"])
def test_columns_go_by_several_names(manifest: Manifest, file: str, label: str) -> None:
    layout = manifest(f"{label},{file}\ncat,a.jpg\n").layout()
    assert labels(layout) == [("a.jpg", "cat")]
    assert layout.candidates[0].metadata == {}


def test_the_label_may_be_any_column(manifest: Manifest) -> None:
    layout = manifest("path,label,Breed\na.jpg,1,corgi\n", label_column="breed").layout()
    assert labels(layout) == [("a.jpg", "corgi")]
    assert layout.candidates[0].metadata == {"label": "1"}


def test_a_table_without_labels_gives_photos_without_labels(manifest: Manifest) -> None:
    source = manifest("path,breed\na.jpg,corgi\n")
    layout = source.layout()
    assert labels(layout) == [("a.jpg", "")]
    assert layout.notes == (
        f"{source.path} has no column `label` or `class`, so its photos have no labels; the "
        "columns are path, breed.",
    )


def test_a_misspelt_column_of_labels_is_not_taken_for_none(manifest: Manifest) -> None:
    assert refusal(manifest("path,lables\na.jpg,cat\n"), UsageError) == (
        "photos.csv has no column `label`; did you mean `lables`?\n"
        "  fix: Name it `label`, or say which of path, lables is the label with `--label-column`."
    )


def test_two_columns_of_labels_are_not_chosen_between(manifest: Manifest) -> None:
    assert refusal(manifest("filename,label,class\na.jpg,0,cat\n"), UsageError) == (
        "photos.csv has two columns of labels, label and class.\n"
        "  fix: Say which with `--label-column class`."
    )


def test_a_column_of_labels_that_is_not_there_is_refused(manifest: Manifest) -> None:
    source = manifest("path,breed,age\na.jpg,corgi,3\n", label_column="bred")
    assert refusal(source, UsageError) == (
        "photos.csv has no column `bred` of labels. Did you mean `breed`?\n"
        "  fix: The other columns are breed, age."
    )


def test_a_table_without_files_is_refused(manifest: Manifest) -> None:
    assert refusal(manifest("pth,label\na.jpg,cat\n")) == (
        "photos.csv has no column of files; did you mean `pth`?\n"
        "  at:  pth, label\n"
        "  fix: Name the column of files `path` or `filename`, in the table's first line."
    )


def test_a_column_of_photos_themselves_is_refused(manifest: Manifest) -> None:
    source = manifest('{"image": {"bytes": "x"}, "label": "cat"}\n', name="photos.jsonl")
    assert refusal(source) == (
        "photos.jsonl holds lists, objects or bytes in a column that must be text.\n"
        "  at:  image\n"
        "  fix: Write paths and names there; photos inside a table are read with `hf:FOLDER`."
    )


def test_other_columns_that_are_no_text_are_left_out_with_a_note(manifest: Manifest) -> None:
    source = manifest('{"path": "a.jpg", "label": "cat", "box": [1]}\n', name="photos.jsonl")
    layout = source.layout()
    assert layout.candidates[0].metadata == {}
    assert layout.notes == (
        f"The columns box of {source.path} hold lists, objects or bytes and were left out.",
    )


def test_rows_without_a_file_are_all_named(manifest: Manifest) -> None:
    assert refusal(manifest("path,label\na.jpg,cat\n,dog\n,cat\n")) == (
        "photos.csv has rows without a file.\n"
        "  at:  line 3, line 4\n"
        "  fix: Fill the column `path` in every row, or remove these rows."
    )


def test_a_row_without_a_label_is_rejected(manifest: Manifest) -> None:
    layout = manifest("path,label\na.jpg,cat\nb.jpg,\n").layout()
    assert (labels(layout), rejections(layout)) == (
        [("a.jpg", "cat")],
        [("b.jpg", "no label in the table")],
    )


def test_a_table_of_empty_labels_is_refused(manifest: Manifest) -> None:
    assert refusal(manifest("path,label,kind\na.jpg,,cat\n")) == (
        "photos.csv gives none of its photos a label.\n"
        "  fix: Fill its column of labels, or name another with `--label-column`."
    )


def test_a_photo_that_is_listed_again_counts_once(manifest: Manifest) -> None:
    layout = manifest("path,label\na.jpg,cat\n./x/../a.jpg,cat\nb.jpg,dog\na.jpg,cat\n").layout()
    assert labels(layout) == [("a.jpg", "cat"), ("b.jpg", "dog")]
    assert rejections(layout) == [
        ("a.jpg (line 3)", "listed before, in line 2"),
        ("a.jpg (line 5)", "listed before, in line 2"),
    ]
    assert layout.scanned == 4


def test_photos_with_different_labels_are_all_named(manifest: Manifest) -> None:
    source = manifest("path,label\na.jpg,cat\nb.jpg,cat\nb.jpg,\na.jpg,dog\na.jpg,cat\nc.jpg,dog\n")
    assert refusal(source) == (
        "photos.csv lists 2 photos with different labels, splits or groups.\n"
        "  at:  b.jpg (line 3: cat; line 4: nothing), a.jpg (line 2: cat; line 5: dog; line 6: "
        "cat)\n"
        "  fix: Keep the row that is right."
    )


def test_a_photo_in_two_splits_is_refused(manifest: Manifest) -> None:
    assert refusal(manifest("path,label,split\na.jpg,cat,train\na.jpg,cat,test\n")) == (
        "photos.csv lists 1 photo with different labels, splits or groups.\n"
        "  at:  a.jpg (line 2: cat, train; line 3: cat, test)\n"
        "  fix: Keep the row that is right."
    )


def test_a_split_for_some_rows_only_is_refused(manifest: Manifest) -> None:
    assert refusal(manifest("path,label,split\na.jpg,cat,train\nb.jpg,cat,\n")) == (
        "photos.csv gives a split to some of its rows only.\n"
        "  at:  line 3\n"
        "  fix: Fill the column `split` in every row, or remove it."
    )


def test_a_column_of_empty_splits_gives_none(manifest: Manifest) -> None:
    layout = manifest("path,label,split\na.jpg,cat,\n").layout()
    assert (dict(layout.given), layout.candidates[0].split) == ({}, "")


def test_splits_of_unknown_names_are_refused(manifest: Manifest) -> None:
    assert refusal(manifest("path,label,split\na.jpg,cat,train\nb.jpg,cat,hidden\n")) == (
        "photos.csv has splits of names that are not known.\n"
        "  at:  hidden\n"
        "  fix: Name its splits with some of dev, test, testing, train, training, val, valid, "
        "validation."
    )


def test_a_file_that_is_absent_is_told_when_it_is_read(manifest: Manifest) -> None:
    source = manifest("path,label\nnone.jpg,cat\n")
    ((_, content),) = source.contents(source.layout().candidates)
    assert isinstance(content, Path)
    with pytest.raises(ImageError) as caught:
        decode(content)
    assert caught.value.what == "no such file"


def test_the_stamp_of_a_file_changes_with_it(manifest: Manifest) -> None:
    source = manifest("path,label\na.jpg,cat\n", "a.jpg")
    before = source.layout().candidates[0].stamp
    (source.path.parent / "a.jpg").write_bytes(b"more")
    assert source.layout().candidates[0].stamp != before != ""


def test_a_pipe_is_rejected_and_never_opened(manifest: Manifest) -> None:
    source = manifest("path,label\na.jpg,cat\npipe.jpg,cat\n", "a.jpg")
    os.mkfifo(source.path.parent / "pipe.jpg")
    assert rejections(source.layout()) == [("pipe.jpg", "not a regular file")]


def test_backslashes_are_folders(manifest: Manifest) -> None:
    layout = manifest("path,label\ncat\\a.jpg,cat\n").layout()
    assert labels(layout) == [("cat/a.jpg", "cat")]


def test_absolute_paths_below_the_folder_are_named_by_the_rest(manifest: Manifest) -> None:
    source = manifest("path,label\n")
    inside = source.path.parent.absolute() / "cat" / "a.jpg"
    layout = manifest(f"path,label\n{inside},cat\n").layout()
    assert (layout.candidates[0].relative, layout.candidates[0].path) == ("cat/a.jpg", inside)
    assert layout.notes == ()


def test_paths_outside_the_folder_are_taken_and_counted(manifest: Manifest, tmp_path: Path) -> None:
    source = manifest(f"path,label\n../b.jpg,cat\n{tmp_path}/c.jpg,dog\nd.jpg,cat\n")
    layout = source.layout()
    assert [each.relative for each in layout.candidates] == [
        "../b.jpg",
        f"{tmp_path}/c.jpg",
        "d.jpg",
    ]
    assert layout.notes == (f"2 photos lie outside {source.path.parent}.",)


def test_paths_may_start_from_another_folder(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,label\na.jpg,cat\n")
    (tmp_path / "photos").mkdir()
    source = ManifestSource(path=tmp_path / "t.csv", root=tmp_path / "photos")
    assert source.layout().candidates[0].path == tmp_path / "photos" / "a.jpg"


def test_a_folder_to_start_from_that_is_absent_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,label\na.jpg,cat\n")
    with pytest.raises(UsageError) as caught:
        ManifestSource(path=tmp_path / "t.csv", root=tmp_path / "none").layout()
    assert str(caught.value) == (
        f"There is no folder {tmp_path}/none.\n  fix: Name the folder of the photos."
    )


def test_the_same_photos_come_whatever_the_order_of_rows(
    manifest: Manifest, draw_photo: Callable[..., NDArray[np.uint8]]
) -> None:
    rows = [f"{name}.png,{label}\n" for name, label in (("b", "cat"), ("a", "dog"), ("c", "cat"))]
    source = manifest("path,label\n" + "".join(rows), "a.png", "c.png")
    Image.fromarray(draw_photo(1, 20, 20)).save(source.path.parent / "b.png")
    first = source.layout()
    assert manifest("path,label\n" + "".join(reversed(rows))).layout() == first
    (content,) = [content for each, content in source.contents(first.candidates[1:2])]
    assert isinstance(content, Path)
    np.testing.assert_array_equal(decode(content), draw_photo(1, 20, 20))
