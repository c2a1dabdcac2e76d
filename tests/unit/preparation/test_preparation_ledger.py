"""What becomes of a dataset's ledger when the dataset is prepared again, extended or copied."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.ledger import Opening, read_ledger, record
from lineament.preparation.build import PrepareConfig, prepare

Folders = Callable[..., Path]


def _opening(dataset: Dataset) -> Opening:
    return Opening(
        time="2026-11-23T06:00:00+00:00",
        fingerprint=dataset.fingerprint,
        split="test",
        kind="run",
        path="runs/a",
        sha256="abc",
        report="reports/a",
        photos=6,
        accuracy=0.9,
        low=0.5,
        high=1.0,
        lineament="0.1.0",
    )


def _openings(root: Path) -> tuple[Opening, ...]:
    return read_ledger(root).of(Dataset.open(root).fingerprint, "test")


@pytest.fixture
def source(photo_folders: Folders) -> Path:
    return photo_folders({"disc": 10, "square": 10})


@pytest.fixture
def measured(source: Path, tmp_path: Path) -> Dataset:
    """A dataset that was measured once."""
    dataset = prepare(source, tmp_path / "dataset")
    record(dataset.root, _opening(dataset))
    return dataset


def test_a_dataset_that_was_measured_opens_and_verifies(measured: Dataset) -> None:
    again = Dataset.open(measured.root)
    again.verify()
    assert again.fingerprint == measured.fingerprint


def test_the_same_dataset_prepared_over_itself_goes_on_counting(
    source: Path, measured: Dataset
) -> None:
    prepare(source, measured.root, overwrite=True)
    assert _openings(measured.root) == (_opening(measured),)


def test_another_dataset_prepared_over_it_starts_at_none(source: Path, measured: Dataset) -> None:
    prepare(source, measured.root, overwrite=True, config=PrepareConfig(seed=1))
    assert _openings(measured.root) == ()
    assert read_ledger(measured.root).openings == (_opening(measured),)


def test_a_copy_takes_the_ledger_along(measured: Dataset, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(measured.root, copy)
    assert _openings(copy) == (_opening(measured),)


def test_an_extended_dataset_starts_at_none(
    source: Path, measured: Dataset, photo_folders: Folders, tmp_path: Path
) -> None:
    more = photo_folders({"disc": 3, "square": 3}, name="more", first_seed=100)
    for folder in sorted(more.iterdir()):
        for photo in sorted(folder.iterdir()):
            shutil.copy(photo, source / folder.name / f"new-{photo.name}")
    config = PrepareConfig(extend=str(measured.root))
    extended = prepare(source, tmp_path / "extended", config=config)
    assert _openings(extended.root) == ()
