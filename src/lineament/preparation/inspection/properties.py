"""Properties of photos that a model could take instead of their content, and words for them."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lineament.imaging.decode import FileFacts
from lineament.imaging.look import Look

# Of the way from a constant answer (0) to no error (1). What says nothing of the content should
# tell nothing; half of the way is as if half of a class came from a source of its own. Light and
# colour may be the subject (night and day, frogs in the green), so they must nearly decide alone.
# Cats and dogs, CIFAR-10, FER2013 and CK+ reach 0.2 at most.
SUSPICIOUS_TECHNICAL, SUSPICIOUS_LOOK = 0.5, 0.8

BINS = 32  # of a number: enough to cut out an interval, few enough to be filled
PHOTOS_PER_BIN = 20
GREY_SATURATION = 0.005  # what JPEG leaves of colour in a grey photo is below
DOMINANT, EXCEPTIONAL = 0.95, 0.05  # a class "is" a value that this many have, and few others
ONE_VALUE = 0.5  # a class with a value that most of its photos have is told by that alone

Codes = NDArray[np.int64]
Weights = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Property:
    """One property of all photos.

    Attributes:
        name: For a person.
        limit: From which part of the way to no error it is suspicious.
        codes: Value or bin of each photo, from 0.
        labels: Words of each value; empty for a number.
        numbers: The number of each photo; empty for a property with labels.
        unit: Written behind a number.
    """

    name: str
    limit: float
    codes: Codes
    labels: Sequence[str] = ()
    numbers: Weights = dataclasses.field(default_factory=lambda: np.empty(0))
    unit: str = ""


def properties_of(looks: Sequence[Look], facts: Sequence[FileFacts]) -> list[Property]:
    """Take every property that is looked at from the photos.

    Args:
        looks: How the photos look, one or more.
        facts: What their files say, in the same order.

    Returns:
        The technical ones first.
    """
    width = np.array([each.width for each in facts], dtype=np.float64)
    height = np.array([each.height for each in facts], dtype=np.float64)
    size_bytes = np.array([each.size_bytes for each in facts], dtype=np.float64)
    grey = [each.saturation < GREY_SATURATION for each in looks]
    technical = [
        _named("width x height", [f"{each.width} x {each.height}" for each in facts]),
        _number("shorter side", np.minimum(width, height), unit=" px"),
        _number("aspect ratio", width / height),
        _named("format", [each.format or "arrays" for each in facts]),
        _named("pixel type", [f"stored as {each.mode}" for each in facts]),
        _named("date taken", [("without", "with")[bool(each.taken)] + " a date" for each in facts]),
        _number("bytes per pixel", size_bytes / (width * height)),
        _named("colour", [("in colour", "grey")[each] for each in grey]),
        _number("border", np.array([each.border for each in looks])),
    ]
    visible = [
        _number("border brightness", np.array([each.border_brightness for each in looks])),
        _number("brightness", np.array([each.brightness for each in looks])),
        _number("contrast", np.array([each.contrast for each in looks])),
        _number("sharpness", np.array([each.sharpness for each in looks])),
        _number("saturation", np.array([each.saturation for each in looks])),
        _number("warmth", np.array([each.warmth for each in looks])),
    ]
    return technical + [dataclasses.replace(each, limit=SUSPICIOUS_LOOK) for each in visible]


def typical_values(of: Property, classes: Codes) -> list[str]:
    """Say in words which value the photos of each class have.

    Args:
        of: The property.
        classes: Class of each photo, from 0 to ``C - 1``, each with a photo.

    Returns:
        The words of each class: its most frequent value, or its median and its middle half.

    Example:
        >>> size = Property(
        ...     name="size", limit=0.5, codes=np.array([0, 0, 1]), labels=["8 x 8", "9 x 9"]
        ... )
        >>> typical_values(size, np.array([0, 0, 1]))
        ['8 x 8 (100 %)', '9 x 9 (100 %)']
    """
    sizes = np.bincount(classes)
    if not of.labels:
        order = np.lexsort((of.numbers, classes))
        starts = np.cumsum(sizes) - sizes
        lows, medians, highs = (
            of.numbers[order[starts + ((sizes - 1) * part).astype(np.int64)]]
            for part in (0.25, 0.5, 0.75)
        )
        return [
            _range(low, median, high, of.unit)
            for low, median, high in zip(lows, medians, highs, strict=True)
        ]
    pairs, counts = np.unique(classes * len(of.labels) + of.codes, return_counts=True)
    of_class, code = np.divmod(pairs, len(of.labels))
    order = np.lexsort((-code, counts, of_class))
    last = np.searchsorted(of_class[order], np.arange(len(sizes)), side="right") - 1
    different = np.bincount(of_class)
    words = []
    for pair, size, values in zip(order[last], sizes, different, strict=True):
        share = float(counts[pair] / size)
        value = f"{of.labels[code[pair]]} ({percent(share)})"
        words.append(value if share >= ONE_VALUE else f"{values} values, most often {value}")
    return words


def describe_difference(of: Property, is_class: NDArray[np.bool_], one: str, other: str) -> str:
    """Say how the photos of a class differ from the others.

    Args:
        of: The property.
        is_class: Which photos are of the class.
        one: Name of the class in the sentence.
        other: Name of the others.

    Returns:
        A clause without a full stop; where only the others have one value, it begins with them.
    """
    for members, name, rest in ((is_class, one, other), (~is_class, other, one)):
        if not of.labels:
            continue
        inside = np.bincount(of.codes[members], minlength=len(of.labels)) / members.sum()
        outside = np.bincount(of.codes[~members], minlength=len(of.labels)) / (~members).sum()
        value = int(inside.argmax())
        if inside[value] >= DOMINANT and outside[value] <= EXCEPTIONAL:
            share = "All" if inside[value] == 1 else f"{percent(float(inside[value]))} of the"
            few = "none" if outside[value] == 0 else percent(float(outside[value]))
            return f"{share} photos of {name} are {of.labels[value]}, and {few} of {rest}"
    mine, theirs = typical_values(of, np.where(is_class, 0, 1))
    return f"{of.name.capitalize()} of {one} is {mine}, of {other} {theirs}"


def percent(fraction: float) -> str:
    """Write a fraction in percent; only 0 and 1 themselves are 0 % and 100 %.

    Example:
        >>> percent(0.9999), percent(1.0), percent(0.125)
        ('99.9 %', '100 %', '12.5 %')
    """
    if fraction in (0, 1):
        return f"{100 * fraction:.0f} %"
    return f"{min(max(100 * fraction, 0.1), 99.9):.1f} %"


def _named(name: str, values: Sequence[str]) -> Property:
    labels = sorted(set(values))
    places = {label: place for place, label in enumerate(labels)}
    codes = np.array([places[value] for value in values], dtype=np.int64)
    return Property(name=name, limit=SUSPICIOUS_TECHNICAL, codes=codes, labels=labels)


def _number(name: str, numbers: Weights, *, unit: str = "") -> Property:
    """Cut a number into bins that hold about as many photos each; equal numbers share a bin."""
    bins = min(BINS, max(2, len(numbers) // PHOTOS_PER_BIN))
    edges = np.unique(np.quantile(numbers, np.arange(1, bins) / bins, method="higher"))
    codes = np.searchsorted(edges, numbers, side="right").astype(np.int64)
    return Property(name=name, limit=SUSPICIOUS_TECHNICAL, codes=codes, numbers=numbers, unit=unit)


def _range(low: float, median: float, high: float, unit: str) -> str:
    first, middle, last = (
        f"{number:.0f}{unit}" if unit else f"{number:.2f}" for number in (low, median, high)
    )
    return f"mostly {middle}" if first == last else f"median {middle} ({first} to {last})"
