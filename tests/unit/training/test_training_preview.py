"""A sheet shows photos as the network sees them, and beside them what augmentation makes."""

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.dataset import Dataset, Sample
from lineament.core.errors import ArtifactError, DataError, UsageError
from lineament.imaging.preprocess import Preprocessing
from lineament.training.augmentation.preview import GAP_PX, preview, sheet, spread
from lineament.training.pixels import seen_pixels
from lineament.training.recipe import AugmentationFields, TrainConfig

SIDE = 96  # the smallest that is not enlarged
OFF = AugmentationFields(flip=False)
TURNED = AugmentationFields(rotation=20)
SMALL = TrainConfig(backbone="custom_cnn", widths=(4, 4), size_px=32, rotation=20)


def noise(count: int = 2, side: int = SIDE) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(256, size=(count, side, side, 3), dtype=np.uint8)


def cell(drawn: NDArray[np.uint8], row: int, column: int) -> NDArray[np.uint8]:
    pitch = SIDE + GAP_PX
    return drawn[row * pitch :, column * pitch :][:SIDE, :SIDE]


def samples(**counts: int) -> list[Sample]:
    return [
        Sample(filename=f"{name}/{number}", label=label, class_name=name, group="")
        for label, (name, count) in enumerate(counts.items())
        for number in range(count)
    ]


def test_first_column_is_the_photos_and_white_is_between() -> None:
    photos = noise(3)

    drawn = sheet(photos, TURNED, seed=0, columns=4)

    assert drawn.dtype == np.uint8
    assert drawn.shape == (3 * SIDE + 2 * GAP_PX, 4 * SIDE + 3 * GAP_PX, 3)
    assert all(np.array_equal(cell(drawn, row, 0), photo) for row, photo in enumerate(photos))
    assert (drawn[SIDE : SIDE + GAP_PX] == 255).all()
    assert (drawn[:, SIDE : SIDE + GAP_PX] == 255).all()


def test_every_column_is_another_draw_and_the_seed_decides() -> None:
    drawn = sheet(noise(1), TURNED, seed=0, columns=5)

    assert len({cell(drawn, 0, column).tobytes() for column in range(5)}) == 5
    assert np.array_equal(sheet(noise(1), TURNED, seed=0, columns=5), drawn)
    assert not np.array_equal(sheet(noise(1), TURNED, seed=1, columns=5), drawn)


def test_without_augmentation_every_column_is_the_photo() -> None:
    drawn = sheet(noise(1), OFF, seed=0, columns=3)

    assert all(np.array_equal(cell(drawn, 0, column), noise(1)[0]) for column in range(3))


def test_mixed_photos_are_mixed_among_those_shown() -> None:
    black_and_white = np.stack([np.full((SIDE, SIDE, 3), value, np.uint8) for value in (0, 255)])

    drawn = sheet(black_and_white, dataclasses.replace(OFF, cutmix=1.0), seed=0, columns=8)

    pasted = [cell(drawn, 0, column).mean() for column in range(1, 8)]
    assert max(pasted) > 0


@pytest.mark.parametrize(("side", "enlarged"), [(16, 6), (32, 3), (40, 3), (95, 2), (96, 1)])
def test_small_photos_are_enlarged_without_blurring(side: int, enlarged: int) -> None:
    photo = noise(1, side)

    drawn = sheet(photo, OFF, seed=0, columns=2)

    assert np.array_equal(drawn[::enlarged, : side * enlarged : enlarged], photo[0])
    assert drawn.shape == (side * enlarged, 2 * side * enlarged + GAP_PX, 3)


def test_photos_are_spread_over_the_classes() -> None:
    everything = samples(cat=50, dog=3, fox=1)

    chosen = spread(everything, 6, seed=0)

    assert len({each.filename for each in chosen}) == 6
    assert Counter(each.class_name for each in chosen) in (
        Counter(cat=3, dog=2, fox=1),
        Counter(cat=2, dog=3, fox=1),
    )


