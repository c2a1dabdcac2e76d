"""Killed and interrupted: under the target's name is nothing or the whole, and the next run works.

Moments are drawn with a fixed seed, over the time that a whole run takes and at the moment when
something begins to stand beside the target.
"""

import contextlib
import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.report import read_report
from lineament.artifacts.run import Run
from lineament.core.files import read_json
from lineament.runtime.predictor import Predictor

Result = subprocess.CompletedProcess[str]
Draw = Callable[..., NDArray[np.uint8]]

KILLS = {"prepare": 24, "train": 5, "evaluate": 12, "explain": 24, "export": 6, "predict": 24}
TARGETS = {
    "prepare": "dataset",
    "train": "run",
    "evaluate": "report",
    "explain": "overlays",
    "export": "model.onnx",
    "predict": "answers.csv",
}
PATIENCE_S = 60.0  # far more than a verb takes here; ends a test that would wait for ever


@pytest.fixture(scope="module")
def many_photos(tmp_path_factory: pytest.TempPathFactory, draw: Draw) -> Path:
    """Enough photos that reading them can be interrupted: 200 links to large ones."""
    root = tmp_path_factory.mktemp("many")
    for kind, name in enumerate(("cat", "dog")):
        (root / "photos" / name).mkdir(parents=True)
        large = root / f"{name}.png"
        Image.fromarray(draw(0, kind, height=900, width=1200)).save(large, compress_level=1)
        for number in range(100):
            (root / "photos" / name / f"{number}.png").symlink_to(large)
    return root / "photos"


@pytest.fixture(scope="module")
def some_photos(tmp_path_factory: pytest.TempPathFactory, draw: Draw) -> Path:
    """Fewer, and all of them different, for what must make a dataset of them."""
    root = tmp_path_factory.mktemp("some") / "photos"
    for kind, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for number in range(50):
            photo = Image.fromarray(draw(number, kind, height=450, width=600))
            photo.save(root / name / f"{number}.png", compress_level=1)
    return root


def check_whole(verb: str, target: Path) -> None:
    """Open what stands under the target's name, if anything does, and check all of it."""
    if not target.exists():
        return
    if verb == "prepare":
        Dataset.open(target).verify()
    elif verb == "train":
        Run.open(target)
    elif verb == "evaluate":
        read_report(target)
    elif verb == "explain":
        said = read_json(target / "explanations.json", kind="explanations")["explanations"]
        assert isinstance(said, list)
        for each in said:
            with Image.open(target / each["overlay"]) as picture:
                picture.load()
    elif verb == "export":
        assert Predictor(target).classes == ("disc", "square", "stripes")
    else:
        with target.open(newline="", encoding="utf-8") as file:
            assert len(list(csv.DictReader(file))) == 450


def beside(target: Path) -> set[str]:
    return {path.name for path in target.parent.iterdir() if path != target}


def kill_after(seconds: float, process: int) -> None:
    """Kill after some time, or not when it has ended by then."""
    with _handle(process) as kill:
        time.sleep(seconds)  # the random moment, not a wait for something
        kill()


def kill_when_writing(target: Path, seconds: float, process: int) -> None:
    """Kill some time after something new was seen beside the target, or not when it has ended."""
    before = beside(target)
    end = time.monotonic() + PATIENCE_S
    with _handle(process) as kill:
        while time.monotonic() < end and beside(target) <= before and _runs(process):
            pass
        time.sleep(seconds)
        kill()


def kill_when(so: Callable[[], bool], process: int) -> None:
    """Kill when something is so, or not when it has ended."""
    end = time.monotonic() + PATIENCE_S
    with _handle(process) as kill:
        while time.monotonic() < end and not so() and _runs(process):
            time.sleep(0.001)
        kill()


@contextlib.contextmanager
def _handle(process: int) -> Iterator[Callable[[], None]]:
    """Hold on to a process, so that nobody else is killed who got its number."""
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        yield lambda: None
        return

    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)

    try:
        yield kill
    finally:
        os.close(handle)


