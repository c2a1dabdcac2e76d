"""Inflation: what a random split of the same photos would have claimed for the same head.

Photos of one person, recording or burst that stand on both sides of a split are learnt and then
tested. How much of a figure comes from that can be measured: a head on frozen features is fitted in
seconds, so it is fitted again on random splits.
"""

import dataclasses
import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from lineament.artifacts.dataset import SPLITS, Dataset
from lineament.artifacts.schema import field
from lineament.core.config import field_types, resolve
from lineament.core.errors import UsageError
from lineament.core.executor import Executor
from lineament.core.progress import QUIET, Progress, tracked
from lineament.measure.calibration import softmax
from lineament.measure.headline import headline_intervals
from lineament.measure.intervals import Interval, group_numbers
from lineament.runtime.embedding import embed
from lineament.runtime.predictor import Predictor
from lineament.training.checking import is_convex
from lineament.training.heads import fit_head
from lineament.training.recipe import TrainConfig

LEVEL = 0.95
FIX = "Train a head on this dataset (`lineament train DATASET --out RUN`) and name that run."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inflation:
    """How far a random split of the same photos flatters. All figures are fractions.

    Attributes:
        honest: Accuracy on the test photos of the dataset's own split; its interval is over groups
            where there are groups.
        naive: Mean accuracy over random splits; its interval is that of the mean.
        inflation: ``naive`` minus ``honest``.
        accuracies: Accuracy of each random split.
        n_photos: Photos of all splits.
        n_test: Test photos of each split.
        n_groups: Groups of the dataset's own test photos; ``None`` where none is named.
        backbone: The frozen network.
        seed: Of the random splits.
    """

    honest: Interval
    naive: Interval
    inflation: Interval
    accuracies: tuple[float, ...]
    n_photos: int
    n_test: int
    n_groups: int | None
    backbone: str
    seed: int

    @property
    def repeats(self) -> int:
        """How many random splits there were."""
        return len(self.accuracies)

    @property
    def sentence(self) -> str:
        """The figures, for a person."""
        photos, where = f"{self.n_test} photos", "on the dataset's own split"
        if self.n_groups is not None:
            photos += f" of {self.n_groups} group{'s' * (self.n_groups > 1)}"
            where = "kept apart by group"
        return (
            f"A random split of the same {self.n_photos} photos would have claimed "
            f"{_percent(self.naive.value)} % ({_percent(min(self.accuracies))} to "
            f"{_percent(max(self.accuracies))} over {self.repeats} splits); {where}, the same head "
            f"reaches {_percent(self.honest.value)} % ({_percent(self.honest.low)} to "
            f"{_percent(self.honest.high)}, {photos}): {self._verdict()}."
        )

    def _verdict(self) -> str:
        found, low, high = self.inflation.value, self.inflation.low, self.inflation.high
        if low > 0 and self.n_groups is not None:
            return f"{_points(found)} points ({_points(low)} to {_points(high)}) of it are leakage"
        if low > 0:
            return (
                f"the random split flatters by {_points(found)} points "
                f"({_points(low)} to {_points(high)})"
            )
        if high < 0:
            return (
                f"the random split is the harder one by {_points(-found)} points "
                f"({_points(-high)} to {_points(-low)})"
            )
        return f"the two cannot be told apart ({_points(low)} to {_points(high)} points)"

    def as_dict(self) -> dict[str, object]:
        """For ``report.json``."""
        return {
            "honest": self.honest.as_dict(),
            "naive": self.naive.as_dict(),
            "inflation": self.inflation.as_dict(),
            "accuracies": list(self.accuracies),
            "repeats": self.repeats,
            "n_photos": self.n_photos,
            "n_test": self.n_test,
            "n_groups": self.n_groups,
            "backbone": self.backbone,
            "seed": self.seed,
            "sentence": self.sentence,
        }


