"""The section on every threshold: figures, words, and what an ideal model looks like."""

import dataclasses

import pytest

from lineament.artifacts.findings.curves import BinaryCurves
from lineament.measure.intervals import Interval, wilson
from lineament.reporting.sections.curves import curves, det_figure, precision_recall_figure
from lineament.reporting.template import render

FINDING = BinaryCurves(
    positive="<dog>",
    roc=((0.0, 0.0), (0.0, 0.6), (0.1, 0.9), (0.5, 1.0), (1.0, 1.0)),
    precision_recall=((0.0, 1.0), (0.6, 1.0), (0.9, 0.8), (1.0, 0.3)),
    det=((0.0, 1.0), (0.0, 0.4), (0.1, 0.1), (0.5, 0.0), (1.0, 0.0)),
    area_under_roc=Interval(value=0.95, low=0.9, high=0.98, method="bootstrap", n=200),
    average_precision=Interval(value=0.93, low=0.88, high=0.97, method="bootstrap", n=200),
    equal_error_rate=Interval(value=0.1, low=0.05, high=0.15, method="bootstrap", n=200),
)


def page(finding: BinaryCurves) -> str:
    return render("curves_section.html.j2", {"curves": curves(finding)}, purpose="A test")


def test_the_page_shows_three_figures_and_each_interval() -> None:
    text = page(FINDING)
    assert text.count("<svg") == 3
    assert "<td>90.0 to 98.0</td>" in text
    assert "95.0\u00a0%" in text


def test_the_name_of_the_class_is_escaped() -> None:
    assert "<dog>" not in page(FINDING)
    assert "&lt;dog&gt;" in page(FINDING)


def test_the_figures_of_a_page_share_no_id() -> None:
    text = page(FINDING)
    ids = [part.partition('"')[0] for part in text.split(' id="')[1:]]
    assert len(ids) == len(set(ids))


def test_a_figure_says_what_it_shows() -> None:
    assert "Both errors are 10.0\u00a0% where they are equal." in det_figure(FINDING)
    assert "Precision-recall curve." in precision_recall_figure(FINDING)


@pytest.mark.filterwarnings("error")
def test_a_ranking_without_a_mistake_can_be_drawn() -> None:
    ideal = dataclasses.replace(
        FINDING,
        roc=((0.0, 0.0), (0.0, 1.0), (1.0, 1.0)),
        precision_recall=((0.0, 1.0), (1.0, 1.0), (1.0, 0.5)),
        det=((0.0, 1.0), (0.0, 0.0), (1.0, 0.0)),
        equal_error_rate=wilson(0, 50),
    )
    assert page(ideal).count("<svg") == 3


def test_the_same_finding_gives_the_same_section() -> None:
    assert page(FINDING) == page(FINDING)
