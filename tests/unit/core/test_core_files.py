"""Under the target's name there is nothing, or the whole thing."""

import errno
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from lineament.core import files
from lineament.core.errors import ArtifactError
from lineament.core.files import (
    atomic_file,
    atomic_folder,
    cache_folder,
    json_text,
    read_json,
    require_free,
    sha256_file,
    write_text,
)

DEAD_PROCESS = 2**22 + 1  # above the largest process id that Linux gives
FIX_REFUSED = (
    "\n  fix: Give it space or permission, or name another `--out`; "
    "nothing was left under that name."
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_folder(target: Path, text: str = "new", *, overwrite: bool = False) -> None:
    with atomic_folder(target, overwrite=overwrite) as folder:
        (folder / "a.txt").write_text(text)


def write_file(target: Path, text: str = "new", *, overwrite: bool = False) -> None:
    write_text(target, text, overwrite=overwrite)


Writer = Callable[..., None]
both = pytest.mark.parametrize("write", [write_folder, write_file])


def content(target: Path) -> str:
    return (target / "a.txt" if target.is_dir() else target).read_text()


@both
def test_finished_write_stands_alone_under_its_name(tmp_path: Path, write: Writer) -> None:
    write(tmp_path / "out")

    assert names(tmp_path) == ["out"]
    assert content(tmp_path / "out") == "new"


@both
def test_missing_parents_are_made(tmp_path: Path, write: Writer) -> None:
    write(tmp_path / "a" / "b" / "out")

    assert content(tmp_path / "a" / "b" / "out") == "new"


@both
def test_relative_target_is_written_in_the_current_folder(
    tmp_path: Path, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    write(Path("out"))

    assert content(tmp_path / "out") == "new"


def half_a_folder(target: Path, error: BaseException) -> None:
    with atomic_folder(target) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "a.txt").write_text("half")
        raise error


def half_a_file(target: Path, error: BaseException) -> None:
    with atomic_file(target) as file:
        file.write(b"half")
        raise error


@pytest.mark.parametrize("half", [half_a_folder, half_a_file])
@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_error_in_the_block_leaves_nothing(
    tmp_path: Path, kind: type[BaseException], half: Callable[..., None]
) -> None:
    with pytest.raises(kind):
        half(tmp_path / "out", kind())

    assert names(tmp_path) == []


def test_error_in_the_block_keeps_what_was_to_be_replaced(tmp_path: Path) -> None:
    write_folder(tmp_path / "out", "old")

    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "out", overwrite=True):
        raise RuntimeError

    assert (names(tmp_path), content(tmp_path / "out")) == (["out"], "old")


@both
def test_existing_target_is_not_overwritten(tmp_path: Path, write: Writer) -> None:
    target = tmp_path / "out"
    write(target, "old")

    with pytest.raises(ArtifactError) as caught:
        write(target)

    assert str(caught.value) == (
        f"{target} exists; nothing was written.\n"
        "  fix: Name another `--out`, or run again with `--overwrite` to replace it."
    )
    assert content(target) == "old"


@both
def test_dangling_link_counts_as_existing(tmp_path: Path, write: Writer) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "nowhere")

    with pytest.raises(ArtifactError, match="exists; nothing was written"):
        write(tmp_path / "out")


@both
def test_overwrite_replaces_the_whole_target(tmp_path: Path, write: Writer) -> None:
    write(tmp_path / "out", "old")
    if (tmp_path / "out").is_dir():
        (tmp_path / "out" / "extra.txt").touch()

    write(tmp_path / "out", overwrite=True)

    assert (names(tmp_path), content(tmp_path / "out")) == (["out"], "new")
    assert not (tmp_path / "out" / "extra.txt").exists()


def test_folder_replaces_a_file_when_asked(tmp_path: Path) -> None:
    write_file(tmp_path / "out", "old")

    write_folder(tmp_path / "out", overwrite=True)

    assert (names(tmp_path), content(tmp_path / "out")) == (["out"], "new")


