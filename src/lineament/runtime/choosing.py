"""Choosing an engine, for one photo or for a stream of them."""

import importlib.util

from lineament.core.errors import ArtifactError, UsageError
from lineament.core.machine import has_fast_bf16
from lineament.core.suggest import did_you_mean
from lineament.runtime.engines import Engine, OnnxRuntimeEngine
from lineament.runtime.openvino_engine import OpenVinoEngine

AUTO, ONNX_RUNTIME, OPENVINO = "auto", "onnxruntime", "openvino"
ENGINES = (AUTO, ONNX_RUNTIME, OPENVINO)
# From so many photos on OpenVINO earns back the half second in which it compiles a graph.
STREAM = 64


def check_engine(engine: str) -> None:
    """Refuse an engine that there is not.

    Raises:
        UsageError: There is none of that name.
    """
    if engine not in ENGINES:
        raise UsageError(
            f"There is no engine `{engine}`.{did_you_mean(engine, ENGINES)}",
            fix=f"The engines are {', '.join(ENGINES)}.",
        )


def is_installed(engine: str) -> bool:
    """Whether an engine can be imported here."""
    return engine == ONNX_RUNTIME or importlib.util.find_spec("openvino") is not None


def arithmetic_here(precision: str) -> str:
    """With what a model of some precision computes on this machine in OpenVINO.

    One that may be run in bfloat16 is run so where that is the faster one, and exactly elsewhere.
    """
    return "fp32" if precision == "bf16" and not has_fast_bf16() else precision


def fastest_engine(model: bytes, *, name: str) -> Engine:
    """Choose the engine for a stream: OpenVINO where it is installed and runs the graph.

    Args:
        model: The graph.
        name: What to call it in an error.

    Raises:
        ArtifactError: It is no ONNX graph from pixels.
    """
    if is_installed(OPENVINO):
        try:
            return OpenVinoEngine(model, name=name)
        except ArtifactError:
            pass  # an operator it lacks; ONNX Runtime runs the graph, or says why it does not
    return OnnxRuntimeEngine(model, name=name)
