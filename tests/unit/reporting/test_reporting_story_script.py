"""What the report's script does for a reader, tried in Chromium on a small page of its parts."""

import base64
import functools
import hashlib
import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from chromium import TROUBLE, Browser
from lineament.imaging.decode import encode_jpeg
from lineament.reporting.photo_shelf import PhotoShelf
from lineament.reporting.template import as_json, package_text, render

pytestmark = pytest.mark.slow

EVIL = "</script><script>window.evil = 1</script><img src=x onerror='window.evil = 1'>.jpg"
DIALOG = "document.getElementById('behind')"
KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, "")}
BARE = """<dialog id="behind" aria-labelledby="behind-title"><button type="button">Close</button>
<h2 id="behind-title"></h2><p class="hint"></p><ul class="gallery"></ul></dialog>"""


def page(
    body: str, *, photos: Sequence[str] = (), cells: Mapping[str, Mapping[str, object]] = {}
) -> str:
    """A page as `story_page` makes it, of a body of one's own."""
    shelf = PhotoShelf(most_bytes=1_000_000)
    for number, key in enumerate(photos):
        jpeg = encode_jpeg(np.full((8, 8, 3), 20 * number, dtype=np.uint8))
        assert shelf.put(key, functools.partial(bytes, jpeg))
    script = package_text("story.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src 'sha256-{digest}'"
    )
    style = render("style.css.j2", {}, purpose="A test") + render(
        "story.css.j2", {}, purpose="A test"
    )
    matrix = render("evaluation.css.j2", {}, purpose="A test")
    return f"""<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Report</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<style>{style}.of-evaluation {{ {matrix} }}</style></head><body><main>{body}</main>{BARE}
<script type="application/json" id="photos">{shelf.json()}</script>
<script type="application/json" id="cells">{as_json(cells)}</script>
<script>{script}</script></body></html>"""


def table(*columns: tuple[str, Sequence[str]], foot: str = "") -> str:
    """A table with cells as they are written in the page."""
    heads = "".join(f'<th scope="col">{head}</th>' for head, _ in columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
        for row in zip(*(cells for _, cells in columns), strict=True)
    )
    foot = foot and f"<tfoot><tr><td>{foot}</td></tr></tfoot>"
    return (
        '<section><div class="scroll"><table class="list">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>{foot}</table></div></section>"
    )


def behind(photos: Sequence[str], *, n: int, truth: str = "cat", answer: str = "dog") -> Any:
    return {
        "truth": truth,
        "answer": answer,
        "n": n,
        "photos": [[f"p1/{name}", name, 0.98] for name in photos],
    }


def matrix(*cells: str) -> str:
    numbers = "".join(
        f'<td class="wrong" style="--share:.5"><button type="button" class="cell" '
        f'data-cell="{cell}">{number}</button></td>'
        for number, cell in enumerate(cells)
    )
    return (
        '<div class="of-evaluation"><section><div class="scroll"><table class="matrix"><tbody>'
        f"<tr>{numbers}</tr></tbody></table></div></section></div>"
    )


def press(browser: Browser, key: str) -> None:
    code, text = KEYS[key]
    for kind in ("keyDown", "keyUp"):
        browser.tell(
            "Input.dispatchKeyEvent",
            type=kind,
            key=key,
            code=key,
            windowsVirtualKeyCode=code,
            text=text if kind == "keyDown" else "",
        )


def mouse(browser: Browser, kind: str, place: tuple[float, float]) -> None:
    browser.tell(
        "Input.dispatchMouseEvent",
        type=kind,
        x=place[0],
        y=place[1],
        button="left",
        buttons=1,
        clickCount=1,
    )


def column(browser: Browser, number: int = 0) -> list[str]:
    found: list[str] = browser.run(
        "[...document.querySelector('table.list').tBodies[0].rows]"
        f".map((row) => row.cells[{number}].textContent)"
    )
    return found


