"""Means of skewed values, such as losses: limits from a bootstrap of the studentised mean."""

import numpy as np
from numpy.typing import NDArray

from lineament.measure.intervals import percentiles
from lineament.measure.quantiles import expanded_level, score_limits, two_sided_z

FEWEST_UNITS = 10  # below, some resamples have next to no spread and the limits run away
_NO_SPREAD = 1e9  # stands for an infinite quotient, which could not be interpolated


class StudentisedMeans:
    """Means over samples, their standard errors over units, and both of resamples.

    A loss is skewed: most photos add little, a few much. Percentiles of the resampled mean then lie
    too low: at 30 photos and 99 % accuracy 95 % of the Brier score cover 73 %, at 200 photos 88 %.
    The bootstrap-t (Efron and Tibshirani 1993, "An introduction to the bootstrap", section 12.5)
    asks how far off resampled means are in units of their own standard error, and covers 87 % and
    93 %; a test repeats the simulation. With groups the mean is the ratio of two sums over groups,
    with the variance of Cochran 1977, "Sampling techniques", section 6.3.

    Args:
        values: One row per mean, ``float64 (K, N)``.
        unit: Unit of each sample, numbered from 0, ``int64 (N,)``; two units or more.

    Attributes:
        means: One per row, ``float64 (K,)``.
        errors: Their standard errors, ``float64 (K,)``.
    """

    def __init__(self, values: NDArray[np.float64], unit: NDArray[np.int64]) -> None:
        self._n_units = int(unit.max()) + 1
        self._count = np.bincount(unit).astype(np.float64)
        self.means = values.mean(axis=1)
        centred = values - self.means[:, np.newaxis]
        self._sums = np.stack([np.bincount(unit, row) for row in centred], axis=1)
        self._moments = np.concatenate(
            (
                self._count[:, np.newaxis],
                self._count[:, np.newaxis] ** 2,
                self._sums,
                self._sums**2,
                self._sums * self._count[:, np.newaxis],
            ),
            axis=1,
        )
        self.errors = self._errors(np.ones(self._n_units))[1]

    def __call__(self, times: NDArray[np.float64]) -> tuple[float, ...]:
        """Give the means, then their distances from `means` in standard errors, of a resample.

        Args:
            times: How often each unit was drawn, ``float64``, not all 0.
        """
        off, errors = self._errors(times)
        far = np.sign(off) * _NO_SPREAD
        quotient = np.divide(off, errors, out=far, where=errors > 0)
        return (*(self.means + off).tolist(), *quotient.tolist())

    def limits(
        self, drawn: NDArray[np.float64], level: float, *, greatest: tuple[float, ...]
    ) -> list[tuple[float, float, str]]:
        """Give the limits of each mean, and the method's prefix.

        Args:
            drawn: What calling this gave for each resample, ``float64 (resamples, 2 K)``.
            level: Confidence level, between 0 and 1.
            greatest: The most that each mean can be; the least is 0.

        Returns:
            For fewer than ten units the percentiles of `expanded_level`, with an empty prefix.
        """
        k = len(self.means)
        found = []
        for row, most in enumerate(greatest):
            if self._n_units < FEWEST_UNITS:
                wide = expanded_level(level, self._n_units)
                found.append((*percentiles(drawn[:, row], wide), ""))
                continue
            low, high = percentiles(drawn[:, k + row], level)
            mean, error = float(self.means[row]), float(self.errors[row])
            # No values from 0 to `most` with this mean vary more than those at the two ends, so a
            # single large loss among few does not let the limit run away.
            ends = most * score_limits(mean / most, self._n_units, two_sided_z(level))[1]
            limits = max(0.0, mean - high * error), min(ends, mean - low * error)
            found.append((*limits, "studentised-"))
        return found

    def _errors(
        self, times: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        total, squares, *rest = times @ self._moments
        sums, sums_squared, crossed = np.array(rest).reshape(3, -1)
        off = sums / total
        missed = sums_squared - 2 * off * crossed + off**2 * squares
        # What rounding leaves of a spread of nothing is not one to divide by.
        missed = np.where(missed > 1e-12 * sums_squared, missed, 0.0)
        return off, np.sqrt(self._n_units / (self._n_units - 1) * missed) / total
