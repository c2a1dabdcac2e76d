"""Batches hold every photo once, preprocessed as it will be when shipped, in a repeatable order."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lineament.core.errors import DataError
from lineament.core.executor import LocalExecutor
from lineament.imaging.decode import decode
from lineament.imaging.preprocess import Preprocessing
from lineament.imaging.preprocess import preprocess as reference
from lineament.training.batches import batches, epoch_items

RULE = Preprocessing(
    size_px=32,
    fit="squash",
    interpolation="bilinear",
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
)
PHOTOS = [(Path(f"{number}.jpg"), number % 3) for number in range(200)]


def loaded(
    files: list[Path], *, mirrored: bool = False, batch_size: int = 2, workers: int = 2
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    items = [(path, label, mirrored) for label, path in enumerate(files)]
    executor = LocalExecutor(workers=workers)
    return list(batches(items, RULE, batch_size=batch_size, executor=executor))


def test_every_photo_comes_once_with_its_label() -> None:
    items = epoch_items(PHOTOS, seed=0, epoch=1, flip=True)

    assert sorted((path, label) for path, label, _ in items) == sorted(PHOTOS)


def test_order_and_mirroring_depend_on_seed_and_epoch_alone() -> None:
    random.seed(1)
    first = epoch_items(PHOTOS, seed=4, epoch=2, flip=True)
    random.seed(2)
    torch.manual_seed(3)

    assert epoch_items(PHOTOS, seed=4, epoch=2, flip=True) == first
    assert epoch_items(PHOTOS, seed=5, epoch=2, flip=True) != first
    assert epoch_items(PHOTOS, seed=4, epoch=3, flip=True) != first


def test_seed_and_epoch_are_not_taken_for_one_another() -> None:
    assert epoch_items(PHOTOS, seed=1, epoch=12, flip=True) != epoch_items(
        PHOTOS, seed=11, epoch=2, flip=True
    )


def test_mirroring_leaves_the_callers_random_state_alone() -> None:
    random.seed(7)
    state = random.getstate()

    epoch_items(PHOTOS, seed=0, epoch=1, flip=True)

    assert random.getstate() == state


def test_about_half_are_mirrored_and_not_the_same_half_in_each_epoch() -> None:
    mirrored = [
        {path for path, _, flip in epoch_items(PHOTOS, seed=0, epoch=epoch, flip=True) if flip}
        for epoch in (1, 2)
    ]

    # A fair coin thrown 200 times falls outside 70 to 130 once in 40,000 tries.
    assert all(70 <= len(some) <= 130 for some in mirrored)
    assert mirrored[0] != mirrored[1]


def test_nothing_is_mirrored_when_that_is_not_asked_for() -> None:
    assert not any(flip for _, _, flip in epoch_items(PHOTOS, seed=0, epoch=1, flip=False))


@pytest.mark.parametrize("workers", [1, 3])
def test_pixels_are_those_of_the_reference(workers: int, photo_files: list[Path]) -> None:
    pixels = torch.cat([part for part, _ in loaded(photo_files, workers=workers)])

    for mine, path in zip(pixels, photo_files, strict=True):
        assert np.abs(mine.numpy() - reference(decode(path), RULE)).max() < 1e-4


def test_mirrored_photo_is_turned_left_to_right_and_not_upside_down(
    photo_files: list[Path],
) -> None:
    (plain, _), (mirrored, _) = (
        loaded(photo_files[:1], mirrored=flip)[0] for flip in (False, True)
    )

    assert torch.equal(mirrored, plain.flip(3))
    assert not torch.equal(mirrored, plain)


def test_last_batch_holds_the_rest(photo_files: list[Path]) -> None:
    parts = loaded(photo_files, batch_size=3)

    assert [len(labels) for _, labels in parts] == [3, 2]
    assert torch.cat([labels for _, labels in parts]).tolist() == [0, 1, 2, 3, 4]


def test_one_photo_left_over_joins_the_last_batch(photo_files: list[Path]) -> None:
    parts = loaded(photo_files, batch_size=2)

    assert [len(labels) for _, labels in parts] == [2, 3]
    assert torch.cat([labels for _, labels in parts]).tolist() == [0, 1, 2, 3, 4]


def test_batches_are_what_convolutions_like(photo_files: list[Path]) -> None:
    pixels, labels = loaded(photo_files)[0]

    assert pixels.shape == (2, 3, 32, 32)
    assert pixels.dtype == torch.float32
    assert pixels.is_contiguous(memory_format=torch.channels_last)
    assert labels.dtype == torch.int64


def test_photo_that_cannot_be_read_is_named(
    photo_files: list[Path], bad_files: dict[Path, str]
) -> None:
    for path, reason in bad_files.items():
        with pytest.raises(DataError) as caught:
            loaded([photo_files[0], path])

        assert str(caught.value) == (
            f"{path} cannot be read: {reason}.\n"
            "  fix: The photo was there when the dataset was prepared; prepare the dataset again."
        )


def test_large_photo_is_preprocessed_as_the_predictor_decodes_it(
    draw_photo: Callable[..., NDArray[np.uint8]], tmp_path: Path
) -> None:
    from PIL import Image

    path = tmp_path / "large.jpg"
    Image.fromarray(draw_photo(0, 600, 800)).save(path)

    pixels = loaded([path])[0][0][0].numpy()

    assert np.abs(pixels - reference(decode(path, short_side_px=32), RULE)).max() < 1e-4
