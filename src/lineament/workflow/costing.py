"""Costing: what models cost in parameters, multiply-adds, milliseconds, bytes and training time.

Everything is read from the files that ship, or measured with the engine that ships. What a file
does not say is not known, and never guessed.
"""

import dataclasses
import json
import statistics
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from math import ceil, comb, prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.bundle import OUTPUTS
from lineament.artifacts.verdicts import Cost
from lineament.core.errors import ArtifactError, MissingExtraError
from lineament.core.extras import require
from lineament.core.progress import QUIET, Progress
from lineament.measure.intervals import Interval
from lineament.runtime.engines import PIXELS, OnnxRuntimeEngine

if TYPE_CHECKING:
    import onnx

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # kept beside parameters
MULTIPLYING = ("Conv", "Gemm", "MatMul")
# Multiply as well, each in its own way: a count without them would be too low.
UNCOUNTED = (
    *("ConvInteger", "ConvTranspose", "QLinearConv", "QLinearMatMul", "MatMulInteger"),
    *("Einsum", "Attention", "LSTM", "GRU", "RNN", "If", "Loop", "Scan"),
)
TURN_S = 0.25  # a turn shorter than this measures the clock and the cache
MOST_CALLS = 50
HELD_BYTES = 2**30  # graphs that are larger together are loaded anew for each turn
LEVEL = 0.95
PURPOSE = "Counting multiply-adds"

Call = Callable[[], object]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shipped:
    """What is costed.

    Attributes:
        graph: The file that ships.
        short_side_px: The shorter side at which photos are decoded for it.
        weights: Its ``weights.safetensors``; ``None`` where there is none.
        stated: What its run says that training cost; of several seeds, of each.
    """

    graph: Path
    short_side_px: int
    weights: Path | None = None
    stated: tuple[Mapping[str, object], ...] = ()


def costs(
    shipped: Mapping[str, Shipped], *, rounds: int, progress: Progress = QUIET
) -> dict[str, Cost]:
    """Say what each of several models costs.

    Args:
        shipped: The models by name.
        rounds: How often each is timed; 0 times none.
        progress: Who listens.

    Raises:
        ArtifactError: A file is absent or damaged.
    """
    taken = _timed(shipped, rounds, progress) if rounds else {}
    return {
        name: Cost(
            parameters=None if each.weights is None else parameters(each.weights),
            multiply_adds=_counted(each),
            milliseconds=taken.get(name),
            file_bytes=each.graph.stat().st_size,
            training_s=_stated(each, "seconds"),
        )
        for name, each in shipped.items()
    }


def parameters(weights: Path) -> int:
    """Count the parameters in a safetensors file, from its header alone.

    Running statistics of batch norm are none: no gradient moves them.

    Raises:
        ArtifactError: It is no safetensors file.
    """
    try:
        with weights.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > weights.stat().st_size:
                raise ValueError("its header is longer than the file")
            header: dict[str, dict[str, list[int]]] = json.loads(file.read(length))
        return sum(
            prod(tensor["shape"])
            for name, tensor in header.items()
            if name != "__metadata__" and not name.endswith(STATISTICS)
        )
    except (OSError, struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{weights} is not a file of weights ({error}).", fix="Train again."
        ) from error


def multiply_adds(graph: Path, short_side_px: int) -> int | None:
    """Count the multiply-adds of answering one photo, after its resize.

    Convolutions and products of matrices are counted from the shapes that they have when a photo
    goes through the graph; the rest is small beside them. An output of a convolution takes
    ``kernel height x width x channels of its group``, one of a product the length of a row.

    Args:
        graph: The graph; everything from its tensor ``pixels`` on is counted.
        short_side_px: The shorter side of the photo.

    Returns:
        ``None`` where onnx is not installed, or the graph multiplies in ways that are not counted.

    Raises:
        ArtifactError: It is no graph that runs.
    """
    try:
        library = require("onnx", extra="train", purpose=PURPOSE)
    except MissingExtraError:
        return None
    try:
        model: onnx.ModelProto = library.load(graph)
        if model.functions:
            inliner = require("onnx.inliner", extra="train", purpose=PURPOSE)
            model = inliner.inline_local_functions(model)
    except Exception as error:  # protobuf's own classes, under no common base
        raise ArtifactError(
            f"{graph} is not an ONNX graph that can be read.", fix="Export the bundle again."
        ) from error
    nodes = _following(model)
    if not nodes or any(node.op_type in UNCOUNTED for node in nodes):
        return None
    nodes = [node for node in nodes if node.op_type in MULTIPLYING]
    shapes = _shapes(model, nodes, photo(short_side_px), str(graph))
    return sum(_multiply_adds(node, shapes) for node in nodes)


