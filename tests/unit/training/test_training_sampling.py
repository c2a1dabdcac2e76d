"""An epoch shows every photo once, or every class equally often, and the same again when asked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lineament.training.optimisation.sampling import epoch_order

LABELS = st.lists(st.integers(0, 6), max_size=60).map(lambda each: np.array(each, dtype=np.int64))
RARE = np.repeat([0, 1, 2], [20, 7, 3])


def order(
    labels: NDArray[np.int64], imbalance: str = "sampler", *, epoch: int = 1, seed: int = 0
) -> NDArray[np.int64]:
    return epoch_order(labels, imbalance=imbalance, seed=seed, epoch=epoch)


@pytest.mark.parametrize("imbalance", ["none", "weights", "focal"])
@given(labels=LABELS)
def test_every_photo_comes_once(imbalance: str, labels: NDArray[np.int64]) -> None:
    assert sorted(order(labels, imbalance)) == list(range(len(labels)))


@pytest.mark.parametrize("imbalance", ["none", "sampler"])
def test_same_seed_and_epoch_give_the_same_order(imbalance: str) -> None:
    np.testing.assert_array_equal(order(RARE, imbalance), order(RARE, imbalance))


@pytest.mark.parametrize("imbalance", ["none", "sampler"])
def test_each_epoch_and_each_seed_has_its_own_order(imbalance: str) -> None:
    orders = [
        order(RARE, imbalance, epoch=epoch, seed=seed).tolist()
        for epoch, seed in ((1, 0), (2, 0), (1, 1), (0, 1))
    ]

    assert len({tuple(each) for each in orders}) == 4


@given(labels=LABELS, seed=st.integers(0, 9))
def test_sampled_epoch_is_as_long_and_even_over_classes(
    labels: NDArray[np.int64], seed: int
) -> None:
    drawn = labels[order(labels, seed=seed)]
    counts = [int((drawn == label).sum()) for label in np.unique(labels)]

    assert len(drawn) == len(labels)
    assert max(counts, default=0) - min(counts, default=0) <= 1


@given(labels=LABELS, seed=st.integers(0, 9))
def test_sampler_repeats_no_photo_before_its_class_is_used_up(
    labels: NDArray[np.int64], seed: int
) -> None:
    times = np.bincount(order(labels, seed=seed), minlength=len(labels))

    for label in np.unique(labels):
        of_class = times[labels == label]
        assert of_class.max() - of_class.min() <= 1


def test_sampler_shows_other_photos_of_a_common_class_each_epoch() -> None:
    first, second = (
        {int(index) for index in order(RARE, epoch=epoch) if RARE[index] == 0} for epoch in (1, 2)
    )

    assert len(first) == len(second) == 10
    assert first != second


def test_indices_are_int64() -> None:
    assert {order(RARE, each).dtype for each in ("none", "sampler")} == {np.dtype(np.int64)}
