"""The search finds what an exhaustive one finds, in bounded work whatever the vectors are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lineament.preparation.inspection import neighbours
from lineament.preparation.inspection.neighbours import LEAF, nearest

Vectors = NDArray[np.float32]


def unit(count: int, width: int = 8, seed: int = 0) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, width))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def exhaustive(points: Vectors, queries: Vectors, k: int) -> NDArray[np.int64]:
    cosines = queries @ points.T
    np.fill_diagonal(cosines, -2)
    return np.argsort(-cosines, axis=1, kind="stable")[:, :k]


@settings(max_examples=20)
@given(count=st.integers(2, 40), seed=st.integers(0, 1000))
def test_few_points_are_searched_exhaustively(count: int, seed: int) -> None:
    points = unit(count, seed=seed)
    k = min(5, count - 1)

    [found] = nearest(points, [points], k=k)

    assert np.array_equal(found.index, exhaustive(points, points, k))


@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one_have_no_neighbours(count: int) -> None:
    points = unit(count)

    [found] = nearest(points, [points], k=3)

    assert found.index.tolist() == [[-1, -1, -1]] * count


def test_fewer_points_than_asked_for_leave_the_rest_open() -> None:
    points = unit(3)

    [found] = nearest(points, [points], k=4)

    assert (found.index[:, :2] >= 0).all()
    assert (found.index[:, 2:] == -1).all()
    assert (found.cosine[:, 2:] == -2).all()


def test_close_neighbours_are_found_among_thousands() -> None:
    originals = unit(3000, width=32)
    close = originals + 0.05 * unit(3000, width=32, seed=1)
    points = np.concatenate([originals, close / np.linalg.norm(close, axis=1, keepdims=True)])

    [found] = nearest(points.astype(np.float32), [points.astype(np.float32)], k=4)

    partner = (np.arange(6000) + 3000) % 6000
    assert (found.index == partner[:, None]).any(axis=1).mean() > 0.995


def test_a_query_never_finds_its_own_point_and_finds_each_once() -> None:
    points = unit(2 * LEAF)

    [found] = nearest(points, [points], k=6)

    assert not (found.index == np.arange(len(points))[:, None]).any()
    assert all(len(set(row)) == 6 for row in found.index.tolist())


def test_neighbours_come_best_first() -> None:
    points = unit(2 * LEAF)

    [found] = nearest(points, [points], k=6)

    assert (np.diff(found.cosine, axis=1) <= 0).all()


def test_the_same_vectors_give_the_same_neighbours() -> None:
    points = unit(2 * LEAF)

    first, second = (nearest(points, [points, -points], k=3) for _ in range(2))

    assert all(
        np.array_equal(one.index, other.index) for one, other in zip(first, second, strict=True)
    )


def test_equal_points_are_cut_into_bounded_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    leaves = neighbours._leaves

    def watched(*arguments: object) -> object:
        for mine, asked in leaves(*arguments):  # type: ignore[arg-type]
            sizes.append(len(mine))
            yield mine, asked

    monkeypatch.setattr(neighbours, "_leaves", watched)
    points = np.repeat(unit(1), 5000, axis=0)

    [found] = nearest(points, [points], k=2)

    assert max(sizes) <= LEAF
    assert found.cosine.min() == pytest.approx(1, abs=1e-5)


def test_what_is_below_the_least_cosine_is_no_neighbour() -> None:
    points = unit(200)

    [every], [some] = nearest(points, [points], k=5), nearest(points, [points], k=5, least=0.8)

    assert np.array_equal(some.index, np.where(every.cosine >= 0.8, every.index, -1))
    assert (some.index == -1).any()
