"""IDX files, MNIST's format, as a source."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.core.errors import DataError, LineamentError, UsageError
from lineament.preparation.sources.idx import IdxSource, holds_idx

PHOTOS = np.arange(12 * 4 * 5, dtype=np.uint8).reshape(12, 4, 5)
LABELS = np.array([0, 1, 2] * 4, dtype=np.uint8)


def idx(values: NDArray[np.uint8]) -> bytes:
    return (
        bytes([0, 0, 8, values.ndim])
        + struct.pack(f">{values.ndim}I", *values.shape)
        + bytes(values.tobytes())
    )


@pytest.fixture
def mnist(tmp_path: Path) -> Callable[..., Path]:
    def write(*prefixes: str, packed: bool = False, labels: bool = True) -> Path:
        folder = tmp_path / "digits"
        folder.mkdir(exist_ok=True)
        for prefix in prefixes:
            for name, values in (("images-idx3", PHOTOS), ("labels-idx1", LABELS)):
                if name.startswith("images") or labels:
                    path = folder / f"{prefix}-{name}-ubyte{'.gz' if packed else ''}"
                    path.write_bytes(gzip.compress(idx(values)) if packed else idx(values))
        return folder

    return write


def refusal(path: Path, kind: type[LineamentError] = DataError) -> str:
    with pytest.raises(kind) as caught:
        IdxSource(path=path).layout()
    return str(caught.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_gives_its_splits_labels_and_photos(mnist: Callable[..., Path], packed: bool) -> None:
    source = IdxSource(path=mnist("train", "t10k", packed=packed))
    layout = source.layout()
    assert layout.given == {"test": "test", "train": "train"}
    assert layout.classes == ("0", "1", "2")
    assert layout.scanned == 24
    found = {each.relative: content for each, content in source.contents(layout.candidates)}
    np.testing.assert_array_equal(found["train/0000011.png"], PHOTOS[11])
    np.testing.assert_array_equal(found["test/0000003.png"], PHOTOS[3])


def test_one_file_of_photos_finds_its_labels(mnist: Callable[..., Path]) -> None:
    file = mnist("train", "t10k") / "train-images-idx3-ubyte"
    layout = IdxSource(path=file).layout()
    assert (layout.given, layout.classes, layout.scanned) == ({}, ("0", "1", "2"), 12)


def test_a_photo_has_the_same_name_with_and_without_the_test_file(
    mnist: Callable[..., Path],
) -> None:
    alone = IdxSource(path=mnist("train")).layout().candidates[5].relative
    assert alone in {each.relative for each in IdxSource(path=mnist("t10k")).layout().candidates}


def test_without_a_file_of_labels_photos_are_unlabelled(mnist: Callable[..., Path]) -> None:
    assert IdxSource(path=mnist("train", labels=False)).layout().classes == ()


def test_a_file_that_lies_there_packed_and_unpacked_counts_once(
    mnist: Callable[..., Path],
) -> None:
    mnist("train")
    assert IdxSource(path=mnist("train", packed=True)).layout().scanned == 12


def test_the_words_before_a_split_do_not_matter(mnist: Callable[..., Path]) -> None:
    layout = IdxSource(path=mnist("emnist-letters-train", "emnist-letters-test")).layout()
    assert layout.given == {"test": "test", "train": "train"}


def test_a_folder_is_told_by_its_files(mnist: Callable[..., Path], tmp_path: Path) -> None:
    assert not holds_idx(tmp_path)
    assert holds_idx(mnist("train", packed=True))


def test_two_data_sets_in_one_folder_are_refused(mnist: Callable[..., Path]) -> None:
    assert refusal(mnist("emnist-letters-train", "emnist-digits-train")) == (
        "digits holds more than one file of photos for the same split.\n"
        "  at:  emnist-digits-train-images-idx3-ubyte, emnist-letters-train-images-idx3-ubyte\n"
        "  fix: Name one of the files as the source, or move the others out of the folder."
    )


def test_an_unpacked_file_that_was_cut_off_says_so(mnist: Callable[..., Path]) -> None:
    file = mnist("train") / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-7])
    assert refusal(file) == (
        "train-images-idx3-ubyte is truncated: its header speaks of 256 bytes, there are 249.\n"
        "  fix: Copy or download it again."
    )


def test_a_packed_file_that_was_cut_off_says_so(mnist: Callable[..., Path]) -> None:
    file = mnist("train", packed=True) / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-7])
    assert refusal(file) == (
        "train-images-idx3-ubyte.gz cannot be read: Compressed file ended before the "
        "end-of-stream marker was reached.\n  fix: Copy or download it again."
    )


def test_a_file_that_is_too_long_says_so(mnist: Callable[..., Path]) -> None:
    file = mnist("train") / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes() + b"more")
    assert refusal(file) == (
        "train-images-idx3-ubyte is longer than it says: its header speaks of 256 bytes, there "
        "are more.\n  fix: Copy or download it again."
    )


def test_a_header_of_billions_of_photos_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", *[2**32 - 1] * 3))
    assert refusal(file) == (
        "train-images-idx3-ubyte is truncated: its header speaks of "
        "79228162458924105385300197391 bytes, there are 16.\n"
        "  fix: Copy or download it again."
    )


def test_swapped_files_are_told(mnist: Callable[..., Path]) -> None:
    folder = mnist("train")
    (folder / "train-labels-idx1-ubyte").replace(folder / "train-images-idx3-ubyte")
    assert refusal(folder / "train-images-idx3-ubyte") == (
        "train-images-idx3-ubyte has 1 dimensions, not 3.\n"
        "  fix: Photos (idx3) and labels (idx1) may have been swapped."
    )


def test_another_format_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(b"\x89PNG and more")
    assert refusal(file) == (
        "train-images-idx3-ubyte is no IDX file of bytes: it begins with 89504e47.\n"
        "  fix: Name MNIST's files or ones of that format."
    )


def test_a_header_that_ends_early_says_so(tmp_path: Path) -> None:
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(bytes([0, 0, 8, 3, 0, 0]))
    assert refusal(file) == (
        "train-images-idx3-ubyte is truncated within its header.\n  fix: Copy or download it again."
    )


def test_a_folder_without_such_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "digits").mkdir()
    assert refusal(tmp_path / "digits") == (
        "digits holds no IDX file of photos.\n"
        "  fix: Name the files as MNIST does: train-images-idx3-ubyte and "
        "train-labels-idx1-ubyte, packed (.gz) or not."
    )


def test_an_absent_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "digits", UsageError) == (
        "digits does not exist.\n  fix: Check the path."
    )
