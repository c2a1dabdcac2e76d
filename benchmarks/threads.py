"""Compare one thread per call, several calls at once, with several threads in one call.

    python benchmarks/threads.py BUNDLE [--calls 200] [--rounds 5]

Rounds alternate. Prints one JSON document with medians and ranges in images per second.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np

from lineament.core.executor import LocalExecutor, available_cores
from lineament.core.machine import machine, versions
from lineament.runtime.onnx_runtime import onnxruntime

SIDE_PX = 224


def session(bundle: str, threads: int) -> onnxruntime.InferenceSession:
    """Open a bundle with a number of threads per call."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(bundle, options, providers=["CPUExecutionProvider"])


def rate(work: Callable[[], None], calls: int) -> float:
    """Images per second of one round."""
    started = time.perf_counter()
    work()
    return calls / (time.perf_counter() - started)


def main() -> None:
    """Time the three ways in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    image = np.random.default_rng(0).integers(0, 256, (1, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    cores = available_cores()
    single, several = session(options.bundle, 1), session(options.bundle, cores)

    def call(runner: onnxruntime.InferenceSession) -> None:
        runner.run(["probabilities"], {"image": image})

    def in_turn(runner: onnxruntime.InferenceSession) -> None:
        for _ in range(options.calls):
            call(runner)

    ways: dict[str, Callable[[], None]] = {
        "one call, one thread": lambda: in_turn(single),
        f"one call, {cores} threads": lambda: in_turn(several),
        f"{cores} calls at once, one thread each": lambda: [
            *LocalExecutor().map(call, [single] * options.calls)
        ].clear(),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            rates[name].append(rate(way, options.calls))
    document = {
        "images_per_second": {
            name: {
                "median": round(statistics.median(values)),
                "min": round(min(values)),
                "max": round(max(values)),
            }
            for name, values in rates.items()
        },
        "calls": options.calls,
        "rounds": options.rounds,
        "machine": machine(),
        "versions": versions(),
    }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
