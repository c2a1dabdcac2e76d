"""Web runtime: the files of ONNX Runtime for browsers, from npm's registry or from a copy.

Licence MIT, Copyright (c) Microsoft Corporation. Each file's hash is known here, so it does not
matter by which way it came.
"""

import dataclasses
import hashlib
import io
import os
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from lineament.core.cache import make_room
from lineament.core.errors import ArtifactError
from lineament.core.files import atomic_file, cache_folder
from lineament.core.progress import QUIET, Progress

VERSION = "1.30.0"  # the nearest to onnxruntime in constraints.txt: not every release is on npm
URL = f"https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
VARIABLE = "LINEAMENT_ORT_WEB"
MAX_ARCHIVE_BYTES = 60_000_000  # it has 33 million
WAIT_S = 60.0
CHUNK = 1 << 20
IN_ARCHIVE = "package/dist/"
SHA256 = {
    "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    "ort-wasm-simd-threaded.mjs": (
        "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b"
    ),
    "ort-wasm-simd-threaded.wasm": (
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"
    ),
}
LICENCE = (
    f"onnxruntime-web {VERSION}, MIT License, Copyright (c) Microsoft Corporation.\n"
    "https://github.com/microsoft/onnxruntime/blob/main/LICENSE\n"
)

Fetch = Callable[[str], bytes]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WebRuntime:
    """ONNX Runtime for browsers.

    Attributes:
        files: Its files by name.
        source: Where they came from.
    """

    files: dict[str, bytes]
    source: str


def web_runtime(*, fetch: Fetch | None = None, progress: Progress = QUIET) -> WebRuntime:
    """Get the files: of ``LINEAMENT_ORT_WEB``, of the cache, or from npm's registry, in this order.

    Args:
        fetch: Gives the bytes of an address; ``None`` asks the network.
        progress: Who listens.

    Raises:
        ArtifactError: They cannot be had, or are not what they were.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return WebRuntime(files=_of_copy(Path(named)), source=named)
    shelf = cache_folder() / f"onnxruntime-web-{VERSION}"
    kept = _kept(shelf)
    if kept is not None:
        return WebRuntime(files=kept, source=str(shelf))
    progress.start("fetching onnxruntime-web", None)
    try:
        files = _of_archive((fetch or _fetched)(URL), URL)
    finally:
        progress.finish()
    _keep(files, shelf)
    return WebRuntime(files=files, source=URL)


def _of_copy(copy: Path) -> dict[str, bytes]:
    """Read a folder with the files, the package's own folder, or the archive from npm."""
    try:
        if copy.is_file():
            return _of_archive(copy.read_bytes(), str(copy))
        for folder in (copy, copy / "dist", copy / "package/dist"):
            if (folder / next(iter(SHA256))).is_file():
                return _checked(
                    {name: (folder / name).read_bytes() for name in SHA256}, str(folder)
                )
    except OSError as error:
        raise ArtifactError(
            f"{error.filename} cannot be read ({error.strerror}).", fix=_ways()
        ) from error
    raise ArtifactError(f"{copy} has no onnxruntime-web.", fix=_ways())


def _of_archive(data: bytes, name: str) -> dict[str, bytes]:
    """Take the wanted files out of an archive, in memory; no name in it becomes a path."""
    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            for member in archive:
                wanted = member.name.removeprefix(IN_ARCHIVE)
                if member.isreg() and member.name == IN_ARCHIVE + wanted and wanted in SHA256:
                    part = archive.extractfile(member)
                    assert part is not None  # a regular file has content
                    found[wanted] = part.read(MAX_ARCHIVE_BYTES)
    # What the parsers of a damaged archive raise: of gzip, zlib and tar.
    except (OSError, EOFError, ValueError, tarfile.TarError) as error:
        raise ArtifactError(
            f"{name} is no whole archive of onnxruntime-web ({error}).", fix=_ways()
        ) from error
    return _checked(found, name)


def _checked(files: dict[str, bytes], name: str) -> dict[str, bytes]:
    wrong = [
        each
        for each, known in SHA256.items()
        if each not in files or hashlib.sha256(files[each]).hexdigest() != known
    ]
    if wrong:
        raise ArtifactError(
            f"{name} is not onnxruntime-web {VERSION} as it was published.", at=wrong, fix=_ways()
        )
    return files


def _kept(shelf: Path) -> dict[str, bytes] | None:
    try:
        return _checked({name: (shelf / name).read_bytes() for name in SHA256}, str(shelf))
    except (OSError, ArtifactError):
        return None  # it is fetched anew


def _keep(files: dict[str, bytes], shelf: Path) -> None:
    shelf.parent.mkdir(parents=True, exist_ok=True)
    make_room(shelf.parent, sum(map(len, files.values())))
    for name, data in files.items():
        with atomic_file(shelf / name, overwrite=True, flag="LINEAMENT_CACHE") as partial:
            partial.write(data)


def _fetched(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
            data = bytearray()
            while chunk := answer.read(CHUNK):
                data += chunk
                if len(data) > MAX_ARCHIVE_BYTES:
                    raise ArtifactError(f"{url} is larger than it was.", fix=_ways())
            return bytes(data)
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise ArtifactError(
            f"onnxruntime-web cannot be fetched from {url} ({reason}).", fix=_ways()
        ) from error


def _ways() -> str:
    return (
        f"Where there is no network, fetch {URL} elsewhere, and let `{VARIABLE}` name the file or "
        "the folder that it was unpacked into."
    )
