"""Walls around every test (no home, no cache, no network), and the photos that tests draw."""

import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from chromium import Browser

# The same examples in every run, and no database beside the code.
hypothesis.settings.register_profile("suite", derandomize=True, database=None, deadline=None)
hypothesis.settings.load_profile("suite")

# Some tests import ONNX Runtime before Lineament does, which then comes too late to silence it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# Doctests are collected from every module, and two of one name clash: these have none.
collect_ignore_glob = ["*conftest.py"]

# What a shell starts in the background ignores Ctrl-C, and so would the programs that tests
# interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

KIND_COLOURS = [(200, 40, 40), (40, 160, 60), (50, 70, 210), (210, 180, 40)]
LOOPBACK = ("127.", "::1", "localhost")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs the whole program as slow."""
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.slow)


def _wall_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "xdg-cache"))
    monkeypatch.setenv("LINEAMENT_CACHE", str(home / "lineament-cache"))
    monkeypatch.setenv("MPLCONFIGDIR", str(home / "matplotlib"))


@pytest.fixture(scope="session", autouse=True)
def _walled_home_of_fixtures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home for fixtures of the session and of modules, which are made before any test's own."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        _wall_home(tmp_path_factory.mktemp("home-of-fixtures"), monkeypatch)
        yield


@pytest.fixture(autouse=True)
def _walled_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    _wall_home(tmp_path_factory.mktemp("home"), monkeypatch)


@pytest.fixture(autouse=True)
def _walled_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def guarded(connect: Callable[..., object]) -> Callable[..., object]:
        def only_loopback(self: socket.socket, address: object) -> object:
            host = address[0] if isinstance(address, tuple) else None
            if self.family != socket.AF_UNIX and not str(host).startswith(LOOPBACK):
                raise RuntimeError(f"a test tried to reach {address!r}")
            return connect(self, address)

        return only_loopback

    monkeypatch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))


def _draw_photo(seed: int, height: int, width: int, *, kind: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng([seed, kind])
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    background = rng.uniform(60, 190, 3) + 40 * (rows / height - 0.5)[:, :, None]
    centre_row, centre_column = rng.uniform(0.35, 0.65, 2) * (height, width)
    radius = rng.uniform(0.25, 0.35) * min(height, width)
    down, right = rows - centre_row, columns - centre_column
    shapes = (
        down**2 + right**2 < radius**2,
        np.maximum(np.abs(down), np.abs(right)) < radius,
        (np.abs(down) < radius) & (down // max(radius / 3, 1) % 2 == 0),
        (np.abs(right) < radius) & (np.abs(np.abs(right) - np.abs(down)) < radius / 3),
    )
    colour = np.asarray(KIND_COLOURS[kind % len(KIND_COLOURS)]) + rng.uniform(-25, 25, 3)
    drawn = np.where(shapes[kind % len(shapes)][:, :, None], colour, background)
    noisy = drawn + rng.normal(0, 6, (height, width, 3))
    return np.asarray(np.clip(noisy, 0, 255).round(), dtype=np.uint8)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium with one page; a test that needs it is skipped where there is none."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed; what the page does was not tried")
    started = Browser(chromium, tmp_path_factory.mktemp("browser"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def draw_photo() -> Callable[..., NDArray[np.uint8]]:
    """Give ``draw_photo(seed, height, width, kind=0)``: ``uint8 (H, W, 3)``, always the same.

    A noisy shape on a plain ground; ``kind`` (0 to 3) sets shape and colour, so kinds can be
    learned, and ``seed`` sets place, size, ground and noise.
    """
    return _draw_photo


@pytest.fixture
def photo_folders(tmp_path: Path) -> Callable[..., Path]:
    """Give ``photo_folders({"disc": 12, "square": 9})``: a folder with drawn photos by class.

    Further arguments: ``size_px`` (of the shorter side), ``suffix`` (``.jpg`` or ``.png``),
    ``name`` (of the folder) and ``first_seed``. The ``n``-th class is drawn as kind ``n``.
    """

    def write(
        counts: Mapping[str, int],
        *,
        size_px: int = 48,
        suffix: str = ".jpg",
        name: str = "photos",
        first_seed: int = 0,
    ) -> Path:
        root = tmp_path / name
        for kind, (class_name, count) in enumerate(counts.items()):
            folder = root / class_name
            folder.mkdir(parents=True)
            for index in range(count):
                photo = _draw_photo(first_seed + index, size_px, size_px * 4 // 3, kind=kind)
                Image.fromarray(photo).save(folder / f"{index:03d}{suffix}")
        return root

    return write
