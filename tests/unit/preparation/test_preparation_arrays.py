"""NPZ files: arrays of photos and labels as a source."""

import random
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.core.errors import DataError, ImageError, LineamentError, UsageError
from lineament.preparation.sources.arrays import NpzSource

PHOTOS = np.arange(6 * 4 * 5 * 3, dtype=np.uint64).astype(np.uint8).reshape(6, 4, 5, 3)
LABELS = np.array([0, 1, 2, 0, 1, 2])


@pytest.fixture
def npz(tmp_path: Path) -> Callable[..., NpzSource]:
    def write(*, packed: bool = False, **arrays: object) -> NpzSource:
        path = tmp_path / "photos.npz"
        save = np.savez_compressed if packed else np.savez
        save(path, allow_pickle=True, **{key: np.asarray(each) for key, each in arrays.items()})
        return NpzSource(path=path)

    return write


def refusal(source: NpzSource, kind: type[LineamentError] = DataError) -> str:
    with pytest.raises(kind) as caught:
        source.layout()
    return str(caught.value).replace(str(source.path), "photos.npz")


def pixels(source: NpzSource) -> dict[str, NDArray[np.uint8]]:
    found = {}
    for candidate, content in source.contents(source.layout().candidates):
        assert isinstance(content, np.ndarray)
        found[candidate.relative] = content
    return found


@pytest.mark.parametrize("packed", [False, True])
def test_every_photo_comes_with_its_label(npz: Callable[..., NpzSource], packed: bool) -> None:
    source = npz(packed=packed, images=PHOTOS, labels=LABELS)
    layout = source.layout()
    assert [(each.relative, each.class_name) for each in layout.candidates] == [
        (f"{index:07d}.png", str(label)) for index, label in enumerate(LABELS)
    ]
    for index, photo in enumerate(pixels(source).values()):
        np.testing.assert_array_equal(photo, PHOTOS[index])


@hypothesis.given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 7), st.integers(1, 7)),
    channels=st.sampled_from([(), (1,), (3,)]),
    packed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_photos_are_the_same_in_whatever_order_they_are_asked_for(
    tmp_path_factory: pytest.TempPathFactory,
    shape: tuple[int, ...],
    channels: tuple[int, ...],
    packed: bool,
    seed: int,
) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (*shape, *channels)).astype(np.uint8)
    path = tmp_path_factory.mktemp("npz") / "photos.npz"
    (np.savez_compressed if packed else np.savez)(path, images=images)
    source = NpzSource(path=path)
    candidates = list(source.layout().candidates)
    random.Random(seed).shuffle(candidates)
    expected = images[..., 0] if channels == (1,) else images
    for each in candidates:  # one at a time, so that reading goes back and forth
        [(_, content)] = source.contents([each])
        np.testing.assert_array_equal(content, expected[int(each.relative[:7])])


def test_class_names_are_taken_from_the_file(npz: Callable[..., NpzSource]) -> None:
    source = npz(images=PHOTOS, labels=LABELS, classes=["cat", "dog", "fox"])
    assert source.layout().classes == ("cat", "dog", "fox")


def test_labels_may_be_texts(npz: Callable[..., NpzSource]) -> None:
    source = npz(images=PHOTOS, labels=["cat", "dog"] * 3)
    assert source.layout().classes == ("cat", "dog")


def test_numbers_sort_as_names_do(npz: Callable[..., NpzSource]) -> None:
    source = npz(images=PHOTOS, labels=[0, 2, 9, 10, 11, 100])
    assert source.layout().classes == ("000", "002", "009", "010", "011", "100")


def test_a_column_of_labels_is_a_list_of_labels(npz: Callable[..., NpzSource]) -> None:
    source = npz(images=PHOTOS, labels=LABELS[:, None])
    assert source.layout().classes == ("0", "1", "2")


def test_photos_without_labels_are_unlabelled(npz: Callable[..., NpzSource]) -> None:
    assert npz(images=PHOTOS).layout().classes == ()


def test_an_empty_label_leaves_its_photo_out(npz: Callable[..., NpzSource]) -> None:
    layout = npz(images=PHOTOS, labels=["cat", "dog", "", "cat", "dog", "cat"]).layout()
    assert [(each.relative, each.reason) for each in layout.rejected] == [
        ("0000002.png", "no label in the table")
    ]
    assert layout.scanned == 6


def test_groups_are_kept(npz: Callable[..., NpzSource]) -> None:
    layout = npz(images=PHOTOS, labels=LABELS, groups=[7, 7, 8, 8, 9, 9]).layout()
    assert [each.group for each in layout.candidates] == ["7", "7", "8", "8", "9", "9"]


def test_medmnist_files_give_their_splits(npz: Callable[..., NpzSource]) -> None:
    source = npz(
        packed=True,
        train_images=PHOTOS,
        train_labels=LABELS[:, None],
        val_images=PHOTOS[:2],
        val_labels=LABELS[:2, None],
        test_images=PHOTOS[2:4],
        test_labels=LABELS[2:4, None],
    )
    layout = source.layout()
    assert layout.given == {"train": "train", "validation": "val", "test": "test"}
    assert [each.relative for each in layout.candidates if each.split == "validation"] == [
        "val/0000000.png",
        "val/0000001.png",
    ]
    np.testing.assert_array_equal(pixels(source)["test/0000001.png"], PHOTOS[3])


