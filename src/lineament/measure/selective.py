"""Answering only when sure: what is gained, and from which confidence on a precision is certain."""

from math import ceil, log, tanh

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.inputs import FloatArray, check_probabilities
from lineament.measure.intervals import Groups, Interval, resampling_units, wilson
from lineament.measure.quantiles import two_sided_t
from lineament.measure.tails import betting_chances, binomial_chances
from lineament.measure.units import independent_units, standard_error

DOUBT = 0.05  # chance that validation photos make a promise that new ones do not keep


class RankedAnswers:
    """Answers sorted by confidence once, the surest first, to see what each threshold would do.

    Args:
        probabilities: Class probabilities, ``float32`` or ``float64`` ``(N, C)``, rows sum to 1.
        labels: True class indices, ``int64 (N,)``.

    Raises:
        UsageError: ``check_probabilities`` refuses the arrays.

    Example:
        >>> import numpy as np
        >>> ranked = RankedAnswers(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]))
        >>> ranked.curve()
        [(0.5, 0.0, 0.9), (1.0, 0.5, 0.6)]
        >>> ranked.area
        0.25
    """

    def __init__(self, probabilities: FloatArray, labels: NDArray[np.int64]) -> None:
        check_probabilities(probabilities, labels)
        confidence = probabilities.max(axis=1)
        wrong = probabilities.argmax(axis=1) != labels
        # The second key makes even the rounding of the sums independent of the samples' order.
        self.order = np.lexsort((wrong, -confidence))
        self.confidence = confidence[self.order].astype(np.float64)
        self.wrong = wrong[self.order]
        self._first_of_tie = np.flatnonzero(np.append(True, np.diff(self.confidence) < 0))
        # How many answers there are down to each confidence, equal ones together.
        self.ends = np.append(self._first_of_tie[1:], len(labels))
        self._answers = np.arange(1, len(labels) + 1)
        # Equal confidences share their mistakes evenly: the mean over all their orders.
        self._risk = np.cumsum(self._mean_of_ties(self.wrong)) / self._answers

    def curve(self, *, most: int | None = None) -> list[tuple[float, float, float]]:
        """Give coverage, risk and least confidence of each threshold, coverage rising.

        Args:
            most: How many to give, 2 or more, evenly spaced in coverage and with the last; all
                where ``None``.

        Returns:
            Of the answers at or above each confidence: their fraction of all photos, the fraction
            of them that is wrong, and the confidence.
        """
        ends = self.ends
        if most is not None and len(ends) > most:
            wanted = np.linspace(ends[0], ends[-1], most)
            ends = np.unique(ends[np.searchsorted(ends, wanted)])
        risk = np.cumsum(self.wrong)[ends - 1] / ends
        rows = zip(
            (ends / len(self.order)).tolist(),
            risk.tolist(),
            self.confidence[ends - 1].tolist(),
            strict=True,
        )
        return list(rows)

    @property
    def area(self) -> float:
        """The area under the risk-coverage curve, 0 (no wrong answer) to 1 (no right one).

        The mean risk over answering the surest one, two, ... all photos (Geifman, Uziel and
        El-Yaniv 2019, "Bias-reduced uncertainty estimation for deep neural classifiers").
        """
        return float(self._risk.mean())

    def influence(self) -> NDArray[np.float64]:
        """Give what each sample moves the area, for `standard_error`.

        One more sample adds the risk at its place; from there on it adds its mistake, if it is
        one, and makes all that was counted before weigh less.

        Returns:
            In the order given to the constructor, ``float64 (N,)``; the sum is 0.
        """
        mistake = np.cumsum((1 / self._answers)[::-1])[::-1]
        thinning = np.cumsum((self._risk / self._answers)[::-1])[::-1]
        moved = np.empty(len(self.order))
        moved[self.order] = (
            self._mean_of_ties(self._risk - thinning)
            + self.wrong * self._mean_of_ties(mistake)
            - self.area
        )
        return moved

    def _mean_of_ties(self, values: NDArray[np.float64] | NDArray[np.bool_]) -> NDArray[np.float64]:
        lengths = np.diff(np.append(self._first_of_tie, len(values)))
        sums = np.add.reduceat(values, self._first_of_tie, dtype=np.float64)
        return np.repeat(sums / lengths, lengths)


def area_interval(
    probabilities: FloatArray,
    labels: NDArray[np.int64],
    *,
    groups: Groups | None = None,
    level: float = 0.95,
) -> Interval:
    """Give the area under the risk-coverage curve with its interval.

    The interval is Student's on the scale of the logit, with the standard error that the influence
    of each sample (of each group) gives. In simulations it covers 92 to 98 %, where the percentiles
    of a bootstrap cover 86 to 96 %: the area is skewed, the more so the fewer mistakes there are.

    Where all answers are right (or all wrong) nothing varies. Then the other limit is that of the
    risk of all answers, Wilson's for as many trials as there are groups (or samples): the area of a
    ranking that is no better than chance; ``method`` says so.

    Args:
        probabilities: Class probabilities, ``float32`` or ``float64`` ``(N, C)``, rows sum to 1.
        labels: True class indices, ``int64 (N,)``, two or more.
        groups: Group of each sample, length ``N``; two groups or more.
        level: Confidence level, between 0 and 1.

    Returns:
        The interval of `RankedAnswers.area`, inside 0 to 1; its ``method`` is ``jackknife`` or
        ``group-jackknife``.

    Raises:
        UsageError: ``check_probabilities`` refuses the arrays; there are fewer than two samples or
            groups, or ``groups`` has another length; ``level`` is out of range.
    """
    ranked = RankedAnswers(probabilities, labels)
    unit = resampling_units(groups, len(labels))
    n_units, area = int(unit.max()) + 1, ranked.area
    if ranked.wrong.all() or not ranked.wrong.any():
        seen = "nothing right" if ranked.wrong.all() else "no error seen"
        risk = wilson(n_units * int(ranked.wrong[0]), n_units, level=level)
        low, high, method = risk.low, risk.high, f"{risk.method} ({seen})"
    else:
        error = standard_error(ranked.influence(), unit) / (area * (1 - area))
        half = two_sided_t(level, n_units - 1) * error
        middle = log(area / (1 - area))
        # tanh is the logistic function without its overflow.
        low, high = ((1 + tanh((middle + side * half) / 2)) / 2 for side in (-1, 1))
        method = "jackknife" if groups is None else "group-jackknife"
    return Interval(
        value=area,
        low=min(area, low),
        high=max(area, high),
        level=level,
        method=method,
        n=len(labels),
        n_groups=None if groups is None else n_units,
    )


