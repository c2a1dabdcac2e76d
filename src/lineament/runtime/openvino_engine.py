"""OpenVINO: the engine for streams of photos, where it is installed.

On most processors it is the faster one; where bfloat16 is fast it is about twice as fast again, and
as good as exact for the training of a head. It is chosen nowhere silently: whoever runs on it
records its `title`.
"""

import queue
import sys
import threading
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.onnx_part import beginning
from lineament.core.errors import ArtifactError
from lineament.core.executor import available_cores
from lineament.core.extras import require
from lineament.core.machine import has_fast_bf16
from lineament.runtime.engines import PIXELS, OnnxRuntimeEngine

if TYPE_CHECKING:
    import openvino  # type: ignore[import-untyped]  # it ships no py.typed


class OpenVinoEngine:
    """OpenVINO on the CPU, one thread per call, for streams of photos.

    Resize and normalisation are left to ONNX Runtime, where the graph says which tensor is their
    result: OpenVINO rounds some pixels to the next level, takes longer for them, and keeps for ever
    the memory that its largest image took. With ``bf16`` the backbone multiplies in bfloat16.

    Args:
        model: The graph.
        name: What to call it in an error.
        precision: ``fp32``; ``bf16``; ``int8``, which is written into the graph; ``None`` is bf16
            where that is the faster one.
        threads: How many calls run at once; ``None`` is one per core.
        outputs: What is wanted of the graph's outputs, and what no other needs is not computed;
            ``None`` is all of them.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        ArtifactError: OpenVINO cannot run the graph.
    """

    def __init__(
        self,
        model: bytes,
        *,
        name: str,
        precision: str | None = None,
        threads: int | None = None,
        outputs: Sequence[str] | None = None,
    ) -> None:
        runtime = _openvino()
        core = _core()
        if precision is None:
            precision = "bf16" if has_fast_bf16() else "fp32"
        self._title = f"OpenVINO {runtime.__version__.split('-')[0]}, {precision}"
        # A request serves one call at a time; a thread takes an idle one or makes one more.
        self._idle: queue.SimpleQueue[openvino.InferRequest] = queue.SimpleQueue()
        try:
            network = core.read_model(model)
            if outputs is not None:
                network = _pruned(network, outputs)
            # One photo at a time: then all that follows the resize has a size that is known now.
            network.reshape({"image": runtime.PartialShape([1, -1, -1, 3])})
            self._metadata = _metadata(network)
            self._outputs = tuple(each.get_any_name() for each in network.outputs)
            first = beginning(model, PIXELS)
            self._pixels = None if first is None else OnnxRuntimeEngine(first, name=name)
            # A resize in bfloat16 would move pixels by levels, and features with them.
            if self._pixels is not None or precision == "bf16":
                network = _behind_pixels(network)
            arithmetic = "bf16" if precision == "bf16" else "f32"
            self._network = core.compile_model(network, "CPU", _settings(arithmetic, threads))
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
            request = self._idle.get_nowait()
        except queue.Empty:
            request = self._network.create_infer_request()
        rows: list[list[NDArray[np.float32]]] = []
        for index in range(len(image)):
            value: NDArray[np.generic] = image[index : index + 1]
            if self._pixels is not None:
                (value,) = self._pixels.run(image[index : index + 1], [PIXELS])
            request.infer([value], share_inputs=True, share_outputs=True)
            rows.append([request.get_tensor(name).data.copy() for name in outputs])
        self._idle.put(request)
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


def _openvino() -> ModuleType:
    """Import OpenVINO so that it tells nobody.

    Its `import` sends an event to its maker's collector at Google, and keeps an identity of the
    user in their home; without the package that does so it goes on in silence.
    """
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # "not to be imported", as `import` documents
    return require("openvino", extra="openvino", purpose="The faster engine")


_OPENING = threading.Lock()
_OPEN: "list[openvino.Core]" = []


def _core() -> "openvino.Core":
    """The one core of this process, which is never closed.

    Its plugin for processors puts a stack for signals under the thread that opens it, and gives the
    memory back from whichever thread closes it. The next signal to the first one, such as Ctrl-C,
    was then a segmentation fault.
    """
    with _OPENING:
        if not _OPEN:
            from openvino import Core

            _OPEN.append(Core())
        return _OPEN[0]


def _settings(arithmetic: str, threads: int | None) -> dict[str, object]:
    """Settings of OpenVINO: as many calls at once as there are cores, one thread each."""
    cores = threads or available_cores()
    return {
        "NUM_STREAMS": cores,
        "INFERENCE_NUM_THREADS": cores,
        "INFERENCE_PRECISION_HINT": arithmetic,
        "ENABLE_CPU_PINNING": False,  # a pinned thread waits although another core is free
    }


def _pruned(network: "openvino.Model", outputs: Sequence[str]) -> "openvino.Model":
    """Leave out of a network what none of some outputs needs."""
    from openvino import Model

    wanted = [
        result for result in network.get_results() if result.output(0).get_names() & set(outputs)
    ]
    pruned = Model(wanted, network.get_parameters(), network.get_name())
    if network.has_rt_info("framework"):
        pruned.set_rt_info(network.get_rt_info("framework"), "framework")
    return pruned


def _behind_pixels(network: "openvino.Model") -> "openvino.Model":
    """Cut a graph at the backbone's input, and keep what follows."""
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
    for reader in list(cut.get_target_inputs()):
        reader.replace_source_output(begin.output(0))
    return Model(network.get_results(), [begin], "behind_pixels")


def _metadata(network: "openvino.Model") -> dict[str, str]:
    if not network.has_rt_info("framework"):
        return {}
    stated = network.get_rt_info("framework").value
    return {str(key): str(value) for key, value in stated.items()}
