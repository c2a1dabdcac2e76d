"""Gap: how far validation, which chose the model, lies above test, and what may be the reason.

Three things put validation above test. A *leak*: validation photos have partners in train that test
photos do not have. A *shift*: the test photos are of another kind. *Selection*: validation chose
among states of the model, and the best of several is ahead by luck as well. Each is set against
what the artifacts say, with the most that it could explain where that can be bounded; none is
claimed to be the cause, which only another dataset could show.
"""

import math
from collections.abc import Mapping, Sequence

from lineament.artifacts.findings.gap import Gap
from lineament.artifacts.run import ValidationFigures
from lineament.core.errors import UsageError
from lineament.evaluation.evidence import Evidence, Property
from lineament.evaluation.wording import percent
from lineament.measure.choosing import optimism
from lineament.measure.intervals import Interval

SHIFTED = 0.1  # from a half: below, the two halves of one collection differ as much
BEYOND_CHANCE = 4.0  # standard deviations; high, as photos of a group are alike
MOVED = 0.02  # of the photos in another class: random splits of a few hundred differ by as much
NAMED = 3


def gap(validation: ValidationFigures | None, test: Interval, *, evidence: Evidence) -> Gap | None:
    """Compare the accuracy on validation with that on test.

    Args:
        validation: What the model reached on the photos that chose it; ``None`` in models of before
            that was kept.
        test: The accuracy on the test photos.
        evidence: What is known of either, for the words.

    Returns:
        The difference and what it means; ``None`` without validation figures.

    Raises:
        UsageError: The two intervals are of different levels.
    """
    if validation is None:
        return None
    difference = difference_of(validation.accuracy, test)
    excludes_zero = not difference.low <= 0 <= difference.high
    sentences = [_what(validation.accuracy, test, difference)]
    if excludes_zero:
        sentences += _reasons(difference, validation.accuracy, evidence)
    return Gap(
        validation=validation.accuracy,
        test=test,
        difference=difference,
        excludes_zero=excludes_zero,
        sentences=tuple(sentences),
    )


def difference_of(first: Interval, second: Interval) -> Interval:
    """Give the interval of the difference of two independent figures from their own intervals.

    Source: Zou and Donner 2008, "Construction of confidence limits about effect measures" (MOVER),
    which recovers the variance at each limit from the distance of the figures' own limits. On two
    Wilson intervals this is method 10 of Newcombe 1998, "Interval estimation for the difference
    between independent proportions". It assumes that the two were measured on different photos,
    drawn independently of each other, and is as good as the two intervals are.

    Args:
        first: One figure.
        second: The figure that is taken off.

    Returns:
        Its ``n`` is the smaller of the two, and so are its groups, where either has any.

    Raises:
        UsageError: The intervals are of different levels.

    Example:
        >>> from lineament.measure.intervals import wilson
        >>> found = difference_of(wilson(56, 70), wilson(48, 80))  # Newcombe's example (a)
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.2, 0.0524, 0.3339)
    """
    if first.level != second.level:
        raise UsageError(
            f"A difference needs two intervals of one level, got {first.level} and {second.level}."
        )
    value = first.value - second.value
    groups = [each.n_groups for each in (first, second) if each.n_groups is not None]
    plain = {first.method, second.method} == {"wilson"}
    return Interval(
        value=value,
        low=value - math.hypot(first.value - first.low, second.high - second.value),
        high=value + math.hypot(first.high - first.value, second.value - second.low),
        level=first.level,
        method="newcombe" if plain else "mover",
        n=min(first.n, second.n),
        n_groups=min(groups, default=None),
    )


def _what(validation: Interval, test: Interval, difference: Interval) -> str:
    named = (
        f"{difference.level * 100:g} % interval of the difference: {_points(difference.low)} to "
        f"{_points(difference.high)} points"
    )
    both = f"{percent(validation.value)} right on validation, {percent(test.value)} on test"
    if difference.low > 0:
        return f"{both}: validation is better by {_points(difference.value)} points ({named})."
    if difference.high < 0:
        return f"{both}: test is better by {_points(-difference.value)} points ({named})."
    return f"{both}: no gap can be told ({named})."


def _reasons(difference: Interval, validation: Interval, evidence: Evidence) -> list[str]:
    above = difference.value > 0
    if not evidence.same_dataset:
        return [
            "The model was validated on another dataset, so the gap may be one between the two "
            "collections (a shift); nothing here can tell.",
            *_selection(evidence, validation, difference, above=above),
        ]
    return [
        _leak(evidence, above=above),
        *_shift(evidence, difference),
        *_selection(evidence, validation, difference, above=above),
    ]


