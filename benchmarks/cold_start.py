"""Time cold starts: one-photo predict and --help, beside bare ONNX Runtime doing the same.

    python benchmarks/cold_start.py BUNDLE PHOTO [--runs 20]

Each run is a fresh process; the commands take turns, so that a slow moment hits all. Prints one
JSON document with medians and ranges in seconds.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from lineament.core.machine import machine, versions

LINEAMENT = str(Path(sys.executable).with_name("lineament"))
BARE = """
import sys
import numpy, onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
image = numpy.asarray(Image.open(sys.argv[2]).convert("RGB"))[None]
print(session.run(["probabilities"], {"image": image})[0])
"""


def seconds(command: list[str]) -> float:
    """Wall time of one process."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Time the three commands in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("photo")
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    commands = {
        "lineament predict": [LINEAMENT, "predict", options.bundle, options.photo],
        "bare ONNX Runtime": [sys.executable, "-c", BARE, options.bundle, options.photo],
        "lineament --help": [LINEAMENT, "--help"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    for command in commands.values():
        seconds(command)  # fills the file cache
    runs: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(options.runs):
        for name, command in commands.items():
            runs[name].append(seconds(command))
    document = {
        "seconds": {
            name: {
                "median": round(statistics.median(times), 3),
                "min": round(min(times), 3),
                "max": round(max(times), 3),
            }
            for name, times in runs.items()
        },
        "n": options.runs,
        "machine": machine(),
        "versions": versions(),
    }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
