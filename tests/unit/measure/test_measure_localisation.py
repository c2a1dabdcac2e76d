"""How much of a map lies inside a region, and where its highest point is."""

import numpy as np
import pytest

from lineament.measure.localisation import energy, pointing

INSIDE = np.array([[True, True, False, False]])


def test_highest_point_inside_is_a_hit() -> None:
    assert pointing(np.array([[0.1, 0.9, 0.3, 0.8]], dtype=np.float32), INSIDE) == 1


def test_highest_point_outside_is_none() -> None:
    assert pointing(np.array([[0.1, 0.2, 0.3, 0.8]], dtype=np.float32), INSIDE) == 0


def test_map_without_a_highest_point_hits_by_the_area() -> None:
    assert pointing(np.full((1, 4), 0.7, dtype=np.float32), INSIDE) == 0.5


@pytest.mark.parametrize("shift", [-3.0, 0.0, 5.0])
def test_energy_does_not_depend_on_where_the_map_has_its_zero(shift: float) -> None:
    heat = np.array([[3.0, 0.0, 1.0, 0.0]], dtype=np.float32) + np.float32(shift)

    assert energy(heat, INSIDE) == pytest.approx(0.75)


def test_energy_of_a_flat_map_is_the_area() -> None:
    assert energy(np.full((1, 4), -2.0, dtype=np.float32), INSIDE) == 0.5
