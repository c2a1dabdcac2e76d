"""A training survives what happens to it: it is killed, interrupted, starved of memory, shared."""

import csv
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from lineament.artifacts.run import Run

Result = subprocess.CompletedProcess[str]

PATIENCE_S = 120.0  # far more than a training takes here; ends a test that would wait for ever
LOOP = (
    *("--mode", "scratch", "--backbone", "test_resnet", "--epochs", "6"),
    *("--set", "size_px=48", "--set", "batch_size=8", "--set", "threads=1"),
    *("--set", "dropout=0.2", "--set", "average=0.9", "--set", "rotation=10"),
)
TIMES = {"seconds", "images_per_second", "waiting_fraction"}


def history(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [{name: text for name, text in row.items() if name not in TIMES} for row in rows]


def when(happens: Callable[[], bool], then: Callable[[int], None]) -> Callable[[int], None]:
    """Give what waits for something and then does something to the process."""

    def act(process: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not happens():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        then(process)

    return act


def epochs_saved(checkpoint: Path) -> Callable[[], bool]:
    """Whether a checkpoint was written at least twice."""
    seen: set[int] = set()

    def enough() -> bool:
        if checkpoint.is_file():
            seen.add(checkpoint.stat().st_ino)
        return len(seen) >= 2

    return enough


def killed(process: int) -> None:
    os.kill(process, signal.SIGKILL)


@pytest.fixture(scope="module")
def python(chain: Path, surroundings: dict[str, str]) -> Callable[..., Result]:
    """Give ``python("-c", program)``: a process of its own beside the dataset, of one thread."""

    def run(*arguments: object) -> Result:
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=chain,
            env={**surroundings, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            encoding="utf-8",
            timeout=240,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def whole(chain: Path, warm: Callable[..., Result]) -> Path:
    """A training that nothing happened to."""
    result = warm("train", "dataset", "--out", "whole", *LOOP, cwd=chain)
    assert result.returncode == 0, result.stderr
    return chain / "whole"


def test_training_that_was_killed_goes_on_to_the_same_run(
    chain: Path, whole: Path, warm: Callable[..., Result]
) -> None:
    checkpoint = chain / ".again.training" / "checkpoint.pt"
    result = warm(
        *("train", "dataset", "--out", "again", *LOOP),
        cwd=chain,
        kill=when(epochs_saved(checkpoint), killed),
    )
    assert result.returncode == -signal.SIGKILL
    assert not (chain / "again").exists()

    refused = warm("train", "dataset", "--out", "again", *LOOP, cwd=chain)
    assert refused.returncode == 2
    assert refused.stderr == (
        "error: .again.training holds a training that was interrupted.\n"
        "  fix: Go on with `--resume`, or start anew with `--overwrite`.\n"
    )
    other = warm("train", "dataset", "--out", "again", *LOOP, "--resume", "--seed", "5", cwd=chain)
    assert other.returncode == 2
    assert "seed: 0 then, 5 now" in other.stderr

    result = warm("train", "dataset", "--out", "again", *LOOP, "--resume", cwd=chain)

    assert result.returncode == 0, result.stderr
    assert re.search(r"going on with epoch [3-6] of 6, step 1 of", result.stderr)
    assert (chain / "again" / "graph.onnx").read_bytes() == (whole / "graph.onnx").read_bytes()
    assert (chain / "again" / "weights.safetensors").read_bytes() == (
        whole / "weights.safetensors"
    ).read_bytes()
    assert history(chain / "again") == history(whole)
    assert not checkpoint.parent.exists()


def test_resume_without_anything_to_go_on_with_begins(
    chain: Path, whole: Path, warm: Callable[..., Result]
) -> None:
    result = warm("train", "dataset", "--out", "fresh", *LOOP, "--resume", cwd=chain)

    assert result.returncode == 0, result.stderr
    assert (chain / "fresh" / "graph.onnx").read_bytes() == (whole / "graph.onnx").read_bytes()


def test_ctrl_c_leaves_a_whole_run_of_the_best_epoch_so_far(
    chain: Path, warm: Callable[..., Result]
) -> None:
    checkpoint = chain / ".early.training" / "checkpoint.pt"
    long = (*LOOP, "--epochs", "500")
    result = warm(
        *("train", "dataset", "--out", "early", *long),
        cwd=chain,
        kill=when(epochs_saved(checkpoint), lambda process: os.kill(process, signal.SIGINT)),
    )

    assert result.returncode == 0, result.stderr
    assert "finishing with what there is; press Ctrl-C again to leave at once" in result.stderr
    run = Run.open(chain / "early")
    assert run.card.training["stopped"] == "interrupted"
    assert 2 <= len(history(chain / "early")) < 100
    assert not checkpoint.parent.exists()


STARVED = """
from pathlib import Path
import torch
from lineament.artifacts.watching import Nobody
from lineament.core.progress import Quiet
from lineament.models.classifier import Classifier
from lineament.training.recipe import TrainConfig
from lineament.training.train import train

TOO_MUCH = 2**48  # bytes: more than a process can address, so the allocator itself refuses
forward = Classifier.forward


def greedy(self, pixels, labels=None):
    if self.training and len(pixels) > 4:
        torch.empty(TOO_MUCH, dtype=torch.uint8)
    return forward(self, pixels, labels)


class Told(Quiet):
    def note(self, text):
        print(text, flush=True)


class Starver(Nobody):
    def epoch(self, row, layers):
        if row["epoch"] == 1:
            Classifier.forward = greedy


config = TrainConfig(mode="scratch", backbone="test_resnet", size_px=48, batch_size=16, epochs=3)
run = train(Path("dataset"), Path("starved"), config=config, progress=Told(), watcher=Starver())
print("at a time:", run.card.training["photos_at_a_time"])
"""


def test_training_survives_a_lack_of_memory(chain: Path, python: Callable[..., Result]) -> None:
    result = python("-c", STARVED)

    assert result.returncode == 0, result.stderr
    assert [line for line in result.stdout.splitlines() if line.startswith("out of memory")] == [
        "out of memory: going on with 8 photos at a time, in as many more parts per step",
        "out of memory: going on with 4 photos at a time, in as many more parts per step",
    ]
    assert result.stdout.endswith("at a time: 4\n")
    assert len(history(chain / "starved")) == 4


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# Nothing random but the order, and statistics held: processes only cut the sums otherwise.
SHARED = (
    *("--mode", "scratch", "--backbone", "test_resnet", "--epochs", "2"),
    *("--set", "size_px=48", "--set", "flip=false", "--set", "threads=1"),
    *("--set", "freeze_batch_norm=true", "--set", "precision=fp32"),
)
ACCELERATE = ("-m", "accelerate.commands.launch", "--num_processes", "2")


@pytest.fixture(scope="module")
def alone(chain: Path, warm: Callable[..., Result]) -> Path:
    """A training by one process, whose batches are those of two together."""
    result = warm("train", "dataset", "--out", "one", *SHARED, "--set", "batch_size=8", cwd=chain)
    assert result.returncode == 0, result.stderr
    return chain / "one"


@pytest.mark.parametrize(
    ("name", "launcher"),
    [
        ("torchrun", ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port")),
        ("accelerate", (*ACCELERATE, "--multi_gpu", "--main_process_port")),
    ],
)
def test_two_processes_train_one_model(
    name: str, launcher: tuple[str, ...], alone: Path, python: Callable[..., Result]
) -> None:
    result = python(
        *(*launcher, free_port(), "-m", "lineament", "train", "dataset"),
        *("--out", name, *SHARED, "--set", "batch_size=4"),
    )
    assert result.returncode == 0, result.stderr

    run = Run.open(alone.parent / name)
    one, two = (load_file(each / "weights.safetensors") for each in (alone, run.root))
    assert one.keys() == two.keys()
    for key, value in one.items():
        assert np.abs(value - two[key]).max() < 1e-3, key
    assert run.card.training["processes"] == 2


def test_launcher_that_starts_one_process_for_two_is_refused(
    python: Callable[..., Result],
) -> None:
    result = python(
        *(*ACCELERATE, "--cpu", "-m", "lineament", "train", "dataset", "--out", "lonely", *SHARED)
    )

    assert result.returncode != 0
    assert (
        "error: `accelerate launch` was asked for several processes and started one.\n"
        "  fix: Add `--multi_gpu` to its flags, which works without GPUs too, or use `torchrun`.\n"
    ) in result.stderr
