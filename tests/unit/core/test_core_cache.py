"""The cache keeps within its limit, and takes nothing away that is in use."""

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from lineament.core.cache import (
    LIMIT_BYTES,
    clear,
    entries,
    hold,
    limit_bytes,
    make_room,
    opened,
    size_bytes,
)
from lineament.core.errors import ArtifactError, UsageError

MEGABYTE = 10**6
Usage = namedtuple("Usage", ["total", "used", "free"])

HOLDER = """
import sys
from pathlib import Path
from lineament.core.cache import opened
with opened(Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three files of one megabyte each, ``b`` the least recently used, and room for three."""
    monkeypatch.setenv("LINEAMENT_CACHE_GB", "0.003")
    for name, age in (("a", 200), ("b", 300), ("c", 100)):
        write(tmp_path / name, age_s=age)
    return tmp_path


def write(path: Path, *, age_s: float, size: int = MEGABYTE) -> None:
    path.write_bytes(bytes(size))
    then = os.stat(path).st_mtime - age_s  # noqa: PTH116
    os.utime(path, (then, then))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def disk(monkeypatch: pytest.MonkeyPatch, *, free: int, total: int = 10**12) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(total, total - free, free))


def test_entries_come_least_recently_used_first(cache: Path) -> None:
    assert [entry.path.name for entry in entries(cache)] == ["b", "a", "c"]
    assert {entry.size_bytes for entry in entries(cache)} == {MEGABYTE}


def test_size_counts_what_stands_in_folders_below(cache: Path) -> None:
    (cache / "deep" / "er").mkdir(parents=True)
    write(cache / "deep" / "er" / "d", age_s=0)

    assert size_bytes(cache) == 4 * MEGABYTE


def test_folder_that_is_absent_is_empty(tmp_path: Path) -> None:
    assert size_bytes(tmp_path / "absent") == 0
    assert entries(tmp_path / "absent") == []


def test_opening_makes_a_file_the_most_recently_used(cache: Path) -> None:
    with opened(cache / "b"):
        pass

    assert [entry.path.name for entry in entries(cache)] == ["a", "c", "b"]


def test_least_recently_used_goes_for_a_new_one(cache: Path) -> None:
    make_room(cache, MEGABYTE)

    assert names(cache) == ["a", "c"]


def test_no_more_goes_than_has_to(cache: Path) -> None:
    make_room(cache, 2 * MEGABYTE)
    assert names(cache) == ["c"]

    make_room(cache, 2 * MEGABYTE)
    assert names(cache) == ["c"]


def test_file_in_use_is_left_and_the_next_one_goes(cache: Path) -> None:
    with opened(cache / "a") as file:
        os.utime(cache / "a", (0, 0))
        make_room(cache, MEGABYTE)

        assert names(cache) == ["a", "c"]
        assert len(file.read()) == MEGABYTE