def _runs(process: int) -> bool:
    """Whether it has not ended yet; until its parent asks for its code it stays a zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and process handles")
@pytest.mark.parametrize("verb", KILLS)
def test_verb_that_is_killed_leaves_nothing_or_the_whole_and_the_next_run_works(
    verb: str, chain: Path, fast: tuple[str, ...], warm: Callable[..., Result], tmp_path: Path
) -> None:
    target = tmp_path / TARGETS[verb]
    commands: dict[str, list[object]] = {
        "prepare": [chain / "photos", "--out", target],
        "train": [chain / "dataset", "--out", target, *fast],
        "evaluate": [chain / "run", chain / "dataset", "--out", target],
        "explain": [
            *(chain / "model.onnx", *sorted((chain / "photos/disc").iterdir())),
            *("--out", target),
        ],
        "export": [chain / "run", "--out", target],
        "predict": [chain / "model.onnx", *[chain / "photos"] * 10, "--csv", target],
    }
    command = [verb, *commands[verb], "--overwrite"]
    assert warm(*command, cwd=tmp_path).returncode == 0  # the first is slower than the others
    started = time.monotonic()
    assert warm(*command, cwd=tmp_path).returncode == 0
    whole_s = time.monotonic() - started
    draw = random.Random(verb)
    killed = 0

    for turn in range(KILLS[verb]):
        if turn % 2:  # half of the runs replace what stands there
            shutil.rmtree(target, ignore_errors=True)
            target.unlink(missing_ok=True)
        if turn % 4 < 2:
            kill = partial(kill_after, draw.uniform(0, whole_s * 0.9))
        else:
            kill = partial(kill_when_writing, target, draw.uniform(0, 0.02))
        done = warm(*command, cwd=tmp_path, kill=kill)
        assert done.returncode in (0, -signal.SIGKILL)
        killed += done.returncode != 0
        check_whole(verb, target)

    assert killed >= KILLS[verb] // 6  # the others had ended before; machines are not even
    assert warm(*command, cwd=tmp_path).returncode == 0
    check_whole(verb, target)
    assert beside(target) == set()


def test_prepare_that_was_killed_while_it_read_leaves_no_trace_after_the_next_run(
    many_photos: Path, chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    target = tmp_path / "dataset"

    done = warm(
        *("prepare", many_photos, "--out", target),
        cwd=tmp_path,
        kill=partial(kill_when_writing, target, 0.1),
    )

    assert done.returncode == -signal.SIGKILL
    assert not target.exists()
    assert len(beside(target)) == 1  # so the kill was in the middle
    assert warm("prepare", chain / "photos", "--out", target, cwd=tmp_path).returncode == 0
    assert beside(target) == set()


SOME = 40  # photos, more than the journal keeps in memory


def photos_read(target: Path) -> int:
    """How many photos lie in the hidden folder of a dataset that is being made."""
    return len(list(target.parent.glob(f".{target.name}.partial-*/images/*/*.*")))


def contents(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def interrupt(
    program: Path, env: dict[str, str], arguments: list[object], cwd: Path, when: Callable[[], bool]
) -> tuple[int, str]:
    """Start, wait until something is so, send what Ctrl-C sends; give exit code and stderr."""
    with subprocess.Popen(
        [str(program), *map(str, arguments)],
        cwd=cwd,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        end = time.monotonic() + PATIENCE_S
        while not when() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
        return process.returncode, said


def test_interrupted_prepare_says_how_it_continues_and_does(
    some_photos: Path,
    program: Path,
    surroundings: dict[str, str],
    warm: Callable[..., Result],
    tmp_path: Path,
) -> None:
    target = tmp_path / "dataset"

    code, said = interrupt(
        program,
        surroundings,
        ["prepare", some_photos, "--out", target],
        tmp_path,
        when=lambda: photos_read(target) >= SOME,
    )

    assert said.splitlines()[-1] == "interrupted; the same command continues where it stopped."
    assert "Traceback" not in said
    assert code == 130
    assert not target.exists()
    read = photos_read(target)
    again = warm("prepare", some_photos, "--out", target, cwd=tmp_path)
    assert again.returncode == 0
    continued = int(again.stderr.removeprefix("continuing: ").split()[0])
    assert read - 1 <= continued <= read  # one may have been written and not noted yet
    assert list(tmp_path.iterdir()) == [target]


def test_killed_prepare_continues_to_the_same_bytes(
    some_photos: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    target, whole = tmp_path / "dataset", tmp_path / "whole" / "dataset"

    done = warm(
        *("prepare", some_photos, "--out", target),
        cwd=tmp_path,
        kill=partial(kill_when, lambda: photos_read(target) >= SOME),
    )
    read = photos_read(target)
    again = warm("prepare", some_photos, "--out", target, cwd=tmp_path)

    assert done.returncode == -signal.SIGKILL
    assert again.returncode == 0
    continued = int(again.stderr.removeprefix("continuing: ").split()[0])
    assert read - 32 <= continued <= read  # notes are flushed after 32 photos
    assert continued > 0
    assert warm("prepare", some_photos, "--out", whole, cwd=tmp_path).returncode == 0
    assert contents(target) == contents(whole)
    assert beside(target) == {"whole"}


def test_prepare_that_another_one_is_ahead_of_is_refused_and_leaves_the_first(
    some_photos: Path,
    program: Path,
    surroundings: dict[str, str],
    warm: Callable[..., Result],
    tmp_path: Path,
) -> None:
    target = tmp_path / "dataset"
    with subprocess.Popen(
        [str(program), "prepare", str(some_photos), "--out", str(target)],
        cwd=tmp_path,
        env=surroundings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as slow:
        end = time.monotonic() + PATIENCE_S
        while photos_read(target) < SOME and time.monotonic() < end:
            time.sleep(0.005)
        slow.send_signal(signal.SIGSTOP)
        first = warm("prepare", some_photos, "--seed", "7", "--out", target, cwd=tmp_path)
        written = contents(target)
        slow.send_signal(signal.SIGCONT)
        _, said = slow.communicate(timeout=PATIENCE_S)

    assert first.returncode == 0
    assert "continuing" not in first.stderr
    assert slow.returncode == 4
    assert said.endswith(
        f"error: {target} exists; nothing was written.\n"
        "  fix: Name another `--out`, or run again with `--overwrite` to replace it.\n"
    )
    assert contents(target) == written
    assert beside(target) == set()


ANSWERED = 60  # photos, of 200


def lines_of(path: Path) -> int:
    """How many lines a file has that may not be there yet."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def has_lines(path: Path, n_lines: int) -> bool:
    return lines_of(path) >= n_lines


