"""The command line as a user meets it: in processes of its own, behind walls of its own.

``lineament`` starts the installed program. ``warm`` runs the same command line in a fork of a
process that has imported everything already: importing torch takes seconds, and dozens of tests
need verbs that do. ``chain`` is every verb once, through the installed program.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

CLASSES = ("disc", "square", "stripes")
PHOTOS_PER_CLASS = 15
# Random weights of timm's smallest network: seconds, no package, and a linear head still learns.
FAST = ("--backbone", "test_resnet", "--weights", "none", "--set", "size_px=64")
NOWHERE = "http://127.0.0.1:9"  # port 9 is `discard`: nothing listens there

Result = subprocess.CompletedProcess[str]

WARM = """
import contextlib, importlib, json, os, resource, sys, tempfile, traceback
# Imported ahead where they are there; a private module may have moved, which only costs time.
for name in (
    "click._termui_impl", "rich.progress", "matplotlib.backends.backend_svg", "pyarrow.parquet",
    "torch._dynamo", "torch._inductor", "torch.onnx._internal.exporter._core",
    "onnxscript.rewriter", "onnxscript.optimizer", "networkx", "lineament.training.train",
    "lineament.exporting.export", "lineament.workflow.evaluating", "lineament.explanation.explain",
    "lineament.preparation.build", "lineament.cli.application",
    *("lineament.cli." + verb for verb in
      ("prepare", "recipe", "train", "evaluate", "explain", "export", "predict", "doctor")),
):
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
from lineament.cli.application import run
# The page cache outlives a killed process; flushing a busy machine's disks takes seconds.
os.sync = lambda: None
print("ready", flush=True)
for line in sys.stdin:
    order = json.loads(line)
    pid = os.fork()
    if pid == 0:
        os.chdir(order["cwd"])
        for name, descriptor in (("stdout", 1), ("stderr", 2)):
            os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), descriptor)
        if order["limit_bytes"]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (order["limit_bytes"],) * 2)
        if order["as_nobody"] and os.getuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        try:
            code = run(order["arguments"])
        except BaseException:
            traceback.print_exc()
            code = 1
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(code)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@pytest.fixture(scope="session")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment without the user's home and without a network."""
    home = tmp_path_factory.mktemp("e2e-home")
    return {
        **{name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ},
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "xdg-cache"),
        "LINEAMENT_CACHE": str(home / "lineament-cache"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "HTTP_PROXY": NOWHERE,
        "HTTPS_PROXY": NOWHERE,
        "ALL_PROXY": NOWHERE,
        "HF_ENDPOINT": NOWHERE,
        "HF_HUB_OFFLINE": "1",  # else the hub's client tries again for a minute
        "PYTHONUTF8": "1",
    }


@pytest.fixture(scope="session")
def program() -> Path:
    """The installed console script."""
    script = Path(sys.executable).with_name("lineament")
    assert script.is_file(), "the package is not installed beside this Python"
    return script


