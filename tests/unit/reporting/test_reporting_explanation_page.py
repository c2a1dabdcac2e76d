"""The page on where a model looks says what was seen, what was measured, and what was not."""

import base64
import dataclasses
import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser

import numpy as np
import pytest
from numpy.typing import NDArray

from chromium import TROUBLE, Browser
from lineament.artifacts.explanation import Explanation
from lineament.artifacts.findings.faithfulness import Against, Faithful, Faithfulness
from lineament.artifacts.findings.galleries import BORDERLINE, RIGHT, SUREST, WRONG, Gallery, Shown
from lineament.artifacts.findings.hiding import Hiding
from lineament.artifacts.findings.localisation import Localisation, Localised
from lineament.artifacts.findings.sanity import Randomised, SanityCheck
from lineament.core.errors import MissingExtraError
from lineament.imaging.decode import encode_jpeg
from lineament.measure.intervals import Interval, wilson
from lineament.reporting.explanation_page import explanation_page

VOID = {"meta", "br", "img"}
LONG = "a_class_name_without_any_place_to_break_it_" * 3


class Document(HTMLParser):
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
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing at {self.getpos()}")


def span(value: float, low: float, high: float) -> Interval:
    return Interval(value=value, low=low, high=high, method="student", n=48)


def photo(**fields: object) -> Shown:
    made = Shown(
        sample="images/cat/1.png",
        truth="cat",
        answer="dog",
        confidence=0.98,
        truth_probability=0.02,
        second="cat",
        second_probability=0.02,
        photo="photos/0.jpg",
        overlay="photos/0-answer.jpg",
        truth_overlay="photos/0-truth.jpg",
    )
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]  # as each test wants


EMPTY = Explanation(
    subject={"path": "run"},
    dataset={"path": "data"},
    split="test",
    classes=("cat", "dog"),
    n_images=30,
    method="class activation map",
    galleries=(),
    seed=0,
    environment={},
)


def of_method(*, beats: bool) -> Faithfulness:
    against = tuple(
        Against(
            baseline=name, insertion=span(0.1, 0.05, 0.15), deletion=span(0.1, 0.05, 0.15), beats=on
        )
        for name, on in (("a blob in the middle", beats), ("smooth noise", True))
    )
    curve = (0.1, 0.5, 0.9)
    one = Faithful(
        title="class activation map",
        insertion=span(0.7, 0.6, 0.8),
        deletion=span(0.3, 0.2, 0.4),
        insertion_curve=curve,
        deletion_curve=curve[::-1],
        seconds=0.0123,
        against=against,
        sentence="What became of it.",
    )
    blob = dataclasses.replace(one, title="a blob in the middle", seconds=None, against=())
    return Faithfulness(photos=48, seed=0, fractions=(0, 0.5, 1), methods=(one,), baselines=(blob,))


def hidden(*, alarm: bool) -> Hiding:
    return Hiding(
        photos=50,
        centre_fraction=0.6,
        whole=wilson(49, 50),
        centre_hidden=wilson(45, 50),
        background_hidden=wilson(30, 50),
        chance=0.5,
        is_alarm=alarm,
        sentences=("Figures.", "Verdict."),
    )


def page(explanation: Explanation) -> str:
    return explanation_page(explanation, photo=lambda name: name.encode())


