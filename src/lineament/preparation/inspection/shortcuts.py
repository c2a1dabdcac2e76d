"""Shortcuts: properties of files and light that alone tell the classes apart.

"All faces are 178 x 218, all others are not": a model learns that instead of faces, and looks
perfect on every photo of the same two sources. For each property the most likely class is learned
per value from one half of the photos and checked on the other half, and the reverse, which states
what a model could gain from this property alone.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lineament.imaging.decode import FileFacts
from lineament.imaging.look import Look
from lineament.measure.intervals import mean_of_proportions
from lineament.preparation.inspection.properties import (
    Codes,
    Property,
    Weights,
    describe_difference,
    percent,
    properties_of,
    typical_values,
)

RARE_UNITS = 3  # values of fewer are one value: what has not been seen is told by what was rare
SMOOTHING = 2.0  # photos' worth of weight that each class lays around its own bins
SHOWN = 3  # classes in a sentence
AS_WELL = 0.05  # how much less well a class may be told than the best, to be named with it
FALSE_ALARMS = 0.05  # chance of a false alarm per dataset, over all properties and classes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shortcut:
    """What one property alone tells of the class.

    Attributes:
        property: Its name, such as ``width x height``.
        accuracy: Balanced accuracy of the most likely class per value, on photos that it was not
            learned from.
        chance: What a constant answer reaches: 1 / number of classes.
        low: Lower 95 % limit of ``accuracy``.
        high: Upper 95 % limit.
        suspicious: Whether to warn.
        separated: With three classes or more, those that this property tells from all others
            suspiciously well, with the balanced accuracy of that yes or no, highest first.
        per_class: Class to its typical value in words.
        sentence: The finding, for a person.
    """

    property: str
    accuracy: float
    chance: float
    low: float
    high: float
    suspicious: bool
    separated: Mapping[str, float]
    per_class: Mapping[str, str]
    sentence: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Labels:
    """The classes of the photos, each of which has photos in both halves.

    Attributes:
        names: The classes, sorted.
        of_photo: Class of each photo.
        weight: Of each photo: those of one unit and class count as one together.
        half: Which half each photo lies in, 0 or 1.
    """

    names: Sequence[str]
    of_photo: Codes
    weight: Weights
    half: Codes

    def sum(self, weight: Weights) -> Weights:
        """Sum a weight of each photo by class."""
        return _sums(self.of_photo, weight, len(self.names))


def find_shortcuts(
    looks: Sequence[Look],
    facts: Sequence[FileFacts],
    class_names: Sequence[str],
    units: Sequence[int],
) -> list[Shortcut]:
    """Measure for each property how well it alone tells the classes apart.

    Each class counts alike, and the photos of one unit count as one. A class all of whose photos
    are one unit cannot be checked and is left out. O(n log n), whatever the number of classes.

    Args:
        looks: How the photos look.
        facts: What their files say, in the same order.
        class_names: The class of each; empty where a photo has none.
        units: Photos with the same number are not independent (copies, one recording) and stay in
            one half.

    Returns:
        One entry per property, highest accuracy first; none where fewer than two classes can be
        checked.
    """
    assert len(looks) == len(facts) == len(class_names) == len(units)
    named = np.array([place for place, name in enumerate(class_names) if name], dtype=np.int64)
    _, of_named = np.unique([class_names[place] for place in named], return_inverse=True)
    of_unit = np.asarray(units, dtype=np.int64)[named]
    half = _halves(of_unit, of_named)
    kept = np.isin(of_named, np.intersect1d(of_named[half == 0], of_named[half == 1]))
    places = named[kept].tolist()
    names, of_photo = np.unique([class_names[place] for place in places], return_inverse=True)
    if len(names) < 2:
        return []
    _, unit = np.unique(of_unit[kept], return_inverse=True)
    together = unit * len(names) + of_photo
    _, pair, sizes = np.unique(together, return_inverse=True, return_counts=True)
    labels = _Labels(
        names=[str(name) for name in names],
        of_photo=of_photo,
        weight=1 / sizes[pair],
        half=half[kept],
    )
    properties = properties_of(
        [looks[place] for place in places], [facts[place] for place in places]
    )
    level = 1 - FALSE_ALARMS / len(properties)
    shortcuts = [_judge(each, labels, level=level) for each in properties]
    return sorted(shortcuts, key=lambda shortcut: -shortcut.accuracy)


def _halves(units: Codes, classes: Codes) -> Codes:
    """Put every other unit of each class in the other half.

    A unit is counted to the class of its first photo, so that a class with two units of its own is
    in both halves. Their order is mixed yet always the same, by Knuth's multiplicative hash (The
    Art of Computer Programming, volume 3, section 6.4): folders often alternate by themselves.
    """
    _, first, unit = np.unique(units, return_index=True, return_inverse=True)
    mixed = (np.arange(len(first)) * 2654435761) % (1 << 32)
    main = classes[first]
    order = np.lexsort((mixed, main))
    rank = np.arange(len(first)) - np.searchsorted(main[order], main[order])
    half = np.empty(len(first), dtype=np.int64)
    half[order] = rank % 2
    return half[unit]


def _judge(of: Property, labels: _Labels, *, level: float) -> Shortcut:
    """Measure one property in both directions and say what it means."""
    right = np.zeros(len(labels.of_photo))
    found, mistaken = np.zeros(len(labels.names)), np.zeros(len(labels.names))
    for side in (0, 1):
        learned = labels.half == side
        table = _Table(of, labels, learned)
        right[~learned] = table.answers(~learned) == labels.of_photo[~learned]
        found_here, mistaken_here = table.singled_out(~learned)
        found, mistaken = found + found_here, mistaken + mistaken_here
    trials, successes = labels.sum(labels.weight), labels.sum(right * labels.weight)
    accuracy, chance = float((successes / trials).mean()), 1 / len(labels.names)
    # Units are whole trials; where a unit is right in part, the nearest whole number stands for it.
    whole = np.rint(successes).astype(np.int64), np.rint(trials).astype(np.int64)
    interval = mean_of_proportions(*whole)
    surely = mean_of_proportions(*whole, level=level).low
    separated: dict[str, float] = {}
    if len(labels.names) > 2:
        others = mistaken, trials.sum() - trials
        separated = _separated(labels.names, (found, trials), others, limit=of.limit, level=level)
    gained = (accuracy - chance) / (1 - chance)
    decides = gained >= of.limit and surely > chance
    suspicious = decides or bool(separated)
    per_class = dict(zip(labels.names, typical_values(of, labels.of_photo), strict=True))
    if decides and len(separated) > SHOWN:  # it is not about some classes then, but about all
        sentence = _sentence(of, labels, accuracy, {}, warning=True)
    else:
        sentence = _sentence(of, labels, accuracy, separated, warning=suspicious)
    return Shortcut(
        property=of.name,
        accuracy=accuracy,
        chance=chance,
        low=min(accuracy, interval.low),
        high=max(accuracy, interval.high),
        suspicious=suspicious,
        separated=separated,
        per_class=per_class,
        sentence=sentence,
    )


class _Table:
    """How often each class has each value in one half; as long as there are pairs that occur."""

    def __init__(self, of: Property, labels: _Labels, learned: NDArray[np.bool_]) -> None:
        self.labels = labels
        n_classes, n_values = len(labels.names), int(of.codes.max()) + 1
        values, classes = of.codes[learned], labels.of_photo[learned]
        weight = labels.weight[learned]
        self.codes = of.codes
        if of.labels:
            common = np.bincount(values, weight, minlength=n_values) >= RARE_UNITS
            self.codes = np.where(common[of.codes], of.codes, n_values)
            values = self.codes[learned]
        else:
            # Each photo also lays a little weight around its bin, less the more photos there are.
            share = SMOOTHING / np.bincount(classes, weight, minlength=n_classes)[classes]
            values = np.concatenate(
                [values, np.maximum(values - 1, 0), np.minimum(values + 1, n_values - 1)]
            )
            classes = np.tile(classes, 3)
            weight = np.concatenate(
                [weight * (1 + share / 2), weight * share / 4, weight * share / 4]
            )
        self.pairs, pair = np.unique(values * n_classes + classes, return_inverse=True)
        self.value, self.of_class = np.divmod(self.pairs, n_classes)
        self.n_values = n_values + 1  # the last is what is rare
        count = np.bincount(pair, weight)
        of_classes = np.bincount(classes, weight, minlength=n_classes)
        self.likelihood = count / of_classes[self.of_class]
        of_values = np.bincount(values, weight, minlength=self.n_values)
        rest = (of_values[self.value] - count) / np.maximum(
            weight.sum() - of_classes[self.of_class], np.finfo(np.float64).tiny
        )
        self.speaks_for = self.likelihood > rest

    def answers(self, checked: NDArray[np.bool_]) -> Codes:
        """The most likely class of each photo."""
        best = np.zeros(self.n_values, dtype=np.int64)  # the first class where nothing is known
        order = np.lexsort((-self.of_class, self.likelihood))
        best[self.value[order]] = self.of_class[order]  # the last one written is the likeliest
        return best[self.codes[checked]]

    def singled_out(self, checked: NDArray[np.bool_]) -> tuple[Weights, Weights]:
        """Ask for each class "this one?": how many of its own, and of the others, get a yes."""
        n_classes = len(self.labels.names)
        values, weight = self.codes[checked], self.labels.weight[checked]
        wanted = values * n_classes + self.labels.of_photo[checked]
        place = np.minimum(np.searchsorted(self.pairs, wanted), len(self.pairs) - 1)
        known = self.pairs[place] == wanted
        own = np.bincount(place[known], weight[known], minlength=len(self.pairs))
        everyone = np.bincount(values, weight, minlength=self.n_values)[self.value]
        yes = [own * self.speaks_for, (everyone - own) * self.speaks_for]
        found, mistaken = (_sums(self.of_class, each, n_classes) for each in yes)
        return found, mistaken


def _separated(
    names: Sequence[str],
    own: tuple[Weights, Weights],
    others: tuple[Weights, Weights],
    *,
    limit: float,
    level: float,
) -> dict[str, float]:
    """Choose the classes that are told from all others, beyond what chance does to any of them.

    With ``p`` the part of all photos that got a yes, chance alone makes the classes differ this
    much with a probability of about ``exp(-surprise)``: Hoeffding 1963, "Probability inequalities
    for sums of bounded random variables", theorem 1, for both proportions. It holds far out in the
    tail, where 7,000 classes of 20 photos need it and normal approximations promise too much.
    Halved, because a coincidence between the two halves is seen in both directions.
    """
    (yes, n), (wrong, n_others) = own, others
    gain = yes / n - wrong / n_others
    p = (yes + wrong) / (n + n_others)
    surprise = (n * _divergence(yes / n, p) + n_others * _divergence(wrong / n_others, p)) / 2
    chosen = np.flatnonzero((gain >= limit) & (surprise >= np.log(len(names) / (1 - level))))
    order = chosen[np.argsort(-gain[chosen], kind="stable")]
    return {names[place]: float((1 + gain[place]) / 2) for place in order.tolist()}


def _divergence(observed: Weights, expected: Weights) -> Weights:
    """Kullback and Leibler's divergence of two coins, in nats; 0 log 0 is 0."""
    result = np.zeros_like(observed)
    for one, other in ((observed, expected), (1 - observed, 1 - expected)):
        some = (one > 0) & (other > 0)
        result[some] += one[some] * np.log(one[some] / other[some])
    return result