def sort(browser: Browser, number: int = 0) -> None:
    browser.run(f"document.querySelectorAll('.sort')[{number}].click()")


def edges(browser: Browser) -> tuple[float, float, float, float]:
    left, top, right, bottom = browser.run(
        f"(({{left, top, right, bottom}}) => [left, top, right, bottom])"
        f"({DIALOG}.getBoundingClientRect())"
    )
    return left, top, right, bottom


@pytest.fixture(autouse=True)
def _desktop(browser: Browser) -> Iterator[None]:
    browser.tell(
        "Emulation.setDeviceMetricsOverride",
        width=1280,
        height=800,
        deviceScaleFactor=1,
        mobile=False,
    )
    browser.tell("Emulation.setEmulatedMedia", media="")
    yield
    browser.tell("Emulation.clearDeviceMetricsOverride")
    browser.tell("Emulation.setEmulatedMedia", media="")


# Tables.


@pytest.mark.parametrize(
    "rising",
    [
        ["−3.1 (−5.1 to −1.1)", "−0.4", "0", "+0.07 (+0.03 to +0.10)", "2"],
        ["9.8 %", "86 %", "98.0 %", "&gt;99.9 %", "100 %"],
        ["999", "1,000", "1,234", "12,345", "1,234,567"],
        ["&lt;0.001", "0.001", "0.02", "&lt;0.1", "0.1"],
        ["0", "3.7264e-10", "5.9222e−8", "9.0895e-05", "0.00025318", "1.2e3"],
        ["9<small>9.50 to 9.90</small>", "85<small> </small>", "110<small>8</small>"],
        ["50.5 to 61.7 %", "64.2 to 78.3 %", "100 to 100 %"],
        ["76.2, 83.0", "84.4, 80.3", "95, 90"],
    ],
)
def test_figures_sort_by_what_they_are_worth(browser: Browser, rising: list[str]) -> None:
    browser.show(page(table(("Figure", rising[::-1]))))
    falling = column(browser)

    sort(browser)

    assert column(browser) == falling[::-1]


def test_what_has_no_figure_stays_last_both_ways(browser: Browser) -> None:
    browser.show(page(table(("Figure", ["–", "3", "no photos", "1", "", "2"]))))

    sort(browser)
    rising = column(browser)
    sort(browser)

    assert rising == ["1", "2", "3", "–", "no photos", ""]
    assert column(browser) == ["3", "2", "1", "–", "no photos", ""]


@pytest.mark.parametrize(
    "rising",
    [
        ["Ant", "bee", "Cat"],
        ["size_2", "size_10", "size_100"],
        ["1st fifth", "2nd fifth", "10th fifth"],
        ["2_b", "10_a", "10_b"],
        ["2026-02-01", "2026-11-23", "2027-01-01"],
        ["001.albatross", "001.auk", "010.gull"],
    ],
)
def test_names_sort_as_words_even_if_they_begin_with_a_digit(
    browser: Browser, rising: list[str]
) -> None:
    browser.show(page(table(("Class", [rising[1], rising[2], rising[0]]))))

    sort(browser)

    assert column(browser) == rising


def test_rows_that_are_equal_keep_their_order(browser: Browser) -> None:
    browser.show(page(table(("Photos", ["2", "1", "2", "1"]), ("Class", ["a", "b", "c", "d"]))))

    sort(browser)
    rising = column(browser, 1)
    sort(browser)

    assert rising == ["b", "d", "a", "c"]
    assert column(browser, 1) == ["a", "c", "b", "d"]


def test_third_press_brings_the_order_back_and_another_column_begins_anew(
    browser: Browser,
) -> None:
    browser.show(page(table(("Photos", ["2", "3", "1"]), ("Class", ["b", "c", "a"]))))
    ways, orders = [], []
    for number in (0, 0, 0, 0, 1):
        sort(browser, number)
        orders.append("".join(column(browser)))
        ways.append(
            browser.run(
                "[...document.querySelectorAll('th')].map((each) => each.getAttribute('aria-sort'))"
            )
        )

    assert orders == ["123", "321", "231", "123", "123"]
    assert ways == [
        ["ascending", None],
        ["descending", None],
        [None, None],
        ["ascending", None],
        [None, "ascending"],
    ]


