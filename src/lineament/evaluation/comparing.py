"""Comparing: several models on the same photos, pair by pair, and which one to take.

The words are in `verdict_words`; the statistics of a pair in `measure.paired`.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import combinations
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.dataset import SPLITS
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.verdicts import ComparisonReport, Contender, Cost, Verdict
from lineament.core.errors import UsageError
from lineament.core.suggest import did_you_mean
from lineament.evaluation.same_photos import on_the_same_photos
from lineament.evaluation.stating import as_json, environment
from lineament.evaluation.verdict_words import (
    Decisive,
    comparison_warnings,
    recommendation_sentence,
    verdict_sentence,
)
from lineament.measure.headline import headline_intervals
from lineament.measure.intervals import Interval, group_numbers, two_sided_z
from lineament.measure.multiple import holm
from lineament.measure.paired import PairedResult, compare_paired
from lineament.measure.power import photos_needed
from lineament.measure.quantiles import two_sided_t

LEVEL = 0.95
RESAMPLES = 1000
FIGURES = {"accuracy": 1.0, "balanced_accuracy": 1.0, "log_loss": inf}  # each with its upper end


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One model to compare, with one seed or several.

    Attributes:
        name: What to call it; distinct.
        predictions: The answers with each seed, to the same photos in any order.
        runs: Where each of them is from.
        seeds: The seed of each.
        cost: What the model costs.
        facts: What else to say of it. JSON values only.
    """

    name: str
    predictions: tuple[Predictions, ...]
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    cost: Cost
    facts: Mapping[str, object] = dataclasses.field(default_factory=dict)


def compare(
    entries: Sequence[Entry], *, dataset: Mapping[str, object], split: str, seed: int = 0
) -> ComparisonReport:
    """Say which of several models are better than which, on the same photos, and which to take.

    Args:
        entries: Two models or more. Photos are matched by id, whatever their order. Where any photo
            names a group, all statements are about photos of new groups, and a photo without one is
            its own.
        dataset: What the photos belong to, for the report; ``openings``, a number, is how often the
            split had been looked at. JSON values only.
        split: Which split the photos are: ``train``, ``validation`` or ``test``.
        seed: Seed of the resampling behind the intervals of the single models. The statements about
            pairs need none: nothing in them is drawn.

    Returns:
        Every figure, every pair and the recommendation: the most accurate model, or the cheapest of
        those that cannot be told apart from it. Cost is milliseconds, else multiply-adds, else
        parameters, else the size of the file: the first that is known of all. The same arguments
        give the same comparison, in whatever order the photos come.

    Raises:
        UsageError: There is one model alone, two have one name, a model has no predictions or not
            one run and seed for each, or there is no such split.
        DataError: The photos, their classes or their groups are not the same for all, a label is
            not known, or there are fewer than two photos.
    """
    _check(entries, split)
    entries = [_by_seed(entry) for entry in entries]
    aligned = on_the_same_photos({entry.name: entry.predictions for entry in entries})
    shared = aligned[entries[0].name][0]
    units = np.asarray(group_numbers(shared.groups)) if any(shared.groups) else None
    n_groups = None if units is None else int(units.max()) + 1
    contenders = [
        _contender(entry, aligned[entry.name], units if n_groups != 1 else None, seed)
        for entry in entries
    ]
    contenders.sort(key=lambda each: -each.accuracy.value)  # stable: equals keep their order
    measure = _cost_measure(contenders)
    contenders = [
        dataclasses.replace(each, on_front=_on_front(each, contenders, measure))
        for each in contenders
    ]
    right = {
        name: np.stack([each.answers == each.labels for each in answers])
        for name, answers in aligned.items()
    }
    verdicts = _verdicts(contenders, right, units)
    choice, told_apart = _choose(contenders, verdicts, measure)
    by_pair = {(each.first, each.second): each for each in verdicts}
    return ComparisonReport(
        dataset=as_json(dataset),
        split=split,
        n_images=len(shared.samples),
        n_groups=n_groups,
        classes=shared.classes,
        contenders=tuple(contenders),
        verdicts=verdicts,
        recommendation=choice.name,
        sentence=recommendation_sentence(
            choice,
            best=contenders[0],
            candidates=len(contenders) - told_apart,
            of=len(contenders),
            measure=measure,
            verdict=by_pair.get((contenders[0].name, choice.name)),
        ),
        warnings=comparison_warnings(
            contenders,
            split=split,
            groups=shared.groups,
            n_groups=n_groups,
            openings=dataset.get("openings"),
        ),
        seed=seed,
        resamples=RESAMPLES,
        level=LEVEL,
        environment=environment(),
    )


