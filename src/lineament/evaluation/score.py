"""Score: turn answers into figures with intervals, and say what must be known to quote them."""

import base64
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.dataset import SPLITS
from lineament.artifacts.decisions import Decisions
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.report import (
    ClassFigures,
    ConfusedPair,
    Confusion,
    EvaluationReport,
    Mistake,
)
from lineament.core.errors import DataError, UsageError
from lineament.core.suggest import did_you_mean
from lineament.evaluation.calibrated import calibration
from lineament.evaluation.curves import binary_curves
from lineament.evaluation.deviations import deviations
from lineament.evaluation.refusals import refusals
from lineament.evaluation.selective import selective
from lineament.evaluation.sets import prediction_sets
from lineament.evaluation.stating import as_json, environment
from lineament.measure.classification import (
    confusion_matrix,
    macro_f1,
    macro_precision,
    macro_recall,
    per_class,
    row_normalised,
    z_scored,
)
from lineament.measure.headline import headline_intervals
from lineament.measure.intervals import Interval, known_groups
from lineament.measure.proportions import class_intervals

Thumbnail = Callable[[str], bytes | None]  # of a sample, a small JPEG; None where there is none

LEVEL = 0.95
RESAMPLES = 1000  # the limits of a 95 % interval then move by about a tenth of its width
N_BINS = 15  # as in Guo et al. 2017, so that the calibration error compares with what is published
N_PAIRS = 20
FEW_PHOTOS = 10  # all of 10 found still leaves a recall of 72 %: no figure to compare classes by
FEW_GROUPS = 30  # the bootstrap over fewer is too narrow (Cameron, Gelbach and Miller 2008)
NAMED = 10  # more classes in one sentence are not read
MATRIX_CLASSES = 200  # 7,000 people would make 49 million cells, three times over


def score(
    predictions: Predictions,
    *,
    split: str,
    subject: Mapping[str, object],
    dataset: Mapping[str, object],
    thumbnail: Thumbnail,
    temperature: float = 1.0,
    decisions: Decisions | None = None,
    seed: int = 0,
    n_mistakes: int = 24,
) -> EvaluationReport:
    """Judge the answers of a model to photos whose class is known.

    Args:
        predictions: The answers, two photos or more, every label known. Where any group is named,
            the intervals are over groups, and a photo without a group is its own.
        split: Which split the photos are: ``train``, ``validation`` or ``test``.
        subject: What was evaluated, for the report; ``trained_on`` is the fingerprint of the
            dataset that it was trained on. JSON values only.
        dataset: What the photos belong to, for the report; ``fingerprint`` is compared with
            ``trained_on``. JSON values only.
        thumbnail: Gives a small JPEG of a sample, or ``None`` where there is none; asked for the
            shown mistakes alone.
        temperature: What the logits were divided by.
        decisions: What the model does with how sure it is; ``None`` where it does not say.
        seed: Seed of the resampling.
        n_mistakes: How many of the most confident mistakes to show, 0 or more.

    Returns:
        Every figure, and the warnings that belong to them. The same arguments give the same report.

    Raises:
        UsageError: There is no such split, or ``n_mistakes`` is negative.
        DataError: A label is not known, or there are fewer than two photos.
    """
    _check(predictions, split, n_mistakes)
    labels, answers = predictions.labels, predictions.answers
    units = known_groups(predictions.groups)
    one_group = units is not None and len(set(units)) == 1
    resampled = None if one_group else units
    headline = headline_intervals(
        predictions.probabilities,
        labels,
        groups=resampled,
        seed=seed,
        level=LEVEL,
        resamples=RESAMPLES,
        n_bins=N_BINS,
    )
    matrix = confusion_matrix(labels, answers, n_classes=len(predictions.classes))
    return EvaluationReport(
        subject=as_json(subject),
        dataset=as_json(dataset),
        split=split,
        n_images=len(labels),
        n_right=int((labels == answers).sum()),
        n_groups=None if units is None else len(set(units)),
        classes=predictions.classes,
        headline=headline,
        per_class=_class_figures(predictions, matrix, resampled),
        macro={
            "precision": macro_precision(matrix),
            "recall": macro_recall(matrix),
            "f1": macro_f1(matrix),
        },
        confusion=_confusion(matrix) if len(matrix) <= MATRIX_CLASSES else None,
        most_confused=_most_confused(matrix, predictions.classes),
        calibration=calibration(
            predictions, temperature=temperature, units=resampled, seed=seed, n_bins=N_BINS
        ),
        mistakes=_mistakes(predictions, n_mistakes, thumbnail),
        warnings=(
            *_split_warnings(split),
            *_origin_warnings(subject, dataset),
            *_group_warnings(units, predictions.groups, split),
            *_class_warnings(matrix.sum(axis=1), predictions.classes, split),
            *_baseline_warnings(headline["accuracy"], matrix.sum(axis=1), predictions.classes),
        ),
        seed=seed,
        resamples=RESAMPLES,
        environment=environment(),
        deviations=deviations(matrix, predictions.classes),
        curves=binary_curves(predictions, units=resampled, seed=seed),
        selective=selective(predictions, decisions, units=resampled),
        prediction_sets=prediction_sets(predictions, decisions, units=resampled),
        refusals=refusals(predictions, decisions, units=resampled),
    )


