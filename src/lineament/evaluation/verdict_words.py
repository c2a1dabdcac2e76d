"""Verdict words: what a comparison says, and what it leaves open."""

import dataclasses
from collections.abc import Sequence

from lineament.artifacts.verdicts import Contender, Verdict
from lineament.evaluation.wording import photos
from lineament.measure.intervals import Interval

FEW_GROUPS = 30  # the variance over fewer is itself rough
MEASURES = {
    "milliseconds": "faster",
    "multiply_adds": "cheaper",
    "parameters": "smaller",
    "file_bytes": "smaller",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decisive:
    """What else the words of a verdict need.

    Attributes:
        only_first: Photos that the first alone answers rightly, the mean over pairs of seeds.
        only_second: The same of the second.
        n_pairs: How many pairs were corrected for.
        seeds: How many seeds the first has, and the second.
    """

    only_first: float
    only_second: float
    n_pairs: int
    seeds: tuple[int, int]


def verdict_sentence(verdict: Verdict, decisive: Decisive) -> str:
    """Say in one or two sentences what is known of a pair.

    Args:
        verdict: The pair; its own sentence is not looked at.
        decisive: What it rests on.
    """
    first, second, difference = verdict.first, verdict.second, verdict.difference
    counts = (
        f"{first} is right on {_count(decisive.only_first)} where {second} is wrong, {second} on "
        f"{_count(decisive.only_second)}{_over(decisive.seeds)}"
    )
    p_value = _p_text(verdict.p_adjusted)
    if decisive.n_pairs > 1:
        p_value += f" after Holm over {decisive.n_pairs} pairs"
    if verdict.differ:
        return (
            f"{first} is better than {second} by {points(difference)}, {p_value}, on "
            f"{_on(verdict)} ({counts})."
        )
    none = f"No difference between {first} and {second} can be told on {_on(verdict)}"
    if decisive.only_first == decisive.only_second == 0:
        return (
            f"{none}: they are right on the very same ones. A difference of up to "
            f"{_points(difference.high)} points either way is not excluded."
        )
    return f"{none} ({counts}; {p_value}){_needed(verdict, decisive)}"


def _needed(verdict: Verdict, decisive: Decisive) -> str:
    difference = verdict.difference
    if difference.value == 0:
        return (
            ": they are right equally often. A difference of "
            f"{_points(max(-difference.low, difference.high))} points either way is not excluded."
        )
    seen = f"of this size, {points(difference)}"
    if decisive.n_pairs > 1 and verdict.p_value <= 1 - difference.level:
        return (
            f"; alone, this pair would have {_p_text(verdict.p_value)} for a difference {seen}, "
            f"but of {decisive.n_pairs} pairs one may well look so by chance."
        )
    if verdict.needed is None:
        return (
            f"; no number of photos would tell one {seen}, as the seeds alone vary too much: it "
            "takes more seeds."
        )
    if verdict.needed > difference.n:
        groups = (
            "" if verdict.needed_groups is None else f" of {_round(verdict.needed_groups)} groups"
        )
        return (
            f"; about {_round(verdict.needed)} photos{groups} would be needed to tell one {seen}."
        )
    return f"; the difference seen is {points(difference)}."


def recommendation_sentence(
    choice: Contender,
    *,
    best: Contender,
    candidates: int,
    of: int,
    measure: str | None,
    verdict: Verdict | None,
) -> str:
    """Say which model to take, why, and what that leaves open.

    Args:
        choice: The one to take.
        best: The most accurate one.
        candidates: How many cannot be told apart from the best, itself included.
        of: How many there are.
        measure: What kind of cost decided; ``None`` where it is not known of all.
        verdict: Of the best against the choice; ``None`` where they are one.
    """
    if verdict is not None and measure is not None:
        high = _points(verdict.difference.high)
        return (
            f"Take {choice.name}: it cannot be told apart from the most accurate, {best.name}, and "
            f"is {MEASURES[measure]} ({_cost_text(choice, measure)} against "
            f"{_cost_text(best, measure)}). Absence of evidence is not evidence of absence: that "
            f"{best.name} is better by up to {high} points is not excluded."
        )
    if candidates == 1:
        others = "the other" if of == 2 else "every other"
        return f"Take {choice.name}: it is more accurate than {others}."
    others = "the other" if of == candidates == 2 else f"{candidates - 1} of the others"
    if measure is None:
        return (
            f"Take {choice.name} if nothing else decides: it is the most accurate here, but cannot "
            f"be told apart from {others}, and what all of them cost is not known."
        )
    return (
        f"Take {choice.name}: it is the most accurate here, and of those that cannot be told apart "
        f"from it, {others}, none is cheaper ({_cost_text(choice, measure)})."
    )


def comparison_warnings(
    contenders: Sequence[Contender],
    *,
    split: str,
    groups: Sequence[str],
    n_groups: int | None,
    openings: object,
) -> tuple[str, ...]:
    """Collect what must be known to quote a comparison.

    Args:
        contenders: What is compared.
        split: Where.
        groups: Group of each photo.
        n_groups: How many there are.
        openings: How often the split had been looked at, where that is known.
    """
    reasons = {
        "train": "Compared on the train split: the models have learnt from these very photos",
        "validation": "Compared on the validation split: it chose these models",
    }
    found = [f"{reasons[split]}, so these are no test figures."] if split in reasons else []
    if split == "test":
        found.append(
            "If the recommended model is taken because of these photos, its accuracy here is a "
            "little too good; the pairs are not touched by that."
        )
    answered = sum(len(each.runs) for each in contenders)
    if isinstance(openings, int) and openings > answered:
        found.append(
            f"These {split} photos had been looked at {openings} times: models that were chosen by "
            "earlier looks are too good here, and whether these were cannot be known."
        )
    if n_groups == 1:
        found.append(
            f"All {split} photos come from one group ({groups[0]}): they are treated as "
            "independent, so intervals are narrower and p-values smaller than they should be."
        )
    elif n_groups is not None and n_groups < FEW_GROUPS:
        found.append(
            f"The {split} photos come from only {n_groups} groups, so intervals and p-values are "
            "rough."
        )
    single = [each.name for each in contenders if len(each.seeds) == 1]
    if len(single) == len(contenders):
        found.append(
            "Every model has one seed: what another seed would change is not in any figure, so "
            "they are about these trained models, not about their recipes."
        )
    elif single:
        found.append(
            f"Only one seed of {', '.join(single)}: what another seed would change is not in their "
            "part of any figure."
        )
    same = [each.name for each in contenders if len(each.seeds) > 1 and len(set(each.by_seed)) == 1]
    if same:
        found.append(
            f"All seeds of {', '.join(same)} have the same accuracy: perhaps chance has no part in "
            "that training, and the seeds say nothing of what other training photos would change."
        )
    return tuple(found)


def points(difference: Interval) -> str:
    """Write a difference in percentage points, with its limits.

    Example:
        >>> points(Interval(value=0.021, low=0.009, high=0.034, method="tango", n=900))
        '2.1 points (0.9 to 3.4)'
    """
    value, low, high = (_points(x) for x in (difference.value, difference.low, difference.high))
    return f"{value} points ({low} to {high})"


def _points(fraction: float) -> str:
    text = f"{fraction * 100:.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")


