"""The page of `lineament serve`, used in Chromium as a person uses it; its camera is a film."""

import base64
import io
import itertools
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from chromium import TROUBLE, Browser
from lineament.artifacts.collection import Collection
from lineament.imaging.decode import decode
from lineament.runtime.predictor import Predictor
from serving_process import Serving, services

Draw = Callable[..., NDArray[np.uint8]]
TOKEN = "a-secret-of-32-characters-length"
MESSAGES = {"disc": "Round and round!", "square": "Four corners."}
PATIENCE_S = 30
FRAMES_OF_A_KIND = 30  # the film shows a disc, then a square, over and over


class Page:
    """The page in a browser, open on a service."""

    def __init__(self, browser: Browser, serving: Serving) -> None:
        self.browser, self.serving = browser, serving
        self.resize(1000, 800)

    def open(self, *, ready: bool = True) -> None:
        self.browser.visit(f"{self.serving.url}/")
        if ready:
            self.wait_for("document.documentElement.dataset.ready")

    def resize(self, width: int, height: int) -> None:
        self.browser.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, scheme: str) -> None:
        self.browser.tell(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )

    def run(self, script: str) -> Any:
        return self.browser.run(script)

    def wait_for(self, expression: str) -> Any:
        """The first value of an expression that is something."""
        value = self.browser.run(
            "new Promise((done) => { const at = setInterval(() => { "
            f"const value = ({expression}); if (!value) return; clearInterval(at); "
            "done(value instanceof Node || value); }, 30);"  # an element has no JSON
            f" setTimeout(() => done(null), {1000 * PATIENCE_S}); }})",
            waits=True,
        )
        assert value, (expression, self.run("document.body.innerText"), self.trouble())
        return value

    def click(self, selector: str) -> None:
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def text(self, selector: str) -> str:
        return str(self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def choose(self, *files: Path) -> None:
        """Pick files, as the dialog of the system would."""
        root = self.browser.tell("DOM.getDocument")["root"]["nodeId"]
        found = self.browser.tell("DOM.querySelector", nodeId=root, selector="#pick")
        self.browser.tell(
            "DOM.setFileInputFiles", files=[str(file) for file in files], nodeId=found["nodeId"]
        )

    def press(self, key: str, *, code: int = 0, text: str = "") -> None:
        key_code = {"windowsVirtualKeyCode": code} if code else {}
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            self.browser.tell("Input.dispatchKeyEvent", type=kind, key=key, **key_code, **typed)

    def type(self, text: str) -> None:
        self.browser.tell("Input.insertText", text=text)

    def trouble(self) -> list[dict[str, Any]]:
        """What the browser complained of, but that a refusal has a status of one."""
        self.run("0")  # what it has to say has been read then
        return [
            event
            for event in self.browser.events
            if event["method"] in TROUBLE
            and "Failed to load resource" not in json.dumps(event["params"])
        ]

    def asked(self) -> list[str]:
        """Every address that the page has asked."""
        return list(self.run("performance.getEntriesByType('resource').map(({ name }) => name)"))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, draw: Draw) -> Path:
    """What the camera sees: JPEGs, one after the other."""
    path = tmp_path_factory.mktemp("film") / "film.mjpeg"
    with path.open("wb") as file:
        for kind in (0, 1):
            picture = Image.fromarray(draw(200, kind, height=240, width=320))
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=95)
            for _ in range(FRAMES_OF_A_KIND):
                file.write(buffer.getvalue())
    return path