def test_keras_files_give_their_splits(npz: Callable[..., NpzSource]) -> None:
    layout = npz(
        x_train=PHOTOS, y_train=LABELS, x_test=PHOTOS, y_test=LABELS, groups_test=LABELS
    ).layout()
    assert layout.given == {"train": "train", "test": "test"}
    assert layout.candidates[1].group == "1"


def test_one_split_alone_is_none(npz: Callable[..., NpzSource]) -> None:
    layout = npz(x_train=PHOTOS, y_train=LABELS).layout()
    assert layout.given == {}
    assert {each.split for each in layout.candidates} == {""}


def test_splits_without_train_are_divided_anew(npz: Callable[..., NpzSource]) -> None:
    layout = npz(x_val=PHOTOS, y_val=LABELS, x_test=PHOTOS, y_test=LABELS).layout()
    assert layout.given == {}
    assert layout.notes == (
        "test, val are divided anew: there is no `train` among the given splits.",
    )


def test_what_is_not_used_is_named(npz: Callable[..., NpzSource]) -> None:
    layout = npz(images=PHOTOS, labels=LABELS, weights=LABELS, age=LABELS).layout()
    assert layout.notes == ("Arrays that are not used: age, weights.",)


def test_a_photo_changes_its_stamp_with_the_file(npz: Callable[..., NpzSource]) -> None:
    before = npz(images=PHOTOS).layout().candidates[0].stamp
    assert npz(images=PHOTOS + 1).layout().candidates[0].stamp != before


def test_a_large_array_is_never_in_memory_whole(npz: Callable[..., NpzSource]) -> None:
    images = np.zeros((64, 512, 512), dtype=np.uint8)  # 16 MB
    source = npz(packed=True, images=images)
    candidates = source.layout().candidates
    tracemalloc.start()
    try:
        count = sum(1 for _ in source.contents(candidates))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 64
    assert peak < 4 << 20


def test_float_photos_are_refused(npz: Callable[..., NpzSource]) -> None:
    assert refusal(npz(images=PHOTOS.astype(np.float32), labels=LABELS)) == (
        "photos.npz: `images` is float32; the range of its values is not stated.\n"
        "  fix: Store bytes from 0 to 255, such as "
        "`(images * 255).round().astype(numpy.uint8)` for values from 0 to 1."
    )


def test_channels_first_names_the_transposition(npz: Callable[..., NpzSource]) -> None:
    assert refusal(npz(images=PHOTOS.transpose(0, 3, 1, 2).copy(), labels=LABELS)) == (
        "photos.npz: `images` has the shape (6, 3, 4, 5): the channels come first.\n"
        "  fix: Store them last: `images.transpose(0, 2, 3, 1)`."
    )


@pytest.mark.parametrize("shape", [(6, 60), (6, 4, 5, 4), (6, 0, 5), (6,), (2, 3, 4, 5, 3)])
def test_other_shapes_are_refused(npz: Callable[..., NpzSource], shape: tuple[int, ...]) -> None:
    assert refusal(npz(images=np.zeros(shape, dtype=np.uint8))) == (
        f"photos.npz: `images` has the shape {shape}, which is no list of photos.\n"
        "  fix: Store (N, H, W) for grey or (N, H, W, 3) for RGB photos."
    )


def test_fortran_order_is_refused(npz: Callable[..., NpzSource]) -> None:
    assert refusal(npz(images=np.asfortranarray(PHOTOS))) == (
        "photos.npz: `images` is stored in Fortran order, in which photos do not follow each "
        "other.\n  fix: Store `numpy.ascontiguousarray(images)`."
    )


def test_no_photos_at_all_are_refused(npz: Callable[..., NpzSource]) -> None:
    assert refusal(npz(images=PHOTOS[:0])) == (
        "photos.npz holds no photos.\n  fix: Name a file that does."
    )


def test_too_few_labels_are_refused(npz: Callable[..., NpzSource]) -> None:
    assert refusal(npz(x_train=PHOTOS, y_train=LABELS[:5])) == (
        "photos.npz: there are 5 labels of train, but 6 photos.\n"
        "  fix: Store one a photo, in the same order."
    )


@pytest.mark.parametrize(
    ("labels", "what"),
    [
        (np.eye(3, dtype=np.float32)[LABELS], "float32 of shape (6, 3)"),
        (LABELS.astype(np.float64), "float64 of shape (6,)"),
        (LABELS > 0, "bool of shape (6,)"),
    ],
)
def test_labels_of_another_kind_are_refused(
    npz: Callable[..., NpzSource], labels: NDArray[np.generic], what: str
) -> None:
    assert refusal(npz(images=PHOTOS, labels=labels)) == (
        f"photos.npz: the labels are {what}, not one whole number or text a photo.\n"
        "  fix: Store one index or name a photo; for one column a class, `labels.argmax(axis=1)`."
    )


