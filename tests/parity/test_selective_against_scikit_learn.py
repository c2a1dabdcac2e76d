"""Selective answers, prediction sets and energy give the numbers of scikit-learn and scipy."""

from math import ceil

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import binom
from sklearn.metrics import auc

from lineament.measure.conformal import conformal_threshold
from lineament.measure.openset import energy
from lineament.measure.selective import RankedAnswers
from lineament.measure.tails import binomial_chances


@pytest.mark.parametrize("n", [1, 2, 50, 2000])
@pytest.mark.parametrize("skill", [0.0, 0.5, 1.0])
def test_the_area_is_that_of_the_curve(n: int, skill: float) -> None:
    rng = np.random.default_rng(n)
    confidence = rng.permutation(np.linspace(0.5, 1, n + 2)[1:-1])
    labels = (rng.random(n) >= skill).astype(np.int64)
    ranked = RankedAnswers(np.stack([confidence, 1 - confidence], axis=1), labels)
    coverage, risk, _ = np.array(ranked.curve()).T
    # scikit-learn joins the points with trapezes; ours is the mean over the points, so half of the
    # first and of the last step is missing there.
    expected = risk[0] if n == 1 else auc(coverage, risk) + (risk[0] + risk[-1]) / (2 * n)
    assert ranked.area == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("n", "rate", "wrong_rate"), [(30, 0.5, 0.5), (3000, 0.1, 0.08)])
@pytest.mark.parametrize("kind", ["random", "all right", "all wrong"])
def test_the_chances_are_those_of_the_binomial(
    n: int, rate: float, wrong_rate: float, kind: str
) -> None:
    wrong = np.random.default_rng(0).random(n) < {"random": wrong_rate, "all wrong": 1}.get(kind, 0)
    expected = binom.cdf(np.cumsum(wrong), np.arange(1, n + 1), rate)
    np.testing.assert_allclose(binomial_chances(wrong, rate), expected, atol=1e-11)


@pytest.mark.parametrize("n", [20, 21, 99, 500])
@pytest.mark.parametrize("coverage", [0.5, 0.75, 0.9])
def test_the_threshold_is_numpys_quantile_of_the_corrected_level(n: int, coverage: float) -> None:
    of_truth = np.random.default_rng(n).random(n)
    rows = np.stack([of_truth, 1 - of_truth], axis=1)
    level = ceil(coverage * (n + 1)) / n
    quantile = np.quantile(-of_truth, level, method="inverted_cdf")
    threshold = conformal_threshold(rows, np.zeros(n, dtype=np.int64), coverage=coverage)
    assert threshold == -quantile


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_the_energy_is_scipys_logsumexp(scale: float) -> None:
    logits = np.random.default_rng(0).normal(size=(50, 7)) * scale
    np.testing.assert_allclose(energy(logits), logsumexp(logits, axis=1), rtol=1e-12)