def test_file_does_not_replace_a_folder(tmp_path: Path) -> None:
    write_folder(tmp_path / "out", "old")

    with pytest.raises(ArtifactError):
        write_file(tmp_path / "out", overwrite=True)

    assert (names(tmp_path), content(tmp_path / "out")) == (["out"], "old")


def test_overwriting_a_link_to_a_folder_keeps_the_folder_behind_it(tmp_path: Path) -> None:
    write_folder(tmp_path / "real", "precious")
    (tmp_path / "out").symlink_to(tmp_path / "real")

    write_folder(tmp_path / "out", overwrite=True)

    assert content(tmp_path / "real") == "precious"
    assert content(tmp_path / "out") == "new"


@both
def test_what_appears_meanwhile_is_not_overwritten(tmp_path: Path, write: Writer) -> None:
    target = tmp_path / "out"

    with pytest.raises(ArtifactError, match="exists"):  # noqa: PT012  # a write within a write
        if write is write_folder:
            with atomic_folder(target) as folder:
                (folder / "a.txt").write_text("second")
                write(target, "first")
        else:
            with atomic_file(target) as file:
                file.write(b"second")
                write(target, "first")

    assert content(target) == "first"


def test_failed_replacement_puts_the_old_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "out", "old")
    fail_second_rename(monkeypatch, OSError(errno.EIO, "Input/output error"))

    with pytest.raises(ArtifactError, match="Input/output error"):
        write_folder(tmp_path / "out", overwrite=True)

    assert (names(tmp_path), content(tmp_path / "out")) == (["out"], "old")


def test_interrupted_replacement_puts_the_old_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "out", "old")
    fail_second_rename(monkeypatch, KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "out", overwrite=True)

    assert content(tmp_path / "out") == "old"


def fail_second_rename(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    rename, calls = Path.rename, [0]

    def failing(self: Path, target: Path) -> Path:
        calls[0] += 1
        if calls[0] == 2:
            raise error
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)


@both
def test_leftover_of_a_dead_writer_is_cleared(tmp_path: Path, write: Writer) -> None:
    (tmp_path / f".out.partial-{DEAD_PROCESS}-x").mkdir()
    (tmp_path / f".out.partial-{DEAD_PROCESS}-y").touch()

    write(tmp_path / "out")

    assert names(tmp_path) == ["out"]


@both
def test_leftover_of_another_target_is_kept(tmp_path: Path, write: Writer) -> None:
    (tmp_path / f".output.partial-{DEAD_PROCESS}-x").mkdir()

    write(tmp_path / "out")

    assert names(tmp_path) == [f".output.partial-{DEAD_PROCESS}-x", "out"]


@both
def test_leftover_of_a_living_process_is_kept(tmp_path: Path, write: Writer) -> None:
    leftover = f".out.partial-{os.getppid()}-x"
    (tmp_path / leftover).mkdir()

    write(tmp_path / "out")

    assert names(tmp_path) == [leftover, "out"]


def test_leftover_with_the_own_process_id_from_an_earlier_life_is_cleared(tmp_path: Path) -> None:
    (tmp_path / f".out.partial-{os.getpid()}-x").mkdir()

    write_folder(tmp_path / "out")

    assert names(tmp_path) == ["out"]


def test_old_one_that_a_killed_replacement_moved_aside_survives_a_failing_write(
    tmp_path: Path,
) -> None:
    aside = tmp_path / f".out.replaced-{DEAD_PROCESS}-x"
    write_folder(aside / "out", "old")

    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "out", overwrite=True):
        raise RuntimeError

    assert [path.read_text() for path in tmp_path.rglob("a.txt")] == ["old"]


@pytest.mark.parametrize("name", ["a[1]", "a*", "what?", "ünï", "a b", ".hidden", "a.partial-b"])
def test_any_name_is_written_and_cleared(tmp_path: Path, name: str) -> None:
    (tmp_path / f".{name}.partial-{DEAD_PROCESS}-x").mkdir()

    write_folder(tmp_path / name)

    assert names(tmp_path) == [name]