def test_mean_below_a_table_stays_below(browser: Browser) -> None:
    browser.show(page(table(("Photos", ["2", "1"]), foot="1.5")))

    sort(browser)

    assert column(browser) == ["1", "2"]
    assert browser.run("document.querySelector('table').lastElementChild.textContent") == "1.5"


def test_keyboard_alone_sorts_and_stays_on_the_header(browser: Browser) -> None:
    browser.show(page(table(("Class", ["b", "a"]), ("Photos", ["1", "2"]))))

    press(browser, "Tab")
    press(browser, "Tab")
    focused = browser.run("document.activeElement.textContent")
    press(browser, "Enter")
    press(browser, "Enter")

    assert focused == "Photos"
    assert column(browser, 1) == ["2", "1"]
    assert browser.run("document.activeElement.textContent") == "Photos"


def test_a_bar_a_nameless_column_and_a_single_row_are_not_sorted(browser: Browser) -> None:
    bar = '<span aria-hidden="true">0 to 100 %</span>'
    browser.show(page(table((bar, ["1", "2"]), ("", ["1", "2"])) + table(("Alone", ["1"]))))

    assert browser.run("document.querySelectorAll('.sort').length") == 0


# The photos behind a cell.


@pytest.mark.parametrize(
    ("photos", "n", "said"),
    [
        (["a.jpg"], 1, "1 photo."),
        (["a.jpg", "b.jpg"], 2, "2 photos."),
        (["a.jpg", "b.jpg"], 1234, "2 of 1,234 photos are kept in this page."),
        (["a.jpg"], 87, "1 of 87 photos is kept in this page."),
        ([], 1, "0 of 1 photo is kept in this page."),
        ([], 5, "0 of 5 photos are kept in this page."),
    ],
)
def test_dialog_says_how_many_of_how_many_it_shows(
    browser: Browser, photos: list[str], n: int, said: str
) -> None:
    keys = [f"p1/{name}" for name in photos]
    browser.show(page(matrix("p1:0:1"), photos=keys, cells={"p1:0:1": behind(photos, n=n)}))

    browser.run("document.querySelector('.cell').click()")

    assert browser.run(f"{DIALOG}.querySelector('p').textContent") == said
    assert browser.run(f"{DIALOG}.querySelectorAll('li').length") == len(photos)


def test_dialog_names_truth_answer_confidence_and_photo(browser: Browser) -> None:
    cells = {
        "p1:0:1": behind(["a.jpg"], n=1),
        "p1:0:0": behind(["b.jpg"], n=1, answer="cat"),
    }
    browser.show(page(matrix(*cells), photos=["p1/a.jpg", "p1/b.jpg"], cells=cells))
    told = []
    for number in range(2):
        browser.run(f"document.querySelectorAll('.cell')[{number}].click()")
        told.append(
            browser.run(
                "['h2', 'figcaption', '.file'].map((each) => "
                f"{DIALOG}.querySelector(each).textContent)"
            )
        )
        browser.run(f"{DIALOG}.close()")

    assert told == [
        ["cat, answered dog", "98.0 %a.jpg", "a.jpg"],
        ["cat, answered rightly", "98.0 %b.jpg", "b.jpg"],
    ]


@pytest.mark.parametrize("way", ["Escape", "button"])
def test_dialog_opens_and_closes_by_keyboard_and_gives_the_focus_back(
    browser: Browser, way: str
) -> None:
    cells = {"p1:0:1": behind(["a.jpg"], n=1), "p1:1:0": behind([], n=2)}
    browser.show(page(matrix(*cells), photos=["p1/a.jpg"], cells=cells))
    browser.run("document.querySelectorAll('.cell')[1].focus()")

    press(browser, "Enter")
    opened = browser.run(f"[{DIALOG}.open, document.activeElement.textContent]")
    press(browser, "Escape" if way == "Escape" else "Enter")

    assert opened == [True, "Close"]
    assert browser.run(f"{DIALOG}.open") is False
    assert browser.run("document.activeElement.dataset.cell") == "p1:1:0"


