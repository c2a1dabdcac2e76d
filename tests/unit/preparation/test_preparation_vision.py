"""Data sets that torchvision knows, from files in their formats."""

import struct
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.core.errors import DataError, MissingExtraError, UsageError
from lineament.core.files import cache_folder
from lineament.preparation.sources.vision import DATASETS, TorchvisionSource

library = pytest.importorskip("torchvision.datasets")

Draw = Callable[..., NDArray[np.uint8]]
DIGITS = np.arange(6 * 28 * 28, dtype=np.uint64).astype(np.uint8).reshape(6, 28, 28)


def write_photos(draw_photo: Draw, folder: Path, names: list[str]) -> None:
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_photo(seed, 12, 10)).save(folder / name)


@pytest.fixture
def digits(tmp_path: Path) -> Callable[[str], Path]:
    def write(name: str) -> Path:
        raw = tmp_path / name / "raw"
        raw.mkdir(parents=True)
        for prefix in ("train", "t10k"):
            header = struct.pack(">4B3I", 0, 0, 8, 3, 6, 28, 28)
            (raw / f"{prefix}-images-idx3-ubyte").write_bytes(header + DIGITS.tobytes())
            header = struct.pack(">4BI", 0, 0, 8, 1, 6)
            (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(header + bytes([0, 1, 2] * 2))
        return tmp_path

    return write


def test_every_listed_data_set_is_there_and_divided_as_the_table_says() -> None:
    for name, splits in DATASETS.items():
        arguments = getattr(library, name).__init__.__annotations__
        assert "train" in arguments or "split" in arguments or splits == {"": ""}, name


def test_mnist_gives_grey_pixels_of_both_splits(digits: Callable[[str], Path]) -> None:
    source = TorchvisionSource(reference="MNIST", root=digits("MNIST"))
    layout = source.layout()
    assert layout.given == {"train": "train", "test": "test"}
    assert layout.classes == ("0 - zero", "1 - one", "2 - two")
    found = {each.relative: content for each, content in source.contents(layout.candidates)}
    np.testing.assert_array_equal(found["test/0000005.png"], DIGITS[5])
    np.testing.assert_array_equal(found["train/0000000.png"], DIGITS[0])
    assert len(found) == 12


def test_a_class_name_can_be_a_folder(digits: Callable[[str], Path]) -> None:
    source = TorchvisionSource(reference="FashionMNIST", root=digits("FashionMNIST"))
    assert source.layout().classes == ("Pullover", "T-shirt-top", "Trouser")


def test_contents_do_not_depend_on_the_split_that_a_photo_was_moved_to(
    digits: Callable[[str], Path],
) -> None:
    import dataclasses

    source = TorchvisionSource(reference="MNIST", root=digits("MNIST"))
    moved = dataclasses.replace(source.layout().candidates[3], split="validation")
    [(_, content)] = source.contents([moved])
    np.testing.assert_array_equal(content, DIGITS[3])


def test_data_sets_of_files_give_their_files(tmp_path: Path, draw_photo: Draw) -> None:
    folder = tmp_path / "eurosat" / "2750"
    write_photos(draw_photo, folder, ["Forest/a.jpg", "Forest/b.jpg", "River/a.jpg"])
    source = TorchvisionSource(reference="EuroSAT", root=tmp_path)
    layout = source.layout()
    assert [(each.relative, each.class_name) for each in layout.candidates] == [
        ("eurosat/2750/Forest/a.jpg", "Forest"),
        ("eurosat/2750/Forest/b.jpg", "Forest"),
        ("eurosat/2750/River/a.jpg", "River"),
    ]
    assert [content for _, content in source.contents(layout.candidates)] == [
        folder / "Forest/a.jpg",
        folder / "Forest/b.jpg",
        folder / "River/a.jpg",
    ]


def test_three_splits_are_given(tmp_path: Path, draw_photo: Draw) -> None:
    folder = tmp_path / "dtd" / "dtd"
    names = [f"{kind}/{kind}_{n}.jpg" for kind in ("banded", "dotted") for n in range(3)]
    write_photos(draw_photo, folder / "images", names)
    (folder / "labels").mkdir()
    for index, split in enumerate(("train", "val", "test")):
        (folder / "labels" / f"{split}1.txt").write_text("\n".join(names[index::3]) + "\n")
    layout = TorchvisionSource(reference="DTD", root=tmp_path).layout()
    assert layout.given == {"train": "train", "validation": "val", "test": "test"}
    assert {each.relative[-12:]: each.split for each in layout.candidates} == {
        "banded_0.jpg": "train",
        "banded_1.jpg": "validation",
        "banded_2.jpg": "test",
        "dotted_0.jpg": "train",
        "dotted_1.jpg": "validation",
        "dotted_2.jpg": "test",
    }


def test_classes_without_names_are_numbers_that_sort(tmp_path: Path, draw_photo: Draw) -> None:
    folder = tmp_path / "gtsrb" / "GTSRB"
    training = [f"Training/{label:05d}/a.ppm" for label in range(12)]
    write_photos(draw_photo, folder, [*training, "Final_Test/Images/x.ppm"])
    (tmp_path / "gtsrb" / "GT-final_test.csv").write_text("Filename;ClassId\nx.ppm;11\n")
    layout = TorchvisionSource(reference="GTSRB", root=tmp_path).layout()
    assert layout.classes == tuple(f"{label:02d}" for label in range(12))
    assert [each.class_name for each in layout.candidates if each.split == "test"] == ["11"]


def test_synonyms_of_a_class_give_their_first(tmp_path: Path, draw_photo: Draw) -> None:
    folder = tmp_path / "imagenette2"
    names = [f"{split}/{kind}/a.JPEG" for split in ("train", "val") for kind in ("n01440764",)]
    write_photos(draw_photo, folder, names)
    layout = TorchvisionSource(reference="Imagenette", root=tmp_path).layout()
    assert layout.classes == ("tench",)
    assert layout.given == {"train": "train", "validation": "val"}


def test_what_is_fetched_is_kept_whole_in_the_cache(
    monkeypatch: pytest.MonkeyPatch, draw_photo: Draw
) -> None:
    fetched: list[Path] = []

    def fetch(_url: str, download_root: str, **_: Any) -> None:
        fetched.append(Path(download_root))
        write_photos(draw_photo, Path(download_root) / "2750", ["Forest/a.jpg", "River/a.jpg"])

    monkeypatch.setattr("torchvision.datasets.eurosat.download_and_extract_archive", fetch)
    first = TorchvisionSource(reference="EuroSAT").layout()
    second = TorchvisionSource(reference="EuroSAT").layout()
    root = cache_folder() / "torchvision" / "EuroSAT"
    assert first == second
    assert first.candidates[0].path == root / "eurosat" / "2750" / "Forest" / "a.jpg"
    assert len(fetched) == 1
    assert [each.name for each in root.parent.iterdir()] == ["EuroSAT"]


def test_without_network_nothing_is_left_and_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("[Errno -2] Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    with pytest.raises(DataError) as caught:
        TorchvisionSource(reference="CIFAR10").layout()
    root = cache_folder() / "torchvision" / "CIFAR10"
    assert str(caught.value) == (
        "torchvision:CIFAR10 cannot be fetched: [Errno -2] Name or service not known.\n"
        "  fix: Connect to the network and run again, or put its files, as torchvision names "
        f"them, into {root}."
    )
    assert list(root.parent.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_damaged_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        TorchvisionSource(reference="CIFAR10", root=tmp_path).layout()
    assert str(caught.value) == (
        f"The files of torchvision:CIFAR10 in {tmp_path} are incomplete or damaged.\n"
        "  at:  Dataset not found or corrupted. You can use download=True to download it\n"
        "  fix: Remove the folder and run again to fetch them anew."
    )


def test_a_misspelt_name_gets_a_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        TorchvisionSource(reference="cifar-10").layout()
    assert str(caught.value) == (
        "There is no `cifar-10` among the data sets that can be had from torchvision. "
        "Did you mean `CIFAR10`?\n"
        "  fix: Name one of Caltech101, Caltech256, CIFAR10, CIFAR100, Country211, DTD, EuroSAT, "
        "FashionMNIST, FGVCAircraft, Flowers102, Food101, GTSRB, Imagenette, KMNIST, MNIST, "
        "OxfordIIITPet, RenderedSST2, SEMEION, STL10, SUN397, SVHN, USPS."
    )


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(MissingExtraError) as caught:
        TorchvisionSource(reference="CIFAR10").layout()
    assert str(caught.value) == (
        "torchvision:CIFAR10 needs torchvision, which is not installed.\n"
        "  fix: Install it with `pip install 'lineament[train]'`."
    )