def test_interrupted_predict_says_how_it_continues_and_does(
    many_photos: Path,
    chain: Path,
    program: Path,
    surroundings: dict[str, str],
    warm: Callable[..., Result],
    tmp_path: Path,
) -> None:
    arguments = ["predict", chain / "model.onnx", many_photos, "--csv", "answers.csv"]
    rows = tmp_path / "answers.csv.partial"

    code, said = interrupt(
        program, surroundings, arguments, tmp_path, when=lambda: lines_of(rows) > ANSWERED
    )

    assert said.splitlines()[-1] == (
        "interrupted; the same command with `--resume` continues where it stopped."
    )
    assert "Traceback" not in said
    assert code == 130
    assert beside(tmp_path / "answers.csv") == {rows.name, f"{rows.name}.json"}
    n_rows = lines_of(rows) - 1
    again = warm(*arguments, "--resume", cwd=tmp_path)
    assert again.returncode == 0
    assert again.stderr.startswith(f"continuing: {n_rows} of 200 rows are there\n")
    assert len(again.stdout.splitlines()) == 200 - n_rows
    assert [path.name for path in tmp_path.iterdir()] == ["answers.csv"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and process handles")
@pytest.mark.parametrize("flag", ["--csv", "--jsonl"])
def test_predict_that_is_killed_again_and_again_ends_with_the_same_bytes(
    flag: str, many_photos: Path, chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    arguments = ["predict", chain / "model.onnx", many_photos, chain / "photos", flag]
    assert warm(*arguments, tmp_path / "whole", cwd=tmp_path).returncode == 0
    target, rows = tmp_path / "table", tmp_path / "table.partial"
    killed = 0

    for so_many in (1, 30, 31, 110, 190, 240):
        done = warm(
            *(*arguments, target, "--resume"),
            cwd=tmp_path,
            kill=partial(kill_when, partial(has_lines, rows, so_many)),
        )
        killed += done.returncode == -signal.SIGKILL
        assert not target.exists()
        assert has_lines(rows, so_many)  # what was there has stayed

    assert killed == 6
    assert warm(*arguments, target, "--resume", cwd=tmp_path).returncode == 0
    assert target.read_bytes() == (tmp_path / "whole").read_bytes()
    assert beside(target) == {"whole"}


@pytest.mark.parametrize("seconds", [0.4, 1.2, 2.5])
def test_interrupted_train_ends_without_a_traceback(
    seconds: float,
    chain: Path,
    fast: tuple[str, ...],
    program: Path,
    surroundings: dict[str, str],
    tmp_path: Path,
) -> None:
    # Mostly while torch is being imported, which is where an impatient person interrupts.
    started = time.monotonic()

    code, said = interrupt(
        program,
        surroundings,
        ["train", chain / "dataset", "--out", "run", *fast],
        tmp_path,
        when=lambda: time.monotonic() - started > seconds,
    )

    assert "Traceback" not in said
    assert said.splitlines()[-1] == "interrupted; nothing was left half written."
    assert code == 130
    assert list(tmp_path.iterdir()) == []
