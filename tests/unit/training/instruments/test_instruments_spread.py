"""A spread counts what is there, whatever the order in memory, the arithmetic or the size."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lineament.training.instruments import spread as module
from lineament.training.instruments.spread import BINS, SAMPLE, sampled, spread

NUMBERS = st.lists(
    st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=60
)


@given(NUMBERS)
def test_every_value_lies_in_one_bin(numbers: list[float]) -> None:
    found = spread(torch.tensor(numbers))

    assert sum(found.counts) == len(numbers)
    assert len(found.counts) == (1 if min(numbers) == max(numbers) else BINS)
    assert (found.low, found.high) == (min(numbers), max(numbers))


@given(NUMBERS)
def test_counts_are_those_of_numpy(numbers: list[float]) -> None:
    exact = np.round(np.asarray(numbers, dtype=np.float32)).clip(-1e6, 1e6)
    found = spread(torch.from_numpy(exact))
    if found.low < found.high:
        # Values on the border of two bins may go either way, where the width has no exact form.
        edges = np.linspace(found.low, found.high, BINS + 1)
        within = np.abs(exact[:, None] - edges[None, 1:-1]).min(axis=1) > 1e-6 * np.abs(edges).max()
        expected, _ = np.histogram(exact[within], bins=BINS, range=(found.low, found.high))
        assert (np.asarray(found.counts) >= expected).all()


def test_bins_are_equal_and_hold_both_ends() -> None:
    found = spread(torch.arange(0.0, 65.0))

    assert found.counts == (1,) * 63 + (2,)


def test_rms_and_zeros_are_of_all_values() -> None:
    found = spread(torch.tensor([[3.0, 0.0], [-4.0, 0.0]]))

    assert found.rms == pytest.approx(2.5)
    assert found.zero_fraction == 0.5


def test_constant_values_have_one_bin() -> None:
    assert spread(torch.full((2, 3), 0.25)).counts == (6,)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_every_arithmetic_is_read(dtype: torch.dtype) -> None:
    numbers = torch.arange(-8.0, 8.0) / 4  # exact in all of them

    assert spread(numbers.to(dtype)) == spread(numbers)


def test_bounds_are_finite_where_a_value_is_not() -> None:
    found = spread(torch.tensor([1.0, math.inf, 2.0, 3.0]))

    assert (found.low, found.high, found.rms) == (1.0, 3.0, math.inf)
    assert sum(found.counts) == 3


def test_a_value_that_is_no_number_shows_in_the_rms() -> None:
    found = spread(torch.tensor([1.0, math.nan, 2.0]))

    assert (found.low, found.high) == (1.0, 2.0)
    assert math.isnan(found.rms)


def test_no_finite_value_is_no_bin() -> None:
    found = spread(torch.tensor([math.nan, math.inf]))

    assert (found.low, found.high, found.counts) == (0.0, 0.0, (0,))


def test_one_infinite_value_of_many_is_not_missed() -> None:
    many = torch.zeros(3 * SAMPLE + 1)
    stride = round(len(many) / len(sampled(many)))
    many[stride + 1] = math.inf  # between two that are sampled

    assert spread(many).rms == math.inf


def test_order_in_memory_makes_no_difference() -> None:
    filters = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    last = filters.contiguous(memory_format=torch.channels_last)
    found, other = spread(filters), spread(last)

    assert found.counts == other.counts
    assert found.rms == pytest.approx(other.rms, rel=1e-12)


def test_turned_tensors_are_read_whole() -> None:
    values = torch.arange(12.0).reshape(3, 4)

    assert sorted(sampled(values.T)) == list(range(12))


def test_few_values_are_all_taken() -> None:
    assert len(sampled(torch.zeros(SAMPLE))) == SAMPLE


@given(st.integers(1, 2_000_000))
def test_sample_is_bounded_and_covers_all(count: int) -> None:
    stride = module._stride(count)

    assert -(-count // stride) <= SAMPLE
    assert math.gcd(stride, count) == 1


def test_large_filters_are_sampled_in_all_their_cells() -> None:
    cells = torch.arange(9.0).reshape(1, 1, 3, 3).expand(256, 128, 3, 3).contiguous()
    counts = np.unique(sampled(cells), return_counts=True)[1]

    assert len(counts) == 9
    assert counts.max() - counts.min() <= 1


def test_sample_stands_for_the_whole() -> None:
    values = torch.randn(500_000, generator=torch.Generator().manual_seed(0))

    assert spread(values).rms == pytest.approx(1.0, abs=0.01)


def test_sample_does_not_follow_the_tensor() -> None:
    values = torch.zeros(4, dtype=torch.float64)
    before = sampled(values)
    values += 1

    assert before.tolist() == [0.0] * 4


def test_scaling_moves_bounds_and_rms() -> None:
    found = spread(torch.tensor([-1.0, 0.0, 3.0]))

    assert found.scaled(2.0) == spread(torch.tensor([-2.0, 0.0, 6.0]))
