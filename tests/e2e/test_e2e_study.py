"""A study is killed at moments drawn at random, resumed, and ends as if nothing had happened."""

import csv
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lineament.artifacts.run import Run
from lineament.artifacts.study import Study

Result = subprocess.CompletedProcess[str]
KILLS = 2
PATIENCE_S = 120.0
# A head, a training from scratch, and one that breaks: its weights are not there.
STUDY = """\
description: "Small"
datasets: {shapes: dataset}
seeds: 2
grid:
  - {backbone: test_resnet, weights: none, size_px: 32}
  - {backbone: custom_cnn, mode: scratch, size_px: 32, widths: [8, 8], epochs: 2}
  - {backbone: test_resnet, weights: "file:absent.safetensors", size_px: 32}
"""
ENVIRONMENT = {"OMP_NUM_THREADS": "1"}  # how sums are cut must not depend on what else runs


@pytest.fixture(scope="module")
def folder(
    photos: Path, lineament: Callable[..., Result], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with ``dataset`` and ``study.yaml``."""
    root = tmp_path_factory.mktemp("study")
    (root / "study.yaml").write_text(STUDY, encoding="utf-8")
    split = ("--split", "0.5,0.25,0.25")
    done = lineament("prepare", photos, "--out", "dataset", *split, cwd=root)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="module")
def whole(folder: Path, lineament: Callable[..., Result]) -> Result:
    """The study, done without an interruption."""
    return lineament("study", "study.yaml", "--out", "whole", "--json", cwd=folder, env=ENVIRONMENT)


def table(study: Path) -> list[dict[str, str]]:
    """The table but for what depends on how fast the machine was."""
    with (study / "table.csv").open(newline="", encoding="utf-8") as file:
        return [
            {name: cell for name, cell in row.items() if name != "seconds"}
            for row in csv.DictReader(file)
        ]


def n_ended(study: Path) -> int:
    """How many runs have ended."""
    if not (study / "study.json").is_file():
        return 0
    return sum(row.status != "waiting" for row in Study.open(study).rows)


def test_study_gives_rows_a_table_and_a_reason_for_what_broke(folder: Path, whole: Result) -> None:
    document = json.loads(whole.stdout)

    assert whole.returncode == 3, whole.stderr
    assert [(row["name"], row["status"]) for row in document["rows"]] == [
        ("test_resnet-head-none-s0", "done"),
        ("test_resnet-head-none-s1", "done"),
        ("custom_cnn-scratch-s0", "done"),
        ("custom_cnn-scratch-s1", "done"),
        ("test_resnet-head-absent-s0", "broken"),
        ("test_resnet-head-absent-s1", "broken"),
    ]
    assert "absent.safetensors" in document["rows"][-1]["reason"]
    assert len(table(folder / "whole")) == 3


def test_runs_of_a_study_are_runs(folder: Path, whole: Result) -> None:
    study = Study.open(folder / "whole")

    for row in study.rows:
        if row.status == "done":
            assert Run.open(study.run_path(row)).card.seed == row.seed


def test_killed_study_resumes_and_ends_with_the_same_table(
    folder: Path, whole: Result, program: Path, surroundings: dict[str, str]
) -> None:
    moments = random.Random(5)
    command = [str(program), "study", "study.yaml", "--out", "killed", "--resume"]
    killed, killed_in_time = folder / "killed", 0
    for _ in range(KILLS):
        ended = n_ended(killed)
        study = subprocess.Popen(
            command,
            cwd=folder,
            env={**surroundings, **ENVIRONMENT},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # One run ends first: one that is under way twice would be given up, as it should be.
        until = time.monotonic() + PATIENCE_S
        while n_ended(killed) == ended and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(moments.uniform(0, 3))
        os.kill(study.pid, signal.SIGKILL)
        killed_in_time += study.wait() == -signal.SIGKILL

    done = subprocess.run(
        command,
        cwd=folder,
        env={**surroundings, **ENVIRONMENT},
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )

    assert killed_in_time > 0
    assert done.returncode == 3, done.stderr
    assert table(killed) == table(folder / "whole")


def test_interrupted_study_says_how_to_go_on(
    folder: Path, program: Path, surroundings: dict[str, str]
) -> None:
    study = subprocess.Popen(
        [str(program), "study", "dataset", "--out", "interrupted", "--backbones", "test_resnet",
         "--weights", "packaged,none"],
        cwd=folder,
        env={**surroundings, **ENVIRONMENT},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )  # fmt: skip
    until = time.monotonic() + PATIENCE_S
    while not (folder / "interrupted" / "study.json").is_file() and time.monotonic() < until:
        time.sleep(0.05)

    study.send_signal(signal.SIGINT)
    said = study.communicate(timeout=60)[1]

    assert study.returncode == 130
    assert "stopped; the same command with `--resume` goes on\n" in said
    assert "Traceback" not in said
