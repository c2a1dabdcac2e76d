"""Flows: what passes between the layers of a graph, measured on photos."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from lineament.core.progress import QUIET, Progress, tracked
from lineament.exporting.grids import Grid, best_grid
from lineament.runtime.engines import OnnxRuntimeEngine

DRAWN = 256  # values of a tensor and photo by which its grid is chosen


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flow:
    """What one tensor was over some photos.

    Attributes:
        grid: What stands for it in 8 bits.
        means: Mean of each channel, ``float64 (C,)``.
    """

    grid: Grid
    means: NDArray[np.float64]


def measured_flows(
    model: onnx.ModelProto,
    tensors: Mapping[str, int],
    photos: Sequence[NDArray[np.uint8]],
    *,
    progress: Progress = QUIET,
) -> dict[str, Flow]:
    """Run a graph on photos, and keep of some of its tensors what describes them.

    Args:
        model: The graph, from ``image``.
        tensors: Names of what is looked at, each with the axis of its channels.
        photos: Decoded photos, ``uint8 (H, W, 3)`` each; one or more.
        progress: Who listens.
    """
    names = list(tensors)
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    del opened.graph.output[:]
    opened.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in tensors
    )
    engine = OnnxRuntimeEngine(opened.SerializeToString(), name="the graph with its flows")
    least = np.full(len(tensors), np.inf)
    greatest = np.full(len(tensors), -np.inf)
    drawn: dict[str, list[NDArray[np.float32]]] = {name: [] for name in tensors}
    generator = np.random.default_rng(0)  # the same photos give the same graph
    sums: dict[str, NDArray[np.float64]] = {}
    for photo in tracked(photos, progress, "measuring what flows between layers", len(photos)):
        for number, values in enumerate(engine.run(photo[None], names)):
            least[number] = min(least[number], values.min())
            greatest[number] = max(greatest[number], values.max())
            drawn[names[number]].append(generator.choice(values.reshape(-1), DRAWN))
            channels = tensors[names[number]] % values.ndim
            others = tuple(axis for axis in range(values.ndim) if axis != channels)
            mean = values.mean(axis=others, dtype=np.float64)
            sums[names[number]] = sums.get(names[number], np.zeros(len(mean))) + mean
    return {
        name: Flow(
            grid=best_grid(least[number], greatest[number], np.concatenate(drawn[name])),
            means=sums[name] / len(photos),
        )
        for number, name in enumerate(names)
    }
