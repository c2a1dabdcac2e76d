"""`export --web`: a folder whose page answers in Chromium, with nobody but a server of files."""

import functools
import http.server
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chromium import TROUBLE, Browser
from lineament.artifacts.bundle import read_bundle
from lineament.runtime.predictor import Predictor
from ort_web import UNPACKED, needs_runtime

Result = subprocess.CompletedProcess[str]
PATIENCE_S = 60
TYPES = {".mjs": "text/javascript", ".wasm": "application/wasm"}


class _Files(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, **TYPES}  # noqa: RUF012  of the base class
    methods: list[str] = []  # noqa: RUF012  of all requests

    def log_message(self, format: str, *args: object) -> None:
        self.methods.append(self.command)


class Site:
    """The folder in a browser."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self.browser = browser
        handler = functools.partial(_Files, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        browser.visit(f"{self.url}/")
        self.wait_for("document.documentElement.dataset.ready")

    def wait_for(self, expression: str) -> Any:
        value = self.browser.run(
            "new Promise((done) => { const at = setInterval(() => { "
            f"const value = ({expression}); if (!value) return; clearInterval(at); "
            "done(value instanceof Node || value); }, 30);"
            f" setTimeout(() => done(null), {1000 * PATIENCE_S}); }})",
            waits=True,
        )
        assert value, (expression, self.browser.run("document.body.innerText"))
        return value

    def trouble(self) -> list[Any]:
        self.browser.run("0")
        return [each for each in self.browser.events if each["method"] in TROUBLE]

    def close(self) -> None:
        self.browser.tell("Page.navigate", url="about:blank")
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def folder(
    chain: Path, lineament: Callable[..., Result], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("web") / "site"
    done = lineament(
        *("export", "model.onnx", "--web", out, "--json"),
        cwd=chain,
        env={"LINEAMENT_ORT_WEB": str(UNPACKED)},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["web"] == str(out)
    assert done.stderr.splitlines()[-1] == (
        f"next: python3 -m http.server --bind 127.0.0.1 --directory {out}"
    )
    return out


@pytest.fixture
def site(browser: Browser, folder: Path) -> Iterator[Site]:
    opened = Site(browser, folder)
    yield opened
    opened.close()


@needs_runtime
def test_photos_are_answered_in_the_browser_as_by_the_bundle(site: Site, chain: Path) -> None:
    files = sorted(chain.glob("photos/*/00[0-2].jpg"))
    root = site.browser.tell("DOM.getDocument")["root"]["nodeId"]
    found = site.browser.tell("DOM.querySelector", nodeId=root, selector="#pick")
    site.browser.tell(
        "DOM.setFileInputFiles", files=[str(file) for file in files], nodeId=found["nodeId"]
    )
    site.wait_for(f"document.querySelectorAll('.label').length === {len(files)}")

    cards = site.browser.run("[...document.querySelectorAll('.card')].map((one) => one.innerText)")

    answers = Predictor(chain / "model.onnx", engine="onnxruntime").predict(files)
    for card, answer in zip(cards, answers, strict=True):
        assert answer.confidence is not None
        label, percent, _ = card.split("\n\n")[1].rsplit(" ", 2)
        assert label == answer.label
        assert abs(float(percent) / 100 - answer.confidence) < 1.5e-3  # shown to a thousandth
    site.browser.run("document.querySelector('.card .row button').click()")
    assert site.wait_for("document.querySelector('.card img').alt").startswith("What spoke for ")
    assert site.trouble() == []


@needs_runtime
def test_golden_photos_prove_themselves_in_the_page(site: Site, chain: Path) -> None:
    site.browser.run("document.querySelector('#about').click()")
    site.wait_for("document.querySelector('#card').open")
    site.browser.run("document.querySelector('#prove').click()")
    site.wait_for("document.querySelectorAll('#proof tr').length > 0")

    rows = site.browser.run(
        "[...document.querySelectorAll('#proof tr')].map((row) => [...row.children]"
        ".map((cell) => cell.innerText))"
    )

    _, card = read_bundle(chain / "model.onnx")
    assert [name for name, _, _ in rows] == [photo.name for photo in card.golden]
    assert {verdict for _, verdict, _ in rows} <= {"right", "nearly: a large photo"}
    nearly = [name for name, verdict, _ in rows if verdict != "right"]
    assert set(nearly) <= {"large"}  # the browser makes other pixels of it
    assert site.trouble() == []


@needs_runtime
def test_proof_fails_where_the_answers_are_others(site: Site, folder: Path) -> None:
    """A check that cannot fail proves nothing."""
    golden = folder / "golden.json"
    whole = golden.read_text(encoding="utf-8")
    document = json.loads(whole)
    document["golden"][0]["probabilities"] = document["golden"][0]["probabilities"][::-1]
    golden.write_text(json.dumps(document), encoding="utf-8")
    try:
        found = site.browser.run(
            "import('./page/answerer.js').then(({ open }) => open()).then((one) => one.prove())",
            waits=True,
        )
    finally:
        golden.write_text(whole, encoding="utf-8")

    assert found[0]["ok"] is False
    assert found[1]["ok"] is True


@needs_runtime
def test_nothing_is_asked_of_anybody_else_and_nothing_is_sent(site: Site, chain: Path) -> None:
    _Files.methods.clear()
    root = site.browser.tell("DOM.getDocument")["root"]["nodeId"]
    found = site.browser.tell("DOM.querySelector", nodeId=root, selector="#pick")
    photo = next(chain.glob("photos/*/001.jpg"))
    site.browser.tell("DOM.setFileInputFiles", files=[str(photo)], nodeId=found["nodeId"])
    site.wait_for("document.querySelector('.label')")

    asked = site.browser.run("performance.getEntriesByType('resource').map(({ name }) => name)")

    assert all(address.startswith((f"{site.url}/", "blob:")) for address in asked), asked
    assert set(_Files.methods) <= {"GET"}
    refused = site.browser.run(
        "fetch('https://example.org/').then(() => 'let out', () => 'kept in')", waits=True
    )
    assert refused == "kept in"


@needs_runtime
def test_copy_keeps_no_photos_and_shows_no_place_for_it(site: Site) -> None:
    assert site.browser.run("document.querySelector('#tab-collect').hidden") is True


def test_flags_of_a_run_are_refused_for_a_bundle(
    chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    done = warm(
        *("export", chain / "model.onnx", "--web", tmp_path / "site", "--precision", "int8"),
        cwd=chain,
    )

    assert done.returncode == 2
    assert "`--precision` is for a run; a bundle is put on the page as it is." in done.stderr
    assert not (tmp_path / "site").exists()


def test_torchscript_cannot_be_put_on_the_page(
    chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    done = warm(
        *("export", chain / "run", "--out", tmp_path / "m.pt", "--web", tmp_path / "site"),
        *("--format", "torchscript"),
        cwd=chain,
    )

    assert done.returncode == 2
    assert "A browser runs a bundle" in done.stderr
    assert not list(tmp_path.iterdir())


def test_without_out_and_without_web_nothing_is_done(
    chain: Path, warm: Callable[..., Result]
) -> None:
    done = warm("export", chain / "run", cwd=chain)

    assert done.returncode == 2
    assert done.stderr == (
        "error: Missing option '--out'.\n  fix: See `lineament export --help`.\n"
    )


def test_without_a_network_the_way_to_a_copy_is_told(
    chain: Path, lineament: Callable[..., Result], tmp_path: Path
) -> None:
    done = lineament("export", "model.onnx", "--web", tmp_path / "site", cwd=chain)

    assert done.returncode == 4
    assert "onnxruntime-web cannot be fetched" in done.stderr
    assert "let `LINEAMENT_ORT_WEB` name the file" in done.stderr
    assert not (tmp_path / "site").exists()