def test_press_outside_closes_the_dialog_and_one_on_its_margin_does_not(browser: Browser) -> None:
    browser.show(page(matrix("p1:0:1"), cells={"p1:0:1": behind([], n=2)}))
    browser.run("document.querySelector('.cell').click()")
    left, top, _, bottom = edges(browser)
    is_open = []
    for x in (left + 8, left - 8):
        for kind in ("mousePressed", "mouseReleased"):
            mouse(browser, kind, (x, (top + bottom) / 2))
        is_open.append(browser.run(f"{DIALOG}.open"))

    assert is_open == [True, False]


def test_name_that_is_selected_beyond_the_edge_does_not_close_the_dialog(browser: Browser) -> None:
    browser.show(page(matrix("p1:0:1"), cells={"p1:0:1": behind([], n=2)}))
    browser.run("document.querySelector('.cell').click()")
    left, top, right, _ = edges(browser)

    mouse(browser, "mousePressed", ((left + right) / 2, top + 30))
    for kind in ("mouseMoved", "mouseReleased"):
        mouse(browser, kind, (left - 20, top + 40))

    assert browser.run(f"{DIALOG}.open") is True


def test_hostile_name_is_text_and_nothing_else(browser: Browser) -> None:
    cells = {"p1:0:1": behind([EVIL], n=1, truth=EVIL)}
    browser.show(page(matrix("p1:0:1"), photos=[f"p1/{EVIL}"], cells=cells))

    browser.run("document.querySelector('.cell').click()")

    assert browser.run(f"{DIALOG}.querySelector('.file').textContent") == EVIL
    assert browser.run(f"{DIALOG}.querySelector('h2').textContent") == f"{EVIL}, answered dog"
    assert browser.run("window.evil === undefined && document.scripts.length === 3")


# Galleries, paper, screens.


def gallery(*keys: str) -> str:
    photos = "".join(
        f'<li><figure><img data-photo="{html.escape(key)}" alt="{html.escape(key)}"></figure></li>'
        for key in keys
    )
    return f'<section><ul class="gallery">{photos}</ul></section>'


def test_photo_far_below_waits_until_it_is_near(browser: Browser) -> None:
    body = gallery("p1/a.jpg") + '<div style="height: 9000px"></div>' + gallery("p1/b.jpg")
    browser.show(page(body, photos=["p1/a.jpg", "p1/b.jpg"]))
    seen = []
    for number, other in ((0, 1), (1, 0)):
        browser.run(f"document.querySelectorAll('[data-photo]')[{number}].scrollIntoView()")
        loaded = browser.tell(
            "Runtime.evaluate",
            expression=f"""(async () => {{
              const images = document.querySelectorAll('[data-photo]');
              while (!images[{number}].naturalWidth)
                await new Promise(requestAnimationFrame);
              return [images[{number}].naturalWidth, images[{other}].hasAttribute('src')];
            }})()""",
            awaitPromise=True,
            returnByValue=True,
        )
        seen.append(loaded["result"]["value"])

    assert seen == [[8, False], [8, True]]


def test_every_photo_is_on_the_paper(browser: Browser) -> None:
    keys = [f"p1/{number}.jpg" for number in range(9)]
    body = '<div style="height: 9000px"></div>' + gallery(*keys)
    browser.show(page(body, photos=keys))

    paper = browser.tell("Page.printToPDF", preferCSSPageSize=True)["data"]

    assert base64.b64decode(paper).count(b"/Subtype /Image") == len(keys)