def test_seed_decides_which_photos() -> None:
    everything = samples(cat=50, dog=50)

    assert spread(everything, 6, seed=0) == spread(everything, 6, seed=0)
    assert spread(everything, 6, seed=0) != spread(everything, 6, seed=1)


def test_more_rows_than_photos_show_all_photos() -> None:
    everything = samples(cat=2, dog=1)

    assert sorted(each.filename for each in spread(everything, 6, seed=0)) == [
        each.filename for each in everything
    ]


def test_preview_is_a_png_of_training_photos(drawn_dataset: Dataset, tmp_path: Path) -> None:
    out = preview(
        drawn_dataset, tmp_path / "new" / "sheet.png", config=SMALL, rows=3, columns=4, seed=5
    )

    drawn = np.asarray(Image.open(out))
    assert out == tmp_path / "new" / "sheet.png"
    assert drawn.shape == (3 * SIDE + 2 * GAP_PX, 4 * SIDE + 3 * GAP_PX, 3)
    rule = Preprocessing(
        size_px=32, fit="squash", interpolation="bilinear", mean=(0.5,) * 3, std=(0.25,) * 3
    )
    first = cell(drawn, 0, 0)[::3, ::3].astype(int)
    distances = [
        np.abs(first - seen_pixels(drawn_dataset.path(each), rule)).max()
        for each in drawn_dataset.samples("train")
    ]
    assert min(distances) <= 1


def test_preview_takes_the_folder_of_a_dataset(drawn_dataset: Dataset, tmp_path: Path) -> None:
    first = preview(drawn_dataset, tmp_path / "first.png", config=SMALL, rows=2, columns=2)
    second = preview(drawn_dataset.root, tmp_path / "second.png", config=SMALL, rows=2, columns=2)

    assert first.read_bytes() == second.read_bytes()


def test_preview_of_the_same_seed_is_the_same_file(drawn_dataset: Dataset, tmp_path: Path) -> None:
    first, second = (
        preview(drawn_dataset, tmp_path / name, config=SMALL, rows=2, columns=2).read_bytes()
        for name in ("first.png", "second.png")
    )

    assert first == second


def test_nothing_is_replaced_unless_asked_for(drawn_dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    out.write_bytes(b"mine")

    with pytest.raises(ArtifactError) as caught:
        preview(drawn_dataset, out, config=SMALL)

    assert str(caught.value) == (
        f"{out} exists; nothing was written.\n"
        "  fix: Name another `--out`, or run again with `--overwrite` to replace it."
    )
    assert out.read_bytes() == b"mine"
    preview(drawn_dataset, out, config=SMALL, rows=1, columns=2, overwrite=True)
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("rows", "columns"), [(0, 8), (6, 1)])
def test_sheet_without_pictures_is_refused(
    rows: int, columns: int, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        preview(drawn_dataset, tmp_path / "sheet.png", config=SMALL, rows=rows, columns=columns)

    assert str(caught.value) == (
        f"A preview needs 1 row and 2 columns or more, got {rows} and {columns}.\n"
        "  fix: Leave out `--rows` and `--columns` for 6 photos in 8 pictures each."
    )


def test_photo_that_cannot_be_read_is_named(drawn_dataset: Dataset, tmp_path: Path) -> None:
    only = drawn_dataset.samples("train")[0]
    elsewhere = dataclasses.replace(
        drawn_dataset, root=tmp_path, splits={**drawn_dataset.splits, "train": (only,)}
    )

    with pytest.raises(DataError) as caught:
        preview(elsewhere, tmp_path / "sheet.png", config=SMALL)

    assert str(caught.value) == (
        f"{tmp_path / only.filename} cannot be read: no such file.\n"
        "  fix: The photo was there when the dataset was prepared; prepare the dataset again."
    )
    assert not (tmp_path / "sheet.png").exists()
