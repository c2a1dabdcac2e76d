"""The sections on calibration, on the gap and on openings: their texts, rendered alone."""

import dataclasses
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from lineament.artifacts.findings.calibration import Calibration, Uncalibrated
from lineament.artifacts.findings.gap import Gap
from lineament.artifacts.findings.openings import Openings
from lineament.measure.calibration import ReliabilityBin
from lineament.measure.intervals import Interval, wilson
from lineament.reporting.sections.calibration import calibration
from lineament.reporting.sections.gap import gap
from lineament.reporting.sections.openings import openings
from lineament.reporting.template import render

EVIL = "<script>alert('x')</script>"


def _interval(value: float, low: float, high: float) -> Interval:
    return Interval(value=value, low=low, high=high, method="bootstrap", n=60)


BEFORE = Uncalibrated(
    temperature=1.5,
    expected_calibration_error=_interval(0.08, 0.05, 0.11),
    log_loss=_interval(0.41, 0.36, 0.47),
    brier=_interval(0.2, 0.17, 0.23),
    bins=(ReliabilityBin(confidence=0.95, accuracy=0.8, count=60, low=0.5, high=1.0),),
    sentence="The temperature of 1.5 lowered the log loss.",
)
CALIBRATION = Calibration(
    expected_calibration_error=0.02,
    n_bins=2,
    bins=(
        ReliabilityBin(confidence=0.6, accuracy=0.5, count=20, low=0.5, high=0.7),
        ReliabilityBin(confidence=0.9, accuracy=0.975, count=40, low=0.8, high=1.0),
    ),
    before=BEFORE,
)
HEADLINE = {
    "accuracy": wilson(49, 60),
    "expected_calibration_error": _interval(0.02, 0.01, 0.04),
    "log_loss": _interval(0.36, 0.32, 0.4),
}
GAP = Gap(
    validation=wilson(95, 100),
    test=wilson(80, 100),
    difference=Interval(value=0.15, low=0.058, high=0.24, method="newcombe", n=100),
    excludes_zero=True,
    sentences=("Validation is too good.", f"A leak {EVIL}."),
)
OPENINGS = Openings(
    evaluations=3,
    models=2,
    first="2026-11-20T10:00:00+00:00",
    sentence="This is the 3rd evaluation of these test photos.",
)


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that closes itself is neither open nor a problem."""

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(tag)


def _calibration(finding: Calibration = CALIBRATION) -> str:
    values = {"calibration": calibration(finding, HEADLINE)}
    return render("calibration_section.html.j2", values, purpose="The report")


def _gap(finding: Gap = GAP) -> str:
    return render("gap_section.html.j2", {"gap": gap(finding)}, purpose="The report")


def _openings() -> str:
    return render(
        "openings_section.html.j2", {"openings": openings(OPENINGS)}, purpose="The report"
    )


@pytest.mark.parametrize(
    "section",
    [
        _calibration,
        lambda: _calibration(dataclasses.replace(CALIBRATION, before=None)),
        _gap,
        _openings,
    ],
)
def test_a_section_is_well_formed(section: Callable[[], str]) -> None:
    text = section()
    tags = _Tags(text)
    assert (tags.problems, tags.open) == ([], [])
    assert text.lstrip().startswith("<section ")


def test_every_id_of_both_diagrams_is_there_once() -> None:
    ids = re.findall(r'\sid="([^"]*)"', _calibration())
    assert len(ids) == len(set(ids))


def test_both_diagrams_share_their_axes() -> None:
    values = calibration(CALIBRATION, HEADLINE)
    figures = values["figures"]
    assert isinstance(figures, list)
    ticks = [re.findall(r">(\d+ %)</text>", figure["svg"]) for figure in figures]
    assert [figure["title"] for figure in figures] == [
        "Without the temperature",
        "As it ships: temperature 1.5",
    ]
    assert ticks[0] == ticks[1]


def test_figures_without_and_with_the_temperature_stand_side_by_side() -> None:
    assert calibration(CALIBRATION, HEADLINE)["rows"] == [
        {
            "title": "Expected calibration error",
            "before": "8.0\xa0% (5.0 to 11.0)",
            "after": "2.0\xa0% (1.0 to 4.0)",
        },
        {
            "title": "Log loss (nats)",
            "before": "0.41 (0.36 to 0.47)",
            "after": "0.360 (0.320 to 0.400)",
        },
    ]


def test_a_temperature_of_one_has_one_diagram_and_no_table() -> None:
    before = dataclasses.replace(BEFORE, temperature=1.0, sentence="None was asked for.")
    values = calibration(dataclasses.replace(CALIBRATION, before=before), HEADLINE)
    assert (len(values["figures"]), values["rows"]) == (1, [])  # type: ignore[arg-type]  # a list
    assert values["sentence"] == "None was asked for."


def test_a_report_of_before_has_one_diagram_and_no_sentence() -> None:
    values = calibration(dataclasses.replace(CALIBRATION, before=None), HEADLINE)
    assert (len(values["figures"]), values["sentence"]) == (1, None)  # type: ignore[arg-type]  # a list


def test_what_the_temperature_changed_is_said() -> None:
    assert "<p>The temperature of 1.5 lowered the log loss.</p>" in _calibration()


def test_a_bin_is_said_to_hold_about_so_many_photos() -> None:
    assert "Each point is a bin of about 30 photos" in _calibration()


def test_bars_of_photos_in_groups_are_said_to_be_too_short() -> None:
    said = "(as if photos of one group were independent, so rather too short)"
    error = dataclasses.replace(HEADLINE["expected_calibration_error"], n_groups=20)
    values = calibration(CALIBRATION, {**HEADLINE, "expected_calibration_error": error})
    text = render("calibration_section.html.j2", {"calibration": values}, purpose="The report")
    assert said in text
    assert said not in _calibration()


def test_a_gap_shows_both_figures_and_their_difference() -> None:
    text = _gap()
    assert '<td class="figure">95.0\xa0%</td><td>88.8 to 97.8</td>' in text
    assert '<td class="figure">15\xa0points</td><td>6 to 24</td>' in text


def test_a_gap_below_zero_has_a_real_minus() -> None:
    below = Interval(value=-0.001, low=-0.02, high=0.0004, method="newcombe", n=100)
    assert gap(dataclasses.replace(GAP, difference=below))["difference"] == {
        "value": "−0.1\xa0points",
        "limits": "−2.0 to 0.0",
    }


def test_sentences_are_escaped() -> None:
    assert EVIL not in _gap()
    assert "&lt;script&gt;" in _gap()


def test_openings_are_counted() -> None:
    text = _openings()
    assert "<p>This is the 3rd evaluation of these test photos.</p>" in text
    assert "3 evaluations of 2 models, the first on 2026-11-20" in text