def test_full_disk_names_the_target_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    make = tempfile.mkstemp

    def on_full_disk(*, prefix: str, dir: Path) -> tuple[int, str]:
        handle, name = make(prefix=prefix, dir=dir)
        os.close(handle)
        return os.open("/dev/full", os.O_WRONLY), name

    monkeypatch.setattr(tempfile, "mkstemp", on_full_disk)
    with pytest.raises(ArtifactError) as caught:
        write_file(target)

    assert str(caught.value) == (
        f"{target} could not be written: No space left on device." + FIX_REFUSED
    )
    assert names(tmp_path) == []


def test_full_disk_within_a_folder_names_the_target_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "out"

    def write_to_full_disk() -> None:
        with atomic_folder(target) as folder:
            (folder / "a.txt").symlink_to("/dev/full")
            (folder / "a.txt").write_text("text")

    with pytest.raises(ArtifactError) as caught:
        write_to_full_disk()

    assert str(caught.value) == (
        f"{target} could not be written: No space left on device." + FIX_REFUSED
    )
    assert names(tmp_path) == []


@pytest.mark.parametrize("error", [ValueError("x"), FileNotFoundError(errno.ENOENT, "x", "a.jpg")])
def test_error_that_is_not_about_the_disk_passes_through(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, atomic_folder(tmp_path / "out"):
        raise error

    assert caught.value is error


def test_refusal_of_another_file_is_not_blamed_on_the_target(tmp_path: Path) -> None:
    error = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "photos" / "a.jpg"))

    with pytest.raises((PermissionError, ArtifactError)) as caught, atomic_folder(tmp_path / "out"):
        raise error

    assert "a.jpg" in str(caught.value)


@both
def test_folder_that_may_not_be_written_is_refused(
    tmp_path: Path, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files.os, "access", lambda *_: False)  # type: ignore[attr-defined]

    with pytest.raises(ArtifactError) as caught:
        write(tmp_path / "deep" / "out")

    assert str(caught.value) == (
        f"{tmp_path / 'deep' / 'out'} cannot be written: no permission to write in {tmp_path}.\n"
        "  fix: Name an `--out` in a folder that you may write."
    )
    assert names(tmp_path) == []


@both
def test_parent_that_is_a_file_is_refused(tmp_path: Path, write: Writer) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ArtifactError, match="cannot be written"):
        write(tmp_path / "file" / "out")


@both
def test_name_that_is_too_long_is_refused(tmp_path: Path, write: Writer) -> None:
    target = tmp_path / ("n" * 300)

    with pytest.raises(ArtifactError) as caught:
        write(target)

    assert str(caught.value) == f"{target} could not be written: File name too long." + FIX_REFUSED


def test_parent_whose_name_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError):
        require_free(tmp_path / ("n" * 300) / "out", overwrite=False)


def test_root_of_the_file_system_is_refused() -> None:
    with pytest.raises(ArtifactError):
        require_free(Path("/"), overwrite=True)


def test_current_folder_is_refused_as_a_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ArtifactError):
        write_folder(Path(), overwrite=True)

    assert names(tmp_path) == []


@pytest.mark.parametrize(("mask", "folder", "file"), [(0o022, 0o755, 0o644), (0o077, 0o700, 0o600)])
def test_permissions_follow_the_umask(tmp_path: Path, mask: int, folder: int, file: int) -> None:
    before = os.umask(mask)
    try:
        write_folder(tmp_path / "folder")
        write_file(tmp_path / "file")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)

    assert (tmp_path / "folder").stat().st_mode & 0o777 == folder
    assert (tmp_path / "folder" / "a.txt").stat().st_mode & 0o777 == file
    assert (tmp_path / "file").stat().st_mode & 0o777 == file


def test_file_is_flushed_to_the_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(names(tmp_path)))

    write_file(tmp_path / "out")

    assert seen
    assert "out" not in seen[0]