def alternated(
    calls: Mapping[str, Callable[[], Call]],
    *,
    rounds: int,
    progress: Progress = QUIET,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Interval]:
    """Time several calls in turn, round by round, so that a busy spell falls on all of them.

    Args:
        calls: By name, what makes a call ready to be timed.
        rounds: How many rounds, 1 or more.
        progress: Who listens.
        clock: Gives seconds.

    Returns:
        Milliseconds of one call: the median of the rounds, each of which is the median of its
        calls. The limits are those rounds, counted from either end, between which the median lies
        with probability 0.95 or more if rounds are independent; of fewer than 6 rounds, which
        cannot say that much, the fastest and the slowest.
    """
    found: dict[str, list[float]] = {name: [] for name in calls}
    progress.start("timing", rounds * len(calls))
    for number in range(rounds):
        # Every other round the other way around: nobody always comes after the same one.
        names = list(calls) if number % 2 == 0 else list(calls)[::-1]
        for name in names:
            found[name].append(_turn(calls[name](), clock))
            progress.advance()
    progress.finish()
    return {name: _median(times) for name, times in found.items()}


def photo(short_side_px: int) -> NDArray[np.uint8]:
    """Draw the photo that is timed: 4 to 3, of the size at which files are decoded.

    Returns:
        ``uint8 (1, H, W, 3)``.
    """
    shape = (1, short_side_px, -(-short_side_px * 4 // 3), 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _timed(shipped: Mapping[str, Shipped], rounds: int, progress: Progress) -> dict[str, Interval]:
    hold = sum(each.graph.stat().st_size for each in shipped.values()) <= HELD_BYTES
    held: dict[str, OnnxRuntimeEngine] = {}

    def ready(name: str) -> Call:
        each = shipped[name]
        engine = held.get(name) or OnnxRuntimeEngine(each.graph, name=str(each.graph))
        if hold:
            held[name] = engine
        image = photo(each.short_side_px)
        return lambda: engine.run(image, OUTPUTS[:1])

    calls = {name: (lambda name=name: ready(name)) for name in shipped}
    return alternated(calls, rounds=rounds, progress=progress)


def _turn(call: Call, clock: Callable[[], float]) -> float:
    call()  # the first one fills caches
    started = clock()
    call()
    seconds = [clock() - started]
    n_calls = min(MOST_CALLS, ceil(TURN_S / max(seconds[0], 1e-6)))
    for _ in range(n_calls - 1):
        started = clock()
        call()
        seconds.append(clock() - started)
    return statistics.median(seconds) * 1e3


def _median(times: Sequence[float]) -> Interval:
    ranked, n = sorted(times), len(times)
    # The largest k for which the median lies outside the k-th from either end at most 5 % of times.
    outside, k = 0.0, 0
    while k < n // 2 and (outside := outside + 2 * comb(n, k) / 2**n) <= 1 - LEVEL:
        k += 1
    k = max(k, 1)
    return Interval(
        value=statistics.median(ranked),
        low=ranked[k - 1],
        high=ranked[n - k],
        level=LEVEL,
        method="median of rounds",
        n=n,
    )


def _following(model: "onnx.ModelProto") -> list["onnx.NodeProto"]:
    """The nodes that come after `pixels`; nodes stand in the order in which they can be run."""
    reached, nodes = {PIXELS}, []
    for node in model.graph.node:
        if reached.intersection(node.input):
            reached.update(node.output)
            nodes.append(node)
    return nodes


def _shapes(
    model: "onnx.ModelProto",
    nodes: Sequence["onnx.NodeProto"],
    image: NDArray[np.uint8],
    name: str,
) -> dict[str, tuple[int, ...]]:
    """The shapes of what the nodes read as their second input and of what they give."""
    library = require("onnx", extra="train", purpose=PURPOSE)
    shapes = {each.name: tuple(each.dims) for each in model.graph.initializer}
    wanted = {name for node in nodes for name in (node.input[1], node.output[0])} - shapes.keys()
    known = {each.name for each in model.graph.output}
    model.graph.output.extend(library.ValueInfoProto(name=each) for each in sorted(wanted - known))
    engine = OnnxRuntimeEngine(model.SerializeToString(), name=name)
    order = sorted(wanted)
    values = engine.run(image, order)
    return shapes | {name: value.shape for name, value in zip(order, values, strict=True)}


def _multiply_adds(node: "onnx.NodeProto", shapes: Mapping[str, tuple[int, ...]]) -> int:
    second, given = shapes[node.input[1]], prod(shapes[node.output[0]])
    if node.op_type == "Conv":
        return given * prod(second[1:])
    turned = any(each.name == "transB" and each.i for each in node.attribute)
    return given * (second[-1] if turned or len(second) == 1 else second[-2])


def _counted(each: Shipped) -> int | None:
    """From the graph, else what training counted, which is without the maps of `activation`."""
    counted = multiply_adds(each.graph, each.short_side_px)
    stated = _stated(each, "multiply_adds")
    return counted if counted is not None or stated is None else round(stated)


def _stated(each: Shipped, key: str) -> float | None:
    """The mean over seeds of what training states; ``None`` where one does not."""
    values = [stated.get(key) for stated in each.stated]
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    return statistics.fmean(numbers) if numbers and len(numbers) == len(values) else None
