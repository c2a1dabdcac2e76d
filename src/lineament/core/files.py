"""Atomic files and folders: under the target name there is nothing, or the whole thing.

What is being written stands in a hidden sibling of the target (same file system, so the last step
is one rename). A process that is killed leaves at most that sibling, which the next write to the
same target continues if it can, and else clears away.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from lineament.core.errors import ArtifactError

_OWN: set[str] = set()  # names of what this very process is writing

PARTIAL = ".partial-"
REPLACED = ".replaced-"
RESUME = ".resume"  # in a partial folder: what only continuing it needs
DEPENDS = "depends_on"  # in that folder: what the work depends on
ABANDONED_AFTER_S = 24 * 3600  # where a process cannot be asked for, no write lasts this long
REFUSALS = {  # what a file system says that the user can do something about
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


def require_free(
    target: Path, *, overwrite: bool, marker: str | None = None, flag: str = "--out"
) -> None:
    """Check that a target may be written, before any work is done.

    Args:
        target: What is to be written.
        overwrite: Whether what stands there may be replaced.
        marker: The file that every folder of this kind holds; a folder with other contents is then
            not replaced, because ``--out ~ --overwrite`` is a slip and not a wish.
        flag: How the user named the target.

    Raises:
        ArtifactError: Something stands there that may not be replaced, or the folder that would
            hold it cannot be written.
    """
    if not target.name or target.name == "..":
        raise ArtifactError(
            f"{target.absolute()} cannot be replaced: it is in use or is a root.",
            fix=f"Name a new folder or file as `{flag}`.",
        )
    _require_absent(target, overwrite=overwrite, flag=flag)
    # os.path answers no where Path raises: a name too long, a folder that may not be looked into.
    if os.path.exists(target) and not (os.path.isfile(target) or os.path.isdir(target)):  # noqa: PTH110, PTH112, PTH113
        raise ArtifactError(
            f"{target} is neither a file nor a folder; nothing was written.",
            fix=f"Name another `{flag}`.",
        )
    if marker is not None and _is_foreign(target, marker):
        raise ArtifactError(
            f"{target} was not replaced: it holds no {marker}, so it is not what this command "
            "writes.",
            fix="Name another `--out`, or remove it yourself.",
        )
    parent = _nearest_folder(target)
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise ArtifactError(
            f"{target} cannot be written: no permission to write in {parent}.",
            fix=f"Name an `{flag}` in a folder that you may write.",
        )


@contextlib.contextmanager
def atomic_folder(
    target: Path, *, overwrite: bool = False, marker: str | None = None, resume: str = ""
) -> Iterator[Path]:
    """Give a folder that becomes ``target`` when the block ends without an error.

    Args:
        target: The final path; its parents are made.
        overwrite: Replace what stands there.
        marker: As for `require_free`.
        resume: What the work depends on. The folder of an interrupted or killed block with the same
            text is then given again with what it holds, instead of a new one; an error still
            removes it. What is put below `RESUME` in it is not in the target.

    Yields:
        The folder to write into: empty, or with what interrupted work left.

    Raises:
        ArtifactError: The target is in the way, or the file system refuses (permission, space).
    """
    require_free(target, overwrite=overwrite, marker=marker)
    with refusals(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=_prefix(target, PARTIAL), dir=target.parent))
        _OWN.add(partial.name)
        unfinished = False
        try:
            if resume:
                _adopt_leftover(target, partial, resume)
            _clear_leftovers(target)
            yield partial
            _open_to_others(partial, 0o777)
            _sync_all()
            _require_absent(target, overwrite=overwrite, flag="--out")
            shutil.rmtree(partial / RESUME, ignore_errors=True)  # last: flushing can take minutes
            _replace(partial, target)
        except BaseException as error:
            unfinished = bool(resume) and not isinstance(error, Exception)
            raise
        finally:
            if not unfinished:
                shutil.rmtree(partial, ignore_errors=True)
            _OWN.discard(partial.name)


@contextlib.contextmanager
def atomic_file(
    target: Path, *, overwrite: bool = False, flag: str = "--out"
) -> Iterator[IO[bytes]]:
    """Give a binary file that becomes ``target`` when the block ends without an error.

    Args:
        target: The final path; its parents are made.
        overwrite: Replace what stands there.
        flag: As for `require_free`.

    Yields:
        The open file.

    Raises:
        ArtifactError: The target is in the way, or the file system refuses (permission, space).
    """
    require_free(target, overwrite=overwrite, flag=flag)
    with refusals(target, flag=flag):
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(target)
        handle, name = tempfile.mkstemp(prefix=_prefix(target, PARTIAL), dir=target.parent)
        partial = Path(name)
        _OWN.add(partial.name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            _open_to_others(partial, 0o666)
            _require_absent(target, overwrite=overwrite, flag=flag)
            _replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)
            _OWN.discard(partial.name)


def write_text(target: Path, text: str, *, overwrite: bool = False, flag: str = "--out") -> None:
    """Write a UTF-8 text atomically; arguments and errors as `atomic_file`."""
    with atomic_file(target, overwrite=overwrite, flag=flag) as file:
        file.write(text.encode("utf-8"))


def json_text(document: Mapping[str, object]) -> str:
    """Render a JSON document the same way everywhere: two spaces, UTF-8, no NaN.

    Example:
        >>> print(json_text({"b": 1, "a": [1, 2]}), end="")
        {
          "b": 1,
          "a": [
            1,
            2
          ]
        }
    """
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_json(path: Path, *, kind: str) -> dict[str, object]:
    """Read a JSON object that an artifact promises.

    Args:
        path: The file.
        kind: What the artifact is called in an error, such as ``dataset``.

    Raises:
        ArtifactError: The file is absent or is not a JSON object.
    """
    named = f"{'an' if kind[:1] in 'aeiou' else 'a'} {kind}"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArtifactError(
            f"{path.parent} is not {named}: it has no {path.name}.",
            fix=f"Name the folder of {named} that Lineament wrote.",
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactError(
            f"{path} cannot be read as JSON.",
            at=[str(error)],
            fix=f"Make the {kind} again; the file is damaged.",
        ) from error
    if not isinstance(document, dict):
        raise ArtifactError(
            f"{path} is not a JSON object.", fix=f"Make the {kind} again; the file is damaged."
        )
    return document


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder() -> Path:
    """Where what can be made again is kept: ``LINEAMENT_CACHE``, or the system's cache folder."""
    chosen = os.environ.get("LINEAMENT_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "lineament"


def _require_absent(target: Path, *, overwrite: bool, flag: str) -> None:
    """Asked before the work, and again before its result is put there: work can take hours."""
    if os.path.lexists(target) and not overwrite:
        raise ArtifactError(
            f"{target} exists; nothing was written.",
            fix=f"Name another `{flag}`, or run again with `--overwrite` to replace it.",
        )


def _is_foreign(target: Path, marker: str) -> bool:
    if not os.path.lexists(target) or (target / marker).is_file():
        return False
    return not target.is_dir() or any(target.iterdir())


def _nearest_folder(target: Path) -> Path:
    """The deepest parent that is there; one that may not be looked into counts as the nearest."""
    for folder in target.absolute().parents:
        try:
            if folder.exists():
                return folder
        except PermissionError:
            continue
        except OSError as error:  # a name that no file system takes
            raise ArtifactError(
                f"{target} cannot be written: {error.strerror}.", fix="Name another `--out`."
            ) from error
    raise AssertionError("the root of a file system exists")


def _replace(partial: Path, target: Path) -> None:
    """Put the finished thing under the target's name.

    A file replaces a file in one step. A folder cannot replace a folder, so the old one is moved
    aside first: between the two renames the name is free, never half filled.
    """
    if not partial.is_dir():
        partial.replace(target)
    elif not os.path.lexists(target):
        partial.rename(target)
    else:
        aside = Path(tempfile.mkdtemp(prefix=_prefix(target, REPLACED), dir=target.parent))
        try:
            target.rename(aside / target.name)
            partial.rename(target)
        except BaseException:
            if not os.path.lexists(target):
                (aside / target.name).rename(target)
            aside.rmdir()  # refuses while the old one is still in it
            raise
        shutil.rmtree(aside, ignore_errors=True)
    # Now that the new one stands, nobody misses what a killed replacement had moved aside.
    _clear_leftovers(target, REPLACED)


def _prefix(target: Path, mark: str) -> str:
    """The hidden sibling's name; the process id in it tells a dead writer from a living one."""
    return f".{target.name}{mark}{os.getpid()}-"


def _clear_leftovers(target: Path, mark: str = PARTIAL) -> None:
    """Remove what killed writers of this target left behind."""
    for leftover in target.parent.glob(f".{_glob_literal(target.name)}{mark}*"):
        if _in_use(leftover, _writer(leftover, mark)):
            continue
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _adopt_leftover(target: Path, partial: Path, resume: str) -> None:
    """Take over the folder of interrupted work that depends on the same things, if there is one."""
    for leftover in sorted(target.parent.glob(f".{_glob_literal(target.name)}{PARTIAL}*")):
        if leftover == partial or _in_use(leftover, _writer(leftover, PARTIAL)):
            continue
        try:
            if (leftover / RESUME / DEPENDS).read_bytes() != resume.encode("utf-8"):
                continue
            partial.rmdir()
            leftover.rename(partial)
        except OSError:  # not a folder, or another process was faster
            partial.mkdir(exist_ok=True)
            continue
        return
    (partial / RESUME).mkdir()
    (partial / RESUME / DEPENDS).write_bytes(resume.encode("utf-8"))


def _writer(leftover: Path, mark: str) -> str:
    """The process id in a hidden sibling's name."""
    return leftover.name.rpartition(mark)[2].partition("-")[0]


def _in_use(leftover: Path, process: str) -> bool:
    if process == str(os.getpid()):  # in a container every run may be process 1
        return leftover.name in _OWN
    if os.name != "posix" or not process.isdigit():
        return time.time() - leftover.stat().st_mtime < ABANDONED_AFTER_S
    try:
        os.kill(int(process), 0)  # signal 0 asks whether the process exists
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it exists and is another user's
    return True


def _glob_literal(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _open_to_others(path: Path, mode: int) -> None:
    """Give the permissions that a plain ``open`` or ``mkdir`` gives; tempfile's are private."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(mode & ~mask)


def _sync_all() -> None:
    """Flush a folder of many files in one call; an fsync each costs minutes for 60,000 photos."""
    if hasattr(os, "sync"):
        os.sync()


def _beside(path: Path, target: Path) -> bool:
    """Whether a path has to do with writing a target: it, a parent, or its hidden siblings."""
    here, there = path.absolute(), target.absolute()
    if there.is_relative_to(here):
        return True
    if not here.is_relative_to(there.parent):
        return False
    first = here.relative_to(there.parent).parts[0]
    return first == there.name or first.startswith(f".{there.name}.")


@contextlib.contextmanager
def refusals(target: Path, *, flag: str = "--out") -> Iterator[None]:
    """Turn what the file system refuses into an error that says so."""
    try:
        yield
    except OSError as error:
        elsewhere = error.filename is not None and not _beside(Path(str(error.filename)), target)
        if error.errno not in REFUSALS or elsewhere:
            raise
        raise ArtifactError(
            # the system's words: libraries put their own into `strerror`
            f"{target} could not be written: {os.strerror(error.errno)}.",
            fix=f"Give it space or permission, or name another `{flag}`; "
            "nothing was left under that name.",
        ) from error
