"""Tests reach no home and no network, and the photos they draw are always the same."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

Draw = Callable[..., NDArray[np.uint8]]


def test_network_is_out_of_reach() -> None:
    with (
        socket.socket() as client,
        pytest.raises(RuntimeError, match=r"a test tried to reach \('192\.0\.2\.1', 80\)"),
    ):
        client.connect(("192.0.2.1", 80))  # reserved for documentation, RFC 5737


def test_own_machine_is_within_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def test_home_and_caches_are_new_folders(tmp_path: Path) -> None:
    temporary = tmp_path.parent.parent
    for name in ("HOME", "XDG_CACHE_HOME", "LINEAMENT_CACHE", "MPLCONFIGDIR"):
        assert Path(os.environ[name]).is_relative_to(temporary), name
    assert Path.home() == Path(os.environ["HOME"])


def test_drawn_photo_depends_on_its_seed_and_kind_alone(draw_photo: Draw) -> None:
    photo = draw_photo(3, 20, 30, kind=1)

    assert (photo.shape, str(photo.dtype)) == ((20, 30, 3), "uint8")
    assert np.array_equal(photo, draw_photo(3, 20, 30, kind=1))
    assert not np.array_equal(photo, draw_photo(4, 20, 30, kind=1))
    assert not np.array_equal(photo, draw_photo(3, 20, 30, kind=2))


def test_kinds_of_drawn_photos_can_be_told_apart(draw_photo: Draw) -> None:
    def middle(seed: int, kind: int) -> NDArray[np.float64]:
        return np.asarray(draw_photo(seed, 32, 32, kind=kind)[12:20, 12:20].mean(axis=(0, 1)))

    means = [np.mean([middle(seed, kind) for seed in range(20)], axis=0) for kind in range(4)]
    right = [
        int(np.argmin([np.linalg.norm(middle(seed, kind) - mean) for mean in means])) == kind
        for kind in range(4)
        for seed in range(20, 40)
    ]

    assert np.mean(right) > 0.8


def test_drawn_folders_hold_what_was_asked(photo_folders: Callable[..., Path]) -> None:
    root = photo_folders({"disc": 3, "square": 2}, suffix=".png")

    assert {folder.name: len(list(folder.glob("*.png"))) for folder in root.iterdir()} == {
        "disc": 3,
        "square": 2,
    }
