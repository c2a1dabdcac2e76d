"""A layer in integers has nearly the weights it had, and the mean output it had."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.exporting.grids import covering
from lineament.exporting.integers import Layer, layer_in_integers

GIVEN = covering(0.0, 6.0)
MEANS = np.linspace(0.5, 3, 12)


def random_weights(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(2).normal(0, 1, shape).astype(np.float32)


def exact_weights(layer: Layer, *, axis: int = 0) -> NDArray[np.float64]:
    shape = [1] * layer.weights.ndim
    shape[axis] = -1
    return layer.weights.astype(np.float64) * layer.steps.reshape(shape)


def exact_bias(layer: Layer) -> NDArray[np.float64]:
    return layer.bias.astype(np.float64) * layer.bias_steps


def test_each_output_channel_has_a_step_of_its_own() -> None:
    weights = random_weights(4, 12, 3, 3) * np.array([1, 10, 0.01, 1], np.float32).reshape(
        4, 1, 1, 1
    )
    layer = layer_in_integers(weights, None, given=GIVEN, means=MEANS)

    assert np.abs(layer.weights).max(axis=(1, 2, 3)).tolist() == [64] * 4
    error = np.abs(exact_weights(layer) - weights).max(axis=(1, 2, 3))
    assert (error <= layer.steps / 2 * 1.001).all()


def test_mean_output_stays_what_it_was() -> None:
    weights, bias = random_weights(4, 12, 3, 3), np.ones(4, np.float32)
    layer = layer_in_integers(weights, bias, given=GIVEN, means=MEANS)

    before = weights.sum(axis=(2, 3)) @ MEANS + bias
    rounded = exact_weights(layer).sum(axis=(2, 3)) @ MEANS
    assert np.abs(rounded + bias - before).max() > 0.01
    assert rounded + exact_bias(layer) == pytest.approx(before, abs=1e-3)


@pytest.mark.parametrize("groups", [1, 3, 12])
def test_mean_output_of_groups_stays_what_it_was(groups: int) -> None:
    weights = random_weights(24, 12 // groups, 3, 3)
    layer = layer_in_integers(weights, None, given=GIVEN, means=MEANS, groups=groups)

    for channel in range(24):
        group = channel // (24 // groups)
        means = MEANS.reshape(groups, -1)[group]
        before = weights[channel].sum(axis=(1, 2)) @ means
        after = exact_weights(layer)[channel].sum(axis=(1, 2)) @ means + exact_bias(layer)[channel]
        assert after == pytest.approx(before, abs=1e-3)


def test_matrix_that_is_stored_the_other_way_round_is_the_same_layer() -> None:
    weights = random_weights(5, 12)
    one = layer_in_integers(weights, None, given=GIVEN, means=MEANS)
    other = layer_in_integers(weights.T, None, given=GIVEN, means=MEANS, axis=1)

    assert np.array_equal(one.weights, other.weights.T)
    assert np.array_equal(one.bias, other.bias)


def test_channel_without_weights_gives_its_bias() -> None:
    weights = random_weights(3, 12, 1, 1)
    weights[1] = 0
    layer = layer_in_integers(weights, np.full(3, 2, np.float32), given=GIVEN, means=MEANS)

    assert not layer.weights[1].any()
    assert exact_bias(layer)[1] == pytest.approx(2, rel=1e-6)


def test_bias_beyond_32_bits_gets_coarser_weights() -> None:
    weights = random_weights(2, 12, 1, 1) * np.float32(1e-9)
    layer = layer_in_integers(weights, np.full(2, 1e3, np.float32), given=GIVEN, means=MEANS)

    assert exact_bias(layer) == pytest.approx([1e3, 1e3], rel=1e-6)
    assert np.abs(layer.bias).max() <= 2**30 * 1.001


def test_no_two_products_fill_16_bits() -> None:
    # What `vpmaddubsw` does, with which x86 without VNNI multiplies bytes: it saturates.
    weights = np.sign(random_weights(4, 12, 3, 3))
    layer = layer_in_integers(weights, None, given=GIVEN, means=MEANS)

    greatest = int(np.abs(layer.weights).max()) * 255
    assert greatest > 0.49 * 2**15  # all of the range that is safe is used
    assert 2 * greatest < 2**15
