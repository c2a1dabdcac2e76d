"""A bundle answers in a browser, in onnxruntime-web, as it did in PyTorch.

The page is the one of `docs/how-to/browser.md`, word for word. It needs Chromium and the files that
`.ci/browser.sh` fetches into `build/ort-web`; where one is absent these tests skip and say so.
"""

import base64
import functools
import http.server
import io
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from chromium import Browser
from lineament.artifacts.bundle import MAX_DIFFERENCE, read_bundle
from lineament.exporting.golden import golden_files
from lineament.exporting.parity import MAX_FAMILIARITY_DIFFERENCE
from lineament.imaging.decode import decode
from lineament.runtime.predictor import Predictor
from ort_web import RUNTIME, needs_runtime

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/browser.md").read_text(encoding="utf-8")
STARTED_S = 60


class Page:
    """The page of the documentation, served with a bundle, open in a browser."""

    def __init__(self, browser: Browser, folder: Path, bundle: Path, card: str) -> None:
        self.bundle = bundle
        _, self.card = read_bundle(bundle)
        (listing,) = re.findall(r"^```html\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
        (folder / "index.html").write_text(listing, encoding="utf-8")
        shutil.copy(bundle, folder / "model.onnx")
        (folder / "card.json").write_text(card, encoding="utf-8")
        (folder / "ort").mkdir()
        for path in RUNTIME:
            shutil.copy(path, folder / "ort")
        handler = functools.partial(_Handler, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._browser = browser
        browser.visit(f"http://127.0.0.1:{self._server.server_port}/")
        self.wait(
            "new Promise((done) => { setInterval(() => globalThis.isReady && done(true), 50); "
            f"setTimeout(done, {1000 * STARTED_S}, false); }})"
        )

    def wait(self, script: str) -> Any:
        """The value of a promise."""
        return self._browser.run(script, waits=True)

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

    def decoded(self, data: bytes) -> NDArray[np.uint8]:
        """Pixels that the browser makes of a photo's file, ``uint8 (H, W, 3)``."""
        text = base64.b64encode(data).decode()
        given = self.wait(
            f"fetch('data:{_kind(data)};base64,{text}').then((r) => r.blob()).then(pixelsOf)"
            ".then(async ({rgb, width, height}) => [width, height, await new Promise((done) => {"
            "const reader = new FileReader(); reader.onload = () => done(reader.result);"
            "reader.readAsDataURL(new Blob([rgb])); })])"
        )
        width, height, url = given
        pixels = np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8)
        return pixels.reshape(height, width, 3)

    def choose(self, photo: Path) -> str:
        """Give a file to the page as its user does, and read what it says."""
        self._browser.run("document.querySelector('pre').textContent = ''")
        root = self._browser.tell("DOM.getDocument")["root"]["nodeId"]
        found = self._browser.tell("DOM.querySelector", nodeId=root, selector="input")
        self._browser.tell("DOM.setFileInputFiles", files=[str(photo)], nodeId=found["nodeId"])
        return str(
            self.wait(
                "new Promise((done) => { const said = () => document.querySelector('pre')"
                ".textContent; setInterval(() => said() && done(said()), 20); "
                f"setTimeout(() => done('nothing'), {1000 * STARTED_S}); }})"
            )
        )

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


def _kind(data: bytes) -> str:
    return "image/jpeg" if data.startswith(b"\xff\xd8") else "image/png"


def _strange_profile() -> bytes:
    """The profile of sRGB with red and green exchanged: who applies it sees other colours."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # https://www.color.org/specification/ICC.1-2022-05.pdf, 7.3: the tags, twelve bytes each.
    tags = {bytes(profile[at : at + 4]): at + 4 for at in range(132, 132 + 12 * profile[131], 12)}
    red, green = (slice(tags[name], tags[name] + 8) for name in (b"rXYZ", b"gXYZ"))
    profile[red], profile[green] = profile[green], profile[red]
    return bytes(profile)


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
    said = warm("card", bundle, "--json", cwd=folder)
    assert said.returncode == 0, said.stderr
    opened = Page(browser, folder, bundle, said.stdout)
    yield opened
    opened.close()


@needs_runtime
def test_golden_photos_are_answered_in_a_browser_as_in_pytorch(page: Page) -> None:
    assert page.wait("globalThis.isReady")
    differences, familiar = {}, {}
    for photo in page.card.golden:
        said = page.answer(photo.data)

        expected = np.asarray(photo.probabilities)
        differences[photo.name] = float(np.abs(np.asarray(said["probabilities"]) - expected).max())
        assert photo.familiarity is not None
        familiar[photo.name] = abs(said["familiarity"] - photo.familiarity)

    assert len(differences) == len(golden_files())
    assert max(differences.values()) <= page.card.allowed_difference, differences
    assert page.card.precision is not None or page.card.allowed_difference == MAX_DIFFERENCE
    assert max(familiar.values()) <= MAX_FAMILIARITY_DIFFERENCE, familiar


@needs_runtime
def test_browser_decodes_every_golden_photo_as_lineament_does(page: Page) -> None:
    """All of them: a browser cannot decode at a reduced scale, so neither is asked to."""
    for photo in page.card.golden:
        assert np.array_equal(page.decoded(photo.data), decode(photo.data)), photo.name


@needs_runtime
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_colour_profile_is_not_applied(page: Page, kind: str) -> None:
    drawn = io.BytesIO()
    usual = Image.open(io.BytesIO(page.card.golden[0].data)).convert("RGB")
    usual.save(drawn, kind, icc_profile=_strange_profile())

    assert np.array_equal(page.decoded(drawn.getvalue()), decode(drawn.getvalue()))


@needs_runtime
def test_page_says_of_a_chosen_file_what_predict_says(page: Page, chain: Path) -> None:
    photos = sorted(chain.glob("photos/*/000.jpg"))
    blank = page.bundle.with_name("blank.png")
    Image.new("RGB", (40, 30), "blue").save(blank)
    allowed = page.card.allowed_difference + 5e-4  # the page rounds to a thousandth

    for answer in Predictor(page.bundle, engine="onnxruntime").predict([*photos, blank]):
        assert answer.confidence is not None
        said = page.choose(Path(answer.source))

        if answer.is_unknown:
            assert said == f"unknown, nearest {answer.label}"
        else:
            label, confidence, percent = said.rsplit(" ", 2)
            assert (label, percent) == (answer.label, "%")
            assert abs(float(confidence) / 100 - answer.confidence) <= allowed


@needs_runtime
def test_classes_and_threshold_are_read_from_the_card(page: Page) -> None:
    assert page.wait("card.classes") == list(page.card.classes)
    assert page.wait("card.decisions.unknown_threshold") == page.card.unknown_threshold