@pytest.fixture(scope="module")
def filming(tmp_path_factory: pytest.TempPathFactory, film: Path) -> Iterator[Browser]:
    """Chromium with a camera."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed; what the page does was not tried")
    started = Browser(
        chromium,
        tmp_path_factory.mktemp("filming"),
        "--use-fake-ui-for-media-stream",  # the camera is allowed without a question
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
    yield started
    started.close()


@pytest.fixture(scope="module")
def folder(chain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the services run: a bundle that answers every photo, and messages."""
    root = tmp_path_factory.mktemp("served")
    shutil.copy(chain / "model.onnx", root / "shapes.onnx")
    shutil.copy(chain / "model.onnx", root / "again.onnx")
    (root / "messages.yaml").write_text(json.dumps(MESSAGES), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def start(
    program: Path, surroundings: dict[str, str], folder: Path
) -> Iterator[Callable[..., Serving]]:
    with services(program, surroundings, folder) as start:
        yield start


@pytest.fixture(scope="module")
def collecting(start: Callable[..., Serving]) -> Serving:
    return start(
        *("shapes.onnx", "again.onnx", "--engine", "onnxruntime"),
        *("--messages", "messages.yaml", "--feedback", "kept"),
    )


@pytest.fixture
def page(filming: Browser, collecting: Serving) -> Iterator[Page]:
    made = Page(filming, collecting)
    made.open()
    yield made
    filming.tell("Page.navigate", url="about:blank")  # ends the camera


@pytest.fixture
def familiar(chain: Path) -> Path:
    """A photo that the model knows."""
    predictor = Predictor(chain / "model.onnx")
    files = sorted(chain.glob("photos/*/*.jpg"))
    return next(
        file
        for file, answer in zip(files, predictor.predict(files), strict=True)
        if not answer.is_unknown and answer.label == file.parent.name
    )


def test_photos_are_answered_in_the_order_in_which_they_were_chosen(
    page: Page, chain: Path, tmp_path: Path
) -> None:
    torn = tmp_path / "torn.jpg"
    torn.write_bytes(b"\xff\xd8\xff")
    files = [*sorted(chain.glob("photos/*/000.jpg")), torn]
    page.choose(*files)
    page.wait_for(f"document.querySelectorAll('.label, .card .error').length === {len(files)}")

    cards = page.run("[...document.querySelectorAll('.card')].map((card) => card.innerText)")

    answers = Predictor(chain / "model.onnx", engine="onnxruntime").predict(files)
    for file, card, answer in zip(files, cards, answers, strict=True):
        assert card.startswith(file.name)
        if answer.error:
            assert answer.error in card
        elif answer.is_unknown:
            assert f"Nearest: {answer.label}." in card
        else:
            assert answer.confidence is not None
            assert f"{answer.label} {100 * answer.confidence:.1f} %" in card
    assert page.trouble() == []


def test_picture_shows_where_the_model_looked(page: Page, chain: Path, familiar: Path) -> None:
    page.choose(familiar)
    page.wait_for("document.querySelector('.label')")
    before = page.run("document.querySelector('.card img').src")

    page.click(".card .row button")
    page.wait_for(f"document.querySelector('.card img').src !== {json.dumps(before)}")

    alt = page.run("document.querySelector('.card img').alt")
    assert alt == f"What spoke for {familiar.parent.name}, as heat over the photo"
    assert page.wait_for("document.querySelector('.card img').naturalWidth") == 64
    assert page.text("#aloud") == f"The picture now shows what spoke for {familiar.parent.name}."


def test_correction_is_kept_only_with_consent(page: Page, familiar: Path, folder: Path) -> None:
    collection = Collection.open(folder / "kept")
    known = len(collection.contents().rows)
    page.choose(familiar)
    page.wait_for("document.querySelector('.correction')")
    page.run("document.querySelector('.correction').open = true")
    page.run("document.querySelector('.correction input').focus()")
    page.type("hexagon")
    page.click(".correction button")
    time.sleep(0.3)
    assert len(collection.contents().rows) == known  # the browser asks for the tick

    page.click(".correction input[type=checkbox]")
    page.click(".correction button")
    assert page.wait_for("document.querySelector('.kept')?.innerText") == (
        "Kept as hexagon. Thank you."
    )

    row = collection.contents().rows[-1]
    assert (row.photo.label, row.photo.kind, row.photo.said) == (
        *("hexagon", "feedback", familiar.parent.name),
    )
    # Of its own: corrections are for training, and captured photos are to be divided.
    assert row.photo.session != page.text("#session")
    assert (folder / "kept" / row.filename).is_file()


def test_camera_shows_label_bar_message_and_heat(page: Page) -> None:
    page.click("#tab-camera")
    page.click("#with-map")
    page.click("#start")

    seen = {}
    for _ in range(60):
        label = page.wait_for("document.querySelector('#live-label strong')?.innerText")
        seen[label] = page.text("#message")
        if set(MESSAGES) <= set(seen):
            break
        time.sleep(0.2)

    assert {name: seen.get(name) for name in MESSAGES} == MESSAGES
    assert seen.get("unknown", "") == ""
    drawn = page.wait_for(
        "(() => { const heat = document.querySelector('#heat'); return heat.width === 320 && "
        "heat.getContext('2d').getImageData(0, 0, heat.width, heat.height).data"
        ".reduce((sum, level) => sum + level, 0); })()"
    )
    assert drawn > 0
    assert "%" in page.text("#live-label") or page.text("#live-label") == "unknown"
    assert page.wait_for("document.querySelector('#rate').innerText").endswith(" frames/s")
    assert page.trouble() == []


def test_camera_ends_when_its_tab_is_left(page: Page) -> None:
    page.click("#tab-camera")
    page.click("#start")
    page.wait_for("document.querySelector('#live-label strong')")

    page.click("#tab-photos")

    assert page.run("document.querySelector('#video').srcObject") is None
    for _ in range(100):
        if b"lineament_live_connections 0.0" in page.serving.ask("GET", "/metrics")[1]:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the service still answers the camera")
    assert page.trouble() == []


def test_page_without_a_camera_says_so(browser: Browser, collecting: Serving) -> None:
    blind = Page(browser, collecting)
    blind.open()
    browser.tell("Browser.resetPermissions")
    blind.click("#tab-camera")
    blind.click("#start")

    said = blind.wait_for("document.querySelector('#trouble').innerText")

    assert said in (
        "There is no camera.",
        "The browser does not let this page use the camera. "
        "Allow it in the browser's settings for this page.",
    )
    assert blind.text("#start") == "Start the camera"


def test_captured_photos_are_kept_with_condition_and_one_session(page: Page, folder: Path) -> None:
    collection = Collection.open(folder / "kept")
    known = len(collection.contents().rows)
    page.click("#tab-collect")
    page.run("document.querySelector('#capture-label').focus()")
    page.type("me")
    page.run("document.querySelector('#many').value = 2")
    page.click("#capture-form input[type=checkbox]")
    page.click("#capture-form button")
    page.wait_for("!document.querySelector('#capture-stage').hidden")
    for step in ("bright", "dim"):
        assert page.text("#steps [aria-current]") == step
        before = page.run("document.querySelectorAll('#shots img').length")
        page.click("#go")
        page.wait_for(
            f"document.querySelectorAll('#shots img').length === {before + 2} && "
            "!document.querySelector('#go').disabled"
        )
        page.click("#next")
    page.click("#undo")
    page.click("#send")
    page.wait_for("document.querySelector('#taken').innerText === '0 taken, 3 kept'")
    page.click("#end")

    rows = collection.contents().rows[known:]
    assert [row.photo.condition for row in rows] == ["bright", "bright", "dim"]
    assert {row.photo.session for row in rows} == {page.text("#session")}
    assert {(row.photo.label, row.photo.kind) for row in rows} == {("me", "capture")}
    assert {decode(folder / "kept" / row.filename).shape for row in rows} == {(240, 320, 3)}
    assert page.run("document.querySelector('#capture-video').srcObject") is None
    assert page.trouble() == []


def test_keyboard_alone_leads_through_the_page(page: Page) -> None:
    def focused() -> str:
        return str(page.run("document.activeElement.id || document.activeElement.className"))

    def tab() -> str:
        page.press("Tab", code=9)
        return focused()

    first = [tab() for _ in range(5)]
    assert first == ["skip", "model", "about", "tab-photos", "pick"]

    page.run("document.querySelector('#tab-photos').focus()")
    for key, code, wanted in (
        ("ArrowRight", 39, "tab-camera"),
        ("ArrowRight", 39, "tab-collect"),
        ("ArrowRight", 39, "tab-photos"),
        ("ArrowLeft", 37, "tab-collect"),
        ("Home", 36, "tab-photos"),
    ):
        page.press(key, code=code)
        assert focused() == wanted
        shown = page.run(
            "[...document.querySelectorAll('[role=tabpanel]')].filter((one) => !one.hidden)"
            ".map(({ id }) => `tab-${id}`)"
        )
        assert shown == [wanted]

    page.run("document.querySelector('#about').focus()")
    page.press("Enter", code=13, text="\r")
    page.wait_for("document.querySelector('#card').open")
    page.press("Escape", code=27)
    page.wait_for("!document.querySelector('#card').open")
    assert focused() == "about"


def test_everything_that_can_be_used_has_a_name(page: Page, familiar: Path) -> None:
    """As Chromium tells it to a screen reader."""
    page.choose(familiar)
    page.wait_for("document.querySelector('.correction')")
    page.run("document.querySelector('.correction').open = true")
    usable = {"button", "textbox", "combobox", "checkbox", "tab", "spinbutton", "link", "image"}
    for tab in ("photos", "camera", "collect"):
        page.click(f"#tab-{tab}")
        tree = page.browser.tell("Accessibility.getFullAXTree")["nodes"]
        nameless = [
            node
            for node in tree
            if not node["ignored"]
            and node["role"]["value"] in usable
            and not node.get("name", {}).get("value")
        ]
        assert nameless == [], tab


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("tab", ["photos", "camera", "collect"])
def test_nothing_is_wider_than_the_screen(
    page: Page, width: int, tab: str, tmp_path: Path, draw: Draw
) -> None:
    page.resize(width, 740)
    long = tmp_path / f"{'a-name-without-a-blank-' * 8}.png"
    Image.fromarray(draw(1, 1, height=300, width=2000)).save(long)
    page.choose(long)
    page.wait_for("document.querySelector('.label')")
    page.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    page.click(f"#tab-{tab}")
    if tab == "camera":
        page.click("#start")
        page.wait_for("document.querySelector('#live-label strong')")

    assert page.run("document.documentElement.scrollWidth") <= width
    page.click("#about")
    page.wait_for("document.querySelector('#card').open")
    assert page.run("document.querySelector('#card').scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_what_is_behind_them(page: Page, scheme: str) -> None:
    """WCAG 2.2, success criterion 1.4.3: 4.5 to 1."""
    page.prefer(scheme)
    page.open()

    def channel(level: float) -> float:
        part = level / 255
        return float(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)

    def luminance(name: str) -> float:
        painted = page.run(
            "(() => { const probe = document.createElement('i'); document.body.append(probe); "
            f"probe.style.color = 'var(--{name})'; const said = getComputedStyle(probe).color; "
            "probe.remove(); return said.match(/\\d+/g).map(Number); })()"
        )
        red, green, blue = (channel(level) for level in painted[:3])
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    pairs = [
        *itertools.product(("text", "quiet", "accent", "wrong"), ("ground", "surface")),
        *(("on-accent", "accent"), ("wrong", "wrong-ground")),
    ]
    for text, behind in pairs:
        low, high = sorted((luminance(text), luminance(behind)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, behind)
    page.prefer("")


def test_model_says_what_it_is_and_another_one_can_be_chosen(page: Page, familiar: Path) -> None:
    page.click("#about")
    page.wait_for("document.querySelector('#card').open")
    facts = page.text("#facts")
    assert "3: disc, square, stripes" in facts
    assert "It answers every photo with one of its classes, whatever the photo shows." in facts
    assert "not a fact about a person" in facts
    page.run("document.querySelector('#card').close()")

    page.run(
        "(() => { const choice = document.querySelector('#model'); choice.value = 'again'; "
        "choice.dispatchEvent(new Event('change')); })()"
    )
    page.choose(familiar)
    page.wait_for("document.querySelector('.label')")

    assert any("model=again" in address for address in page.asked())


def test_page_asks_nobody_but_its_service(page: Page, familiar: Path) -> None:
    page.choose(familiar)
    page.wait_for("document.querySelector('.label')")

    assert all(address.startswith((f"{page.serving.url}/", "blob:")) for address in page.asked()), (
        page.asked()
    )
    assert page.trouble() == []


def test_page_asks_for_the_token_and_keeps_it_for_the_visit(
    filming: Browser, start: Callable[..., Serving], familiar: Path
) -> None:
    page = Page(filming, start("shapes.onnx", "--token", TOKEN))
    page.open(ready=False)
    page.wait_for("!document.querySelector('#token-form').hidden")

    def enter(text: str) -> None:
        page.run("document.querySelector('#token').focus()")
        page.type(text)
        page.click("#token-form button")

    enter("wrong" * 5)
    assert page.wait_for("document.querySelector('#trouble').innerText") == (
        "That is not the token of this service."
    )
    page.wait_for("!document.querySelector('#token-form').hidden")
    enter(TOKEN)
    page.wait_for("document.documentElement.dataset.ready")
    page.choose(familiar)
    page.wait_for("document.querySelector('.label')")
    page.click("#tab-camera")
    page.click("#start")
    page.wait_for("document.querySelector('#live-label strong')")

    page.open()  # in the same visit it is not asked for again
    assert page.run("document.querySelector('#tab-collect').hidden") is True
    assert TOKEN not in page.run("document.documentElement.outerHTML")


def test_service_that_has_ended_is_told(
    filming: Browser, start: Callable[..., Serving], familiar: Path
) -> None:
    page = Page(filming, start("shapes.onnx"))
    page.open()
    page.serving.stop()

    page.choose(familiar)

    assert page.wait_for("document.querySelector('.card .error')?.innerText") == (
        "The service cannot be reached. Is it still running?"
    )


def test_page_of_the_api_works_without_a_network(page: Page) -> None:
    page.browser.visit(f"{page.serving.url}/docs")

    page.wait_for("document.querySelectorAll('.opblock').length === 9")

    assert page.trouble() == []
    assert all(address.startswith((page.serving.url, "data:")) for address in page.asked())


def test_pasted_photo_is_answered(page: Page, familiar: Path) -> None:
    data = base64.b64encode(familiar.read_bytes()).decode()
    page.click("#tab-camera")

    page.run(
        "(() => { const bytes = Uint8Array.from(atob("
        f"'{data}'), (letter) => letter.charCodeAt(0)); const clipboardData = new DataTransfer(); "
        "clipboardData.items.add(new File([bytes], 'clip.jpg', { type: 'image/jpeg' })); "
        "document.dispatchEvent(new ClipboardEvent('paste', { clipboardData })); })()"
    )
    page.wait_for("document.querySelector('.label')")

    assert page.text(".card h3") == "clip.jpg"
    assert page.run("document.querySelector('#photos').hidden") is False
