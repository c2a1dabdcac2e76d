"""Head mode when nothing is kept, when this run keeps it, and when an earlier run has kept it.

Each round starts three processes of `lineament train DATASET --mode head`: without the cache, with
an empty one, and with the one that this left. Their models must have the same bytes. What a process
spends before it can begin is measured by one that only imports what training needs. Beside the
clock's seconds stand the processor's, which say more where other work runs beside it.

    python benchmarks/cached_features.py DATASET --work SCRATCH [--rounds 3]

DATASET is a prepared dataset. Nothing is read from or written to the user's cache. Prints one JSON
document.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lineament.artifacts.dataset import Dataset
from lineament.core.cache import size_bytes
from lineament.core.machine import machine, versions

IMPORTS = "import lineament.training.train, lineament.runtime.predictor, openvino"
SAME = ("graph.onnx", "weights.safetensors", "history.csv")


def seconds(command: Sequence[str], cache: Path) -> tuple[float, float, list[str]]:
    """Run a command with a cache folder: the clock's and the processor's seconds, what it says."""
    started, used = time.perf_counter(), processor_s()
    said = subprocess.run(
        [sys.executable, *command],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "LINEAMENT_CACHE": str(cache)},
    )
    return time.perf_counter() - started, processor_s() - used, said.stderr.splitlines()


def processor_s() -> float:
    """What all ended processes of this one have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and range."""
    return {
        "median": round(statistics.median(values), 2),
        "min": round(min(values), 2),
        "max": round(max(values), 2),
    }


def digest(run: Path) -> str:
    """A hash of what must not depend on the cache."""
    content = b"".join((run / name).read_bytes() for name in SAME)
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """Take turns, compare the models, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cache, run = options.work / "cache", options.work / "run"
    train = ["-m", "lineament", "train", str(options.dataset), "--mode", "head"]
    train += ["--out", str(run), "--overwrite"]
    names = ("imports", "without", "cold", "warm")
    taken: dict[str, list[float]] = {name: [] for name in names}
    used: dict[str, list[float]] = {name: [] for name in names}
    digests: set[str] = set()
    notes: list[str] = []
    for _ in range(options.rounds):
        shutil.rmtree(options.work, ignore_errors=True)
        cache.mkdir(parents=True)
        for name in names:
            extra = ["--set", "cache=false"] if name == "without" else []
            command = ["-c", IMPORTS] if name == "imports" else [*train, *extra]
            by_clock, by_processor, notes = seconds(command, cache)
            taken[name].append(by_clock)
            used[name].append(by_processor)
            if name != "imports":
                digests.add(digest(run))
    assert len(digests) == 1, "the cache changed the model"
    card = json.loads((run / "run.json").read_text(encoding="utf-8"))
    data = Dataset.open(options.dataset)
    print(
        json.dumps(
            {
                "photos": {split: len(data.samples(split)) for split in data.splits},
                "engine": card["training"]["engine"],
                "seconds": {name: spread(values) for name, values in taken.items()},
                "processor_seconds": {name: spread(values) for name, values in used.items()},
                "ratio": spread(
                    [one / other for one, other in zip(taken["cold"], taken["warm"], strict=True)]
                ),
                "cache_bytes": size_bytes(cache),
                "warm_says": notes,
                "rounds": options.rounds,
                "machine": machine(),
                "versions": versions(),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