def _leak(evidence: Evidence, *, above: bool) -> str:
    """Say whether the better split is the one that leaks."""
    ours = _tied_fraction(evidence.tied_validation, evidence.validation_photos)
    theirs = _tied_fraction(evidence.tied_test, evidence.test_photos)
    if ours or theirs:
        text = (
            f"{_tied(evidence.tied_validation)} of {evidence.validation_photos} validation photos "
            f"and {_tied(evidence.tied_test)} of {evidence.test_photos} test photos have a partner "
            "in train"
        )
        apart = ours - theirs if above else theirs - ours
        if apart > 0:
            return f"A leak is likely: {text}; that could explain up to {_points(apart)} points."
        return f"A leak is there, but does not explain the gap: {text}."
    unknown = []
    if not evidence.groups_named:
        unknown.append("no photo names its person or recording")
    if not evidence.near_looked_for:
        unknown.append("near duplicates were not looked for")
    if not unknown:
        return (
            "A leak is unlikely: no copy, near duplicate or group lies both in train and in "
            "validation or test."
        )
    checked = "copies, near duplicates" if evidence.near_looked_for else "copies"
    return f"A leak is not known ({checked}), but cannot be excluded: {' and '.join(unknown)}."


def _shift(evidence: Evidence, difference: Interval) -> list[str]:
    found = []
    if evidence.test_chosen == "given":
        found.append(
            "the test photos were given with the source, while validation was taken from the "
            "training photos"
        )
    elif evidence.test_chosen == "newest":
        found.append("the test photos are the newest ones")
    apart = sum(abs(each.test - each.validation) for each in evidence.shares) / 2
    at_most = f"the shares differ by {_points(apart)} points in all and explain at most that much"
    least = min(abs(difference.low), abs(difference.high))
    if apart >= max(least, MOVED):
        found.append(f"the classes are not equally frequent ({_most_moved(evidence)}; {at_most})")
    shifted = sorted(filter(_is_shifted, evidence.properties), key=lambda p: -abs(p.exceeds - 0.5))
    found += [_property(each) for each in shifted[:NAMED]]
    looked = [each.name for each in evidence.properties]
    alike = f" The photos are alike in {_and(looked)}." if looked and not shifted else ""
    if found:
        return [f"A shift is possible: {'; '.join(found)}.{alike}"]
    return [
        "A shift is not known: the classes are about equally frequent in validation and test "
        f"({at_most}).{alike}"
    ]


def _selection(
    evidence: Evidence, validation: Interval, difference: Interval, *, above: bool
) -> list[str]:
    if not above:
        return ["Selection is no reason: it makes validation the better figure, not test."]
    if evidence.candidates is None:
        return ["How many states of the model validation chose from is not known."]
    if evidence.candidates < 2:
        return ["Selection is no reason within this training: there was nothing to choose from."]
    bound = optimism(validation, candidates=evidence.candidates)
    enough = "could explain it" if bound >= difference.low else "alone does not explain it"
    return [
        f"Selection {enough}: validation chose from {evidence.candidates} states of the model, "
        f"which makes its figure too good by up to about {bound * 100:.1f} points on average "
        "(less, as they are alike); trainings that were compared by it come on top."
    ]


def _is_shifted(each: Property) -> bool:
    return abs(each.exceeds - 0.5) >= SHIFTED and abs(each.deviations) >= BEYOND_CHANCE


def _property(each: Property) -> str:
    more = max(each.exceeds, 1 - each.exceeds)
    verb = "more" if each.exceeds > 0.5 else "less"
    return (
        f"a test photo has {verb} {each.name} than a validation photo in {more * 100:.0f} of 100 "
        f"pairs (median {each.test:.3g} against {each.validation:.3g})"
    )


def _most_moved(evidence: Evidence) -> str:
    moved = sorted(evidence.shares, key=lambda each: -abs(each.test - each.validation))
    return ", ".join(
        f"{each.name} {percent(each.validation)} of validation and {percent(each.test)} of test"
        for each in moved[:NAMED]
    )


def _tied_fraction(tied: Mapping[str, int], photos: int) -> float:
    """At most this part of the photos has a partner; one photo may be tied in several ways."""
    return min(1.0, sum(tied.values()) / photos) if photos else 0.0


def _tied(tied: Mapping[str, int]) -> str:
    kinds = [f"{count} ({kind})" for kind, count in tied.items() if count]
    return ", ".join(kinds) or "none"


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _points(fraction: float) -> str:
    return f"{fraction * 100:.1f}".replace("-", "−")