def test_json_is_the_same_text_everywhere() -> None:
    assert json_text({"b": "ü", "a": [1.5, None]}) == (
        '{\n  "b": "ü",\n  "a": [\n    1.5,\n    null\n  ]\n}\n'
    )


def test_json_has_no_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text({"a": float("nan")})


def test_json_is_read_as_it_was_written(tmp_path: Path) -> None:
    document = {"a": [1, 2.5, "ü", None, True], "b": {"c": "\n"}}
    write_text(tmp_path / "a.json", json_text(document))

    assert read_json(tmp_path / "a.json", kind="run") == document


def test_absent_json_says_what_the_folder_is_not(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        read_json(tmp_path / "run.json", kind="run")

    assert str(caught.value) == (
        f"{tmp_path} is not a run: it has no run.json.\n"
        "  fix: Name the folder of a run that Lineament wrote."
    )


def test_damaged_json_names_the_place(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"a": ')

    with pytest.raises(ArtifactError) as caught:
        read_json(path, kind="run")

    assert str(caught.value) == (
        f"{path} cannot be read as JSON.\n"
        "  at:  Expecting value: line 1 column 7 (char 6)\n"
        "  fix: Make the run again; the file is damaged."
    )


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"\xef\xbb\xbf{}", b"9" * 5000])
def test_bytes_that_are_no_json_object_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "run.json").write_bytes(data)

    with pytest.raises(ArtifactError):
        read_json(tmp_path / "run.json", kind="run")


def test_json_nested_absurdly_deep_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("[" * (sys.getrecursionlimit() * 20))

    with pytest.raises(ArtifactError):
        read_json(tmp_path / "run.json", kind="run")


def test_json_that_is_no_object_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("[1]")

    with pytest.raises(ArtifactError) as caught:
        read_json(path, kind="run")

    assert str(caught.value) == (
        f"{path} is not a JSON object.\n  fix: Make the run again; the file is damaged."
    )