def _sums(places: Codes, weight: Weights, length: int) -> Weights:
    return np.asarray(np.bincount(places, weight, minlength=length), dtype=np.float64)


def _sentence(
    of: Property,
    labels: _Labels,
    accuracy: float,
    separated: Mapping[str, float],
    *,
    warning: bool,
) -> str:
    """Say what was found; where it is a warning, name the class that is told and how."""
    constant = percent(1 / len(labels.names))
    reached = f"{percent(accuracy)} balanced accuracy (a constant answer: {constant})"
    if not warning:
        return f"{of.name.capitalize()} alone tells the classes apart with {reached}."
    if len(labels.names) == 2:
        one, other = (f"`{name}`" for name in labels.names)
        difference = describe_difference(of, labels.of_photo == 0, one, other)
        return f"{difference}: this alone tells them apart with {reached}."
    if not separated:
        typical = typical_values(of, labels.of_photo)
        some = [f"`{name}` {words}" for name, words in zip(labels.names, typical, strict=True)]
        more = len(some) - SHOWN
        ending = f"; and {more} more" if more > 0 else ""
        return (
            f"{of.name.capitalize()} alone tells the {len(some)} classes apart with {reached}: "
            f"{'; '.join(some[:SHOWN])}{ending}."
        )
    (name, best), *rest = separated.items()
    # In three classes, one of which stands out, the other two do so half: that is no news.
    further = [each for each, reached_by_it in rest if reached_by_it >= best - AS_WELL]
    is_class = labels.of_photo == labels.names.index(name)
    difference = describe_difference(of, is_class, f"`{name}`", "the other classes")
    also = ", ".join(f"`{each}`" for each in further[:SHOWN])
    more = len(further) - SHOWN
    ending = f" It also singles out {also}{f' and {more} more' if more > 0 else ''}."
    return (
        f"{difference}: this alone tells them apart with {percent(best)} balanced accuracy "
        f"(a constant answer: {percent(0.5)}).{ending if further else ''}"
    )