@pytest.fixture(scope="session")
def lineament(program: Path, surroundings: dict[str, str]) -> Callable[..., Result]:
    """Give ``lineament("predict", bundle, photo, cwd=folder)``, run to its end."""

    def run(
        *arguments: object,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        preexec_fn: Callable[[], None] | None = None,
    ) -> Result:
        return subprocess.run(
            [str(program), *map(str, arguments)],
            cwd=cwd,
            env={**surroundings, **(env or {})},
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            preexec_fn=preexec_fn,
            timeout=240,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def warm(
    surroundings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Result]]:
    """Give ``warm("train", dataset, "--out", run, cwd=folder)``: as ``lineament``, but forked.

    Further arguments: ``kill`` is called with the process id while it runs; ``limit_bytes`` is
    the largest file it may write; ``as_nobody`` drops root's rights, where there are any.
    """
    spoken = tmp_path_factory.mktemp("e2e-warm")
    server = subprocess.Popen(
        [sys.executable, "-c", WARM],
        env=surroundings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert server.stdin is not None
    assert server.stdout is not None
    orders, replies = server.stdin, server.stdout
    assert replies.readline() == "ready\n"

    def run(
        *arguments: object,
        cwd: Path,
        kill: Callable[[int], None] | None = None,
        limit_bytes: int | None = None,
        as_nobody: bool = False,
    ) -> Result:
        texts = [str(argument) for argument in arguments]
        order = {
            "arguments": texts,
            "cwd": str(cwd),
            "stdout": str(spoken / "stdout"),
            "stderr": str(spoken / "stderr"),
            "limit_bytes": limit_bytes,
            "as_nobody": as_nobody,
        }
        orders.write(json.dumps(order) + "\n")
        orders.flush()
        process = int(replies.readline())
        try:
            if kill is not None:
                kill(process)
        finally:
            code = int(replies.readline())
        said, talked = (
            (spoken / name).read_text(encoding="utf-8", errors="surrogateescape")
            for name in ("stdout", "stderr")
        )
        return subprocess.CompletedProcess(texts, code, said, talked)

    yield run
    orders.close()
    replies.close()
    server.wait(timeout=60)


def _draw(seed: int, kind: int, *, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """A shape on noise; the kind sets shape and colour, the seed sets place, size and noise."""
    draw = np.random.default_rng([seed, kind])
    rows, columns = np.mgrid[0:height, 0:width]
    size = min(height, width) * draw.uniform(0.25, 0.35)
    down = rows - height * draw.uniform(0.4, 0.6)
    right = columns - width * draw.uniform(0.4, 0.6)
    shape = (
        np.hypot(down, right) < size,
        np.maximum(abs(down), abs(right)) < size,
        (abs(down) < size) & (down // (size / 3) % 2 == 0),
    )[kind]
    colour = np.array([(200, 40, 40), (40, 160, 60), (50, 70, 210)][kind])
    picture = np.where(shape[:, :, None], colour, draw.uniform(60, 190, 3))
    return np.asarray((picture + draw.normal(0, 6, picture.shape)).clip(0, 255), dtype=np.uint8)


@pytest.fixture(scope="session")
def draw() -> Callable[..., NDArray[np.uint8]]:
    """Give ``draw(seed, kind, height=48, width=64)``: ``uint8 (H, W, 3)``, always the same."""
    return _draw


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three class folders with drawn photos; only to be read."""
    root = tmp_path_factory.mktemp("e2e") / "photos"
    for kind, name in enumerate(CLASSES):
        (root / name).mkdir(parents=True)
        for seed in range(PHOTOS_PER_CLASS):
            Image.fromarray(_draw(seed, kind)).save(root / name / f"{seed:03d}.jpg", quality=95)
    return root


@pytest.fixture(scope="session")
def fast() -> tuple[str, ...]:
    """The flags that make training take a second."""
    return FAST


@pytest.fixture(scope="session")
def spoken(photos: Path, lineament: Callable[..., Result]) -> dict[str, Result]:
    """What each verb of ``chain`` said, with ``--json``."""
    verbs: tuple[tuple[str, ...], ...] = (
        ("prepare", "photos", "--out", "dataset"),
        ("train", "dataset", "--out", "run", *FAST),
        ("evaluate", "run", "dataset", "--out", "report"),
        ("explain", "run", "photos/disc/000.jpg", "photos/square/001.jpg", "--out", "overlays"),
        ("report", "run", "--out", "told", "--no-explain"),
        ("export", "run", "--out", "model.onnx"),
        ("predict", "model.onnx", "photos", "--csv", "answers.csv", "--top", "2"),
        ("doctor",),
    )
    return {verb[0]: lineament(*verb, "--json", cwd=photos.parent) for verb in verbs}


@pytest.fixture(scope="session")
def chain(photos: Path, spoken: dict[str, Result]) -> Path:
    """The folder with ``photos``, and what each verb made of them.

    Every verb was run in it once, with relative paths; only to be read.
    """
    for verb, result in spoken.items():
        assert result.returncode == 0, f"{verb}: {result.stderr}"
    return photos.parent