def fewest_for(precision: float) -> int:
    """Say how many answers without a wrong one are the least that prove a precision.

    Example:
        >>> fewest_for(0.9), fewest_for(0.99)
        (29, 299)
    """
    return ceil(log(DOUBT) / log(precision))


def confidence_for(
    precision: float,
    probabilities: FloatArray,
    labels: NDArray[np.int64],
    *,
    groups: Groups | None = None,
) -> float | None:
    """Find the least confidence from which answers are right as often as is asked.

    A confidence whose answers reached the precision on validation may have done so by luck, the
    more so the more confidences were tried. So "from here on the precision is not reached" is
    tested at each of them, from the surest answers down, and the last that is refuted without a
    break is taken (Angelopoulos et al. 2021, "Learn then test", section 2.3). Where such a walk
    starts must not depend on which answers are right. Half of the doubt of `DOUBT` goes to the
    place where the model's own confidence makes a refutation most likely; as a model may be wrong
    about itself, the other half is shared by walks from all the photos, half of them, a quarter,
    ... A walk that arrives at the start of the next brings its share along (Wiens 2003, "A fixed
    sequence Bonferroni procedure").

    The test is exact for independent photos: the tail of the binomial distribution. With groups it
    is a bet on each group (Waudby-Smith and Ramdas 2024, "Estimating means of bounded random
    variables by betting"), which holds however photos of one group go together and whatever their
    number; each group with an answer counts alike.

    What is promised: in 95 of 100 draws of validation photos (groups), answers of this confidence
    or more are right on new photos (photos of new groups) with chance ``precision`` or more, if
    both are drawn from the same source. It is a lower bound: they will mostly be right more often.

    Args:
        precision: How often answers are to be right, between 0 and 1.
        probabilities: Those of validation photos that the model was not fitted to, ``float32`` or
            ``float64`` ``(N, C)``, rows sum to 1.
        labels: True class indices, ``int64 (N,)``.
        groups: Group of each photo, length ``N``, an empty text for none; ``None`` where photos are
            independent.

    Returns:
        The confidence, 0 to 1; 0.0 where all answers reach the precision; ``None`` where none
        certainly do. Without any wrong answer, 29 photos are needed for 0.9 and 299 for 0.99.

    Raises:
        UsageError: ``check_probabilities`` refuses the arrays, ``groups`` has another length, or
            ``precision`` is not between 0 and 1.

    Example:
        >>> import numpy as np
        >>> sure = np.repeat([[0.98, 0.02], [0.6, 0.4]], 50, axis=0)
        >>> half_of_unsure_wrong = np.append(np.zeros(75), np.ones(25)).astype(np.int64)
        >>> confidence_for(0.9, sure, half_of_unsure_wrong)
        0.98
    """
    if not 0 < precision < 1:
        raise UsageError(
            f"`precision` must lie between 0 and 1, got {precision}.", fix="Give 0.99 for 99 %."
        )
    ranked = RankedAnswers(probabilities, labels)
    unit = independent_units(groups, len(labels))[ranked.order]
    n_units = int(unit.max()) + 1
    if n_units == len(unit):
        chances = binomial_chances(ranked.wrong, 1 - precision)
    else:
        chances = betting_chances(ranked.wrong, unit, precision)

    shares = _starts(ranked, n_units, precision)
    doubt, certain = 0.0, 0
    for answers in ranked.ends.tolist():
        while shares and shares[0][0] <= answers:
            doubt += shares.pop(0)[1]
        if doubt and chances[answers - 1] <= doubt:
            certain = answers
        else:
            doubt = 0.0
    if certain == len(unit):
        return 0.0
    return float(ranked.confidence[certain - 1]) if certain else None


def _starts(ranked: RankedAnswers, n_units: int, precision: float) -> list[tuple[int, float]]:
    """How many answers each walk starts from, fewest first, and its share of the doubt."""
    n, ends = len(ranked.order), ranked.ends
    # By how many standard deviations the mistakes that confidence expects are less than allowed.
    expected = np.cumsum(1 - ranked.confidence)[ends - 1]
    margin = (ends * (1 - precision) - expected) / np.sqrt(ends)
    enough = precision ** (ends * (n_units / n)) <= DOUBT / 2
    enough[-1] = True
    best = int(ends[np.where(enough, margin, -np.inf).argmax()])
    halves = [n]
    while precision ** (n_units >> len(halves)) <= DOUBT / 4:
        halves.append(n >> len(halves))
    shares = [(best, DOUBT / 2)] + [(start, DOUBT / 2 / len(halves)) for start in halves]
    return sorted(shares)