def test_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")

    assert sha256_file(tmp_path / "a") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LINEAMENT_CACHE": "/c", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/c"),
        ({"LINEAMENT_CACHE": "", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/lineament"),
        ({"LINEAMENT_CACHE": "", "XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/lineament"),
    ],
)
def test_cache_is_where_the_environment_says(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert cache_folder() == Path(expected)


def test_written_file_is_binary(tmp_path: Path) -> None:
    file: IO[bytes]
    with atomic_file(tmp_path / "out") as file:
        file.write(json.dumps({"a": "\r\n"}).encode())

    assert (tmp_path / "out").read_bytes() == b'{"a": "\\r\\n"}'


def stop(target: Path, text: str, *, resume: str, name: str = "a.txt") -> None:
    """Begin a folder, write into it, and interrupt."""
    with atomic_folder(target, overwrite=True, resume=resume) as folder:
        (folder / name).write_text(text)
        raise KeyboardInterrupt


def interrupted(target: Path, text: str, *, resume: str) -> Path:
    """Give the folder that interrupted work leaves."""
    with pytest.raises(KeyboardInterrupt):
        stop(target, text, resume=resume)
    (left,) = target.parent.glob(f".{target.name}.partial-*")
    return left


def test_interrupted_work_is_given_again_to_work_that_depends_on_the_same(tmp_path: Path) -> None:
    interrupted(tmp_path / "out", "half", resume="photos, 256 px")

    with atomic_folder(tmp_path / "out", resume="photos, 256 px") as folder:
        assert (folder / "a.txt").read_text() == "half"

    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["a.txt"]


@pytest.mark.parametrize("resume", ["photos, 128 px", "photos, 256 px\n", ""])
def test_interrupted_work_is_cleared_by_work_that_depends_on_something_else(
    tmp_path: Path, resume: str
) -> None:
    interrupted(tmp_path / "out", "half", resume="photos, 256 px")

    with atomic_folder(tmp_path / "out", resume=resume) as folder:
        assert [name for name in names(folder) if name != ".resume"] == []
        assert names(tmp_path) == [folder.name]

    assert names(tmp_path) == ["out"]


def test_work_that_cannot_be_continued_leaves_nothing_when_interrupted(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        stop(tmp_path / "out", "half", resume="")

    assert names(tmp_path) == []


def test_work_that_failed_is_not_continued(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), atomic_folder(tmp_path / "out", resume="x"):
        raise ValueError("no")

    assert names(tmp_path) == []


def test_work_that_a_killed_process_left_is_continued(tmp_path: Path) -> None:
    left = interrupted(tmp_path / "out", "half", resume="x")
    left.rename(tmp_path / f".out.partial-{DEAD_PROCESS}-abc")

    with atomic_folder(tmp_path / "out", resume="x") as folder:
        assert (folder / "a.txt").read_text() == "half"


def test_work_of_a_living_process_is_not_taken_from_it(tmp_path: Path) -> None:
    left = interrupted(tmp_path / "out", "half", resume="x")
    other = left.rename(tmp_path / f".out.partial-{os.getppid()}-abc")

    with atomic_folder(tmp_path / "out", resume="x") as folder:
        assert names(folder) == [".resume"]

    assert (other / "a.txt").read_text() == "half"


def test_work_in_progress_is_not_taken_by_the_same_process(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "out", resume="x") as one:
        (one / "a.txt").write_text("one")
        with atomic_folder(tmp_path / "out", overwrite=True, resume="x") as two:
            assert names(two) == [".resume"]
            (two / "a.txt").write_text("two")
        assert (one / "a.txt").read_text() == "one"
        (tmp_path / "out" / "a.txt").unlink()
        (tmp_path / "out").rmdir()

    assert content(tmp_path / "out") == "one"


def test_of_several_pieces_of_interrupted_work_one_is_continued_and_the_others_cleared(
    tmp_path: Path,
) -> None:
    for number in (1, 2):
        left = interrupted(tmp_path / "out", f"half {number}", resume="x")
        left.rename(tmp_path / f"kept{number}")
    for number in (1, 2):
        (tmp_path / f"kept{number}").rename(tmp_path / f".out.partial-{DEAD_PROCESS}-{number}")

    with atomic_folder(tmp_path / "out", resume="x") as folder:
        assert (folder / "a.txt").read_text() == "half 1"
        assert names(tmp_path) == [folder.name]


def test_interrupted_work_can_be_interrupted_again(tmp_path: Path) -> None:
    interrupted(tmp_path / "out", "half", resume="x")

    with pytest.raises(KeyboardInterrupt):
        stop(tmp_path / "out", "more", resume="x", name="b.txt")

    with atomic_folder(tmp_path / "out", resume="x") as folder:
        assert names(folder) == [".resume", "a.txt", "b.txt"]


def test_a_leftover_that_does_not_say_what_it_depends_on_is_cleared(tmp_path: Path) -> None:
    leftover = tmp_path / f".out.partial-{DEAD_PROCESS}-abc"
    (leftover / ".resume").mkdir(parents=True)
    (leftover / ".resume" / "depends_on").write_bytes(b"\xff")
    (tmp_path / f".out.partial-{DEAD_PROCESS}-file").write_text("x")

    with atomic_folder(tmp_path / "out", resume="x") as folder:
        assert names(folder) == [".resume"]
        assert names(tmp_path) == [folder.name]


def test_what_can_be_continued_is_continued_though_interrupted_while_it_was_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(files, "_sync_all", stop)
        with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "out", resume="x") as one:
            (one / "a.txt").write_text("whole")

    with atomic_folder(tmp_path / "out", resume="x") as folder:
        assert (folder / "a.txt").read_text() == "whole"
    assert names(tmp_path / "out") == ["a.txt"]


def test_a_folder_that_continues_has_the_usual_permissions(tmp_path: Path) -> None:
    interrupted(tmp_path / "out", "half", resume="x")
    (tmp_path / "plain").mkdir()

    with atomic_folder(tmp_path / "out", resume="x"):
        pass

    assert (tmp_path / "out").stat().st_mode == (tmp_path / "plain").stat().st_mode