def _check(predictions: Predictions, split: str, n_mistakes: int) -> None:
    if split not in SPLITS:
        raise UsageError(
            f"There is no split `{split}`.{did_you_mean(split, SPLITS)}",
            fix=f"The splits are {', '.join(SPLITS)}.",
        )
    if n_mistakes < 0:
        raise UsageError(f"`n_mistakes` must be 0 or more, got {n_mistakes}.")
    n = len(predictions.samples)
    if n < 2:
        raise DataError(
            f"An evaluation needs two photos or more; the {split} split has {n}.",
            fix="Prepare the dataset again with more photos for that split.",
        )
    unknown = [predictions.samples[i] for i in np.flatnonzero(predictions.labels < 0)]
    if unknown:
        raise DataError(
            f"{len(unknown)} of {n} photos have no known class; nothing was scored.",
            at=unknown,
            fix="Evaluate on a dataset whose every class is one of the model's.",
        )


def _class_figures(
    predictions: Predictions, matrix: NDArray[np.int64], units: Sequence[int] | None
) -> tuple[ClassFigures, ...]:
    intervals = class_intervals(
        predictions.labels, predictions.answers, len(matrix), groups=units, level=LEVEL
    )
    return tuple(
        ClassFigures(
            name=scores.name,
            precision=scores.precision,
            recall=scores.recall,
            f1=scores.f1,
            support=scores.support,
            recall_interval=each.recall,
            precision_interval=each.precision,
            f1_interval=each.f1,
        )
        for scores, each in zip(per_class(matrix, predictions.classes), intervals, strict=True)
    )


def _confusion(matrix: NDArray[np.int64]) -> Confusion:
    return Confusion(
        raw=tuple(tuple(row) for row in matrix.tolist()),
        row_normalised=tuple(tuple(row) for row in row_normalised(matrix).tolist()),
        z_scored=tuple(tuple(row) for row in z_scored(matrix).tolist()),
    )


def _most_confused(matrix: NDArray[np.int64], classes: Sequence[str]) -> tuple[ConfusedPair, ...]:
    wrong = np.argwhere((matrix > 0) & ~np.eye(len(matrix), dtype=bool))
    counts = matrix[wrong[:, 0], wrong[:, 1]]
    order = np.argsort(-counts, kind="stable")[:N_PAIRS]
    return tuple(
        ConfusedPair(
            truth=classes[truth],
            answer=classes[answer],
            count=int(matrix[truth, answer]),
            support=int(matrix[truth].sum()),
        )
        for truth, answer in wrong[order]
    )


