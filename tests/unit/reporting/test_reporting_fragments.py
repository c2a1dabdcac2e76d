"""Parts of several pages stand on one, each id once and every reference to its own."""

import pytest

from lineament.reporting import fragments
from lineament.reporting.fragments import contents, fragment


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendering gives the text that stands under ``html``."""
    monkeypatch.setattr(fragments, "render", lambda template, values, purpose: values["html"])


def of(html: str, *, deeper: int = 0) -> str:
    made = fragment("any", {"html": html}, prefix="p1-", css="of-any", deeper=deeper)
    return made.removeprefix('<div class="of-any">\n').removesuffix("</div>\n")


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<h2 id="data">', '<h2 id="p1-data">'),
        ('<p aria-labelledby="a b">', '<p aria-labelledby="p1-a p1-b">'),
        ('<a href="#data">', '<a href="#p1-data">'),
        ('<use xlink:href="#mark"/>', '<use xlink:href="#p1-mark"/>'),
        ('<g clip-path="url(#cut)">', '<g clip-path="url(#p1-cut)">'),
        ('<a href="https://example.org/#a">', '<a href="https://example.org/#a">'),
        ("<p>an id=&#34;data&#34; in words</p>", "<p>an id=&#34;data&#34; in words</p>"),
    ],
)
def test_ids_and_what_names_them_get_the_prefix(html: str, expected: str) -> None:
    assert of(html) == expected


@pytest.mark.usefixtures("made")
def test_headings_go_down_where_there_are_several_tasks() -> None:
    assert of("<h2>a</h2><h3>b</h3><p>h2</p>", deeper=1) == "<h3>a</h3><h4>b</h4><p>h2</p>"


def test_contents_are_the_headings_of_one_level_in_plain_words() -> None:
    html = '<h2 id="a">A &amp; <b>B</b></h2><h3 id="b">no</h3><h2 class="x" id="c">C</h2><h2>D</h2>'

    assert contents(html) == [("a", "A & B"), ("c", "C")]
    assert contents(html, level=3) == [("b", "no")]