def test_paper_has_neither_contents_nor_dialog_and_what_is_folded_but_matters(
    browser: Browser,
) -> None:
    body = (
        '<nav class="contents">Contents</nav>'
        '<details class="printed"><summary>Notes</summary><p id="note">A note.</p></details>'
    )
    browser.show(page(body + matrix("p1:0:1"), cells={"p1:0:1": behind([], n=1)}))
    browser.run("document.querySelector('.cell').click()")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    browser.tell("Emulation.setEmulatedMedia", media="print")

    assert browser.run(
        "['nav', 'dialog', '#note'].map((each) => document.querySelector(each).checkVisibility())"
    ) == [False, False, True]


def test_on_a_phone_nothing_is_wider_than_the_screen_and_buttons_can_be_hit(
    browser: Browser,
) -> None:
    name = "a_name_without_any_place_to_break_it_" * 3
    cells = {f"p1:0:{number}": behind([name], n=1, truth=name) for number in range(20)}
    wide = table(*((f"F{number}", ["0.12", "0.34"]) for number in range(20)))
    links = f'<nav class="contents"><ul><li><a href="#a">{name}</a></li></ul></nav>'
    body = links + wide + matrix(*cells) + gallery(f"p1/{name}")
    browser.tell(
        "Emulation.setDeviceMetricsOverride",
        width=360,
        height=700,
        deviceScaleFactor=2,
        mobile=True,
    )
    browser.show(page(body, photos=[f"p1/{name}"], cells=cells))
    browser.run("document.querySelector('.cell').click()")

    assert browser.run("document.documentElement.scrollWidth") == 360
    assert browser.run(f"{DIALOG}.scrollWidth <= {DIALOG}.clientWidth")
    assert (
        browser.run(
            """[...document.querySelectorAll('button')].filter((each) => {
          const { width, height } = each.getBoundingClientRect();
          return width < 24 || height < 24;
        }).length"""
        )
        == 0
    )


def test_without_javascript_figures_stay_and_the_page_says_where_the_photos_are(
    browser: Browser,
) -> None:
    looks = (
        '<div class="of-looks"><section aria-labelledby="3-looks"><h2 id="3-looks">Looks</h2>'
        '<p>Maps.</p><div class="views"><img data-photo="p1/a.jpg" alt=""></div></section></div>'
    )
    hint = '<p class="hint">A number opens the photos.</p><div class="matrices">'
    numbers = matrix("p1:0:1").replace("<section>", f"<section>{hint}") + "</div>"
    cells = {"p1:0:1": behind(["a.jpg"], n=1)}
    browser.tell("Emulation.setScriptExecutionDisabled", value=True)
    browser.show(page(table(("Photos", ["2", "1"])) + looks + numbers, cells=cells))
    seen = browser.run(
        "['table.list', '.cell', '.views'].map((each) => "
        "document.querySelector(each).checkVisibility())"
    )
    said = browser.run(
        "['.of-looks p', '.of-evaluation .hint'].map((each) => "
        "getComputedStyle(document.querySelector(each), '::after').content)"
    )
    browser.tell("Emulation.setScriptExecutionDisabled", value=False)

    assert seen == [True, True, False]
    assert said == [
        '" Here these photos need JavaScript; explanation.html in the folder of this report shows '
        'them without."',
        '" (It does with JavaScript only.)"',
    ]


def test_page_asks_nobody_and_the_console_stays_empty(browser: Browser) -> None:
    cells = {"p1:0:1": behind(["a.jpg"], n=1)}
    body = table(("Photos", ["2", "1"])) + matrix("p1:0:1") + gallery("p1/a.jpg")
    browser.tell("Network.enable")
    browser.show(page(body, photos=["p1/a.jpg"], cells=cells))
    sort(browser)
    browser.run("document.querySelector('.cell').click()")
    asked = [
        each["params"]["request"]["url"]
        for each in browser.events
        if each["method"] == "Network.requestWillBeSent"
    ]

    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert [each for each in browser.events if each["method"] in TROUBLE] == []
