"""Telling what a source is, from what a person wrote."""

from pathlib import Path

import pytest

from lineament.core.errors import UsageError
from lineament.preparation.sources.arrays import NpzSource
from lineament.preparation.sources.combined import CombinedSource
from lineament.preparation.sources.folder import FolderSource
from lineament.preparation.sources.hub import HubSource
from lineament.preparation.sources.idx import IdxSource
from lineament.preparation.sources.labels import LabelledFolderSource
from lineament.preparation.sources.manifest import ManifestSource
from lineament.preparation.sources.opening import SourceOptions, open_source
from lineament.preparation.sources.videos import VideoFolderSource
from lineament.preparation.sources.vision import TorchvisionSource

PLAIN = SourceOptions()


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def test_a_folder_of_photos(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.jpg", "dog/2.jpg")
    assert open_source(str(tmp_path), PLAIN) == FolderSource(root=tmp_path)


def test_a_folder_of_photos_without_labels(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.jpg")
    opened = open_source(str(tmp_path), SourceOptions(labelled=False))
    assert opened == FolderSource(root=tmp_path, labelled=False)


def test_an_empty_folder_is_one_of_photos(tmp_path: Path) -> None:
    assert open_source(str(tmp_path), PLAIN) == FolderSource(root=tmp_path)


def test_a_folder_of_videos_alone(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.mp4", "dog/2.mov")
    assert open_source(str(tmp_path), PLAIN) == VideoFolderSource(folder=tmp_path, fps=1.0)


def test_videos_beside_photos_are_left_alone(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.mp4", "dog/2.jpg")
    assert open_source(str(tmp_path), PLAIN) == FolderSource(root=tmp_path)


def test_frames_per_second_ask_for_the_videos(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.mp4", "dog/2.jpg")
    opened = open_source(str(tmp_path), SourceOptions(fps=4))
    assert opened == VideoFolderSource(folder=tmp_path, fps=4)


@pytest.mark.parametrize("name", ["photos.csv", "photos.jsonl", "photos.PARQUET"])
def test_a_table(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)
    opened = open_source(str(tmp_path / name), SourceOptions(label_column="smiling"))
    assert opened == ManifestSource(path=tmp_path / name, label_column="smiling")


def test_a_table_of_labels_and_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "1.jpg")
    opened = open_source(str(tmp_path), SourceOptions(labels="l.csv", label_column="smiling"))
    assert opened == LabelledFolderSource(
        folder=tmp_path, table=Path("l.csv"), label_column="smiling"
    )


def test_labels_of_something_else_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "photos.csv")
    with pytest.raises(UsageError) as caught:
        open_source(str(tmp_path / "photos.csv"), SourceOptions(labels="l.csv"))
    assert str(caught.value) == (
        f"`--labels` labels the photos of a folder, which {tmp_path / 'photos.csv'} is not.\n"
        "  fix: Name the folder that the table's filenames are in."
    )


def test_arrays(tmp_path: Path) -> None:
    touch(tmp_path, "digits.npz")
    assert open_source(str(tmp_path / "digits.npz"), PLAIN) == NpzSource(
        path=tmp_path / "digits.npz"
    )


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"])
def test_idx_files_and_folders_of_them(tmp_path: Path, name: str) -> None:
    touch(tmp_path / "mnist", name)
    file = tmp_path / "mnist" / name
    assert open_source(str(file), PLAIN) == IdxSource(path=file)
    assert open_source(str(tmp_path / "mnist"), PLAIN) == IdxSource(path=tmp_path / "mnist")


def test_the_hub_and_torchvision() -> None:
    assert open_source("hf:owner/name", PLAIN) == HubSource(reference="owner/name")
    assert open_source("torchvision:CIFAR10", PLAIN) == TorchvisionSource(reference="CIFAR10")


def test_added_folders(tmp_path: Path) -> None:
    touch(tmp_path / "main", "cat/1.jpg")
    touch(tmp_path / "faces", "1.jpg")
    opened = open_source(
        str(tmp_path / "main"), SourceOptions(added=(f"face={tmp_path / 'faces'}",))
    )
    assert opened == CombinedSource(
        main=FolderSource(root=tmp_path / "main"), added=(("face", tmp_path / "faces"),)
    )


def test_a_folder_that_may_not_be_looked_into_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(UsageError) as caught:
        open_source(str(tmp_path / "x"), PLAIN)
    assert str(caught.value) == (
        f"{tmp_path / 'x'} cannot be opened: Permission denied.\n"
        "  fix: Name a folder of class folders, a table, an archive, `hf:OWNER/NAME` or "
        "`torchvision:NAME`."
    )


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("photos", SourceOptions(label_column="x"), "`label_column` is about a table of labels"),
        ("t.csv", SourceOptions(fps=2), "`fps` is about a folder of videos"),
        ("t.csv", SourceOptions(labelled=False), "`unlabelled` is about a folder of photos"),
        (
            "photos",
            SourceOptions(fps=2, labelled=False),
            "`unlabelled` is about a folder of photos",
        ),
        (
            "photos",
            SourceOptions(labels="l.csv", labelled=False),
            "`unlabelled` is about a folder of photos",
        ),
    ],
)
def test_an_option_that_a_source_has_no_use_for_is_refused(
    tmp_path: Path, name: str, options: SourceOptions, said: str
) -> None:
    touch(tmp_path, "photos/1.jpg", "t.csv")
    with pytest.raises(UsageError) as caught:
        open_source(str(tmp_path / name), options)
    assert str(caught.value) == (
        f"{said}, and {tmp_path / name} is read as something else.\n  fix: Leave it out."
    )
