"""Boxes and masks say where things are, whatever the scale at which a photo is read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.core.errors import ArtifactError, DataError
from lineament.explanation.regions import Region, read_regions

Photos = list[tuple[str, Path]]


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    """Two photos of 40 by 20 pixels."""
    (tmp_path / "images").mkdir()
    made = []
    for name in ("images/a.png", "images/b.png"):
        Image.fromarray(np.zeros((20, 40, 3), dtype=np.uint8)).save(tmp_path / name)
        made.append((name, tmp_path / name))
    return made


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str], Path]:
    def write(rows: str) -> Path:
        path = tmp_path / "boxes.csv"
        path.write_text(f"filename,left,top,right,bottom\n{rows}", encoding="utf-8")
        return path

    return write


def test_box_is_in_parts_of_the_photo(table: Callable[[str], Path], photos: Photos) -> None:
    found = read_regions(table("images/a.png,10,5,30,20\n"), photos)

    assert found == {"images/a.png": Region(left=0.25, top=0.25, right=0.75, bottom=1.0)}


@pytest.mark.parametrize(("height", "width"), [(20, 40), (10, 20), (4, 4)])
def test_box_covers_the_same_part_at_every_scale(height: int, width: int) -> None:
    mask = Region(left=0.25, top=0.5, right=0.75).mask(height, width)

    assert mask.shape == (height, width)
    assert mask.mean() == 0.25
    assert not mask[: height // 2].any()


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (Region(top=0.125, bottom=0.375, left=0.375, right=0.875), (0, [1, 2])),
        (Region(top=0.6, bottom=0.7, left=0.0, right=0.375), (2, [0])),
    ],
)
def test_pixel_is_inside_where_its_centre_is(
    region: Region, expected: tuple[int, list[int]]
) -> None:
    row, columns = expected
    wanted = np.zeros((4, 4), dtype=bool)  # centres lie at 0.125, 0.375, 0.625 and 0.875
    wanted[row, columns] = True

    assert np.array_equal(region.mask(4, 4), wanted)


def test_box_that_reaches_over_the_edge_is_followed(
    table: Callable[[str], Path], photos: Photos
) -> None:
    found = read_regions(table("images/a.png,-10,-5,20,10\n"), photos)

    assert found["images/a.png"].mask(20, 40)[:10, :20].all()
    assert found["images/a.png"].mask(20, 40).sum() == 10 * 20


@pytest.mark.parametrize("box", ["-9,0,0,9", "0,-9,9,0", "40,0,49,9", "0,20,9,29"])
def test_box_beyond_any_edge_is_named(
    table: Callable[[str], Path], photos: Photos, box: str
) -> None:
    with pytest.raises(DataError) as caught:
        read_regions(table(f"images/a.png,{box}\n"), photos)

    assert caught.value.at == ("row 2 (outside the photo of 40 x 20 px)",)


@pytest.mark.parametrize("box", ["5,0,5,9", "6,0,5,9", "0,5,9,5", "0,6,9,5"])
def test_box_without_an_inside_is_named(
    table: Callable[[str], Path], photos: Photos, box: str
) -> None:
    with pytest.raises(DataError) as caught:
        read_regions(table(f"images/a.png,{box}\n"), photos)

    assert caught.value.at == ("row 2 (an empty box)",)


def test_photo_that_cannot_be_read_is_named(table: Callable[[str], Path], photos: Photos) -> None:
    photos[0][1].write_bytes(b"no photo")

    with pytest.raises(ArtifactError) as caught:
        read_regions(table("images/a.png,0,0,1,1\n"), photos)

    assert str(caught.value) == (
        f"{photos[0][1]} cannot be read.\n  fix: Prepare the dataset again."
    )


def test_rows_of_other_photos_are_passed_over(table: Callable[[str], Path], photos: Photos) -> None:
    found = read_regions(table("images/c.png,x,,,\nimages/b.png,0,0,1,1\n"), photos)

    assert list(found) == ["images/b.png"]


def test_every_row_that_cannot_be_followed_is_named(
    table: Callable[[str], Path], photos: Photos
) -> None:
    path = table(
        "images/a.png,0,0,1,1\nimages/a.png,0,0,2,2\nimages/b.png,one,0,1,1\n"
        "images/b.png,5,0,5,1\nimages/b.png,0,0,nan,1\nimages/b.png,40,0,50,10\n"
        "images/b.png,0,0,1,inf\n"
    )

    with pytest.raises(DataError) as caught:
        read_regions(path, photos)

    assert str(caught.value) == (
        f"{path} has boxes that cannot be followed.\n"
        "  at:  row 3 (a second box of images/a.png), row 4 (no number), row 5 (an empty box), "
        "row 6 (no finite number), row 7 (outside the photo of 40 x 20 px), row 8 (no finite "
        "number)\n"
        "  fix: Write a CSV with the columns filename,left,top,right,bottom, in pixels."
    )


def test_table_of_other_photos_alone_is_refused(
    table: Callable[[str], Path], photos: Photos
) -> None:
    path = table("a.png,0,0,1,1\n")

    with pytest.raises(DataError) as caught:
        read_regions(path, photos)

    assert str(caught.value) == (
        f"{path} has no region of these photos.\n"
        "  fix: Name photos as the dataset's `splits` do, such as images/cat/01.jpg."
    )


def test_table_that_is_not_there_is_refused(tmp_path: Path, photos: Photos) -> None:
    path = tmp_path / "nowhere.csv"

    with pytest.raises(ArtifactError) as caught:
        read_regions(path, photos)

    assert str(caught.value) == (
        f"{path} cannot be read ([Errno 2] No such file or directory: {str(path)!r}).\n"
        "  fix: Write a CSV with the columns filename,left,top,right,bottom, in pixels."
    )


def test_table_with_other_columns_is_refused(tmp_path: Path, photos: Photos) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text("filename,x,y,width,height\nimages/a.png,0,0,9,9\n", encoding="utf-8")

    with pytest.raises(ArtifactError) as caught:
        read_regions(path, photos)

    assert str(caught.value) == (
        f"{path} has other columns than filename,left,top,right,bottom.\n"
        "  fix: Write a CSV with the columns filename,left,top,right,bottom, in pixels."
    )


def test_folder_of_other_masks_alone_is_refused(tmp_path: Path, photos: Photos) -> None:
    (tmp_path / "masks").mkdir()

    with pytest.raises(DataError) as caught:
        read_regions(tmp_path / "masks", photos)

    assert caught.value.what == f"{tmp_path / 'masks'} has no region of these photos."


def test_faintest_grey_of_a_mask_is_inside(tmp_path: Path, photos: Photos) -> None:
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.array([[0, 1]], dtype=np.uint8)).save(tmp_path / "masks" / "a.PNG")

    found = read_regions(tmp_path / "masks", photos)

    assert found["images/a.png"].mask(2, 4).tolist() == [[False, False, True, True]] * 2


def test_mask_of_another_size_is_laid_over_the_photo(tmp_path: Path, photos: Photos) -> None:
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.array([[0, 255]], dtype=np.uint8)).save(tmp_path / "masks" / "a.png")

    mask = read_regions(tmp_path / "masks", photos)["images/a.png"].mask(20, 40)

    assert mask[:, 20:].all()
    assert not mask[:, :20].any()


def test_masks_that_cannot_be_followed_are_named(tmp_path: Path, photos: Photos) -> None:
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.zeros((4, 4), dtype=np.uint8)).save(tmp_path / "masks" / "a.png")
    (tmp_path / "masks" / "b.png").write_bytes(b"")

    with pytest.raises(DataError) as caught:
        read_regions(tmp_path / "masks", photos)

    folder = tmp_path / "masks"
    assert str(caught.value) == (
        f"{folder} has masks that cannot be followed.\n"
        f"  at:  {folder / 'a.png'} (nothing is inside), {folder / 'b.png'} (empty file)\n"
        "  fix: Paint what is inside in white on black, without alpha, one mask per photo; leave "
        "out photos that show nothing."
    )


def test_transparent_mask_is_not_read_as_white(tmp_path: Path, photos: Photos) -> None:
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.zeros((4, 4, 4), dtype=np.uint8)).save(tmp_path / "masks" / "a.png")

    with pytest.raises(DataError) as caught:
        read_regions(tmp_path / "masks", photos)

    assert caught.value.at == (f"{tmp_path / 'masks' / 'a.png'} (it has alpha)",)


def test_which_of_two_masks_is_meant_is_not_guessed(tmp_path: Path, photos: Photos) -> None:
    for folder in ("cat", "dog"):
        (tmp_path / "masks" / folder).mkdir(parents=True)
        cells = np.full((4, 4), 255, dtype=np.uint8)
        Image.fromarray(cells).save(tmp_path / "masks" / folder / "a.png")

    with pytest.raises(DataError) as caught:
        read_regions(tmp_path / "masks", photos)

    second = tmp_path / "masks" / "dog" / "a.png"
    assert caught.value.at == (f"{second} (a second mask of images/a.png)",)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (3, 5), (1, 1)])
def test_small_box_between_pixels_is_the_pixel_at_its_middle(height: int, width: int) -> None:
    mask = Region(left=0.99, top=0.0, right=0.995, bottom=0.001).mask(height, width)

    assert mask.sum() == 1
    assert mask[0, -1]


def test_small_mask_on_a_small_photo_is_one_pixel_of_it() -> None:
    cells = np.zeros((300, 300), dtype=bool)
    cells[290:293, 10:13] = True

    mask = Region(cells=cells).mask(4, 4)

    assert mask.sum() == 1
    assert mask[3, 0]


def test_faint_grey_of_a_lossy_mask_is_outside(tmp_path: Path, photos: Photos) -> None:
    (tmp_path / "masks").mkdir()
    painted = np.zeros((64, 64), dtype=np.uint8)
    painted[20:44, 20:44] = 255
    Image.fromarray(painted).save(tmp_path / "masks" / "a.jpg", quality=75)

    region = read_regions(tmp_path / "masks", photos)["images/a.png"]

    assert region.cells is not None
    assert np.array_equal(region.cells, painted > 0)
