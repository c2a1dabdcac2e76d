"""Same photos: answers of several models, put in one order or refused."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from lineament.artifacts.predictions import UNKNOWN_LABEL, Predictions
from lineament.core.errors import DataError


def on_the_same_photos(
    answers: Mapping[str, Sequence[Predictions]],
) -> dict[str, list[Predictions]]:
    """Give answers with photos in the order of their ids, and classes in that of the first.

    Args:
        answers: Per model, by its name, the answers with each of its seeds.

    Returns:
        The same, in the same order of models and seeds, row by row about the same photos;
        familiarity is left out.

    Raises:
        DataError: The photos, their classes or their groups are not the same for all, a label is
            not known, or there are fewer than two photos.
    """
    reference = next(iter(answers.values()))[0]
    truth: Predictions | None = None
    aligned: dict[str, list[Predictions]] = {}
    for name, of_model in answers.items():
        for each in of_model:
            _check_same(each, reference, name)
            ordered = _ordered(each, reference.classes)
            truth = truth or ordered
            _check_truth(ordered, truth, name)
            aligned.setdefault(name, []).append(ordered)
    assert truth is not None, "there is a first"
    _check_photos(truth)
    return aligned


def _check_same(predictions: Predictions, reference: Predictions, name: str) -> None:
    times = Counter(predictions.samples)
    twice = sorted(sample for sample, count in times.items() if count > 1)
    if twice:
        raise DataError(
            f"{len(twice)} photos were answered twice by {name}.",
            at=twice,
            fix="Evaluate that model again.",
        )
    wanted, given = set(reference.samples), set(predictions.samples)
    if wanted != given:
        raise DataError(
            f"{name} was not measured on the same photos as the others: {len(wanted - given)} are "
            f"absent, {len(given - wanted)} are others.",
            at=sorted(wanted ^ given),
            fix="Evaluate all models on the same split of the same dataset.",
        )
    odd = sorted(set(predictions.classes) ^ set(reference.classes))
    if odd:
        raise DataError(
            f"{name} knows other classes than the others.",
            at=odd,
            fix="Compare models of the same classes.",
        )


def _ordered(predictions: Predictions, classes: tuple[str, ...]) -> Predictions:
    order = np.array(sorted(range(len(predictions.samples)), key=predictions.samples.__getitem__))
    columns = [predictions.classes.index(each) for each in classes]
    numbers = np.array([classes.index(each) for each in predictions.classes] + [UNKNOWN_LABEL])
    return Predictions(
        samples=tuple(predictions.samples[i] for i in order),
        classes=classes,
        probabilities=predictions.probabilities[order][:, columns],
        logits=predictions.logits[order][:, columns],
        labels=numbers[predictions.labels[order]],  # -1 lands on the last entry
        groups=tuple(predictions.groups[i] for i in order),
    )


def _check_truth(ordered: Predictions, truth: Predictions, name: str) -> None:
    labels_differ = np.flatnonzero(ordered.labels != truth.labels).tolist()
    groups = zip(ordered.groups, truth.groups, strict=True)
    groups_differ = [i for i, (ours, theirs) in enumerate(groups) if ours != theirs]
    for what, places in (("classes", labels_differ), ("groups", groups_differ)):
        if places:
            raise DataError(
                f"{len(places)} photos have other {what} in {name} than in the others.",
                at=[ordered.samples[i] for i in places],
                fix="Evaluate all models on the same split of the same dataset.",
            )


def _check_photos(shared: Predictions) -> None:
    n = len(shared.samples)
    if n < 2:
        raise DataError(
            f"A comparison needs two photos or more, got {n}.",
            fix="Prepare the dataset again with more photos for that split.",
        )
    unknown = [shared.samples[i] for i in np.flatnonzero(shared.labels < 0)]
    if unknown:
        raise DataError(
            f"{len(unknown)} of {n} photos have no known class; nothing was compared.",
            at=unknown,
            fix="Evaluate on a dataset whose every class is one of the models'.",
        )