def _check(entries: Sequence[Entry], split: str) -> None:
    if split not in SPLITS:
        raise UsageError(
            f"There is no split `{split}`.{did_you_mean(split, SPLITS)}",
            fix=f"The splits are {', '.join(SPLITS)}.",
        )
    if len(entries) < 2:
        raise UsageError(
            f"A comparison needs two models or more, got {len(entries)}.",
            fix="Name another run, bundle or report; runs that differ in their seed are one model.",
        )
    names = [entry.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            "Models that are compared need distinct names.",
            at=twice,
            fix="Give each its own name, or give runs that differ in their seed as one model.",
        )
    uneven = [
        f"{entry.name} ({len(entry.predictions)} predictions, {len(entry.runs)} runs, "
        f"{len(entry.seeds)} seeds)"
        for entry in entries
        if not len(entry.predictions) == len(entry.runs) == len(entry.seeds) > 0
    ]
    if uneven:
        raise UsageError("A model needs predictions, a run and a seed of each.", at=uneven)


def _by_seed(entry: Entry) -> Entry:
    """Put seeds in rising order, so that the order in which runs are named changes no digit."""
    order = sorted(range(len(entry.runs)), key=lambda i: (entry.seeds[i], entry.runs[i]))
    return dataclasses.replace(
        entry,
        predictions=tuple(entry.predictions[i] for i in order),
        runs=tuple(entry.runs[i] for i in order),
        seeds=tuple(entry.seeds[i] for i in order),
    )


def _contender(
    entry: Entry, answers: Sequence[Predictions], units: NDArray[np.int64] | None, seed: int
) -> Contender:
    headlines = [
        headline_intervals(
            each.probabilities,
            each.labels,
            groups=units,
            seed=seed,
            level=LEVEL,
            resamples=RESAMPLES,
        )
        for each in answers
    ]
    accuracy, balanced, loss = (
        mean_over_seeds([each[figure] for each in headlines], highest=highest)
        for figure, highest in FIGURES.items()
    )
    return Contender(
        name=entry.name,
        runs=entry.runs,
        seeds=entry.seeds,
        accuracy=accuracy,
        by_seed=tuple(each["accuracy"].value for each in headlines),
        balanced_accuracy=balanced,
        log_loss=loss,
        cost=entry.cost,
        on_front=False,
        facts=as_json(entry.facts),
    )


def mean_over_seeds(figures: Sequence[Interval], *, highest: float = 1.0) -> Interval:
    """Give the mean of a figure over seeds, with what photos and seeds leave open of it.

    The photos' part is the mean of the single intervals, which is rather too wide, as seeds do not
    err on quite the same photos; the seeds' part is the variance of their mean. Both are added, and
    the quantile is Student's with Satterthwaite's degrees of freedom. It assumes that photos are
    many: their part counts as known.

    Args:
        figures: With each seed, on the same photos; 0 or more.
        highest: What the figure cannot exceed.

    Returns:
        The interval; that of the one seed where there is one.

    Example:
        >>> from lineament.measure.intervals import wilson
        >>> one, two = wilson(90, 100), wilson(80, 100)
        >>> means = mean_over_seeds([one, one]), mean_over_seeds([one, two])
        >>> [round(mean.low, 2) for mean in means]
        [0.83, 0.64]
    """
    first = figures[0]
    if len(figures) == 1:
        return first
    values = np.array([each.value for each in figures])
    value, part = float(values.mean()), float(values.var(ddof=1)) / len(values)
    z = two_sided_z(first.level)
    arms = []
    for limits in ([e.value - e.low for e in figures], [e.high - e.value for e in figures]):
        photos = (float(np.mean(limits)) / z) ** 2
        wide = z
        if part > 0:
            freedom = (photos + part) ** 2 / part**2 * (len(values) - 1)
            wide = two_sided_t(first.level, freedom=freedom)
        arms.append(wide * sqrt(photos + part))
    return dataclasses.replace(
        first,
        value=value,
        low=max(0.0, value - arms[0]),
        high=min(highest, value + arms[1]),
        method=f"{first.method} with seeds",
    )


