"""Regions: where in a photo the thing is, as a person or a detector said it."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.table import printable, read_table
from lineament.core.errors import ArtifactError, DataError, ImageError
from lineament.imaging.decode import decode_with_facts

COLUMNS = ("filename", "left", "top", "right", "bottom")
LOSSY = (".jpg", ".jpeg", ".webp")
MASKS = (".png", ".bmp", ".gif", *LOSSY)
HALF = 127  # lossy formats leave faint grey around what was white
TRANSPARENT = ("RGBA", "LA", "PA", "RGBa", "La")  # Pillow's names of what has alpha


@dataclasses.dataclass(frozen=True, kw_only=True)
class Region:
    """A box or a mask, in parts of the photo's sides, so that the photo's scale does not matter.

    Attributes:
        left: Left edge, 0 to 1.
        top: Upper edge, 0 to 1.
        right: Right edge, above ``left``.
        bottom: Lower edge, above ``top``.
        cells: Of a mask, which of its pixels are inside, ``bool (h, w)``; ``None`` of a box.
    """

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0
    cells: NDArray[np.bool_] | None = None

    def mask(self, height: int, width: int) -> NDArray[np.bool_]:
        """Give the pixels of a photo of that size whose centre lies inside, ``bool (H, W)``.

        Of a region between the centres of pixels the one that its middle lies in: a small thing on
        a photo that was scaled down is not nowhere.
        """
        rows, columns = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
        if self.cells is not None:
            down = (rows * self.cells.shape[0]).astype(int)
            across = (columns * self.cells.shape[1]).astype(int)
            inside: NDArray[np.bool_] = self.cells[np.ix_(down, across)]
        else:
            inside = np.outer(
                (rows >= self.top) & (rows < self.bottom),
                (columns >= self.left) & (columns < self.right),
            )
        if not inside.any():
            row, column = self._middle()
            inside = inside.copy()
            inside[
                min(max(int(row * height), 0), height - 1),
                min(max(int(column * width), 0), width - 1),
            ] = True
        return inside

    def _middle(self) -> tuple[float, float]:
        """Row and column in parts of the sides."""
        if self.cells is None:
            return (self.top + self.bottom) / 2, (self.left + self.right) / 2
        rows, columns = np.nonzero(self.cells)
        place = len(rows) // 2  # a pixel of it; a mean could lie in a hole
        return (
            (rows[place] + 0.5) / self.cells.shape[0],
            (columns[place] + 0.5) / self.cells.shape[1],
        )


def read_regions(path: Path, photos: Sequence[tuple[str, Path]]) -> dict[str, Region]:
    """Read where things are.

    Args:
        path: A CSV with the columns ``filename,left,top,right,bottom``, in pixels of the upright
            photo as the dataset holds it; or a folder of masks, pictures of any size whose pixels
            above 0 are inside (in lossy formats those above half), each named as its photo is but
            for the ending. They have no alpha:
            laid over white, what is transparent would be inside.
        photos: The photos that are asked about: name below the dataset's folder, and file.

    Returns:
        A region by name, of those photos that have one.

    Raises:
        ArtifactError: There is no such file, or it has other columns.
        DataError: Rows or masks cannot be followed (all of them are named), or none is of these
            photos.
    """
    found = _masks(path, photos) if path.is_dir() else _boxes(path, photos)
    if not found:
        raise DataError(
            f"{path} has no region of these photos.",
            fix="Name photos as the dataset's `splits` do, such as images/cat/01.jpg.",
        )
    return found


def _boxes(path: Path, photos: Sequence[tuple[str, Path]]) -> dict[str, Region]:
    files = dict(photos)
    found: dict[str, Region] = {}
    wrong = []
    fix = f"Write a CSV with the columns {','.join(COLUMNS)}, in pixels."
    for number, row in enumerate(read_table(path, COLUMNS, fix=fix), 2):
        name = row["filename"]
        if name not in files:
            continue
        try:
            left, top, right, bottom = (float(row[column]) for column in COLUMNS[1:])
        except ValueError:
            wrong.append(f"row {number} (no number)")
            continue
        if name in found:
            wrong.append(f"row {number} (a second box of {printable(name)})")
        elif not all(map(math.isfinite, (left, top, right, bottom))):
            wrong.append(f"row {number} (no finite number)")
        elif left >= right or top >= bottom:
            wrong.append(f"row {number} (an empty box)")
        else:
            width, height = _size(files[name])
            if right <= 0 or bottom <= 0 or left >= width or top >= height:
                wrong.append(f"row {number} (outside the photo of {width} x {height} px)")
                continue
            found[name] = Region(
                left=left / width, top=top / height, right=right / width, bottom=bottom / height
            )
    if wrong:
        raise DataError(f"{path} has boxes that cannot be followed.", at=wrong, fix=fix)
    return found


def _masks(path: Path, photos: Sequence[tuple[str, Path]]) -> dict[str, Region]:
    masks: dict[str, list[Path]] = {}
    for file in sorted(path.rglob("*")):
        if file.suffix.lower() in MASKS and file.is_file():
            masks.setdefault(file.stem, []).append(file)
    found, wrong = {}, []
    for name, photo in photos:
        if photo.stem not in masks:
            continue
        mask, *more = masks[photo.stem]
        if more:
            wrong.append(f"{printable(str(more[0]))} (a second mask of {printable(name)})")
            continue
        try:
            pixels, facts = decode_with_facts(mask)
        except ImageError as error:
            wrong.append(f"{printable(str(mask))} ({error.what})")
            continue
        if facts.mode in TRANSPARENT:
            wrong.append(f"{printable(str(mask))} (it has alpha)")
            continue
        lossy = mask.suffix.lower() in LOSSY
        cells = pixels.max(axis=2) > (HALF if lossy else 0)
        if not cells.any():
            wrong.append(f"{printable(str(mask))} (nothing is inside)")
            continue
        found[name] = Region(cells=cells)
    if wrong:
        raise DataError(
            f"{path} has masks that cannot be followed.",
            at=wrong,
            fix="Paint what is inside in white on black, without alpha, one mask per photo; leave "
            "out photos that show nothing.",
        )
    return found


def _size(path: Path) -> tuple[int, int]:
    """Width and height of a photo of a dataset, which `prepare` stored upright."""
    try:
        with Image.open(path) as picture:
            return picture.size
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read.", fix="Prepare the dataset again.") from error
