"""Engines: what runs an ONNX graph.

ONNX Runtime is part of every installation, starts fast, and is what models are judged by. OpenVINO
(`lineament.runtime.openvino_engine`) is for streams.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.onnx_file import read_model
from lineament.core.errors import ArtifactError
from lineament.runtime.onnx_runtime import onnxruntime

ERRORS_ONLY = 3  # ONNX Runtime's warnings speak of its own graph passes
PIXELS = "pixels"  # what our graphs call the backbone's input
# What a graph makes of a larger image is given back afterwards, not kept for the next one. It is
# floats of every byte, and for every column as many as the model's input has rows.
LARGE_BYTES = 8_000_000
LARGE_COLUMNS = 2500


def is_large(image: NDArray[np.uint8]) -> bool:
    """Tell whether a graph takes so much for ``uint8 (..., H, W, 3)`` that one at a time is run."""
    return image.nbytes > LARGE_BYTES or image.shape[-2] > LARGE_COLUMNS


class Engine(Protocol):
    """Runs a graph whose input is ``image``; safe to call from several threads at once."""

    def run(self, image: NDArray[np.uint8], outputs: Sequence[str]) -> list[NDArray[np.float32]]:
        """Compute outputs of a batch ``uint8 (N, H, W, 3)``, in the order they were named."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """The custom metadata of the file."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the graph computes."""

    @property
    def title(self) -> str:
        """Name, version and arithmetic, for the record of what was computed with it."""


class OnnxRuntimeEngine:
    """ONNX Runtime on the CPU, one thread per call.

    One thread makes an answer independent of how many cores there are, and several calls at once
    use the cores better than one call split over them: nobody waits at a barrier.

    Every output is computed whether it is asked for or not: ``only_execute_path_to_fetches`` has no
    effect in ONNX Runtime 1.32 (nodes that nothing asked for stand in its profile all the same).

    Args:
        model: The file, or its bytes.
        name: What to call it in an error.
        arithmetic: What is written into the graph: ``fp32`` or ``int8``.

    Raises:
        ArtifactError: It is absent or is no ONNX graph from pixels.
    """

    def __init__(self, model: Path | bytes, *, name: str, arithmetic: str = "fp32") -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # a plan per image size would be kept for each size
        options.log_severity_level = ERRORS_ONLY
        source = model if isinstance(model, bytes) else read_model(model)
        try:
            self._session = onnxruntime.InferenceSession(
                source, options, providers=["CPUExecutionProvider"]
            )
        # ONNX Runtime raises classes of its own for each kind of damage, under no common base.
        except Exception as error:
            raise ArtifactError(
                f"{name} is not an ONNX model that can be run ({type(error).__name__}).",
                fix="Name a bundle made by `lineament export`; the model comes before the photos.",
            ) from error
        inputs = [(each.name, each.type) for each in self._session.get_inputs()]
        if inputs != [("image", "tensor(uint8)")]:
            raise ArtifactError(
                f"{name} is an ONNX model, but not one that takes `image` as uint8.",
                fix="Name a bundle made by `lineament export`.",
            )
        self._arithmetic = arithmetic
        self._metadata = dict(self._session.get_modelmeta().custom_metadata_map)
        self._giving_back = onnxruntime.RunOptions()
        self._giving_back.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def run(self, image: NDArray[np.uint8], outputs: Sequence[str]) -> list[NDArray[np.float32]]:
        """Compute outputs of a batch ``uint8 (N, H, W, 3)``, in the order they were named."""
        how = self._giving_back if is_large(image) else None
        results: list[NDArray[np.float32]] = self._session.run(list(outputs), {"image": image}, how)
        return results

    @property
    def metadata(self) -> Mapping[str, str]:
        """The custom metadata of the file."""
        return self._metadata

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the graph computes."""
        return tuple(each.name for each in self._session.get_outputs())

    @property
    def title(self) -> str:
        """Name, version and arithmetic, for the record of what was computed with it."""
        return f"ONNX Runtime {onnxruntime.__version__}, {self._arithmetic}"