def test_labels_beyond_the_classes_are_refused(npz: Callable[..., NpzSource]) -> None:
    assert refusal(npz(images=PHOTOS, labels=LABELS - 1, classes=["cat", "dog"])) == (
        "photos.npz has labels that are none of its 2 classes.\n"
        "  at:  -1\n"
        "  fix: Labels are numbers from 0 to 1, or names of `classes`."
    )


def test_python_objects_are_never_loaded(npz: Callable[..., NpzSource]) -> None:
    assert refusal(npz(images=PHOTOS, labels=np.array(["cat"] * 6, dtype=object))) == (
        "photos.npz: `labels` cannot be read: Object arrays cannot be loaded when "
        "allow_pickle=False\n"
        "  fix: Store it as numbers or texts, such as `labels.astype(str)`; Python objects are "
        "never loaded."
    )


def test_classes_twice_are_refused(npz: Callable[..., NpzSource]) -> None:
    assert refusal(npz(images=PHOTOS, labels=LABELS, classes=["cat", "cat", "fox"])) == (
        "photos.npz: `classes` is not a list of names, each once.\n"
        "  fix: Store one text a class, in the order of the labels' numbers."
    )


def test_labels_of_some_splits_only_are_refused(npz: Callable[..., NpzSource]) -> None:
    assert refusal(npz(x_train=PHOTOS, y_train=LABELS, x_test=PHOTOS)) == (
        "photos.npz has labels for a part of its photos only.\n"
        "  at:  test has none\n"
        "  fix: Give labels to every part, or to none."
    )


def test_unknown_splits_are_named(npz: Callable[..., NpzSource]) -> None:
    assert refusal(npz(x_train=PHOTOS, x_extra=PHOTOS)) == (
        "photos.npz has splits of names that are not known.\n"
        "  at:  extra\n"
        "  fix: Name its splits with some of dev, test, testing, train, training, val, valid, "
        "validation."
    )


def test_two_names_for_one_split_are_refused(npz: Callable[..., NpzSource]) -> None:
    assert refusal(npz(x_train=PHOTOS, x_val=PHOTOS, x_valid=PHOTOS)) == (
        "photos.npz has more than one part for the same split.\n"
        "  at:  val, valid (validation)\n"
        "  fix: Keep one of them."
    )


def test_one_split_in_both_forms_is_refused(npz: Callable[..., NpzSource]) -> None:
    assert refusal(npz(x_train=PHOTOS, train_images=PHOTOS)) == (
        "photos.npz holds the photos of train twice.\n"
        "  at:  train_images, x_train\n"
        "  fix: Keep one of them."
    )


def test_a_file_without_photos_lists_its_arrays(npz: Callable[..., NpzSource]) -> None:
    assert refusal(npz(data=PHOTOS, target=LABELS)) == (
        "photos.npz holds no array of photos.\n"
        "  at:  data, target\n"
        "  fix: Name its arrays `images` and `labels`; or for each split `train_images` and "
        "`train_labels`, or `x_train` and `y_train`."
    )


def test_another_file_named_npz_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos.npz").write_text("no zip")
    assert refusal(NpzSource(path=tmp_path / "photos.npz")) == (
        "photos.npz cannot be read as NPZ: File is not a zip file.\n"
        "  fix: Write it again with `numpy.savez`."
    )


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    assert refusal(NpzSource(path=tmp_path / "photos.npz"), UsageError) == (
        "photos.npz does not exist.\n  fix: Check the path."
    )


def test_one_changed_byte_is_found_before_any_photo_is_used(npz: Callable[..., NpzSource]) -> None:
    source = npz(images=PHOTOS, labels=LABELS)
    data = bytearray(source.path.read_bytes())
    data[300] ^= 1
    source.path.write_bytes(data)
    assert refusal(source) == (
        "photos.npz is damaged: images.npy cannot be read to its end (Bad CRC-32 for file "
        "'images.npy').\n  fix: Copy or download it again."
    )


def test_a_header_that_promises_more_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", PHOTOS)
    with zipfile.ZipFile(tmp_path / "photos.npz", "w") as archive:
        archive.writestr("images.npy", (tmp_path / "images.npy").read_bytes()[:-60])
    assert refusal(NpzSource(path=tmp_path / "photos.npz")) == (
        "photos.npz: `images` is not as long as its header says.\n"
        "  fix: Write the file again with `numpy.savez`."
    )


def test_a_file_that_went_away_is_told_for_each_photo(npz: Callable[..., NpzSource]) -> None:
    source = npz(images=PHOTOS, labels=LABELS)
    candidates = source.layout().candidates
    source.path.write_bytes(b"")
    reasons = {str(content) for _, content in source.contents(candidates)}
    assert reasons == {"cannot be read (File is not a zip file)"}
    assert all(isinstance(content, ImageError) for _, content in source.contents(candidates))
