"""The section on robustness."""

import base64
import dataclasses

import numpy as np

from lineament.artifacts.findings.robustness import Robustness, Spoilt
from lineament.imaging.decode import encode_jpeg
from lineament.measure.intervals import Interval, wilson
from lineament.reporting.sections.robustness import robustness, severity_figure
from lineament.reporting.template import render

STRIP = base64.b64encode(encode_jpeg(np.zeros((4, 20, 3), np.uint8))).decode()


def _spoilt(corruption: str, severity: int, right: int) -> Spoilt:
    lost = 0.9 - right / 100
    loss = Interval(value=lost, low=lost - 0.04, high=lost + 0.05, method="paired", n=100)
    return Spoilt(corruption=corruption, severity=severity, accuracy=wilson(right, 100), loss=loss)


FOUND = Robustness(
    photos=100,
    clean=wilson(90, 100),
    spoilt=(
        *(_spoilt("blur", severity, 90 - 15 * severity) for severity in range(1, 6)),
        *(_spoilt("jpeg", severity, 90) for severity in range(1, 6)),
    ),
    mean_accuracy=wilson(67, 100),
    sentences=("Most is lost to blur.",),
    examples=(("blur", STRIP),),
)


def _page(finding: Robustness) -> str:
    values = {"robustness": robustness(finding)}
    return render("robustness_section.html.j2", values, purpose="The test")


def test_each_corruption_has_a_figure_and_its_example() -> None:
    page = _page(FOUND)
    assert page.count("<svg") == 2
    assert page.count("<img") == 1
    assert 'alt="One photo at severity 1 to 5: blur"' in page
    assert "<p>Most is lost to blur.</p>" in page


def test_a_figure_says_its_numbers_to_those_who_do_not_see_it() -> None:
    svg = severity_figure(FOUND.spoilt[:5], FOUND.clean, name="spoilt-0")
    assert (
        'aria-label="Blur: accuracy as they are 90 %; severity 1: 75 %; severity 2: 60 %; '
        'severity 3: 45 %; severity 4: 30 %; severity 5: 15 %."'
    ) in svg


def test_every_id_of_the_page_stands_once() -> None:
    ids = [part.split('"')[0] for part in _page(FOUND).split(' id="')[1:]]
    assert len(ids) == len(set(ids))


def test_the_table_has_every_figure() -> None:
    rows = robustness(FOUND)["rows"]
    assert isinstance(rows, list)
    assert len(rows) == 10
    assert rows[1] == {
        "title": "Blur",
        "severity": 2,
        "accuracy": "60\xa0%",
        "limits": "50 to 69",
        "loss": "30.0",
        "loss_limits": "26.0 to 35.0",
    }


def test_a_corruption_of_another_version_is_called_by_its_name() -> None:
    other = dataclasses.replace(FOUND, spoilt=(_spoilt("motion_blur", 1, 50),), examples=())
    assert "<strong>Motion blur</strong>" in _page(other)


def test_the_same_finding_gives_the_same_page() -> None:
    assert _page(FOUND) == _page(FOUND)
