"""Videos through the installed program: a row per frame, a marked video, and never half of one."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("cv2", reason="OpenCV is not installed: videos were not tried")

from lineament.runtime.video import VideoFile
from lineament.runtime.video_writing import VideoWriter

Result = subprocess.CompletedProcess[str]
Draw = Callable[..., NDArray[np.uint8]]
FPS, SCENE = 10, 15  # a second and a half of each kind


def film(target: Path, scenes: list[NDArray[np.uint8]], *, each: int = SCENE) -> Path:
    with VideoWriter(target, fps=FPS, overwrite=False, flag="--out-video") as writer:
        for scene in scenes:
            for _ in range(each):
                writer.write(scene)
    return target


@pytest.fixture(scope="module")
def clip(draw: Draw, tmp_path_factory: pytest.TempPathFactory) -> Path:
    scenes = [draw(2, kind, height=192, width=256) for kind in range(3)]
    return film(tmp_path_factory.mktemp("clip") / "clip.avi", scenes)


def test_video_is_answered_as_its_frames_are_and_changes_are_told(
    chain: Path, clip: Path, lineament: Callable[..., Result], tmp_path: Path
) -> None:
    done = lineament(
        *("predict", chain / "model.onnx", "--video", clip, "--never-unknown"),
        *("--jsonl", "rows.jsonl", "--csv", "rows.csv", "--out-video", "marked.mp4"),
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    labels = [row["label"] for row in rows]
    changes = [at for at in range(1, len(rows)) if labels[at] != labels[at - 1]]
    assert [row["frame"] for row in rows] == list(range(3 * SCENE))
    assert [row["seconds"] for row in rows] == pytest.approx(np.arange(3 * SCENE) / FPS, abs=2e-3)
    assert len(done.stdout.splitlines()) == 1 + len(changes)
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 1 + 3 * SCENE
    assert sum(1 for _ in VideoFile(tmp_path / "marked.mp4").frames()) == 3 * SCENE
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("marked.mp4", "rows.csv", "rows.jsonl")
    ]


def test_interrupted_video_leaves_nothing(
    chain: Path, draw: Draw, program: Path, surroundings: dict[str, str], tmp_path: Path
) -> None:
    long = film(tmp_path / "long.avi", [draw(2, 0, height=192, width=256)], each=3000)
    asked = ("predict", chain / "model.onnx", "--video", long, "--csv", "o.csv")
    running = subprocess.Popen(
        [str(program), *map(str, asked), "--out-video", "o.mp4"],
        cwd=tmp_path,
        env=surroundings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    until = time.monotonic() + 60
    while not (tmp_path / ".o.partial.mp4").exists() and time.monotonic() < until:
        os.sched_yield()

    running.send_signal(signal.SIGINT)
    _, talked = running.communicate(timeout=60)

    assert running.returncode == 130, talked
    assert [path.name for path in tmp_path.iterdir()] == ["long.avi"]


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [
        ("-1", 2, "`--camera` must be from 0 to 99, got -1."),
        ("99", 3, "There is no camera 99, or another program has it."),
    ],
)
def test_camera_that_is_not_there_is_a_sentence(
    number: str,
    code: int,
    text: str,
    chain: Path,
    lineament: Callable[..., Result],
    tmp_path: Path,
) -> None:
    done = lineament("predict", chain / "model.onnx", "--camera", number, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.splitlines()[0] == f"error: {text}"  # and nothing of OpenCV's


@pytest.mark.parametrize("content", [b"", b"no video at all", b"RIFF\xff\xff\xff\x7fAVI LIST"])
def test_what_is_no_video_is_a_sentence(
    content: bytes, chain: Path, lineament: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "a.avi").write_bytes(content)

    done = lineament(
        *("predict", chain / "model.onnx", "--video", "a.avi", "--out-video", "o.mp4"),
        cwd=tmp_path,
    )

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "error: a.avi cannot be opened as a video.\n"
        "  fix: Name an mp4, mov, mkv, webm or avi, or convert it with ffmpeg.\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["a.avi"]