def _mistakes(predictions: Predictions, limit: int, thumbnail: Thumbnail) -> tuple[Mistake, ...]:
    labels, answers = predictions.labels, predictions.answers
    wrong = np.flatnonzero(labels != answers)
    confidence = predictions.probabilities[wrong, answers[wrong]]
    shown = wrong[np.argsort(-confidence, kind="stable")][:limit]
    return tuple(
        Mistake(
            sample=predictions.samples[i],
            truth=predictions.classes[labels[i]],
            answer=predictions.classes[answers[i]],
            confidence=float(predictions.probabilities[i, answers[i]]),
            truth_probability=float(predictions.probabilities[i, labels[i]]),
            thumbnail=_base64(thumbnail(predictions.samples[i])),
        )
        for i in shown
    )


def _split_warnings(split: str) -> list[str]:
    reasons = {
        "train": "Evaluated on the train split: the model has learnt from these very photos",
        "validation": "Evaluated on the validation split: validation chose this model",
    }
    return [f"{reasons[split]}, so this is not a test figure."] if split in reasons else []


def _origin_warnings(subject: Mapping[str, object], dataset: Mapping[str, object]) -> list[str]:
    trained_on, measured_on = subject.get("trained_on"), dataset.get("fingerprint")
    if not trained_on or not measured_on:
        silent = "The model does not state the fingerprint of the dataset it was trained on"
        if trained_on:
            silent = "The dataset states no fingerprint"
        return [f"{silent}, so some of these photos may have been in its training."]
    if trained_on != measured_on:
        return [
            f"The model was trained on another dataset (fingerprint {str(trained_on)[:12]}, here "
            f"{str(measured_on)[:12]}), so some of these photos may have been in its training."
        ]
    return []


def _group_warnings(units: Sequence[int] | None, groups: Sequence[str], split: str) -> list[str]:
    if units is None:
        return []
    n_groups = len(set(units))
    if n_groups == 1:
        return [
            f"All {split} photos come from one group ({groups[0]}): the intervals treat them as "
            "independent and are narrower than they should be."
        ]
    if n_groups < FEW_GROUPS:
        return [
            f"The {split} photos come from only {n_groups} groups, so the intervals are rough and "
            "rather too narrow."
        ]
    return []


def _class_warnings(support: NDArray[np.int64], classes: Sequence[str], split: str) -> list[str]:
    warnings = []
    present = [name for name, n in zip(classes, support, strict=True) if n]
    absent = [name for name, n in zip(classes, support, strict=True) if not n]
    few = [(name, n) for name, n in zip(classes, support, strict=True) if 0 < n < FEW_PHOTOS]
    if len(present) == 1:
        warnings.append(
            f"All {split} photos are of class {present[0]}, so nothing is known about the others."
        )
    elif len(absent) == 1:
        warnings.append(f"Class {absent[0]} has no {split} photos, so nothing is known about it.")
    elif absent:
        warnings.append(
            f"{len(absent)} classes have no {split} photos, so nothing is known about them: "
            f"{_named(absent)}."
        )
    if len(few) == 1:
        name, n = few[0]
        photos = "photo" if n == 1 else "photos"
        warnings.append(
            f"Class {name} has only {n} {split} {photos}, so its own figures say little."
        )
    elif few:
        listed = _named([f"{name} ({n})" for name, n in few])
        warnings.append(
            f"{len(few)} classes have fewer than {FEW_PHOTOS} {split} photos, so their own figures "
            f"say little: {listed}."
        )
    return warnings


def _baseline_warnings(
    accuracy: Interval, support: NDArray[np.int64], classes: Sequence[str]
) -> list[str]:
    share = float(support.max() / support.sum())
    if share == 1 or accuracy.low > share:
        return []
    return [
        f"Always answering {classes[int(support.argmax())]} would be right on {share * 100:.1f} % "
        "of these photos, and the interval of the accuracy does not lie above that."
    ]


def _named(names: Sequence[str]) -> str:
    hidden = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {hidden} more" if hidden > 0 else "")


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode("ascii")
