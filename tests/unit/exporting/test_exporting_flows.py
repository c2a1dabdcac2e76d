"""Flows are what a graph's tensors were on photos, whatever sizes those have."""

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from lineament.exporting.flows import measured_flows
from lineament.exporting.wiring import CHANNELS

Photos = list[NDArray[np.uint8]]


def test_means_are_those_of_each_channel(layered: bytes) -> None:
    photos = [np.zeros((4, 6, 3), np.uint8), np.zeros((9, 2, 3), np.uint8)]
    for photo, level in zip(photos, (64, 128), strict=True):
        photo[:, :, 1] = level

    flows = measured_flows(
        onnx.load_model_from_string(layered), dict.fromkeys(["pixels"], CHANNELS), photos
    )

    assert flows["pixels"].means == pytest.approx([0, 0.75, 0])  # each photo counts once


def test_grid_covers_what_was_seen(layered: bytes, noise: Photos) -> None:
    flows = measured_flows(
        onnx.load_model_from_string(layered), dict.fromkeys(["pixels", "e", "d"], CHANNELS), noise
    )

    assert flows["pixels"].grid.zero == 0
    assert float(flows["pixels"].grid.step) == pytest.approx(1 / 128, rel=0.01)
    assert 0 < flows["e"].grid.zero < 255
    assert float(flows["d"].grid.step) * 255 <= 6.001


def test_same_photos_give_the_same_flows(layered: bytes, noise: Photos) -> None:
    model = onnx.load_model_from_string(layered)
    one, other = (
        measured_flows(model, dict.fromkeys(["e"], CHANNELS), noise)["e"] for _ in range(2)
    )

    assert one.grid == other.grid
    assert np.array_equal(one.means, other.means)


def test_graph_that_is_measured_is_not_changed(layered: bytes, noise: Photos) -> None:
    model = onnx.load_model_from_string(layered)
    measured_flows(model, dict.fromkeys(["e"], CHANNELS), noise)

    assert model.SerializeToString() == onnx.load_model_from_string(layered).SerializeToString()
