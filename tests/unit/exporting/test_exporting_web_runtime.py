"""ONNX Runtime for browsers comes from where it may, and is what it was, or nothing is written."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from lineament.core.errors import ArtifactError
from lineament.exporting import web_runtime as module
from lineament.exporting.web_runtime import IN_ARCHIVE, URL, VARIABLE, VERSION, web_runtime

FILES = {
    "ort.wasm.min.mjs": b"export const ort = 1;",
    "ort-wasm-simd-threaded.mjs": b"export default 2;",
    "ort-wasm-simd-threaded.wasm": b"\0asm" * 50,
}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of our own stand for the published ones."""
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    monkeypatch.setattr(module, "SHA256", hashes)
    monkeypatch.delenv(VARIABLE, raising=False)


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            packed.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


WHOLE = {f"{IN_ARCHIVE}{name}": data for name, data in FILES.items()}


def test_tests_in_a_browser_run_on_the_version_that_is_exported() -> None:
    script = Path(__file__).parents[3] / ".ci/browser.sh"

    assert f"\nversion={VERSION}\n" in script.read_text(encoding="utf-8")


def test_archive_is_fetched_once_and_kept() -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return archive({**WHOLE, "package/README.md": b"not wanted"})

    first, second = web_runtime(fetch=fetch), web_runtime(fetch=fetch)

    assert asked == [URL]
    assert first.files == second.files == FILES
    assert first.source == URL
    assert second.source.endswith("onnxruntime-web-1.30.0")


def test_file_of_the_cache_that_was_changed_is_fetched_anew() -> None:
    kept = Path(web_runtime(fetch=lambda _: archive(WHOLE)).source)
    shelf = Path(web_runtime(fetch=lambda _: b"").source)
    (shelf / "ort.wasm.min.mjs").write_bytes(b"export const ort = 'evil';")

    assert web_runtime(fetch=lambda _: archive(WHOLE)).files == FILES
    assert kept != shelf


@pytest.mark.parametrize("name", FILES)
def test_file_that_is_not_what_it_was_is_named_and_nothing_is_kept(name: str) -> None:
    other = {**WHOLE, f"{IN_ARCHIVE}{name}": b"something else"}

    for content in (other, {key: data for key, data in WHOLE.items() if not key.endswith(name)}):
        with pytest.raises(ArtifactError) as caught:
            web_runtime(fetch=lambda _, content=content: archive(content))  # type: ignore[misc]
        assert caught.value.what == f"{URL} is not onnxruntime-web 1.30.0 as it was published."
        assert caught.value.at == (name,)
    fetched = web_runtime(fetch=lambda _: archive(WHOLE))
    assert fetched.source == URL  # nothing had been kept


@pytest.mark.parametrize(
    "data",
    [b"", b"no archive", archive(WHOLE)[:100], b"\x1f\x8b" + bytes(100)],
    ids=["nothing", "text", "cut off", "no content"],  # an archive's bytes tell when it was made
)
def test_what_is_no_whole_archive_is_told(data: bytes) -> None:
    with pytest.raises(ArtifactError, match=r"no whole archive|as it was published"):
        web_runtime(fetch=lambda _: data)


def test_no_name_in_an_archive_becomes_a_path(tmp_path: Path) -> None:
    evil = {
        **WHOLE,
        f"../../../../{tmp_path}/evil.mjs": b"1",
        f"{IN_ARCHIVE}../evil.mjs": b"1",
        "/evil.mjs": b"1",
    }

    assert web_runtime(fetch=lambda _: archive(evil)).files == FILES
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("inside", ["", "dist", "package/dist"])
def test_copy_without_a_network_may_be_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    (tmp_path / inside).mkdir(parents=True, exist_ok=True)
    for name, data in FILES.items():
        (tmp_path / inside / name).write_bytes(data)
    monkeypatch.setenv(VARIABLE, str(tmp_path))

    assert web_runtime(fetch=lambda _: pytest.fail("it was fetched")).files == FILES


def test_copy_without_a_network_may_be_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ort.tgz").write_bytes(archive(WHOLE))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "ort.tgz"))

    assert web_runtime(fetch=lambda _: pytest.fail("it was fetched")).files == FILES


def test_copy_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))

    with pytest.raises(ArtifactError, match="has no onnxruntime-web"):
        web_runtime()


def test_without_a_network_the_way_out_is_told() -> None:
    with pytest.raises(ArtifactError) as caught:  # the tests' wall lets nobody out
        web_runtime(fetch=lambda url: module._fetched("http://127.0.0.1:9/none"))

    assert caught.value.what.startswith("onnxruntime-web cannot be fetched from http://127.0.0.1:9")
    assert f"let `{VARIABLE}` name the file" in caught.value.fix


def test_answer_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return bytes(size or 1)

    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: Endless())

    with pytest.raises(ArtifactError, match="is larger than it was"):
        web_runtime()
