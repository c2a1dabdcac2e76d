"""Tails: how unlikely so few mistakes are, for each number of answers, were they more frequent."""

from math import log

import numpy as np
from numpy.typing import NDArray

# Parts of the greatest bet against "the precision is not reached" that can never lose everything.
# Small bets tell a small margin over many groups, large ones no error over few.
_BETS = (1 / 16, 1 / 4, 1 / 2, 15 / 16)


def binomial_chances(wrong: NDArray[np.bool_], rate: float) -> NDArray[np.float64]:
    """Give the chance of so few wrong answers among the first k, were each wrong at ``rate``.

    From k to k + 1 answers the chance of at most e wrong ones loses ``rate`` times that of exactly
    e, and one more wrong answer adds the chance of exactly e + 1. Sums of 100,000 such steps are
    exact to 1e-9, and the chances that matter are above 1e-3.

    Args:
        wrong: Whether each answer is, ``bool (N,)``.
        rate: Chance of a wrong answer, between 0 and 1.

    Returns:
        The tail of the binomial distribution for k = 1, 2, ..., ``float64 (N,)``.

    Example:
        >>> import numpy as np
        >>> binomial_chances(np.array([False, False, True]), 0.5).tolist()
        [0.5, 0.25, 0.5]
    """
    k = np.arange(1, len(wrong) + 1)
    one_more = wrong.astype(np.int64)
    e = np.cumsum(one_more)
    log_factorial = np.append(0.0, np.cumsum(np.log(k)))

    def exactly(errors: NDArray[np.int64], answers: NDArray[np.int64]) -> NDArray[np.float64]:
        ways = log_factorial[answers] - log_factorial[errors] - log_factorial[answers - errors]
        chances: NDArray[np.float64] = np.exp(
            ways + errors * log(rate) + (answers - errors) * log(1 - rate)
        )
        return chances

    lost = rate * exactly(e - one_more, k - 1)
    won = np.where(wrong, exactly(e, k), 0.0)
    return 1 + np.cumsum(won - lost)


def betting_chances(
    wrong: NDArray[np.bool_], unit: NDArray[np.int64], precision: float
) -> NDArray[np.float64]:
    """Bound the chance of so few wrong answers among the first k, where photos come in groups.

    A group's balance is the part of its answers that is wrong, less ``1 - precision``, and 0 before
    its first answer; the mean over groups is 0 or more where the precision is not reached. So each
    group with an answer counts alike, however many photos it has: a person who is often answered
    cannot hide one who is rarely answered, and wrongly.

    Then capital that is multiplied by 1 less a bet times the balance, group by group, has a mean of
    at most 1, and grows to 20 with a chance of at most 1 in 20 (Markov).

    Args:
        wrong: Whether each answer is, ``bool (N,)``.
        unit: Group of each, numbered from 0, ``int64 (N,)``.
        precision: Between 0 and 1.

    Returns:
        The bounds for k = 1, 2, ..., ``float64 (N,)``; they may be above 1.
    """
    by_group = np.argsort(unit, kind="stable")
    first = np.flatnonzero(np.append(True, np.diff(unit[by_group]) > 0))
    lengths = np.diff(np.append(first, len(unit)))
    mistakes = wrong[by_group].astype(np.float64)
    before = np.cumsum(mistakes) - mistakes
    before -= np.repeat(before[first], lengths)  # mistakes in the same group
    answered = np.arange(len(unit)) - np.repeat(first, lengths)
    allowed = 1 - precision
    was = np.where(answered > 0, before / np.maximum(answered, 1) - allowed, 0.0)
    now = (before + mistakes) / (answered + 1) - allowed
    bets = np.array(_BETS)[:, None] / precision
    gains = np.empty((len(bets), len(unit)))
    gains[:, by_group] = np.log1p(-bets * now) - np.log1p(-bets * was)
    # Within what float64 holds: a capital beyond says no more than one at the border.
    capital = np.exp(np.clip(np.cumsum(gains, axis=1), -700, 700)).mean(axis=0)
    chances: NDArray[np.float64] = 1 / capital
    return chances
