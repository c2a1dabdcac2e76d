"""Prediction sets: the exact quantile, and that they cover what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.conformal import conformal_threshold, likely_classes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def rows(of_truth: Floats) -> tuple[Floats, Ints]:
    """Two-class answers that give the true class, always the first, these probabilities."""
    return np.stack([of_truth, 1 - of_truth], axis=1), np.zeros(len(of_truth), dtype=np.int64)


@pytest.mark.parametrize(
    ("n", "coverage", "kth"), [(9, 0.9, 1), (10, 0.9, 1), (19, 0.9, 2), (39, 0.95, 2), (20, 0.8, 4)]
)
def test_the_threshold_is_the_exact_quantile(n: int, coverage: float, kth: int) -> None:
    of_truth = np.arange(1, n + 1) / (n + 1)
    assert conformal_threshold(*rows(of_truth), coverage=coverage) == of_truth[kth - 1]


def test_too_few_photos_give_no_threshold() -> None:
    assert conformal_threshold(*rows(np.full(8, 0.9)), coverage=0.9) is None


def test_one_photo_gives_a_threshold_only_for_half() -> None:
    assert conformal_threshold(*rows(np.array([0.7])), coverage=0.5) == 0.7
    assert conformal_threshold(*rows(np.array([0.7])), coverage=0.51) is None


def test_a_model_that_is_always_wrong_has_sets_of_unlikely_classes() -> None:
    assert conformal_threshold(*rows(np.zeros(50)), coverage=0.9) == 0.0


@given(of_truth=st.lists(st.sampled_from([0.1, 0.4, 0.5, 0.9]), min_size=9, max_size=40))
def test_ties_hold_at_least_what_was_asked(of_truth: list[float]) -> None:
    values = np.array(of_truth)
    threshold = conformal_threshold(*rows(values), coverage=0.9)
    assert threshold is not None
    assert (values >= threshold).sum() >= 0.9 * (len(values) + 1) - 1e-9


@given(seed=st.integers(0, 1000))
def test_the_order_of_the_photos_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    of_truth, groups = rng.random(60), rng.integers(0, 25, 60)
    order = rng.permutation(60)
    assert conformal_threshold(*rows(of_truth), coverage=0.9, groups=groups) == conformal_threshold(
        *rows(of_truth[order]), coverage=0.9, groups=groups[order]
    )


def test_groups_of_one_photo_change_nothing() -> None:
    of_truth = np.random.default_rng(0).random(50)
    alone = [f"person {i}" for i in range(50)]
    plain = conformal_threshold(*rows(of_truth), coverage=0.9)
    assert conformal_threshold(*rows(of_truth), coverage=0.9, groups=alone) == plain
    assert conformal_threshold(*rows(of_truth), coverage=0.9, groups=[""] * 50) == plain


def test_one_group_says_nothing_about_the_next() -> None:
    of_truth = np.full(1000, 0.9)
    assert conformal_threshold(*rows(of_truth), coverage=0.9, groups=["anna"] * 1000) is None


def test_a_group_with_many_photos_counts_as_one() -> None:
    of_truth = np.append(np.full(1000, 0.2), np.linspace(0.5, 0.9, 18))
    groups = [0] * 1000 + list(range(1, 19))
    # 1 of 19 groups may miss in 18 of 20: the large group lies below all the others.
    assert conformal_threshold(*rows(of_truth), coverage=0.9, groups=groups) == 0.5


def test_sets_cover_what_was_asked_and_hardly_more() -> None:
    rng = np.random.default_rng(0)
    n, draws = 30, 3000
    # Of a uniform probability of the truth, a threshold t covers 1 - t of new photos exactly.
    thresholds = [conformal_threshold(*rows(rng.random(n)), coverage=0.9) for _ in range(draws)]
    covered = 1 - np.array(thresholds, dtype=np.float64)
    error = 3 * covered.std() / np.sqrt(draws)
    assert 0.9 - error <= covered.mean() <= 0.9 + 1 / (n + 1) + error


def test_sets_cover_photos_of_new_groups_and_would_not_without_the_groups() -> None:
    rng = np.random.default_rng(0)
    # All photos of a person are alike, so a threshold t covers 1 - t of new persons exactly.
    sizes = np.tile([1, 10, 100], 5)
    groups = np.repeat(np.arange(15), sizes)
    covered, without = [], []
    for _ in range(1000):
        of_truth = np.repeat(rng.random(15), sizes)
        threshold = conformal_threshold(*rows(of_truth), coverage=0.9, groups=groups)
        plain = conformal_threshold(*rows(of_truth), coverage=0.9)
        assert threshold is not None
        assert plain is not None
        covered.append(1 - threshold)
        without.append(1 - plain)
    assert np.mean(covered) > 0.9
    assert np.mean(without) < 0.87


def test_the_coverage_of_one_choice_scatters_as_the_docstring_says() -> None:
    rng = np.random.default_rng(0)
    draws = [conformal_threshold(*rows(rng.random(36)), coverage=0.9) for _ in range(2000)]
    assert np.std(np.array(draws, dtype=np.float64)) == pytest.approx(0.05, abs=0.006)


def test_a_set_holds_every_class_at_or_above_the_threshold() -> None:
    probabilities = np.array([[0.5, 0.3, 0.2], [0.34, 0.33, 0.33]], dtype=np.float32)
    threshold = float(np.float32(0.3))
    assert likely_classes(probabilities, threshold=threshold).tolist() == [
        [True, True, False],
        [True, True, True],
    ]


def test_a_set_may_be_empty() -> None:
    assert not likely_classes(np.array([[0.6, 0.4]]), threshold=0.7).any()


def test_a_threshold_is_not_rounded_to_the_precision_of_the_probabilities() -> None:
    probability = np.float32(0.3)
    above = np.nextafter(np.float64(probability), 1)
    rounded = np.array([[probability, 1 - probability]], dtype=np.float32)
    assert likely_classes(rounded, threshold=float(above)).tolist() == [[False, True]]


@pytest.mark.parametrize("coverage", [0.0, 1.0, 90.0, float("nan")])
def test_a_coverage_outside_0_to_1_is_refused(coverage: float) -> None:
    with pytest.raises(UsageError) as caught:
        conformal_threshold(*rows(np.full(9, 0.5)), coverage=coverage)
    assert str(caught.value) == (
        f"`coverage` must lie between 0 and 1, got {coverage}.\n  fix: Give 0.9 for 90 %."
    )


def test_groups_of_another_length_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        conformal_threshold(*rows(np.full(9, 0.5)), coverage=0.9, groups=["a"])
    assert str(caught.value) == "`groups` must hold one entry per sample (9,), got (1,)."