def test_file_that_another_process_uses_is_left(cache: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(cache / "b")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        os.utime(cache / "b", (0, 0))
        make_room(cache, MEGABYTE)
        left = names(cache)
        holder.communicate("\n")

    assert left == ["b", "c"]
    make_room(cache, 2 * MEGABYTE)
    assert names(cache) in (["b"], ["c"])  # nobody holds it any more: the older of the two goes


def test_where_all_is_in_use_nothing_more_fits(cache: Path) -> None:
    with (
        opened(cache / "a"),
        opened(cache / "b"),
        opened(cache / "c"),
        pytest.raises(ArtifactError) as caught,
    ):
        make_room(cache, MEGABYTE)

    assert str(caught.value) == (
        f"1 MB do not fit into {cache}: what is there is in use.\n"
        "  fix: Wait for the other runs, or allow more with `LINEAMENT_CACHE_GB`."
    )
    assert names(cache) == ["a", "b", "c"]


def test_file_larger_than_the_limit_removes_nothing(cache: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        make_room(cache, 4 * MEGABYTE)

    assert str(caught.value) == (
        "4 MB do not fit into a cache of 3 MB.\n  fix: Allow more, such as `LINEAMENT_CACHE_GB=1`."
    )
    assert names(cache) == ["a", "b", "c"]


def test_full_disk_is_relieved_by_the_least_recently_used(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAMENT_CACHE_GB", "50")
    disk(monkeypatch, free=MEGABYTE)  # and a tenth more than the file is wanted

    make_room(cache, MEGABYTE)

    assert names(cache) == ["a", "c"]


def test_disk_too_full_for_the_file_removes_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAMENT_CACHE_GB", "50")
    disk(monkeypatch, free=MEGABYTE)

    with pytest.raises(ArtifactError) as caught:
        make_room(cache, 4 * MEGABYTE)

    assert str(caught.value) == (
        f"{cache} has 1 MB free, 5 MB are needed.\n"
        "  fix: Make room there, or let `LINEAMENT_CACHE` name a folder on another disk."
    )
    assert names(cache) == ["a", "b", "c"]


def test_what_a_killed_writer_left_goes_though_there_is_room(cache: Path) -> None:
    write(cache / ".d.npy.partial-7-x", age_s=100)

    make_room(cache, 0)

    assert names(cache) == ["a", "b", "c"]


def test_what_a_writer_is_writing_stays(cache: Path) -> None:
    write(cache / ".d.npy.partial-7-x", age_s=100, size=1)
    write(cache / ".e.npy.partial-8-x", age_s=0, size=1)  # just begun, not yet held

    with (cache / ".d.npy.partial-7-x").open("rb") as file:
        hold(file)
        make_room(cache, 0)

    assert {".d.npy.partial-7-x", ".e.npy.partial-8-x"} < set(names(cache))


def made(cache: Path, letter: str) -> Path:
    """A file that is named by a hash, as what can be made again is."""
    path = cache / f"{letter * 64}.npy"
    write(path, age_s=100)
    return path


def test_clear_leaves_what_is_in_use(cache: Path) -> None:
    held, _ = made(cache, "d"), made(cache, "e")

    with opened(held):
        assert clear(cache) == MEGABYTE

    assert names(cache) == ["a", "b", "c", held.name]


def test_clear_leaves_what_is_not_named_by_a_hash(cache: Path) -> None:
    write(cache / f"{'d' * 63}.npy", age_s=100)
    write(cache / f"my-{'d' * 64}.npy", age_s=100)

    assert clear(cache) == 0


def test_clear_leaves_what_was_just_begun(cache: Path) -> None:
    begun = cache / f".{'d' * 64}.npy.partial-7-x"
    write(begun, age_s=0)

    assert clear(cache) == 0
    write(begun, age_s=100)
    assert clear(cache) == MEGABYTE


def test_default_limit_is_a_fifth_of_a_small_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LINEAMENT_CACHE_GB", raising=False)
    disk(monkeypatch, free=0, total=100 * 10**9)

    assert limit_bytes(tmp_path / "absent") == 20 * 10**9


def test_default_limit_of_a_large_disk_is_fifty_gigabytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LINEAMENT_CACHE_GB", raising=False)
    disk(monkeypatch, free=0, total=10**15)

    assert limit_bytes(tmp_path) == LIMIT_BYTES


@pytest.mark.parametrize("stated", ["much", "-1", "nan", "inf"])
def test_limit_that_is_no_number_is_refused(
    stated: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAMENT_CACHE_GB", stated)

    with pytest.raises(UsageError) as caught:
        limit_bytes(tmp_path)

    assert str(caught.value) == (
        f"`LINEAMENT_CACHE_GB` must be a number of gigabytes, got {stated!r}.\n"
        "  fix: Set it to the most that the cache may take, such as `LINEAMENT_CACHE_GB=20`, or "
        "unset it."
    )
