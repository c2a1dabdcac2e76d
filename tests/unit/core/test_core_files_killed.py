"""Writers that are killed, that live side by side, or that lack the permission."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lineament.core.files import atomic_folder, write_text

FILES = 20

# The page cache outlives a killed process, so flushing changes nothing here but takes long on a
# busy machine.
LOOP = """
import os, sys
from pathlib import Path
os.sync = lambda: None
from lineament.core.files import atomic_folder, write_text
target = Path(sys.argv[1])
print("ready", flush=True)
for turn in range(10**9):
    with atomic_folder(target, overwrite=True) as folder:
        for number in range(20):
            (folder / f"{number}.txt").write_text(str(turn) * 1000)
    write_text(target.with_suffix(".txt"), str(turn % 10) * 100_000, overwrite=True)
"""

HOLD = """
import sys
from pathlib import Path
from lineament.core.files import atomic_folder
with atomic_folder(Path(sys.argv[1]), overwrite=True) as folder:
    (folder / "a.txt").write_text("slow")
    print("ready", flush=True)
    sys.stdin.readline()
"""

AS_NOBODY = """
import os, sys
from pathlib import Path
from lineament.core.errors import ArtifactError
from lineament.core.files import write_text
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    write_text(Path(sys.argv[1]), "text", overwrite=True)
except ArtifactError as error:
    print(error)
"""


def start(script: str, target: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def check_whole(target: Path) -> None:
    """Check that folder and file are each absent or from one turn."""
    if target.exists():
        texts = {path.read_text() for path in target.iterdir()}
        assert len(list(target.iterdir())) == FILES
        assert len(texts) == 1
    if target.with_suffix(".txt").exists():
        text = target.with_suffix(".txt").read_text()
        assert len(text) == 100_000
        assert len(set(text)) == 1


def test_killed_writer_leaves_nothing_or_the_whole_and_the_next_one_clears_up(
    tmp_path: Path,
) -> None:
    moments = random.Random(0)
    target = tmp_path / "out"
    for _ in range(12):
        with start(LOOP, target) as process:
            time.sleep(moments.uniform(0, 0.03))  # the random moment, not a wait for something
            process.send_signal(signal.SIGKILL)
        check_whole(target)

    with atomic_folder(target, overwrite=True) as folder:
        (folder / "a.txt").write_text("next")
    write_text(target.with_suffix(".txt"), "next", overwrite=True)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.txt"]
    assert (target / "a.txt").read_text() == "next"


def test_writer_does_not_disturb_another_one_that_lives(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with start(HOLD, target) as slow:
        with atomic_folder(target, overwrite=True) as folder:
            (folder / "a.txt").write_text("quick")
        assert (target / "a.txt").read_text() == "quick"
        slow.communicate("\n", timeout=60)

    assert slow.returncode == 0
    assert (target / "a.txt").read_text() == "slow"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own is closed to all but one."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def as_nobody(target: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(target)], capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_folder_of_another_user_is_refused(shared_folder: Path) -> None:
    done = as_nobody(shared_folder / "out")

    assert done.stdout == (
        f"{shared_folder / 'out'} cannot be written: no permission to write in {shared_folder}.\n"
        "  fix: Name an `--out` in a folder that you may write.\n"
    )
    assert done.stderr == ""


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_folder_that_another_user_closed_is_refused(shared_folder: Path) -> None:
    (shared_folder / "closed").mkdir(mode=0o700)

    done = as_nobody(shared_folder / "closed" / "deep" / "out")

    assert "cannot be written: no permission" in done.stdout
    assert done.stderr == ""
