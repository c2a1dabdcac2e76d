"""Engines: what runs an ONNX graph. ONNX Runtime alone so far; OpenVINO will be the second."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from lineament.core.errors import ArtifactError

ERRORS_ONLY = 3  # ONNX Runtime's warnings speak of its own graph passes


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


class OnnxRuntimeEngine:
    """ONNX Runtime on the CPU, one thread per call.

    One thread makes an answer independent of how many cores there are, and several calls at once
    use the cores better than one call split over them: nobody waits at a barrier.

    Args:
        model: The file, or its bytes.
        name: What to call it in an error.

    Raises:
        ArtifactError: It is absent or is no ONNX graph from pixels.
    """

    def __init__(self, model: Path | bytes, *, name: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # a plan per image size would be kept for each size
        options.log_severity_level = ERRORS_ONLY
        source = model if isinstance(model, bytes) else _read(model, name)
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
        self._metadata = dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, image: NDArray[np.uint8], outputs: Sequence[str]) -> list[NDArray[np.float32]]:
        """Compute outputs of a batch ``uint8 (N, H, W, 3)``, in the order they were named."""
        results: list[NDArray[np.float32]] = self._session.run(list(outputs), {"image": image})
        return results

    @property
    def metadata(self) -> Mapping[str, str]:
        """The custom metadata of the file."""
        return self._metadata

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the graph computes."""
        return tuple(each.name for each in self._session.get_outputs())


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{name} cannot be read ({error.strerror}).",
            fix="Name a bundle made by `lineament export`.",
        ) from error
