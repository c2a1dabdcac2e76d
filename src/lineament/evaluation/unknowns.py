"""Unknowns: whether photos that show none of the classes are told from those that do."""

import base64
import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.decisions import Decisions
from lineament.artifacts.findings.unknowns import PassedUnknown, Unknowns, UnknownScore
from lineament.artifacts.predictions import Predictions
from lineament.core.errors import DataError, UsageError
from lineament.evaluation.wording import asked, percent, photos, spread
from lineament.measure.intervals import Groups, known_groups
from lineament.measure.openset import energy, open_set_accuracy
from lineament.measure.ranking import ranking_intervals
from lineament.measure.shares import share_interval

SHOWN = 24
FEWEST = 2  # one photo, or one group, says nothing about the next


def unknowns(
    known: Predictions,
    unknown: Predictions,
    decisions: Decisions | None,
    *,
    source: str,
    unreadable: int,
    units: Groups | None,
    thumbnail: Callable[[str], bytes | None],
    seed: int,
    level: float = 0.95,
    resamples: int = 1000,
) -> Unknowns:
    """Set the measured photos against photos of something else.

    Args:
        known: The answers to the measured photos, two or more, every label known.
        unknown: The answers of the same model to photos of none of its classes, two or more;
            labels are not looked at. Where any group is named, intervals are over groups.
        decisions: The model's thresholds; ``None`` where it has none.
        source: Where the unknown photos are.
        unreadable: How many of the files could not be read.
        units: Group of each known photo, for intervals over groups; ``None`` where photos are
            independent, which those of a single group are taken for.
        thumbnail: Gives a small JPEG of an unknown photo, or ``None``; asked for the shown ones
            alone.
        seed: Seed of the resampling.
        level: Confidence level, between 0 and 1.
        resamples: How many resamples, 1 or more.

    Returns:
        The finding. The first score is the one that ships where the model says how familiar a
        photo is, else the maximum probability.

    Raises:
        DataError: There are fewer than two unknown photos.
        UsageError: The two are answers of different models, or ``units``, ``level`` or
            ``resamples`` cannot be.
    """
    _check(known, unknown, source)
    of_known = _several(units)
    of_unknown = _several(known_groups(unknown.groups))
    scores = tuple(
        _score(name, *both, of_known, of_unknown, seed, level, resamples)
        for name, both in _scores(known, unknown).items()
    )

    threshold = None if decisions is None else decisions.unknown_threshold
    known_refused = unknown_refused = accuracy = None
    passes = np.ones(len(unknown.samples), dtype=bool)
    if threshold is not None and known.familiarity is not None and unknown.familiarity is not None:
        passes = unknown.familiarity.astype(np.float64) >= threshold
        answered = known.familiarity.astype(np.float64) >= threshold
        right = answered & (known.answers == known.labels)
        known_refused, known_right = (
            share_interval(each, groups=of_known, level=level) for each in (~answered, right)
        )
        unknown_refused = share_interval(~passes, groups=of_unknown, level=level)
        accuracy = open_set_accuracy(known_right, unknown_refused)
    else:
        threshold = None
    finding = Unknowns(
        source=source,
        known=len(known.samples),
        unknown=len(unknown.samples),
        unreadable=unreadable,
        scores=scores,
        threshold=threshold,
        known_refused=known_refused,
        unknown_refused=unknown_refused,
        open_set_accuracy=accuracy,
        passed=_passed(unknown, passes, thumbnail),
        sentence="",
    )
    return dataclasses.replace(finding, sentence=_sentence(finding, decisions))


def _check(known: Predictions, unknown: Predictions, source: str) -> None:
    if known.classes != unknown.classes:
        raise UsageError(
            "Known and unknown photos must be answered by one model; the classes differ."
        )
    if len(unknown.samples) < FEWEST:
        raise DataError(
            f"An evaluation against unknown photos needs two or more; {source} has "
            f"{len(unknown.samples)} that can be read.",
            fix="Give a folder with more photos of what the model does not know.",
        )


def _several(groups: Groups | None) -> Groups | None:
    """Two groups or more; of one alone the photos count as independent."""
    return None if groups is None or len(np.unique(np.asarray(groups))) < FEWEST else groups


def _scores(
    known: Predictions, unknown: Predictions
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Per name the score of the known and of the unknown photos, higher for what is known."""
    scores = {
        "maximum probability": (
            known.probabilities.max(axis=1).astype(np.float64),
            unknown.probabilities.max(axis=1).astype(np.float64),
        ),
        "energy": (energy(known.logits), energy(unknown.logits)),
    }
    if known.familiarity is None or unknown.familiarity is None:
        return scores
    familiarity = (known.familiarity.astype(np.float64), unknown.familiarity.astype(np.float64))
    return {"familiarity": familiarity} | scores


def _score(
    name: str,
    of_known: NDArray[np.float64],
    of_unknown: NDArray[np.float64],
    known_groups: Groups | None,
    unknown_groups: Groups | None,
    seed: int,
    level: float,
    resamples: int,
) -> UnknownScore:
    intervals = ranking_intervals(
        of_known,
        of_unknown,
        positive_groups=known_groups,
        negative_groups=unknown_groups,
        seed=seed,
        level=level,
        resamples=resamples,
    )
    return UnknownScore(
        name=name,
        area_under_roc=intervals["area_under_roc"],
        false_positive_rate=intervals["false_positive_rate_at_95"],
    )


def _passed(
    unknown: Predictions, passes: NDArray[np.bool_], thumbnail: Callable[[str], bytes | None]
) -> tuple[PassedUnknown, ...]:
    """The unknown photos that are answered, those first that the model takes most for known."""
    confidence = unknown.probabilities.max(axis=1)
    familiarity = unknown.familiarity
    first = confidence if familiarity is None else familiarity
    # The file decides between equals, so that the order of arrival does not.
    order = sorted(np.flatnonzero(passes).tolist(), key=lambda i: (-first[i], unknown.samples[i]))
    return tuple(
        PassedUnknown(
            source=unknown.samples[i],
            answer=unknown.classes[unknown.answers[i]],
            confidence=float(confidence[i]),
            familiarity=None if familiarity is None else float(familiarity[i]),
            thumbnail=_base64(thumbnail(unknown.samples[i])),
        )
        for i in order[:SHOWN]
    )


def _sentence(finding: Unknowns, decisions: Decisions | None) -> str:
    shipping = finding.scores[0]
    pairs = percent(shipping.area_under_roc.value)
    of_all = photos(finding.unknown, kind="unknown")
    if finding.known_refused is None or finding.unknown_refused is None:
        more = "more familiar to the model" if shipping.name == "familiarity" else "answered surer"
        return (
            f"The model has no threshold for unknown photos, so it answers all {of_all} as if they "
            f"were known. A known photo is {more} than an unknown one in {pairs} of all pairs."
        )
    assert decisions is not None, "a threshold is one of the decisions"
    allowed, refused = decisions.unknown_share, finding.known_refused
    if refused.low > allowed:
        kept = f"more than the {asked(allowed)} that validation allowed for"
    else:
        kept = f"where validation allowed for {asked(allowed)}"
    return (
        f"Of {of_all}, {spread(finding.unknown_refused)} are refused; of the known ones, "
        f"{spread(refused)}, {kept}. A known photo is more familiar to the model than an unknown "
        f"one in {pairs} of all pairs."
    )


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode("ascii")