def inflation(
    model: Path,
    dataset: Path | Dataset,
    *,
    repeats: int = 5,
    seed: int = 0,
    progress: Progress = QUIET,
    executor: Executor | None = None,
) -> Inflation:
    """Measure what a random split of a dataset would have claimed for a head trained on it.

    The head is fitted as `train` fits it: on the dataset's own split, which gives the run's
    accuracy again, and on random ones. Those have as many photos of each class in each split, but
    ignore groups and duplicates. The photos being given, they are independent draws, so the
    interval of their mean is Student's.

    The interval of the difference joins both intervals (MOVER: Zou and Donner 2008, "Construction
    of confidence limits about effect measures"). The honest figure comes from one set of training
    photos, and its interval knows only of the test photos; so what accuracies vary by from one
    random split to the next, beyond what a count of test photos varies by, is joined as well.

    Args:
        model: A run in mode ``head``, or its bundle.
        dataset: The dataset that it was trained on, or its folder.
        repeats: How many random splits, 2 or more.
        seed: Of the random splits and of the resampling behind the honest interval.
        progress: Who listens.
        executor: Where photos are decoded and run; ``None`` is one thread per core.

    Returns:
        Both figures and their difference. The same arguments give the same figures.

    Raises:
        UsageError: ``repeats`` is below 2, the model is no head, or it was trained on another
            dataset.
        ArtifactError: Model or dataset is absent or damaged, or a photo is not the one that was
            prepared.
        DataError: A split is empty, or a photo cannot be read.
    """
    if repeats < 2:
        raise UsageError(f"`repeats` must be 2 or more, got {repeats}.")
    predictor = Predictor(model, executor=executor)
    data = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    backbone, recipe = _recipe(model, predictor, data)
    samples = [sample for split in SPLITS for sample in data.samples(split)]
    data.verify()
    labels = np.asarray([sample.label for sample in samples], dtype=np.int64)
    own = np.repeat(np.arange(len(SPLITS)), [len(data.samples(split)) for split in SPLITS])
    rows = embed(
        predictor.engine,
        [data.path(sample) for sample in samples],
        predictor.preprocessing,
        executor=predictor.executor,
    )
    features = np.stack(list(tracked(rows, progress, "features of all splits", len(samples))))
    names = [sample.filename for sample in samples]
    sides = [
        own,
        *(random_sides(own, labels, names, seed=f"{seed}/{each}") for each in range(repeats)),
    ]
    logits = [
        _test_logits(features, labels, side, len(data.classes), recipe)
        for side in tracked(sides, progress, "fitting heads", len(sides))
    ]
    truths = [labels[side == SPLITS.index("test")] for side in sides]
    accuracies = tuple(
        float((answer.argmax(axis=1) == truth).mean())
        for answer, truth in zip(logits[1:], truths[1:], strict=True)
    )
    groups = [sample.group for sample in data.samples("test")]
    honest = _honest(logits[0], truths[0], groups, seed)
    naive = _mean(accuracies, n=len(groups))
    return Inflation(
        honest=honest,
        naive=naive,
        inflation=_difference(naive, honest, accuracies),
        accuracies=accuracies,
        n_photos=len(samples),
        n_test=len(groups),
        n_groups=len(set(group_numbers(groups))) if any(groups) else None,
        backbone=backbone,
        seed=seed,
    )


def random_sides(
    own: NDArray[np.int64], labels: NDArray[np.int64], names: Sequence[str], *, seed: str
) -> NDArray[np.int64]:
    """Make a random split: the photos of each class exchange their sides.

    Args:
        own: Side of each photo, ``int64 (N,)``.
        labels: Class of each photo, ``int64 (N,)``.
        names: Unique name of each photo; a hash of seed and name is all the chance there is.
        seed: Makes another split.

    Returns:
        Sides, ``int64 (N,)``, each with as many photos of each class as before.

    Example:
        >>> own, labels = np.array([0, 0, 1, 0, 0, 1]), np.array([0, 0, 0, 1, 1, 1])
        >>> random_sides(own, labels, list("abcdef"), seed="0")
        array([1, 0, 0, 1, 0, 0])
    """
    digests = [hashlib.sha256(f"{seed}/{name}".encode()).digest() for name in names]
    order = np.asarray(sorted(range(len(names)), key=lambda index: digests[index]))
    sides = np.empty_like(own)
    for label in np.unique(labels):
        # Sorted, so that nothing hangs on the order in which the photos stand.
        sides[order[labels[order] == label]] = np.sort(own[labels == label])
    return sides


