import dataclasses
import itertools
import re
import sys
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.artifacts.predictions import Predictions
from lineament.artifacts.report import EvaluationReport, read_report, write_report
from lineament.core.errors import MissingExtraError
from lineament.evaluation.score import score
from lineament.imaging.decode import encode_jpeg
from lineament.reporting.numbers import interval_texts
from lineament.reporting.page import NOT_FRACTIONS, evaluation_values, page
from lineament.reporting.template import render

VOID = {"meta", "br", "img", "link", "input", "hr"}
EVIL = "<script>alert('x')</script>\"&"


@cache
def _report(
    n_classes: int = 2,
    *,
    mistakes: int = 3,
    group: str = "",
    n_groups: int = 3,
    names: tuple[str, ...] = (),
) -> EvaluationReport:
    classes = names or tuple(f"class {i}" for i in range(n_classes))
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(classes)), 12)
    probabilities = rng.dirichlet(np.ones(len(classes)) * 0.2, len(labels)) * 0.3
    answers = labels.copy()
    answers[:mistakes] = (labels[:mistakes] + 1) % len(classes)
    probabilities[np.arange(len(labels)), answers] += 0.7
    predictions = Predictions(
        samples=tuple(f"images/{classes[label]}/{i}.jpg" for i, label in enumerate(labels)),
        classes=classes,
        probabilities=probabilities.astype(np.float32),
        logits=np.log(probabilities + 1e-9).astype(np.float32),
        labels=labels.astype(np.int64),
        groups=tuple(group and f"{group}{i % n_groups}" for i in range(len(labels))),
    )
    picture = encode_jpeg(np.zeros((8, 8, 3), dtype=np.uint8))
    return score(
        predictions,
        split="test",
        subject={"kind": "run", "path": "runs/pets", "trained_on": "f00d", "licence": None},
        dataset={"path": "data/pets", "fingerprint": "f00d", "counts": {"train": 50, "test": 24}},
        thumbnail=lambda sample: None if sample.endswith("1.jpg") else picture,
    )


