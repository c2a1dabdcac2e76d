"""SFace: a MobileNetV1 trained to tell faces apart, rebuilt from the released ONNX file.

The network is Zhong et al. 2021 (SFace loss) as OpenCV Zoo publishes it. It ends in one linear map
from all 7 x 7 positions to 128 numbers. Written position by position, that map gives features
``(N, 128, 7, 7)`` whose mean is the released embedding (before its L2 norm), so that pooling, heads
and activation maps are those of any other backbone. Its input is a face of 112 x 112 pixels that
fills the picture, eyes a little above the middle; no other size fits its map. Of upright photos
that show a head and its surroundings, such as those of LFW, ``crop_fraction=0.6`` shows the face.
"""

import itertools
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lineament.artifacts.onnx_folding import dequantised
from lineament.core.extras import require

SIZE_PX = 112
SIDE = 7  # of the last map
EMBEDDING = 128
# Each step: a depthwise and a pointwise convolution; channels in, channels out, stride.
STEPS = (
    (32, 64, 1),
    (64, 128, 2),
    (128, 128, 1),
    (128, 256, 2),
    (256, 256, 1),
    (256, 512, 2),
    *[(512, 512, 1)] * 5,
    (512, 1024, 2),
    (1024, 1024, 1),
)
# Of the batch norms, as the released file states them.
CONVOLUTION_EPS = 1e-3
LAST_EPS = 2e-5


class SFace(nn.Module):
    """The network, its last linear map written position by position."""

    def __init__(self) -> None:
        super().__init__()
        steps = [nn.Sequential(_layer(3, 32))]
        for width_in, width_out, stride in STEPS:
            depthwise = _layer(width_in, width_in, stride=stride, groups=width_in)
            steps.append(nn.Sequential(depthwise, _layer(width_in, width_out, kernel=1)))
        self.steps = nn.Sequential(*steps)
        self.norm = nn.BatchNorm2d(STEPS[-1][1], eps=LAST_EPS)
        self.embed = PositionLinear(STEPS[-1][1], EMBEDDING, SIDE)

    def forward_features(self, pixels: Tensor) -> Tensor:
        """Map ``float32 (N, 3, 112, 112)`` to ``float32 (N, 128, 7, 7)``."""
        features: Tensor = self.embed(self.norm(self.steps(pixels)))
        return features

    def group_matcher(self, coarse: bool = False) -> dict[str, object]:
        """Say, as timm's networks do, which parameters belong to which stage or step."""
        if not coarse:
            return {"steps": r"^steps\.(\d+)"}
        # A stage ends where the side is halved, as in other networks.
        bounds = [0, 2, 4, 6, 12, 14]
        return {
            "stages": [
                (rf"^steps\.(?:{'|'.join(map(str, range(start, end)))})\.", (stage,))
                for stage, (start, end) in enumerate(itertools.pairwise(bounds))
            ]
        }


class PositionLinear(nn.Module):
    """A linear map with its own weights at every position of a square map.

    Args:
        n_in: Channels in.
        n_out: Channels out.
        side: Of the map.
    """

    def __init__(self, n_in: int, n_out: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.weight = nn.Parameter(torch.empty(side * side, n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(n_out))
        # The mean over positions keeps the variance of what comes in.
        nn.init.normal_(self.weight, std=side * n_in**-0.5)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``float32 (N, n_in, side, side)`` to ``float32 (N, n_out, side, side)``."""
        height, width = features.shape[2:]
        if height != self.side or width != self.side:
            raise ValueError(
                f"Its last map has {self.side} x {self.side} positions, not {height} x {width}."
            )
        mapped = torch.matmul(features.flatten(2).permute(2, 0, 1), self.weight)
        moved = (mapped + self.bias).permute(1, 2, 0)
        # `len()` instead of `shape[0]` would freeze the batch when the graph is exported
        return moved.reshape(moved.shape[0], moved.shape[1], self.side, self.side)


def read_onnx(path: Path) -> dict[str, Tensor]:
    """Read the released file as a state dict of `SFace`.

    The file holds its matrices as 8-bit integers in blocks of 64 with a scale each.

    Args:
        path: ``face_recognition_sface_2021dec_int8bq.onnx``, whose hash was checked.

    Returns:
        Every tensor of the network.

    Raises:
        MissingExtraError: The package `onnx` is not installed.
    """
    onnx = require("onnx", extra="train", purpose="Reading the weights of sface")
    found = _initialisers(onnx, path)
    state: dict[str, NDArray[np.generic]] = {}
    for stem, prefix in _layer_names():
        state |= _norm(found, f"{stem}_batchnorm", f"{prefix}.1")
        state[f"{prefix}.0.weight"] = found[f"{stem}_conv2d_weight"]
        state[f"{prefix}.2.weight"] = found[f"{stem}_relu_gamma"].reshape(-1)
    state |= _norm(found, "bn1", "norm")
    # The batch norm after the map is one factor and one offset per output: they join the map.
    factor = found["fc1_gamma"] / np.sqrt(found["fc1_moving_var"] + np.float32(LAST_EPS))
    weight = found["pre_fc1_weight"].reshape(EMBEDDING, STEPS[-1][1], SIDE * SIDE)
    # The released map sums over positions, pooling averages: hence the factor 49.
    state["embed.weight"] = (weight * factor[:, None, None]).transpose(2, 1, 0) * SIDE**2
    state["embed.bias"] = (found["pre_fc1_bias"] - found["fc1_moving_mean"]) * factor + found[
        "fc1_beta"
    ]
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in state.items()}


def _layer(
    width_in: int, width_out: int, *, kernel: int = 3, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(
            width_in, width_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False
        ),
        nn.BatchNorm2d(width_out, eps=CONVOLUTION_EPS),
        nn.PReLU(width_out),
    )


def _layer_names() -> list[tuple[str, str]]:
    """The file's name of each layer, and ours."""
    names = [("conv_1", "steps.0.0")]
    for step in range(1, len(STEPS) + 1):
        names += [
            (f"conv_{step + 1}_dw", f"steps.{step}.0"),
            (f"conv_{step + 1}", f"steps.{step}.1"),
        ]
    return names


def _norm(
    found: dict[str, NDArray[np.float32]], stem: str, prefix: str
) -> dict[str, NDArray[np.generic]]:
    return {
        f"{prefix}.weight": found[f"{stem}_gamma"],
        f"{prefix}.bias": found[f"{stem}_beta"],
        f"{prefix}.running_mean": found[f"{stem}_moving_mean"],
        f"{prefix}.running_var": found[f"{stem}_moving_var"],
        f"{prefix}.num_batches_tracked": np.asarray(0, np.int64),
    }


def _initialisers(onnx: ModuleType, path: Path) -> dict[str, NDArray[np.float32]]:
    """All constants of the file by name, those in blocks of integers turned back to numbers."""
    graph = onnx.load(path).graph
    stored = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    found = {name: value for name, value in stored.items() if value.dtype == np.float32}
    for node in graph.node:
        if node.op_type != "DequantizeLinear":
            continue
        given = {each.name: each.i for each in node.attribute}
        name = node.input[0].removesuffix("_quantized")
        integers, scales, zeros = (stored[each] for each in node.input)
        found[name] = dequantised(
            integers, scales, zeros, axis=given["axis"], block=given["block_size"]
        ).reshape(stored[f"{name}_shape"])
    return found