def words(html: str) -> str:
    text = re.sub(r"<style.*?</style>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_nothing_measured_is_said_with_the_flag_that_does() -> None:
    told = words(page(EMPTY))

    assert "There is no mistake and no photo between two classes." in told
    for flag in ("--faithfulness 48", "--hiding 500", "--regions FILE", "--sanity 50"):
        assert f"( lineament explain with {flag} )" in told
    assert "What spoke for the answers; nobody measured whether the maps are faithful" in told


def test_mistake_shows_photo_and_both_maps() -> None:
    gallery = Gallery(kind=SUREST, class_name=None, n_photos=7, shown=(photo(),))

    html = page(dataclasses.replace(EMPTY, galleries=(gallery,)))

    for name in ("photos/0.jpg", "photos/0-answer.jpg", "photos/0-truth.jpg"):
        assert f'src="data:image/jpeg;base64,{base64.b64encode(name.encode()).decode()}"' in html
    assert "Most confident mistakes (1 of 7 mistakes)" in words(html)
    assert "dog 98.0 % truth cat 2.0 % images/cat/1.png" in words(html)


@pytest.mark.parametrize(("n", "told"), [(1, "(1 mistake)"), (2, "(1 of 2 mistakes)")])
def test_one_mistake_and_two_are_counted(n: int, told: str) -> None:
    gallery = Gallery(kind=SUREST, class_name=None, n_photos=n, shown=(photo(),))

    assert told in words(page(dataclasses.replace(EMPTY, galleries=(gallery,))))


def test_borderline_photo_that_is_right_names_the_next_class() -> None:
    right = photo(answer="cat", second="dog", second_probability=0.45, truth_overlay=None)
    gallery = Gallery(kind=BORDERLINE, class_name=None, n_photos=1, shown=(right,))

    told = words(page(dataclasses.replace(EMPTY, galleries=(gallery,))))

    assert "cat 98.0 % right; next dog 45.0 %" in told


def test_classes_stand_behind_their_names() -> None:
    galleries = (
        Gallery(kind=RIGHT, class_name="cat", n_photos=3, shown=(photo(),)),
        Gallery(kind=WRONG, class_name="cat", n_photos=1, shown=(photo(),)),
    )

    html = page(dataclasses.replace(EMPTY, galleries=galleries))

    assert "<summary>cat</summary>" in html
    assert "answered rightly (1 of 3 photos)" in words(html)
    assert "answered wrongly (1 photo)" in words(html)
    assert "the class with the lowest recall, of 2" in words(html)


def test_maps_that_beat_both_baselines_lead_the_page() -> None:
    html = page(dataclasses.replace(EMPTY, faithfulness=of_method(beats=True)))

    assert "The maps mark what the model answers by" in words(html)
    assert html.count("<svg xmlns") == 2
    assert "+0.10 (+0.05 to +0.15)" in words(html)
    assert "12.3" in words(html)


def test_maps_that_do_not_beat_a_baseline_say_so_first() -> None:
    told = words(page(dataclasses.replace(EMPTY, faithfulness=of_method(beats=False))))

    assert "The maps shown here do not beat every map that knows nothing" in told
    assert "does not beat it" in told


def test_alarm_of_hidden_parts_leads_the_page() -> None:
    html = page(
        dataclasses.replace(EMPTY, hiding=hidden(alarm=True), faithfulness=of_method(beats=True))
    )

    assert 'class="alarm"' in html
    assert "Alarm: most of what the model can do survives with the middle of photos hidden" in (
        words(html)
    )


def test_hidden_parts_without_alarm_are_told_quietly() -> None:
    html = page(dataclasses.replace(EMPTY, hiding=hidden(alarm=False)))

    assert 'class="alarm"' not in html
    assert "Figures. Verdict." in words(html)


def test_regions_and_random_weights_have_their_tables() -> None:
    localised = Localised(
        title="class activation map",
        hits=span(0.9, 0.8, 1.0),
        energy=span(0.5, 0.4, 0.6),
        surplus=span(-0.1, -0.2, 0.0),
        sentence="Inside and out.",
    )
    regions = Localisation(
        region="boxes.csv", photos=1, area=span(0.2, 0.2, 0.2), methods=(localised,)
    )
    check = SanityCheck(
        title="Grad-CAM",
        photos=20,
        left_out=1,
        seed=0,
        parts=(Randomised(part="head", correlation=span(0.2, 0.1, 0.3), flat=2),),
        verdict="changes",
        sentence="It changes.",
    )

    told = words(page(dataclasses.replace(EMPTY, localisation=regions, sanity=(check,))))

    assert "−10.0 points (−20.0 to +0.0)" in told
    assert "1 photo with a region in boxes.csv" in told
    assert "With random weights: Grad-CAM It changes." in told
    assert "Left out, for the trained model's map is the same everywhere: 1." in told


def test_hostile_names_stay_words() -> None:
    evil = "<script>alert(1)</script>"
    gallery = Gallery(
        kind=SUREST, class_name=None, n_photos=1, shown=(photo(sample=evil, truth=evil),)
    )

    html = page(dataclasses.replace(EMPTY, galleries=(gallery,), subject={"path": evil}))

    assert "<script" not in html


def test_picture_that_is_gone_leaves_its_place() -> None:
    gallery = Gallery(kind=SUREST, class_name=None, n_photos=1, shown=(photo(),))

    html = explanation_page(
        dataclasses.replace(EMPTY, galleries=(gallery,)), photo=lambda name: None
    )

    assert html.count("no picture") == 3


def test_same_explanation_gives_the_same_bytes() -> None:
    whole = dataclasses.replace(
        EMPTY, faithfulness=of_method(beats=True), hiding=hidden(alarm=False)
    )

    assert page(whole) == page(whole)
    assert Explanation.from_dict(whole.as_dict(), name="it") == whole


def whole(name: str = "cat") -> Explanation:
    """Everything that was asked for, in a model with a class of this name."""
    shown = (photo(truth=name, answer=name, sample=f"images/{name}.png"),)
    return dataclasses.replace(
        EMPTY,
        subject={"path": f"runs/{name}"},
        galleries=(
            Gallery(kind=SUREST, class_name=None, n_photos=9, shown=shown),
            Gallery(kind=RIGHT, class_name=name, n_photos=9, shown=shown),
        ),
        faithfulness=of_method(beats=True),
        hiding=hidden(alarm=True),
        localisation=Localisation(
            region="boxes.csv",
            photos=20,
            area=span(0.2, 0.15, 0.25),
            methods=(
                Localised(
                    title="class activation map",
                    hits=span(0.9, 0.8, 1.0),
                    energy=span(0.5, 0.4, 0.6),
                    surplus=span(0.3, 0.2, 0.4),
                    sentence="More than by chance.",
                ),
            ),
        ),
        sanity=(
            SanityCheck(
                title="Grad-CAM",
                photos=20,
                left_out=1,
                seed=0,
                parts=(Randomised(part="head", correlation=span(0.2, 0.1, 0.3), flat=2),),
                verdict="changes",
                sentence="It changes.",
            ),
        ),
    )


def test_page_says_whose_photos_and_which_seed() -> None:
    text = page(dataclasses.replace(EMPTY, n_images=1200, seed=7))

    assert "<h1>Where run looks</h1>" in text
    assert '<p class="about">1,200 test photos of data, seed 7.</p>' in text


def test_model_and_dataset_without_a_path_are_still_named() -> None:
    text = page(dataclasses.replace(EMPTY, n_images=1, subject={}, dataset={}))

    assert "<h1>Where a model looks</h1>" in text
    assert "1 test photo of a dataset, seed 0." in text


def test_lead_is_of_the_maps_that_are_shown_whatever_another_method_does() -> None:
    loses, wins = of_method(beats=False), of_method(beats=True)
    both = dataclasses.replace(loses, methods=(*loses.methods, *wins.methods))

    assert "The maps shown here do not beat every map that knows nothing" in words(
        page(dataclasses.replace(EMPTY, faithfulness=both))
    )


@pytest.mark.parametrize("explanation", [EMPTY, whole()], ids=["nothing", "everything"])
def test_page_is_well_formed_and_has_each_id_once(explanation: Explanation) -> None:
    document = Document(page(explanation))
    ids = [attributes["id"] for _, attributes in document.elements if "id" in attributes]

    assert (document.problems, document.open) == ([], [])
    assert len(ids) == len(set(ids))


def test_page_fetches_nothing_and_runs_nothing() -> None:
    elements = Document(page(whole())).elements
    links = ("src", "srcset", "href", "xlink:href", "action")
    named = [
        str(attributes[key]) for _, attributes in elements for key in links if key in attributes
    ]

    assert named
    assert all(value.startswith(("data:", "#")) for value in named)
    assert not {"script", "link", "iframe"} & {tag for tag, _ in elements}


def test_without_jinja2_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)

    with pytest.raises(MissingExtraError) as caught:
        page(EMPTY)

    assert str(caught.value) == (
        "The report needs Jinja2, which is not installed.\n"
        "  fix: Install it with `pip install 'lineament[report]'`."
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cat", LONG], ids=["a short name", "a name without a break"])
def test_on_a_phone_nothing_is_wider_than_the_screen(
    browser: Browser, draw_photo: Callable[..., NDArray[np.uint8]], name: str
) -> None:
    jpeg = encode_jpeg(draw_photo(0, 120, 160), quality=80)
    screen = {"width": 360, "height": 700, "deviceScaleFactor": 2, "mobile": True}
    browser.tell("Emulation.setDeviceMetricsOverride", **screen)
    browser.show(explanation_page(whole(name), photo=lambda _: jpeg))
    browser.run("document.querySelectorAll('details').forEach(each => { each.open = true })")
    width = browser.run("document.documentElement.scrollWidth")
    browser.tell("Emulation.clearDeviceMetricsOverride")

    assert width == 360
    assert [each for each in browser.events if each["method"] in TROUBLE] == []


@pytest.mark.slow
def test_on_paper_nothing_is_cut(browser: Browser) -> None:
    # A4 without its margins of 14 mm, at 96 points an inch.
    screen = {"width": 688, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.tell("Emulation.setEmulatedMedia", media="print")
    browser.tell("Emulation.setDeviceMetricsOverride", **screen)
    browser.show(page(whole()))
    root = "document.documentElement"
    too_wide = browser.run(f"{root}.scrollWidth - {root}.clientWidth")
    browser.tell("Emulation.clearDeviceMetricsOverride")
    browser.tell("Emulation.setEmulatedMedia", media="")

    assert too_wide == 0


@pytest.mark.slow
def test_on_paper_no_heading_stands_above_what_is_folded(browser: Browser) -> None:
    browser.tell("Emulation.setEmulatedMedia", media="print")
    browser.show(page(whole()))
    printed = browser.run(
        "[...document.querySelectorAll('h3')].filter(each => each.offsetParent)"
        ".map(each => each.textContent)"
    )
    browser.tell("Emulation.setEmulatedMedia", media="")

    assert "With parts hidden" in printed
    assert "Class by class" not in printed