class _Document(HTMLParser):
    """Follows the elements of a page and notes what is not well formed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if len(dict(attrs)) != len(attrs):
            self.problems.append(f"{tag} repeats an attribute")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing at {self.getpos()}")


def _all(text: str, tag: str) -> list[dict[str, str | None]]:
    return [attributes for name, attributes in _Document(text).elements if name == tag]


KINDS: dict[str, Callable[[], EvaluationReport]] = {
    "two classes": _report,
    "twenty classes": lambda: _report(20),
    "a drawn matrix": lambda: _report(21),
    "a hundred classes": lambda: _report(100),
    "no mistake": lambda: _report(mistakes=0),
    "one group": lambda: _report(group="person ", n_groups=1),
    "groups": lambda: _report(group="person "),
    "names of another kind": lambda: _report(names=(EVIL, "猫" * 60, "$x_1$")),
    "no matrix": lambda: dataclasses.replace(_report(), confusion=None),
    "no facts": lambda: dataclasses.replace(_report(), subject={}, dataset={}, environment={}),
}


@cache
def _page(kind: str) -> str:
    return page(KINDS[kind]())


@pytest.fixture(params=KINDS)
def text(request: pytest.FixtureRequest) -> str:
    return _page(request.param)


def test_a_page_is_well_formed(text: str) -> None:
    document = _Document(text)
    assert document.problems == []
    assert document.open == []


def test_a_page_refers_to_nothing_outside_itself(text: str) -> None:
    references = [
        value or ""
        for _, attributes in _Document(text).elements
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster")
    ]
    references += re.findall(r"url\(\s*['\"]?([^)'\"]*)", text)
    assert [each for each in references if not each.startswith(("data:image/", "#"))] == []
    assert "@import" not in text


def test_a_page_runs_nothing(text: str) -> None:
    document = _Document(text)
    assert [tag for tag, _ in document.elements if tag in ("script", "iframe", "object")] == []
    assert [
        name for _, attributes in document.elements for name in attributes if name.startswith("on")
    ] == []


def test_every_id_is_there_once_and_every_reference_finds_one(text: str) -> None:
    elements = _Document(text).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = {
        value.removeprefix("#")
        for _, attributes in elements
        for name, value in attributes.items()
        if value and (name == "aria-labelledby" or value.startswith("#"))
    }
    wanted |= set(re.findall(r"url\(#([^)]*)\)", text))
    assert wanted - set(ids) == set()


def test_headings_come_in_order(text: str) -> None:
    levels = [int(tag[1]) for tag, _ in _Document(text).elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_every_header_cell_has_a_scope_and_every_picture_a_text(text: str) -> None:
    assert all(each.get("scope") in ("row", "col") for each in _all(text, "th"))
    assert all(each.get("alt") for each in _all(text, "img"))
    assert all(each.get("role") == "img" and each.get("aria-label") for each in _all(text, "svg"))


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(text: str) -> None:
    scrolling = [each for each in _all(text, "div") if each.get("class") == "scroll"]
    assert scrolling
    assert all(each.get("tabindex") == "0" and each.get("aria-label") for each in scrolling)


def test_every_table_with_many_columns_scrolls_in_its_own_container(text: str) -> None:
    for table in re.finditer(r'<table class="(?:list|matrix)', text):
        assert text[: table.start()].rstrip().rpartition("<div ")[2].startswith('class="scroll"')


@pytest.mark.parametrize("kind", KINDS)
def test_every_headline_number_of_the_report_is_in_the_page(kind: str) -> None:
    report, text = KINDS[kind](), _page(kind)
    for name, interval in report.headline.items():
        value, low, high = interval_texts(interval, is_fraction=name not in NOT_FRACTIONS)
        assert value in text.replace("&gt;", ">").replace("&lt;", "<")
        assert f"{low} to {high}" in text.replace("&gt;", ">").replace("&lt;", "<")


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_report_gives_the_same_bytes(kind: str) -> None:
    assert page(KINDS[kind]()) == _page(kind)


def test_the_page_comes_from_the_written_report_alone(tmp_path: Path) -> None:
    report = KINDS["names of another kind"]()
    write_report(tmp_path, report, page=page(report))
    assert page(read_report(tmp_path)) == (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_lead_says_in_one_sentence_how_many_were_right() -> None:
    assert (
        '<p class="lead">21 of 24 test photos right: accuracy 88\xa0% (95\xa0% interval 69 to 96)'
        in _page("two classes")
    )


def test_the_page_is_titled_by_what_was_evaluated() -> None:
    assert "<h1>Evaluation of run runs/pets</h1>" in _page("two classes")


def test_the_parts_come_in_the_order_of_a_readers_questions() -> None:
    assert re.findall(r'<h2 id="([\w-]+)"', _page("groups")) == [
        "warnings",
        "headline",
        "classes",
        "confusion",
        "pairs",
        "curves",
        "calibration",
        "selective",
        "mistakes",
        "measured",
        "provenance",
        "environment",
        "how",
    ]


def test_warnings_are_shown_before_any_table() -> None:
    report = dataclasses.replace(_report(), warnings=("Beware of the dog.",))
    text = page(report)
    assert text.index("<li>Beware of the dog.</li>") < text.index("<table")


def test_without_warnings_there_is_no_empty_box() -> None:
    assert "Before you quote" not in page(dataclasses.replace(_report(), warnings=()))


def test_hostile_names_are_shown_and_do_nothing() -> None:
    report = dataclasses.replace(
        _report(names=(EVIL, "dog")),
        subject={"path": EVIL, EVIL: EVIL},
        dataset={"path": EVIL, "counts": {EVIL: 1}},
        warnings=(EVIL,),
        environment={EVIL: EVIL},
    )
    report = dataclasses.replace(
        report,
        mistakes=tuple(
            dataclasses.replace(each, sample=EVIL, thumbnail='"><script>')
            for each in report.mistakes
        ),
    )
    text = page(report)
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&#34;&amp;") > 20
    assert _Document(text).problems == []


def test_up_to_twenty_classes_the_matrix_has_numbers() -> None:
    assert '<table class="matrix turned">' in _page("twenty classes")
    assert "Heat map" not in _page("twenty classes")


def test_from_twenty_one_classes_on_the_matrix_is_drawn_three_times() -> None:
    text = _page("a drawn matrix")
    assert '<table class="matrix' not in text
    assert text.count('aria-label="Heat map') == 3


def test_a_matrix_that_was_not_stored_is_said_to_be_missing() -> None:
    assert (
        "2 classes make too many cells to show or store; the most confused pairs are below, and "
        "predictions.parquet holds every answer."
    ) in _page("no matrix")


def test_a_class_without_photos_shows_no_figure() -> None:
    report = _report(3)
    last = dataclasses.replace(report.per_class[2], support=0, recall_interval=None)
    text = page(dataclasses.replace(report, per_class=(*report.per_class[:2], last)))
    assert '<th scope="row">class 2</th><td class="number">0</td><td class="figure">–</td>' in text


def test_without_mistakes_the_page_says_so_twice() -> None:
    assert _page("no mistake").count("No photo was answered wrongly.") == 2


def test_a_mistake_without_a_picture_has_a_place_all_the_same() -> None:
    text = _page("two classes")
    assert text.count("<img ") == 2
    assert text.count('<span class="empty">no picture</span>') == 1


def test_groups_are_named_where_they_matter() -> None:
    text = _page("groups")
    assert "Measured on 24 test photos of data/pets, from 3 groups, in 2 classes." in text
    assert "each of which draws whole groups" in text


def test_a_single_group_is_not_said_to_be_resampled() -> None:
    text = _page("one group")
    assert "from 1 group," in text
    assert "draws whole groups" not in text
    assert '<th scope="col" class="number">Groups</th>' not in text


def test_a_fact_that_is_not_known_is_said_to_be_so() -> None:
    assert '<th scope="row">licence</th><td>not stated</td>' in _page("two classes")


def test_an_error_free_test_is_not_claimed_to_be_certain() -> None:
    text = _page("no mistake")
    assert "24 of 24 test photos right: accuracy 100\xa0% (95\xa0% interval 86 to 100)" in text


def _luminance(colour: NDArray[np.float64]) -> float:
    """Relative luminance of WCAG 2.2 of an sRGB colour of 0 to 1."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        *((ink, ground) for ink in ("ink", "muted") for ground in ("page", "card", "note")),
        ("accent", "card"),
        ("wrong-ink", "card"),
        ("ink", "right"),
        ("ink", "wrong"),
    ],
)
def test_text_stands_out_from_its_ground(scheme: str, ink: str, ground: str) -> None:
    light, dark = re.findall(r":root \{([^}]*--ink[^}]*)\}", _page("two classes"))
    colours = {
        name: np.array([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)])
        for name, digits in re.findall(
            r"--([\w-]+): #(\w{6})", light if scheme == "light" else dark
        )
    }
    under = colours[ground]
    if ground in ("right", "wrong"):  # a matrix cell is tinted at most this much
        under = 0.46 * under + 0.54 * colours["card"]
    low, high = sorted((_luminance(colours[ink]), _luminance(under)))
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_a_page_whose_library_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError) as caught:
        page(_report())
    assert str(caught.value) == (
        "The report needs Jinja2, which is not installed.\n"
        "  fix: Install it with `pip install 'lineament[report]'`."
    )


@pytest.mark.parametrize("kind", ["two classes", "a drawn matrix"])
def test_cells_and_pairs_open_their_photos_where_the_page_has_them(kind: str) -> None:
    report = KINDS[kind]()
    values = evaluation_values(report, cells_of="p1")

    html = render("evaluation_figures.html.j2", values, purpose="A test")

    opened = set(re.findall(r'data-cell="([^"]+)"', html))
    pairs = {
        f"p1:{report.classes.index(each.truth)}:{report.classes.index(each.answer)}"
        for each in report.most_confused
    }
    assert pairs <= opened
    assert pairs
    # The diagonal of a shaded table, and nothing of a drawn one, opens besides.
    assert ("p1:0:0" in opened) is (kind == "two classes")


def test_page_of_an_evaluation_opens_nothing(text: str) -> None:
    assert "<button" not in text
