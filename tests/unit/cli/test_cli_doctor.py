"""``lineament doctor``: what the cache takes, and that it gives it back when asked to."""

import json
from collections.abc import Callable
from pathlib import Path

from lineament.core.files import cache_folder

Called = tuple[int, str, str]


def cached(name: str) -> Path:
    """Put two megabytes into the cache."""
    path = cache_folder() / "pixels" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(2_000_000))
    return path


def test_doctor_leaves_the_cache_alone(call: Callable[..., Called]) -> None:
    path = cached(f"{'a' * 64}.npy")

    code, out, _ = call("doctor")

    assert (code, path.is_file()) == (0, True)
    assert f"cache          {cache_folder()} (2 MB)" in out.splitlines()


def test_cache_is_cleared_when_asked_for(call: Callable[..., Called]) -> None:
    path = cached(f"{'a' * 64}.npy")

    code, out, _ = call("doctor", "--clear-cache")

    assert (code, path.exists()) == (0, False)
    assert f"cache          {cache_folder()} (0 MB; 2 MB removed)" in out.splitlines()


def test_what_cannot_be_made_again_stays(call: Callable[..., Called]) -> None:
    mine = cached("holiday.jpg")

    code, out, _ = call("doctor", "--clear-cache", "--json")

    assert (code, mine.is_file()) == (0, True)
    assert json.loads(out)["cache"] == {
        "path": str(cache_folder()),
        "exists": True,
        "size_bytes": 2_000_000,
        "removed_bytes": 0,
    }


def test_cache_that_is_not_there_is_no_obstacle(call: Callable[..., Called]) -> None:
    code, out, _ = call("doctor", "--clear-cache")

    assert code == 0
    assert f"cache          {cache_folder()} (0 MB; 0 MB removed)" in out.splitlines()
