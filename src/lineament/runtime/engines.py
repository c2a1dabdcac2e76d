"""Engines: what runs an ONNX graph.

ONNX Runtime is part of every installation, starts fast, and is what answers are given with and
judged by. OpenVINO is for streams: where the processor computes in bfloat16 it embeds photos about
twice as fast, and as well as exactly for the training of a head. It is chosen nowhere silently:
whoever runs on what `fastest_engine` gave records its `title`.
"""

import importlib.util
import queue
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from lineament.core.errors import ArtifactError
from lineament.core.executor import available_cores
from lineament.core.extras import require

if TYPE_CHECKING:
    import openvino  # type: ignore[import-untyped]  # it ships no py.typed

ERRORS_ONLY = 3  # ONNX Runtime's warnings speak of its own graph passes
PIXELS = "pixels"  # what our graphs call the backbone's input


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

    @property
    def title(self) -> str:
        """Name, version and arithmetic, for the record of what was computed with it."""
        return f"ONNX Runtime {onnxruntime.__version__}, fp32"


class OpenVinoEngine:
    """OpenVINO on the CPU, one thread per call, for streams of photos.

    With ``bf16`` the backbone multiplies in bfloat16. Resize and normalisation stay in float32, as
    a graph of their own: a resize in bfloat16 moves pixels by levels, and features with them.

    Args:
        model: The graph.
        name: What to call it in an error.
        precision: ``fp32``; ``bf16``; ``None`` is bf16 where the processor has it.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        ArtifactError: OpenVINO cannot run the graph.
    """

    def __init__(self, model: bytes, *, name: str, precision: str | None = None) -> None:
        runtime = require("openvino", extra="openvino", purpose="The faster engine")
        core = runtime.Core()
        if precision is None:
            native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
            precision = "bf16" if native else "fp32"
        self._title = f"OpenVINO {runtime.__version__.split('-')[0]}, {precision}"
        # A request serves one call at a time; a thread takes an idle one or makes one more.
        self._idle: queue.SimpleQueue[list[openvino.InferRequest]] = queue.SimpleQueue()
        try:
            network = core.read_model(model)
            # One photo at a time: then all that follows the resize has a size that is known now.
            network.reshape({"image": runtime.PartialShape([1, -1, -1, 3])})
            self._metadata = _metadata(network)
            self._outputs = tuple(each.get_any_name() for each in network.outputs)
            halves = _halves(network) if precision == "bf16" else [(network, "f32")]
            self._stages = [
                core.compile_model(half, "CPU", _settings(arithmetic))
                for half, arithmetic in halves
            ]
            # Where the first photos of a process are handed over by several threads at once, they
            # wait for each other for ever (https://github.com/pybind/pybind11/pull/4877).
            self.run(np.zeros((1, 64, 64, 3), dtype=np.uint8), self._outputs)
        except RuntimeError as error:
            raise ArtifactError(
                f"{name} is not a model from `image` that OpenVINO can run.",
                fix="Uninstall openvino, and it runs on ONNX Runtime.",
            ) from error

    def run(self, image: NDArray[np.uint8], outputs: Sequence[str]) -> list[NDArray[np.float32]]:
        """Compute outputs of a batch ``uint8 (N, H, W, 3)``, in the order they were named."""
        try:
            requests = self._idle.get_nowait()
        except queue.Empty:
            requests = [stage.create_infer_request() for stage in self._stages]
        rows: list[list[NDArray[np.float32]]] = []
        for index in range(len(image)):
            value: NDArray[np.generic] = image[index : index + 1]
            for request in requests:
                request.infer([value], share_inputs=True, share_outputs=True)
                value = request.get_output_tensor(0).data
            rows.append([requests[-1].get_tensor(name).data.copy() for name in outputs])
        self._idle.put(requests)
        return [np.concatenate(parts) for parts in zip(*rows, strict=True)]

    @property
    def metadata(self) -> Mapping[str, str]:
        """The custom metadata of the file."""
        return self._metadata

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the graph computes."""
        return self._outputs

    @property
    def title(self) -> str:
        """Name, version and arithmetic, for the record of what was computed with it."""
        return self._title


def fastest_engine(model: bytes, *, name: str) -> Engine:
    """Choose the engine for a stream: OpenVINO where it is installed and runs the graph.

    Args:
        model: The graph.
        name: What to call it in an error.

    Raises:
        ArtifactError: It is no ONNX graph from pixels.
    """
    if importlib.util.find_spec("openvino") is not None:
        try:
            return OpenVinoEngine(model, name=name)
        except ArtifactError:
            pass  # an operator it lacks; ONNX Runtime runs the graph, or says why it does not
    return OnnxRuntimeEngine(model, name=name)


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{name} cannot be read ({error.strerror}).",
            fix="Name a bundle made by `lineament export`.",
        ) from error


def _settings(arithmetic: str) -> dict[str, object]:
    """Settings of OpenVINO: as many calls at once as there are cores, one thread each."""
    cores = available_cores()
    return {
        "NUM_STREAMS": cores,
        "INFERENCE_NUM_THREADS": cores,
        "INFERENCE_PRECISION_HINT": arithmetic,
        "ENABLE_CPU_PINNING": False,  # a pinned thread waits although another core is free
    }


def _halves(network: "openvino.Model") -> "list[tuple[openvino.Model, str]]":
    """Cut a graph at the backbone's input, each half with its arithmetic."""
    from openvino import Model, opset13

    cuts = [
        output
        for operation in network.get_ordered_ops()
        for output in operation.outputs()
        if PIXELS in output.get_names()
    ]
    if len(cuts) != 1:
        raise RuntimeError(f"the graph has {len(cuts)} tensors called `{PIXELS}`")
    (cut,) = cuts
    begin = opset13.parameter(cut.get_partial_shape(), cut.get_element_type())
    readers = list(cut.get_target_inputs())
    for reader in readers:
        reader.replace_source_output(begin.output(0))
    before = Model([cut], network.get_parameters(), "before")
    return [(before, "f32"), (Model(network.get_results(), [begin], "after"), "bf16")]


def _metadata(network: "openvino.Model") -> dict[str, str]:
    if not network.has_rt_info("framework"):
        return {}
    stated = network.get_rt_info("framework").value
    return {str(key): str(value) for key, value in stated.items()}
