"""Time the main job on one's own folders: each verb as a process of its own, and what it found.

    python benchmarks/main_job.py SOURCE --out SCRATCH [--photos 6000] [-- FLAGS FOR TRAIN]

SOURCE is a folder of class folders. With `--photos`, that many are taken, the same number per class
folder where there are enough, by links. Prints one JSON document.
"""

import argparse
import json
import platform
import random
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from lineament.core.machine import machine, versions

LINEAMENT = Path(sys.executable).with_name("lineament")


def sample(source: Path, target: Path, photos: int) -> None:
    """Link a seeded sample of each class into a new folder."""
    folders = sorted(path for path in source.iterdir() if path.is_dir())
    draw = random.Random(0)
    for folder in folders:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        (target / folder.name).mkdir(parents=True)
        for number, path in enumerate(draw.sample(files, min(len(files), photos // len(folders)))):
            (target / folder.name / f"{number:05d}{path.suffix}").symlink_to(path.resolve())


def timed(*arguments: object) -> tuple[float, dict[str, object]]:
    """Run a verb and give its wall time in seconds and its JSON document."""
    started = time.perf_counter()
    done = subprocess.run(
        [LINEAMENT, *map(str, arguments), "--json"], check=True, stdout=subprocess.PIPE
    )
    return time.perf_counter() - started, json.loads(done.stdout)


def main() -> None:
    """Run prepare, train, evaluate, export and predict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("train", nargs="*", help="flags for train, after --")
    options = parser.parse_args()
    out: Path = options.out
    shutil.rmtree(out, ignore_errors=True)
    source = options.source
    if options.photos:
        source = out / "photos"
        sample(options.source, source, options.photos)
    seconds = {}
    seconds["prepare"], prepared = timed(
        "prepare", source, "--out", out / "dataset", "--seed", options.seed
    )
    seconds["train"], trained = timed(
        "train", out / "dataset", "--out", out / "run", "--seed", options.seed, *options.train
    )
    seconds["evaluate"], report = timed(
        "evaluate", out / "run", out / "dataset", "--out", out / "report"
    )
    seconds["export"], exported = timed("export", out / "run", "--out", out / "model.onnx")
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    per_mb = 1024 if platform.system() == "Linux" else 1024**2  # the unit differs by system
    print(
        json.dumps(
            {
                "photos": prepared["splits"],
                "seconds": {verb: round(value, 1) for verb, value in seconds.items()},
                "prepare_train_evaluate_s": round(
                    sum(seconds[verb] for verb in ("prepare", "train", "evaluate")), 1
                ),
                "peak_memory_mb": round(children.ru_maxrss / per_mb),
                "chosen": trained["chosen"],
                "headline": report["headline"],
                "parity": exported["parity"],
                "machine": machine(),
                "versions": versions(),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
