"""Contents: what every tracker is told of a training, as plain texts and numbers."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.report import EvaluationReport
from lineament.measure.calibration import expected_calibration_error
from lineament.measure.classification import (
    ClassScores,
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    log_loss,
    macro_f1,
    per_class,
)

Plain = str | int | float | bool | None
JUDGED = ("train_", "validation_")  # columns of history that are told of a split
HISTORY_STEP = "epoch"
# 10,000 cells: what W&B takes in one table, and what still can be read in a picture.
DRAWN_CLASSES = 100
CLASS_COLUMNS = ("class", "precision", "recall", "f1", "support")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judgement:
    """How a model answered the photos of a split.

    Attributes:
        split: ``validation`` or ``test``, also ``train``.
        classes: The ``C`` class names.
        matrix: Counts, ``int64 (C, C)``, row is the truth; ``None`` where there are too many
            classes to draw it.
        per_class: One entry per class.
        figures: Of the whole split, by name.
    """

    split: str
    classes: tuple[str, ...]
    matrix: NDArray[np.int64] | None
    per_class: tuple[ClassScores, ...]
    figures: Mapping[str, float]

    @property
    def class_rows(self) -> list[list[str | float]]:
        """A row per class, of `CLASS_COLUMNS`."""
        return [
            [each.name, each.precision, each.recall, each.f1, each.support]
            for each in self.per_class
        ]


def judgement_of(answers: Predictions, *, split: str) -> Judgement:
    """Judge answers to photos whose labels are known.

    Args:
        answers: At least one.
        split: Whose photos they are.
    """
    matrix = confusion_matrix(answers.labels, answers.answers, n_classes=len(answers.classes))
    probabilities, labels = answers.probabilities, answers.labels
    return Judgement(
        split=split,
        classes=answers.classes,
        matrix=matrix if len(matrix) <= DRAWN_CLASSES else None,
        per_class=tuple(per_class(matrix, answers.classes)),
        figures={
            "accuracy": accuracy(matrix),
            "balanced_accuracy": balanced_accuracy(matrix),
            "macro_f1": macro_f1(matrix),
            "log_loss": log_loss(probabilities, labels),
            "expected_calibration_error": expected_calibration_error(probabilities, labels),
        },
    )


def judgement_in(report: EvaluationReport) -> Judgement:
    """What a report says, each leading figure with the limits of its interval."""
    figures: dict[str, float] = {}
    for name, interval in report.headline.items():
        figures |= {
            name: interval.value,
            f"{name}_low": interval.low,
            f"{name}_high": interval.high,
        }
    confusion = report.confusion if len(report.classes) <= DRAWN_CLASSES else None
    return Judgement(
        split=report.split,
        classes=report.classes,
        matrix=None if confusion is None else np.array(confusion.raw, dtype=np.int64),
        per_class=tuple(
            ClassScores(
                name=each.name,
                precision=each.precision,
                recall=each.recall,
                f1=each.f1,
                support=each.support,
            )
            for each in report.per_class
        ),
        figures=figures,
    )


def curves(row: Mapping[str, object]) -> dict[str, float]:
    """The numbers of a row of history; a split comes before a slash, so trackers group by it.

    Example:
        >>> curves({"epoch": 1, "train_loss": 0.5, "validation_accuracy": None, "size_px": 224})
        {'train/loss': 0.5, 'size_px': 224.0}
    """
    told = {}
    for name, value in row.items():
        if name == HISTORY_STEP or not isinstance(value, (int, float)):
            continue
        split = next((each for each in JUDGED if name.startswith(each)), "")
        told[f"{split.replace('_', '/')}{name.removeprefix(split)}"] = float(value)
    return told


def layer_curves(layers: Sequence[LayerValues]) -> dict[str, float]:
    """How large each layer's values and gradients are, and how far a step moves it."""
    told = {f"{each.kind}_rms/{each.layer}": each.rms for each in layers}
    told |= {
        f"update_ratio/{each.layer}": each.update_ratio
        for each in layers
        if each.update_ratio is not None
    }
    return told


def flat(nested: Mapping[str, object], prefix: str = "") -> dict[str, Plain]:
    """Lay nested settings flat, as trackers list and filter them.

    Args:
        nested: Objects, lists, texts and numbers.
        prefix: What comes before each name.

    Returns:
        One value per name; names of objects in objects are joined with dots, lists become texts.

    Example:
        >>> flat({"photos": {"train": 3}, "split": [0.5, 0.5]}, "dataset.")
        {'dataset.photos.train': 3, 'dataset.split': '[0.5, 0.5]'}
    """
    return dict(_laid(nested, prefix))


def _laid(nested: Mapping[str, object], prefix: str) -> Iterator[tuple[str, Plain]]:
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from _laid(value, f"{prefix}{name}.")
        elif value is None or isinstance(value, (str, bool, int, float)):
            yield f"{prefix}{name}", value
        else:
            yield f"{prefix}{name}", json.dumps(value, ensure_ascii=False, default=str)


def configuration(
    recipe: Mapping[str, object],
    dataset: Mapping[str, object],
    versions: Mapping[str, object],
    machine: Mapping[str, object],
) -> dict[str, Plain]:
    """All that a training depended on, flat; fields of the recipe under their own names.

    Where the dataset lay on the trainer's disk is left out: records are shown to others.
    """
    told = {name: value for name, value in dataset.items() if name != "path"}
    return {
        **flat(recipe),
        **flat(told, "dataset."),
        **flat(versions, "versions."),
        **flat(machine, "machine."),
    }
