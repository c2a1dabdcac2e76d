"""Reading a layout: photos, other files, classes, given splits."""

from pathlib import Path

import pytest

from lineament.core.errors import DataError
from lineament.preparation.sources.layout import read_layout
from lineament.preparation.sources.listing import Layout
from lineament.preparation.sources.scan import Found

SOURCE = Path("photos")


def layout_of(*names: str, labelled: bool = True) -> Layout:
    files = [Found(path=SOURCE / name, relative=name, regular=True) for name in sorted(names)]
    return read_layout("photos", files, labelled=labelled)


def reasons(layout: Layout) -> dict[str, str]:
    return {rejection.relative: rejection.reason for rejection in layout.rejected}


def test_the_class_is_the_first_folder() -> None:
    layout = layout_of("cat/2021/may/a.jpg", "dog/b.jpg")
    assert [(each.relative, each.class_name) for each in layout.candidates] == [
        ("cat/2021/may/a.jpg", "cat"),
        ("dog/b.jpg", "dog"),
    ]


def test_an_upper_case_extension_is_an_image() -> None:
    assert len(layout_of("cat/a.JPG", "dog/b.Png").candidates) == 2


def test_every_file_that_is_no_photo_of_a_class_has_a_reason() -> None:
    layout = layout_of(
        "cat/a.jpg",
        "dog/b.jpg",
        "loose.jpg",
        "README.txt",
        "cat/.DS_Store",
        "cat/._a.jpg",
        "cat/Thumbs.db",
        "cat/notes.csv",
        ".ipynb_checkpoints/a.jpg",
    )
    assert reasons(layout) == {
        ".ipynb_checkpoints/a.jpg": "in a hidden folder",
        "README.txt": "not named like an image",
        "cat/.DS_Store": "hidden file",
        "cat/._a.jpg": "hidden file",
        "cat/Thumbs.db": "not named like an image",
        "cat/notes.csv": "not named like an image",
        "loose.jpg": "in no class folder",
    }


def test_a_pipe_named_like_a_photo_is_rejected() -> None:
    files = [
        Found(path=SOURCE / name, relative=name, regular=name != "cat/pipe.jpg")
        for name in ("cat/a.jpg", "cat/pipe.jpg", "dog/a.jpg")
    ]
    assert reasons(read_layout("photos", files)) == {"cat/pipe.jpg": "not a regular file"}


def test_a_folder_with_only_what_systems_leave_behind_is_no_class() -> None:
    layout = layout_of("cat/a.jpg", "dog/a.jpg", "__MACOSX/cat/._a.jpg", "fox/.DS_Store")
    assert layout.classes == ("cat", "dog")


def test_class_names_may_be_any_text() -> None:
    assert layout_of("naïve/a.jpg", "猫/b.jpg").classes == ("naïve", "猫")


def test_a_folder_without_images_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        layout_of()
    assert str(caught.value) == (
        "photos holds no images.\n"
        "  fix: Name a folder of class folders with files ending in .avif, .bmp, .gif, .heic, "
        ".heif, .jfif, .jpe, .jpeg, .jpg, .pbm, .pgm, .png, .pnm, .ppm, .tif, .tiff, .webp."
    )


def test_images_in_no_folder_have_no_labels() -> None:
    layout = layout_of("a.jpg", "b.jpg", "notes.txt")
    assert [(each.relative, each.class_name) for each in layout.candidates] == [
        ("a.jpg", ""),
        ("b.jpg", ""),
    ]
    assert layout.classes == ()
    assert reasons(layout) == {"notes.txt": "not named like an image"}


def test_an_image_beside_class_folders_is_in_no_class() -> None:
    assert reasons(layout_of("a.jpg", "cat/b.jpg", "dog/c.jpg")) == {"a.jpg": "in no class folder"}


def test_without_labels_every_image_counts_wherever_it_lies() -> None:
    layout = layout_of("a.jpg", "cat/b.jpg", "train/cat/c.jpg", ".x/d.jpg", labelled=False)
    assert [each.relative for each in layout.candidates] == [
        "a.jpg",
        "cat/b.jpg",
        "train/cat/c.jpg",
    ]
    assert (layout.classes, dict(layout.given), layout.notes) == ((), {}, ())
    assert reasons(layout) == {".x/d.jpg": "in a hidden folder"}


def test_images_in_split_folders_without_classes_are_refused() -> None:
    with pytest.raises(DataError) as caught:
        layout_of("train/a.jpg", "test/b.jpg")
    assert str(caught.value) == (
        "photos holds 2 images, but none in a class folder.\n"
        "  fix: Put the photos of each class in a folder of their own, named after the class."
    )


def test_class_folders_with_files_but_no_image_are_all_named() -> None:
    with pytest.raises(DataError) as caught:
        layout_of("cat/a.jpg", "dog/a.jpg", "fox/a.cr2", "owl/b.psd")
    assert str(caught.value) == (
        "2 class folders hold files, but no image; nothing was written.\n"
        "  at:  fox, owl\n"
        "  fix: Convert the files to JPEG or PNG, or move the folder out of the source."
    )


@pytest.mark.parametrize("name", ["validation", "val", "valid", "VAL", "Validation"])
def test_train_and_validation_folders_are_given_splits(name: str) -> None:
    photos = [f"{top}/{label}/a.jpg" for top in ("Train", name) for label in ("cat", "dog")]
    layout = layout_of(*photos, "README.md", f"{name}/.DS_Store")
    assert layout.given == {"train": "Train", "validation": name}
    assert layout.classes == ("cat", "dog")
    assert {each.split for each in layout.candidates} == {"train", "validation"}


def test_an_image_in_a_split_folder_without_class_is_rejected() -> None:
    layout = layout_of(
        "train/cat/a.jpg", "train/dog/a.jpg", "test/cat/a.jpg", "test/dog/a.jpg", "train/x.jpg"
    )
    assert reasons(layout) == {"train/x.jpg": "in no class folder"}


def test_a_class_named_train_beside_other_classes_is_a_class() -> None:
    layout = layout_of("bus/a.jpg", "car/a.jpg", "train/a.jpg")
    assert (layout.classes, dict(layout.given), layout.notes) == (("bus", "car", "train"), {}, ())


def test_split_names_that_are_taken_as_classes_are_pointed_out() -> None:
    layout = layout_of("extra/a.jpg", "test/a.jpg", "train/a.jpg")
    assert layout.classes == ("extra", "test", "train")
    assert layout.notes == (
        "The folders test, train are taken as classes, not as splits: splits need `train`, one of "
        "`validation` and `test`, and no other folder beside them.",
    )


def test_two_folders_for_one_split_are_refused() -> None:
    with pytest.raises(DataError) as caught:
        layout_of("train/cat/a.jpg", "val/cat/a.jpg", "valid/cat/a.jpg")
    assert str(caught.value) == (
        "photos has more than one folder for the same split.\n"
        "  at:  val, valid (validation)\n"
        "  fix: Merge them into one folder, or move one of them out of the source."
    )
