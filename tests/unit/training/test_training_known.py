"""Of many training photos a few of each class are enough, and they are the same ones every time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineament.training.known import evenly


@given(
    labels=st.lists(st.integers(0, 5), min_size=1, max_size=60),
    most=st.integers(1, 70),
    seed=st.integers(0, 3),
)
def test_classes_are_drawn_evenly_as_far_as_they_reach(
    labels: list[int], most: int, seed: int
) -> None:
    every = np.array(labels)

    chosen = evenly(every, most, seed=seed)

    assert len(chosen) == len(set(chosen.tolist())) == min(most, len(labels))
    assert chosen.tolist() == sorted(chosen.tolist())
    taken, there = np.bincount(every[chosen], minlength=6), np.bincount(every, minlength=6)
    left = taken < there
    assert not left.any() or taken.max() <= taken[left].min() + 1


def test_another_seed_takes_others() -> None:
    labels = np.zeros(1000, dtype=np.int64)

    assert evenly(labels, 10, seed=0).tolist() == evenly(labels, 10, seed=0).tolist()
    assert evenly(labels, 10, seed=0).tolist() != evenly(labels, 10, seed=1).tolist()


@pytest.mark.parametrize("most", [6, 7, 100])
def test_few_photos_are_all_taken(most: int) -> None:
    assert evenly(np.array([2, 0, 1, 1, 0, 2]), most, seed=0).tolist() == [0, 1, 2, 3, 4, 5]
