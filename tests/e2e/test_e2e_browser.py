"""A bundle answers in a browser, in onnxruntime-web, as it did in PyTorch.

The page is the one of `docs/how-to/browser.md`, word for word. It needs Chromium and the files that
`.ci/browser.sh` fetches into `build/ort-web`; where one is absent these tests skip and say so.
"""

import base64
import functools
import http.server
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chromium import Browser
from lineament.artifacts.bundle import MAX_DIFFERENCE, BundleCard, read_bundle
from lineament.exporting.parity import MAX_FAMILIARITY_DIFFERENCE
from lineament.imaging.decode import decode

ROOT = Path(__file__).parents[2]
RUNTIME = sorted((ROOT / "build/ort-web").glob("*/ort.wasm.min.mjs"))
PAGE = (ROOT / "docs/how-to/browser.md").read_text(encoding="utf-8")
STARTED_S = 60

needs_runtime = pytest.mark.skipif(
    not RUNTIME, reason="onnxruntime-web is not there (run .ci/browser.sh): a browser was not tried"
)


class Page:
    """The page of the documentation, served with a bundle, open in a browser."""

    def __init__(self, browser: Browser, folder: Path, bundle: Path) -> None:
        _, self.card = read_bundle(bundle)
        (listing,) = re.findall(r"^```html\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
        (folder / "index.html").write_text(listing, encoding="utf-8")
        shutil.copy(bundle, folder / "model.onnx")
        (folder / "card.json").write_text(json.dumps(_without_photos(self.card)), encoding="utf-8")
        shutil.copytree(RUNTIME[-1].parent, folder / "ort")
        handler = functools.partial(_Handler, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._browser = browser
        browser.events.clear()
        browser.tell("Page.navigate", url=f"http://127.0.0.1:{self._server.server_port}/")
        browser.wait("Page.loadEventFired")
        self.wait(
            "new Promise((done) => { setInterval(() => globalThis.isReady && done(true), 50); "
            f"setTimeout(done, {1000 * STARTED_S}, false); }})"
        )

    def wait(self, script: str) -> Any:
        """The value of a promise."""
        told = self._browser.tell(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def answer(self, data: bytes) -> dict[str, Any]:
        """Answer a photo that Lineament has decoded."""
        image = decode(data, short_side_px=self.card.preprocessing.needed_short_side_px)
        text = base64.b64encode(np.ascontiguousarray(image).tobytes()).decode()
        height, width = image.shape[:2]
        answered: dict[str, Any] = self.wait(
            f"answer({{rgb: Uint8Array.from(atob('{text}'), (c) => c.charCodeAt(0)), "
            f"width: {width}, height: {height}}})"
        )
        return answered

    def close(self) -> None:
        self._browser.tell("Page.navigate", url="about:blank")
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {  # noqa: RUF012  of the base class
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _without_photos(card: BundleCard) -> dict[str, object]:
    return {**card.as_dict(), "golden": [photo.name for photo in card.golden]}


@pytest.fixture(scope="module", params=["fp32", "int8"])
def page(
    request: pytest.FixtureRequest,
    browser: Browser,
    chain: Path,
    warm: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp(f"web-{request.param}")
    bundle = chain / "model.onnx"
    if request.param != "fp32":
        bundle = folder.with_suffix(".onnx")
        made = warm(
            *("export", chain / "run", "--out", bundle, "--precision", request.param),
            *("--max-drop", "100", "--dataset", chain / "dataset"),
            cwd=folder,
        )
        assert made.returncode == 0, made.stderr
    opened = Page(browser, folder, bundle)
    yield opened
    opened.close()


@needs_runtime
def test_golden_photos_are_answered_in_a_browser_as_in_pytorch(page: Page) -> None:
    assert page.wait("globalThis.isReady")
    differences = {}
    for photo in page.card.golden:
        said = page.answer(photo.data)

        expected = np.asarray(photo.probabilities)
        differences[photo.name] = float(np.abs(np.asarray(said["probabilities"]) - expected).max())
        if photo.familiarity is not None and page.card.precision is None:
            assert abs(said["familiarity"] - photo.familiarity) <= MAX_FAMILIARITY_DIFFERENCE

    allowed = page.card.allowed_difference
    assert max(differences.values()) <= allowed, differences
    assert page.card.precision is not None or allowed == MAX_DIFFERENCE
    assert len(differences) == 13


@needs_runtime
def test_photo_that_the_browser_decodes_is_answered_alike(page: Page) -> None:
    """A PNG has one meaning: the browser's pixels are ours."""
    (usual,) = (photo for photo in page.card.golden if photo.name == "usual")
    text = base64.b64encode(usual.data).decode()

    said = page.wait(
        f"fetch('data:image/png;base64,{text}').then((r) => r.blob()).then(pixelsOf).then(answer)"
    )

    assert said["probabilities"] == page.answer(usual.data)["probabilities"]


@needs_runtime
def test_classes_and_threshold_are_read_from_the_card(page: Page) -> None:
    assert page.wait("card.classes") == list(page.card.classes)
    assert page.wait("card.decisions.unknown_threshold") == page.card.unknown_threshold