def _p_text(p_value: float) -> str:
    if p_value < 0.001:
        return "p < 0.001"
    return f"p = {p_value:.{3 if p_value < 0.1 else 2}f}"


def _count(number: float) -> str:
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.1f}"


def _round(number: int) -> str:
    """Two figures: a number for planning has no more."""
    step = 10 ** max(0, len(str(number)) - 2)
    return f"{-(-number // step) * step:,}"


def _over(seeds: tuple[int, int]) -> str:
    if seeds == (1, 1):
        return ""
    first, second = seeds
    many = f"{first} seeds each" if first == second else f"{first} and {second} seeds"
    return f", means over {many}"


def _on(verdict: Verdict) -> str:
    n_groups = verdict.difference.n_groups
    of_groups = "" if n_groups is None else f" of {n_groups:,} groups"
    return f"these {photos(verdict.difference.n)}{of_groups}"


def _cost_text(contender: Contender, measure: str) -> str:
    cost = contender.cost
    if measure == "milliseconds" and cost.milliseconds is not None:
        return f"{cost.milliseconds.value:.3g} ms per photo"
    if measure == "file_bytes" and cost.file_bytes is not None:
        return f"{cost.file_bytes / 1e6:.3g} MB"
    number = cost.multiply_adds if measure == "multiply_adds" else cost.parameters
    millions = (number or 0) / 1e6
    amount = f"{millions:,.0f}" if millions >= 100 else f"{millions:.3g}"
    return f"{amount} million {measure.replace('_', '-')}"