def _recipe(model: Path, predictor: Predictor, data: Dataset) -> tuple[str, TrainConfig]:
    """Name the backbone, and give the recipe of the head; refuse other models."""
    stated, name = predictor.provenance, str(model)
    mode = field(stated, "mode", str, name=name)
    if mode != "head":
        raise UsageError(
            f"{model} was trained with `--mode {mode}`: its network has learnt from photos that a "
            "random split would test on.",
            fix=FIX,
        )
    trained_on = field(stated, "dataset", dict, name=name)
    if field(trained_on, "fingerprint", str, name=name) != data.fingerprint:
        raise UsageError(
            f"{model} was not trained on {data.root}, so its accuracy there says nothing of the "
            "split.",
            fix=FIX,
        )
    # A recipe of an older version lacks the fields that came later: their defaults are what it did.
    known = field_types(TrainConfig)
    asked = field(stated, "recipe", dict, name=name)
    recipe = resolve(TrainConfig, {key: asked[key] for key in asked if key in known})
    if not is_convex(recipe):
        raise UsageError(
            f"The head of {model} was trained step by step; what is fitted here is a linear head "
            "that a solver finds, so its figures would be those of another head.",
            fix=FIX,
        )
    backbone = field(stated, "backbone", dict, name=name)
    return field(backbone, "name", str, name=name), recipe


def _test_logits(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    side: NDArray[np.int64],
    n_classes: int,
    recipe: TrainConfig,
) -> NDArray[np.float32]:
    """Fit a head as `train` does, and let it answer the test photos."""
    train, validation, test = (side == index for index in range(len(SPLITS)))
    head = fit_head(
        (features[train], labels[train]),
        (features[validation], labels[validation]),
        n_classes=n_classes,
        regularisation=recipe.regularisation,
        is_balanced=recipe.imbalance == "weights",
        progress=QUIET,
    )
    return head.logits(features[test])


def _honest(
    logits: NDArray[np.float32], truth: NDArray[np.int64], groups: Sequence[str], seed: int
) -> Interval:
    """Give the accuracy with the interval that a report would give it."""
    units = group_numbers(groups)
    # One group says nothing about the next: the photos are then all there is to resample.
    by_group = any(groups) and len(set(units)) > 1
    return headline_intervals(
        softmax(logits), truth, groups=units if by_group else None, seed=seed, level=LEVEL
    )["accuracy"]


def _mean(accuracies: Sequence[float], *, n: int) -> Interval:
    mean, repeats = float(np.mean(accuracies)), len(accuracies)
    error = float(np.std(accuracies, ddof=1)) / math.sqrt(repeats)
    half = float(stdtrit(repeats - 1, (1 + LEVEL) / 2)) * error
    return Interval(
        value=mean,
        low=max(0.0, mean - half),
        high=min(1.0, mean + half),
        level=LEVEL,
        method="student over random splits",
        n=n,
    )


def _difference(naive: Interval, honest: Interval, accuracies: Sequence[float]) -> Interval:
    found = naive.value - honest.value
    of_count = naive.value * (1 - naive.value) / naive.n
    training = math.sqrt(max(0.0, float(np.var(accuracies, ddof=1)) - of_count))
    drawn = float(ndtri((1 + LEVEL) / 2)) * training
    return Interval(
        value=found,
        low=found - math.hypot(naive.value - naive.low, honest.high - honest.value, drawn),
        high=found + math.hypot(naive.high - naive.value, honest.value - honest.low, drawn),
        level=LEVEL,
        method="mover",
        n=honest.n,
        n_groups=honest.n_groups,
    )


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def _points(fraction: float) -> str:
    """Whole points; a small negative difference is a plain 0."""
    return f"{round(100 * fraction) or 0}"