def _verdicts(
    contenders: Sequence[Contender],
    right: Mapping[str, NDArray[np.bool_]],
    units: NDArray[np.int64] | None,
) -> tuple[Verdict, ...]:
    pairs = list(combinations(contenders, 2))
    results = [
        compare_paired(right[first.name], right[second.name], units=units, level=LEVEL)
        for first, second in pairs
    ]
    adjusted = holm([result.p_value for result in results])
    return tuple(
        _verdict(first, second, result, float(p_adjusted), len(pairs))
        for (first, second), result, p_adjusted in zip(pairs, results, adjusted, strict=True)
    )


def _verdict(
    first: Contender, second: Contender, result: PairedResult, p_adjusted: float, n_pairs: int
) -> Verdict:
    difference = result.difference
    n = difference.n
    needed = photos_needed(
        result.only_first / n,
        result.only_second / n,
        level=LEVEL,
        design_effect=result.design_effect,
        seed_variance=result.seed_variance,
    )
    groups = difference.n_groups
    verdict = Verdict(
        first=first.name,
        second=second.name,
        difference=difference,
        only_first=round(result.only_first),
        only_second=round(result.only_second),
        test=result.test,
        p_value=result.p_value,
        p_adjusted=p_adjusted,
        differ=p_adjusted <= 1 - LEVEL,
        needed=needed,
        needed_groups=None if needed is None or groups is None else -(-needed * groups // n),
        sentence="",
    )
    seeds = (len(first.seeds), len(second.seeds))
    decisive = Decisive(
        only_first=result.only_first, only_second=result.only_second, n_pairs=n_pairs, seeds=seeds
    )
    return dataclasses.replace(verdict, sentence=verdict_sentence(verdict, decisive))


def _cost_measure(contenders: Sequence[Contender]) -> str | None:
    """The first kind of cost that is known of all."""
    kinds = ("milliseconds", "multiply_adds", "parameters", "file_bytes")
    known = (k for k in kinds if all(getattr(c.cost, k) is not None for c in contenders))
    return next(known, None)


def _cost(contender: Contender, measure: str | None) -> float:
    value = 0 if measure is None else getattr(contender.cost, measure)
    return float(value.value if isinstance(value, Interval) else value)


def _on_front(each: Contender, others: Sequence[Contender], measure: str | None) -> bool:
    ours = (each.accuracy.value, -_cost(each, measure))
    for other in others:
        theirs = (other.accuracy.value, -_cost(other, measure))
        if theirs != ours and theirs[0] >= ours[0] and theirs[1] >= ours[1]:
            return False
    return True


def _choose(
    contenders: Sequence[Contender], verdicts: Sequence[Verdict], measure: str | None
) -> tuple[Contender, int]:
    """The cheapest that is not told apart from the most accurate, and how many are."""
    best = contenders[0]
    worse = {each.second for each in verdicts if each.first == best.name and each.differ}
    candidates = [each for each in contenders if each.name not in worse]
    if measure is None:
        return best, len(worse)
    cheapest = min(candidates, key=lambda each: _cost(each, measure))  # of equals the more accurate
    limit = _cost(cheapest, measure)
    if cheapest.cost.milliseconds is not None and measure == "milliseconds":
        # Times whose spreads meet are one: noise of the clock must not choose.
        limit = cheapest.cost.milliseconds.high
    near = [each for each in candidates if _lowest_cost(each, measure) <= limit]
    return near[0], len(worse)


def _lowest_cost(each: Contender, measure: str) -> float:
    if measure == "milliseconds" and each.cost.milliseconds is not None:
        return each.cost.milliseconds.low
    return _cost(each, measure)
