"""A photo is changed in the order of a map, and equal places have no order of their own."""

import numpy as np
import pytest

from lineament.measure.perturbation import area, order_of, replaced


def test_places_come_from_the_most_to_the_least_marked() -> None:
    heat = np.array([[0.2, 0.9], [0.4, 0.7]], dtype=np.float32)

    assert order_of(heat, heat[::-1], seed=3).tolist() == [1, 3, 2, 0]


def test_places_at_minus_infinity_are_left_out() -> None:
    heat = np.array([[-np.inf, 0.9], [-np.inf, 1.0]], dtype=np.float32)

    assert order_of(heat, np.zeros_like(heat), seed=0).tolist() == [3, 1]


def test_second_map_decides_between_equal_places_alone() -> None:
    heat = np.array([[0.0, 0.0, 0.0, 0.9]], dtype=np.float32)
    ties = np.array([[0.3, 0.7, 0.5, 0.0]], dtype=np.float32)

    assert order_of(heat, ties, seed=0).tolist() == [3, 1, 2, 0]


def test_places_equal_in_both_do_not_favour_the_upper_left() -> None:
    flat = np.zeros((20, 20), dtype=np.float32)

    firsts = np.concatenate([order_of(flat, flat, seed=seed)[:40] for seed in range(50)])

    assert firsts.mean() == pytest.approx(199.5, abs=10)  # 2,000 draws have a spread of 2.6


def test_places_equal_in_both_have_the_same_order_for_the_same_seed() -> None:
    flat = np.zeros((5, 5), dtype=np.float32)

    assert order_of(flat, flat, seed=4).tolist() == order_of(flat, flat, seed=4).tolist()
    assert order_of(flat, flat, seed=4).tolist() != order_of(flat, flat, seed=5).tolist()


def test_pixels_are_replaced_where_it_was_said_and_nowhere_else() -> None:
    image, other = np.zeros((2, 2, 3), dtype=np.uint8), np.full((2, 2, 3), 9, dtype=np.uint8)

    changed = replaced(image, other, np.array([1, 2]))

    assert changed[:, :, 0].tolist() == [[0, 9], [9, 0]]
    assert image.max() == 0


@pytest.mark.parametrize(
    ("curve", "expected"), [([0.3, 0.3, 0.3], 0.3), ([0, 1], 0.5), ([1, 0, 0, 0, 0], 0.125)]
)
def test_area_is_that_of_the_trapezoids(curve: list[float], expected: float) -> None:
    assert float(area(np.array(curve))) == pytest.approx(expected)


def test_areas_of_many_curves_are_those_of_each() -> None:
    curves = np.random.default_rng(0).random((3, 4, 9))

    assert area(curves)[1, 2] == pytest.approx(float(area(curves[1, 2])))
