"""Time cold starts: one-photo predict and --help, beside bare ONNX Runtime and torch with timm.

    python benchmarks/cold_start.py BUNDLE PHOTO [--runs 20]

Each run is a fresh process; the commands take turns, so that a slow moment hits all. The
script in torch makes the network, with random weights, and answers one photo: what one writes
first. Prints one JSON document with medians and ranges in seconds, and of each process's most
resident memory in megabytes.
"""

import argparse
import json
import os
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

TORCH = """
import sys
import timm, torch
from PIL import Image
from torchvision import transforms
model = timm.create_model("tf_efficientnet_lite0", num_classes=2).eval()
normal = transforms.Normalize((0.5,) * 3, (0.5,) * 3)
prepare = transforms.Compose([transforms.Resize((224, 224)), transforms.ToTensor(), normal])
with torch.no_grad():
    print(model(prepare(Image.open(sys.argv[1]).convert("RGB"))[None]).softmax(dim=1))
"""


def run(command: list[str]) -> tuple[float, float]:
    """Wall time of one process in seconds, and its most resident memory in megabytes."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    taken = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)  # it was waited for
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return taken, usage.ru_maxrss / 1000


def main() -> None:
    """Time the commands in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("photo")
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    commands = {
        "lineament predict": [LINEAMENT, "predict", options.bundle, options.photo],
        "bare ONNX Runtime": [sys.executable, "-c", BARE, options.bundle, options.photo],
        "torch and timm": [sys.executable, "-c", TORCH, options.photo],
        "lineament --help": [LINEAMENT, "--help"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    for command in commands.values():
        run(command)  # fills the file cache
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(options.runs):
        for name, command in commands.items():
            runs[name].append(run(command))
    document = {
        "commands": {
            name: {
                "seconds": _spread([seconds for seconds, _ in found], digits=3),
                "megabytes": _spread([megabytes for _, megabytes in found], digits=0),
            }
            for name, found in runs.items()
        },
        "n": options.runs,
        "machine": machine(),
        "versions": versions(),
    }
    print(json.dumps(document, indent=2))


def _spread(values: list[float], *, digits: int) -> dict[str, float]:
    spread = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: round(value, digits) for name, value in spread.items()}


if __name__ == "__main__":
    main()
