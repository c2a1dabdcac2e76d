"""Evidence: what a dataset and a run say that may explain a gap between validation and test."""

import dataclasses
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.dataset import Dataset, Sample
from lineament.artifacts.origins import Origin, origins
from lineament.core.errors import ImageError
from lineament.imaging.decode import decode
from lineament.imaging.look import Look, looks

KINDS = ("copies", "near duplicates", "groups")
PROPERTIES = ("brightness", "contrast", "sharpness", "saturation")
LOOKED_AT = 400  # photos of a split: a shift of a tenth then stands out, and it takes a second
SHORT_SIDE_PX = 128  # what `looks` measures on


@dataclasses.dataclass(frozen=True, kw_only=True)
class Share:
    """How frequent a class is among the photos of either split, 0 to 1."""

    name: str
    validation: float
    test: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Property:
    """One property of the photos of either split.

    Attributes:
        name: ``brightness``, ``sharpness``, ``pixels`` ...
        validation: The median there.
        test: The median here.
        exceeds: How often a test photo has more of it than a validation photo, ties half; 0.5
            where the splits are alike.
        deviations: By how many standard deviations that is from 0.5, were the splits alike and
            their photos independent (Mann and Whitney 1947, without the correction for ties,
            which makes it smaller than it is).
    """

    name: str
    validation: float
    test: float
    exceeds: float
    deviations: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known without training again.

    Attributes:
        same_dataset: Whether the model was validated on this very dataset. Where not, the rest is
            about other validation photos than its own, and is left empty.
        validation_photos: How many there are.
        test_photos: How many there are.
        tied_validation: How many validation photos have a copy, a near duplicate or a photo of
            their group in train.
        tied_test: The same of test photos.
        near_looked_for: Whether near duplicates were looked for at all.
        groups_named: Whether any photo names a group.
        test_chosen: ``given`` with the source while validation was taken from the training photos,
            ``newest`` by time, or ``alike``: both drawn, or both given.
        shares: Per class, in the dataset's order.
        properties: Of the photos; those that were measured.
        candidates: How many states of the model (epochs, regularisations) validation chose from;
            ``None`` where not known.
    """

    same_dataset: bool
    validation_photos: int = 0
    test_photos: int = 0
    tied_validation: Mapping[str, int] = dataclasses.field(default_factory=dict)
    tied_test: Mapping[str, int] = dataclasses.field(default_factory=dict)
    near_looked_for: bool = False
    groups_named: bool = False
    test_chosen: str = "alike"
    shares: tuple[Share, ...] = ()
    properties: tuple[Property, ...] = ()
    candidates: int | None = None


def evidence_of(
    dataset: Dataset,
    *,
    trained_on: str | None,
    candidates: int | None = None,
    fold: int | None = None,
    measured: Mapping[str, Sequence[Look]] | None = None,
) -> Evidence:
    """Collect what a dataset says of its validation and test photos.

    Args:
        dataset: What was measured on, as opened.
        trained_on: The fingerprint that the model states.
        candidates: How many states of the model validation chose from, such as the rows of the
            run's history; ``None`` where not known.
        fold: The fold that was the model's validation split; ``None`` for the split's own.
        measured: How photos of ``validation`` and ``test`` look, as `looks_of` gives it; ``None``
            where nobody looked.

    Returns:
        The evidence; without the validation photos of the model there is hardly any.

    Raises:
        ArtifactError: The dataset's tables are damaged.
        DataError: The dataset has no folds.
        UsageError: There is no such fold.
    """
    if trained_on != dataset.fingerprint:
        return Evidence(same_dataset=False, candidates=candidates)
    data = dataset if fold is None else dataset.fold(fold)
    train, validation, test = (data.splits[name] for name in ("train", "validation", "test"))
    known = {origin.filename: origin for origin in origins(data.root)}
    seen = _ties(train, known)
    return Evidence(
        same_dataset=True,
        validation_photos=len(validation),
        test_photos=len(test),
        tied_validation=_tied(validation, known, seen),
        tied_test=_tied(test, known, seen),
        near_looked_for=_stated(data, "config", "near_duplicates") is not False,
        groups_named=data.has_groups,
        test_chosen=_test_chosen(data, fold),
        shares=_shares(data.classes, validation, test),
        properties=(
            _compared("pixels", _pixels(validation, known), _pixels(test, known)),
            *_looks_compared(measured or {}),
        )
        if validation and test
        else (),
        candidates=candidates,
    )


def looks_of(dataset: Dataset, split: str, *, seed: int = 0, limit: int = LOOKED_AT) -> list[Look]:
    """Look at some photos of a split.

    Args:
        dataset: Whose.
        split: Which split.
        seed: Draws the photos.
        limit: At most how many.

    Returns:
        How they look; a photo that cannot be read is passed over.
    """
    names = sorted(sample.filename for sample in dataset.splits[split])
    drawn = random.Random(seed).sample(names, min(limit, len(names)))
    return looks(
        [each for name in sorted(drawn) if (each := _photo(dataset.root / name)) is not None]
    )


def _photo(path: Path) -> NDArray[np.uint8] | None:
    try:
        return decode(path, short_side_px=SHORT_SIDE_PX)
    except ImageError:
        return None


def _ties(samples: Sequence[Sample], known: Mapping[str, Origin]) -> set[tuple[str, str]]:
    return {tie for sample in samples for tie in _of(sample, known)}


def _of(sample: Sample, known: Mapping[str, Origin]) -> list[tuple[str, str]]:
    """What ties a photo to others, by kind."""
    origin = known[sample.filename]
    names = (origin.duplicate_set, origin.near_set, sample.group)
    return [(kind, name) for kind, name in zip(KINDS, names, strict=True) if name]


def _tied(
    samples: Sequence[Sample], known: Mapping[str, Origin], seen: set[tuple[str, str]]
) -> dict[str, int]:
    counts = Counter(tie[0] for sample in samples for tie in _of(sample, known) if tie in seen)
    return {kind: counts[kind] for kind in KINDS}


def _test_chosen(data: Dataset, fold: int | None) -> str:
    if _stated(data, "split", "time_by") is not None:
        return "newest"
    given, carved = _stated(data, "split", "given"), _stated(data, "split", "carved")
    test_given = isinstance(given, Mapping) and "test" in given
    taken = fold is not None or (isinstance(carved, Sequence) and "validation" in carved)
    return "given" if test_given and taken else "alike"


def _stated(data: Dataset, part: str, name: str) -> object:
    document = data.document.get(part)
    return document.get(name) if isinstance(document, Mapping) else None


def _shares(
    classes: Sequence[str], validation: Sequence[Sample], test: Sequence[Sample]
) -> tuple[Share, ...]:
    if not validation or not test:
        return ()
    there = Counter(sample.class_name for sample in validation)
    here = Counter(sample.class_name for sample in test)
    return tuple(
        Share(name=name, validation=there[name] / len(validation), test=here[name] / len(test))
        for name in classes
    )


def _pixels(samples: Sequence[Sample], known: Mapping[str, Origin]) -> list[float]:
    facts = [known[sample.filename].facts for sample in samples]
    return [float(each.width * each.height) for each in facts]


def _looks_compared(measured: Mapping[str, Sequence[Look]]) -> list[Property]:
    there, here = measured.get("validation", ()), measured.get("test", ())
    if not there or not here:
        return []
    return [
        _compared(
            name,
            [float(getattr(each, name)) for each in there],
            [float(getattr(each, name)) for each in here],
        )
        for name in PROPERTIES
    ]


def _compared(name: str, there: Sequence[float], here: Sequence[float]) -> Property:
    ordered = np.sort(np.asarray(there))
    below = np.searchsorted(ordered, here, side="left")
    upto = np.searchsorted(ordered, here, side="right")
    m, n = len(there), len(here)
    exceeds = float((below + upto).sum() / (2 * m * n))
    return Property(
        name=name,
        validation=median(there),
        test=median(here),
        exceeds=exceeds,
        deviations=(exceeds - 0.5) / math.sqrt((m + n + 1) / (12 * m * n)),
    )
