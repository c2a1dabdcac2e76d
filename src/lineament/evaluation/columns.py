"""Columns: what divides photos into slices, and into which parts each column divides them."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.origins import Origin
from lineament.core.errors import UsageError
from lineament.core.suggest import did_you_mean
from lineament.imaging.look import Look

Cell = str | float | None
Columns = Mapping[str, Sequence[Cell]]

LEAST_PHOTOS = 20  # of a slice: all of 20 right still leaves an accuracy of 84 %
FIFTHS = 5
MANY_VALUES = 20  # the most frequent ones of a text column; each further one costs all others power
FEW_NUMBERS = 10  # up to here numbers are looked at one by one, as a rating from 1 to 5 is
UNEVEN = 0.2  # by how much a part of tied numbers may miss its share and still be called a fifth

PARTS = {2: "half", 3: "third", 4: "quarter", 5: "fifth"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Scale:
    """How a number is written, and what its ends are called."""

    lowest: str
    highest: str
    factor: float = 1.0
    decimals: int | None = None
    unit: str = ""


PLAIN = _Scale(lowest="lowest", highest="highest")
SCALES = {
    "brightness": _Scale(lowest="darkest", highest="brightest", factor=100, decimals=0, unit=" %"),
    "contrast": _Scale(
        lowest="flattest", highest="most contrasting", factor=100, decimals=0, unit=" %"
    ),
    "sharpness": _Scale(lowest="most blurred", highest="sharpest", decimals=2),
    "saturation": _Scale(
        lowest="greyest", highest="most colourful", factor=100, decimals=0, unit=" %"
    ),
    "size": _Scale(lowest="smallest", highest="largest", decimals=0, unit=" px"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """One slice.

    Attributes:
        column: What divides the photos.
        value: Which of its values, or the range of it, in words.
        inside: Which photos it has, ``bool (N,)``.
        outside: Which photos it is compared with: those of the column's other values.
    """

    column: str
    value: str
    inside: NDArray[np.bool_]
    outside: NDArray[np.bool_]


def automatic_columns(looks: Sequence[Look], origins: Sequence[Origin]) -> dict[str, list[Cell]]:
    """Give the columns that any photo has.

    Args:
        looks: What was measured on each photo.
        origins: Where each came from, in the same order.

    Returns:
        ``brightness``, ``contrast``, ``sharpness``, ``saturation``, ``size`` (of the original's
        shorter side, in pixels) and ``format`` (of the original file).
    """
    measured = ("brightness", "contrast", "sharpness", "saturation")
    facts = [origin.facts for origin in origins]
    return {
        **{name: [float(getattr(look, name)) for look in looks] for name in measured},
        "size": [float(min(each.width, each.height)) for each in facts],
        "format": [each.format for each in facts],
    }


def chosen_columns(
    automatic: Columns, metadata: Sequence[Mapping[str, str]], asked: Sequence[str] = ()
) -> dict[str, Sequence[Cell]]:
    """Join the automatic columns with those of the source, and leave those that are asked for.

    Args:
        automatic: What `automatic_columns` gave.
        metadata: Of each photo in the same order, the source's columns; may be empty mappings. A
            column that is called like an automatic one is named ``<name> (metadata)``.
        asked: Names of the columns to look at; none for all of them. Fewer looks are told apart
            more surely.

    Raises:
        UsageError: There is no such column.
    """
    names = sorted({name for row in metadata for name in row})
    known: dict[str, Sequence[Cell]] = dict(automatic)
    for name in names:
        free = f"{name} (metadata)" if name in automatic else name
        known[free] = [row.get(name) for row in metadata]
    wrong = [name for name in asked if name not in known]
    if wrong:
        raise UsageError(
            f"There is no column `{wrong[0]}` to slice by.{did_you_mean(wrong[0], known)}",
            fix=f"The columns are {', '.join(known)}.",
        )
    return {name: known[name] for name in known if not asked or name in asked}


def divide(column: str, cells: Sequence[Cell]) -> list[Part] | str:
    """Divide photos by one column.

    A text divides by value, a number by fifths (or fewer, so that each has `LEAST_PHOTOS`), where
    equal numbers stay together. Texts that are all numbers are numbers. A photo that states nothing
    is in no part and is compared with none.

    Args:
        column: Its name.
        cells: Of each photo; ``None``, an empty text or a number that is none states nothing.

    Returns:
        The parts with photos enough, in order of their value; or why there are none.
    """
    stated = np.array([not _is_empty(cell) for cell in cells], dtype=bool)
    if not stated.any():
        return f"{column}: no photo states it."
    if not stated.all() and stated.sum() < 2 * LEAST_PHOTOS:
        return f"{column}: only {stated.sum()} photos state it."
    values = [cell for cell in cells if not _is_empty(cell)]
    if len(set(values)) == 1:
        return f"{column}: all photos have the same value."
    if len(values) < 2 * LEAST_PHOTOS:
        return f"{column}: {len(values)} photos are too few to divide."
    numbers = _numbers(values)
    if numbers is None:
        return _by_value(column, cells, stated)
    return _by_size(column, numbers, stated)


def _by_value(column: str, cells: Sequence[Cell], stated: NDArray[np.bool_]) -> list[Part] | str:
    texts = np.array(["" if _is_empty(cell) else _text(cell) for cell in cells])
    values, counts = np.unique(texts[stated], return_counts=True)
    fits = (counts >= LEAST_PHOTOS) & (stated.sum() - counts >= LEAST_PHOTOS)
    if not fits.any():
        return (
            f"{column}: {len(values):,} different values, none of which leaves {LEAST_PHOTOS} "
            "photos on both sides."
        )
    kept = sorted(np.flatnonzero(fits), key=lambda each: (-counts[each], values[each]))
    return [
        Part(
            column=column,
            value=str(values[each]),
            inside=texts == values[each],
            outside=stated & (texts != values[each]),
        )
        for each in sorted(kept[:MANY_VALUES])
    ]


def _by_size(
    column: str, numbers: NDArray[np.float64], stated: NDArray[np.bool_]
) -> list[Part] | str:
    places = np.flatnonzero(stated)
    distinct, of_each, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    # Equal numbers go where the middle of them lies.
    middle = (np.cumsum(counts) - counts / 2) / len(numbers)
    most = min(FIFTHS, len(numbers) // LEAST_PHOTOS)
    for n_parts in range(most, 1, -1):
        part = np.floor(middle * n_parts).astype(np.int64)[of_each]
        sizes = np.bincount(part, minlength=n_parts)
        if (sizes > 0).sum() > 1 and sizes[sizes > 0].min() >= LEAST_PHOTOS:
            break
    else:
        return (
            f"{column}: {len(distinct):,} different values, which leave no two parts of "
            f"{LEAST_PHOTOS} photos."
        )
    even = abs(sizes / sizes.mean() - 1).max() <= UNEVEN
    found = []
    for each in np.flatnonzero(sizes):
        members = part == each
        inside, outside = np.zeros((2, len(stated)), dtype=bool)
        inside[places[members]], outside[places[~members]] = True, True
        limits = (float(numbers[members].min()), float(numbers[members].max()))
        words = _place(column, int(each), n_parts) if even else ""
        found.append(
            Part(
                column=column,
                value=f"{words} ({_range(column, limits)})" if words else _range(column, limits),
                inside=inside,
                outside=outside,
            )
        )
    return found


def _place(column: str, part: int, n_parts: int) -> str:
    """Say which of the parts it is, counted from the nearer end."""
    scale = SCALES.get(column, PLAIN)
    if part * 2 == n_parts - 1:
        return f"middle {PARTS[n_parts]}"
    end = scale.lowest if part * 2 < n_parts else scale.highest
    second = "" if part in (0, n_parts - 1) else "2nd "
    return f"{second}{end} {PARTS[n_parts]}"


def _range(column: str, limits: tuple[float, float]) -> str:
    scale = SCALES.get(column, PLAIN)
    low, high = (_number(each * scale.factor, scale.decimals) for each in limits)
    return f"{low}{scale.unit}" if low == high else f"{low} to {high}{scale.unit}"


def _number(value: float, decimals: int | None) -> str:
    text = f"{value:.6g}" if decimals is None else f"{value:.{decimals}f}"
    return text.replace("-", "−")


def _numbers(values: Sequence[Cell]) -> NDArray[np.float64] | None:
    """The values as numbers, where all are and they are too many to be looked at one by one."""
    try:
        numbers = np.array([float(value or 0) for value in values])
    except ValueError:
        return None
    texts = any(isinstance(value, str) for value in values)
    if not np.isfinite(numbers).all() or (texts and len(np.unique(numbers)) <= FEW_NUMBERS):
        return None
    return numbers


def _is_empty(cell: Cell) -> bool:
    return cell is None or cell == "" or (isinstance(cell, float) and not math.isfinite(cell))


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else f"{cell:.6g}"
