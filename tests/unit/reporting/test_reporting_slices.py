"""The section on slices."""

import dataclasses

from lineament.artifacts.findings.slices import Slice, Slices
from lineament.measure.intervals import Interval, wilson
from lineament.reporting.sections.slices import slices
from lineament.reporting.template import render


def _difference(value: float, low: float, high: float) -> Interval:
    return Interval(value=value, low=low, high=high, method="newcombe", n=100)


DARK = Slice(
    column="brightness",
    value="darkest fifth (3 to 20 %)",
    photos=1200,
    groups=None,
    accuracy=wilson(852, 1200),
    difference=_difference(-0.124, -0.18, -0.06),
    p_value=0.0004,
    within_classes=_difference(-0.11, -0.17, -0.05),
)
PHONE = dataclasses.replace(
    DARK,
    column="camera",
    value="<phone>",
    difference=_difference(0.0, -0.05, 0.04),
    p_value=0.31,
    within_classes=None,
)
FOUND = Slices(
    slices=(DARK, PHONE), skipped=("size: all photos have the same value.",), sentences=("Dark.",)
)


def _page(finding: Slices) -> str:
    return render("slices_section.html.j2", {"slices": slices(finding)}, purpose="The test")


def test_a_row_has_every_figure_of_its_slice() -> None:
    rows = slices(FOUND)["rows"]
    assert isinstance(rows, list)
    assert rows[0] == {
        "column": "brightness",
        "value": "darkest fifth (3 to 20 %)",
        "photos": "1,200",
        "groups": "",
        "accuracy": "71.0\xa0%",
        "limits": "68.4 to 73.5",
        "difference": "−12 (−18 to −6)",
        "left": "0.00%",
        "width": "33.33%",
        "dot": "15.56%",
        "within": "−11 (−17 to −5)",
        "p_value": "<0.001",
        "telling": True,
    }


def test_the_bars_reach_as_far_as_the_widest_interval() -> None:
    assert slices(FOUND)["scale"] == "−18 to 18"


def test_what_chance_explains_is_not_set_off() -> None:
    page = _page(FOUND)
    assert "<strong>−12 (−18 to −6)</strong>" in page
    assert "<td>0.0 (−5.0 to 4.0)</td>" in page
    assert "<td>–</td>" in page


def test_names_of_slices_are_escaped() -> None:
    assert "&lt;phone&gt;" in _page(FOUND)
    assert "<phone>" not in _page(FOUND)


def test_groups_have_a_column_where_there_are_any() -> None:
    grouped = dataclasses.replace(FOUND, slices=(dataclasses.replace(DARK, groups=12),))
    assert ">Groups</th>" in _page(grouped)
    assert ">Groups</th>" not in _page(FOUND)


def test_columns_that_were_not_used_are_listed() -> None:
    assert "<li>size: all photos have the same value.</li>" in _page(FOUND)


def test_without_slices_there_is_a_sentence_and_no_table() -> None:
    page = _page(Slices(slices=(), skipped=(), sentences=("Nothing to compare.",)))
    assert "<p>Nothing to compare.</p>" in page
    assert "<table" not in page
    assert "<details" not in page


def test_a_long_table_says_how_long_it_is() -> None:
    page = _page(dataclasses.replace(FOUND, slices=(DARK,) * 45))
    assert "the first 40 of 45, all are in report.json" in page
    assert page.count('<th scope="row"') == 40
