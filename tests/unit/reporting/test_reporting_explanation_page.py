"""The page of an explanation: what it leads with, and that it needs nothing but itself."""

import dataclasses
import html
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
from lineament.artifacts.findings.galleries import BORDERLINE, RIGHT, SUREST, Gallery, Shown
from lineament.artifacts.findings.hiding import Hiding
from lineament.artifacts.findings.localisation import Localisation, Localised
from lineament.artifacts.findings.sanity import Randomised, SanityCheck
from lineament.core.errors import MissingExtraError
from lineament.imaging.decode import encode_jpeg
from lineament.measure.intervals import Interval, wilson
from lineament.reporting.explanation_page import explanation_page

VOID = {"meta", "br", "img"}
EVIL = "<script>alert('x')</script>\"&"
LONG = "a_class_name_without_any_place_to_break_it_" * 3
DIFFERENCE = Interval(value=0.2, low=0.1, high=0.3, method="student", n=20)
BLOB = Faithful(
    title="a blob in the middle",
    insertion=wilson(10, 20),
    deletion=wilson(8, 20),
    insertion_curve=(0.1, 0.5, 0.9),
    deletion_curve=(0.9, 0.5, 0.1),
)
BEATS = Against(
    baseline="a blob in the middle", insertion=DIFFERENCE, deletion=DIFFERENCE, beats=True
)
CAM = dataclasses.replace(
    BLOB, title="class activation map", against=(BEATS,), sentence="It beats a blob.", seconds=0.01
)
FAITHFULNESS = Faithfulness(
    photos=20, seed=0, fractions=(0.0, 0.5, 1.0), methods=(CAM,), baselines=(BLOB,)
)
HIDING = Hiding(
    photos=100,
    centre_fraction=0.6,
    whole=wilson(90, 100),
    centre_hidden=wilson(40, 100),
    background_hidden=wilson(70, 100),
    chance=0.5,
    is_alarm=False,
    sentences=("It needs the middle.",),
)
MISTAKE = Shown(
    sample="images/dog/1.png",
    truth="dog",
    answer="cat",
    confidence=0.98,
    truth_probability=0.01,
    second="dog",
    second_probability=0.01,
    photo="photos/0000.jpg",
    overlay="photos/0000-answer.jpg",
    truth_overlay="photos/0000-truth.jpg",
)
EMPTY = Explanation(
    subject={"path": "runs/a"},
    dataset={"path": "data/a"},
    split="test",
    classes=("cat", "dog"),
    n_images=1200,
    method="class activation map",
    galleries=(),
    seed=7,
    environment={},
)
WHOLE = dataclasses.replace(
    EMPTY,
    galleries=(
        Gallery(kind=SUREST, class_name=None, n_photos=9, shown=(MISTAKE,)),
        Gallery(kind=BORDERLINE, class_name=None, n_photos=1, shown=(MISTAKE,)),
        Gallery(kind=RIGHT, class_name="cat", n_photos=9, shown=(MISTAKE,)),
    ),
    faithfulness=FAITHFULNESS,
    hiding=HIDING,
    localisation=Localisation(
        region="faces.csv",
        photos=20,
        area=wilson(4, 20),
        methods=(
            Localised(
                title="class activation map",
                hits=wilson(19, 20),
                energy=wilson(10, 20),
                surplus=DIFFERENCE,
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
            parts=(Randomised(part="head", correlation=DIFFERENCE, flat=0),),
            verdict="changes",
            sentence="The maps change.",
        ),
    ),
)


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


def page(explanation: Explanation) -> str:
    return explanation_page(explanation, photo=lambda name: f"jpeg of {name}".encode())


def lead(explanation: Explanation) -> str:
    found = re.search(r'<p class="lead">(.*?)</p>', page(explanation))
    assert found is not None
    return html.unescape(found.group(1))


def alarming(explanation: Explanation) -> Explanation:
    return dataclasses.replace(explanation, hiding=dataclasses.replace(HIDING, is_alarm=True))


def beating(*beats: bool) -> Explanation:
    against = tuple(dataclasses.replace(BEATS, beats=each) for each in beats)
    methods = (dataclasses.replace(CAM, against=against), CAM)
    return dataclasses.replace(
        EMPTY, faithfulness=dataclasses.replace(FAITHFULNESS, methods=methods)
    )


def test_lead_of_maps_that_beat_all_that_know_nothing() -> None:
    assert lead(beating(True, True)) == "The maps mark what the model answers by"


def test_lead_of_maps_that_lose_to_one_says_so_whatever_another_method_does() -> None:
    assert lead(beating(True, False)) == (
        "The maps shown here do not beat every map that knows nothing"
    )


def test_lead_says_that_nobody_measured() -> None:
    assert lead(EMPTY) == (
        "What spoke for the answers; nobody measured whether the maps are faithful"
    )


@pytest.mark.parametrize("explanation", [EMPTY, WHOLE, beating(False)])
def test_an_alarm_leads_before_all_else(explanation: Explanation) -> None:
    assert lead(alarming(explanation)) == (
        "Alarm: most of what the model can do survives with the middle of photos hidden"
    )


def test_page_says_whose_photos_and_which_seed() -> None:
    text = page(EMPTY)
    assert "<h1>Where runs/a looks</h1>" in text
    assert '<p class="about">1,200 test photos of data/a, seed 7.</p>' in text


def test_one_photo_is_one_photo() -> None:
    assert "1 test photo of data/a" in page(dataclasses.replace(EMPTY, n_images=1))


def test_model_and_dataset_without_a_path_are_still_named() -> None:
    text = page(dataclasses.replace(EMPTY, subject={}, dataset={}))
    assert "<h1>Where a model looks</h1>" in text
    assert "1,200 test photos of a dataset, seed 7." in text


@pytest.mark.parametrize("explanation", [EMPTY, WHOLE])
def test_page_is_well_formed_and_has_each_id_once(explanation: Explanation) -> None:
    document = Document(page(explanation))
    ids = [attributes["id"] for _, attributes in document.elements if "id" in attributes]
    assert document.problems == []
    assert document.open == []
    assert len(ids) == len(set(ids))


def test_page_fetches_nothing_and_runs_nothing() -> None:
    document = Document(page(WHOLE))
    named = [
        value
        for _, attributes in document.elements
        for key, value in attributes.items()
        if key in ("src", "href", "xlink:href", "srcset", "action")
    ]
    assert named
    assert all(value is not None and value.startswith(("data:", "#")) for value in named)
    assert not {"script", "link", "iframe"} & {tag for tag, _ in document.elements}


def test_pictures_are_embedded_as_they_are() -> None:
    # "jpeg of photos/0000.jpg" in base64
    assert (
        '<img src="data:image/jpeg;base64,anBlZyBvZiBwaG90b3MvMDAwMC5qcGc=" alt="Photo of dog">'
        in page(WHOLE)
    )


def test_a_picture_that_cannot_be_had_is_told() -> None:
    text = explanation_page(WHOLE, photo=lambda name: None)
    assert "<img" not in text
    assert '<span class="empty">no picture</span>' in text


def test_hostile_names_are_text() -> None:
    photo = dataclasses.replace(MISTAKE, truth=EVIL, answer=EVIL, sample=EVIL)
    text = page(
        dataclasses.replace(
            WHOLE,
            subject={"path": EVIL},
            dataset={"path": EVIL},
            galleries=(Gallery(kind=SUREST, class_name=None, n_photos=1, shown=(photo,)),),
            faithfulness=dataclasses.replace(
                FAITHFULNESS, methods=(dataclasses.replace(CAM, title=EVIL, sentence=EVIL),)
            ),
        )
    )
    assert Document(text).problems == []
    assert "<script" not in text
    assert (
        f"<h1>Where {html.escape(EVIL, quote=False)} looks".replace('"', "&#34;").replace(
            "'", "&#39;"
        )
        in text
    )


def test_same_explanation_gives_the_same_bytes() -> None:
    assert page(WHOLE) == page(WHOLE)


def test_without_jinja2_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError) as caught:
        page(EMPTY)
    assert str(caught.value) == (
        "The report needs jinja2, which is not installed.\n"
        "  fix: Install it with `pip install 'lineament[report]'`."
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cat", LONG])
def test_on_a_phone_nothing_is_wider_than_the_screen(
    browser: Browser, draw_photo: Callable[..., NDArray[np.uint8]], name: str
) -> None:
    jpeg = encode_jpeg(draw_photo(0, 120, 160), quality=80)
    photo = dataclasses.replace(MISTAKE, truth=name, answer=name, sample=f"images/{name}.png")
    explanation = dataclasses.replace(
        WHOLE,
        subject={"path": f"runs/{name}"},
        galleries=(
            Gallery(kind=SUREST, class_name=None, n_photos=1, shown=(photo,)),
            Gallery(kind=RIGHT, class_name=name, n_photos=1, shown=(photo,)),
        ),
    )
    browser.tell(
        "Emulation.setDeviceMetricsOverride",
        width=360,
        height=700,
        deviceScaleFactor=2,
        mobile=True,
    )
    browser.show(explanation_page(explanation, photo=lambda _: jpeg))
    browser.run("document.querySelectorAll('details').forEach(each => each.open = true)")
    width = browser.run("document.documentElement.scrollWidth")
    browser.tell("Emulation.clearDeviceMetricsOverride")
    assert width == 360
    assert [each for each in browser.events if each["method"] in TROUBLE] == []


@pytest.mark.slow
def test_on_paper_no_table_is_cut(browser: Browser) -> None:
    browser.tell("Emulation.setEmulatedMedia", media="print")
    browser.tell(
        "Emulation.setDeviceMetricsOverride",
        width=688,  # A4 without its margins of 14 mm
        height=1000,
        deviceScaleFactor=1,
        mobile=False,
    )
    browser.show(page(WHOLE))
    width = browser.run("document.documentElement.scrollWidth")
    browser.tell("Emulation.clearDeviceMetricsOverride")
    browser.tell("Emulation.setEmulatedMedia", media="")
    assert width <= 688
