"""The sections on selective answers, prediction sets and unknown photos, as a person reads them."""

import dataclasses
import re

import pytest

from lineament.artifacts.findings.selective import OperatingPoint, PredictionSets, Selective
from lineament.artifacts.findings.unknowns import PassedUnknown, Refusals, Unknowns, UnknownScore
from lineament.measure.intervals import wilson
from lineament.reporting.sections.prediction_sets import prediction_sets
from lineament.reporting.sections.selective import risk_figure, selective
from lineament.reporting.sections.unknowns import refusals, unknowns
from lineament.reporting.template import render

KEPT = OperatingPoint(
    precision=0.99,
    confidence=0.8125,
    answered=wilson(800, 1000),
    reached=wilson(796, 800),
    sentence="Answers most.",
)
NOT_PROMISED = OperatingPoint(
    precision=0.999, confidence=None, answered=None, reached=None, sentence="Too few."
)
NONE_ANSWERED = dataclasses.replace(KEPT, answered=wilson(0, 1000), reached=None)
SELECTIVE = Selective(
    curve=((0.01, 0.2, 0.99), (0.5, 0.005, 0.9), (1.0, 0.068, 0.5)),
    area=wilson(10, 1000),
    points=(KEPT, NOT_PROMISED),
)
SETS = PredictionSets(
    asked=0.9,
    threshold=0.3,
    reached=wilson(905, 1000),
    mean_size=dataclasses.replace(wilson(1, 2), value=1.25, low=1.2, high=1.3),
    sizes=(0, 750, 250),
    sentence="The sets hold it.",
)
PASSED = PassedUnknown(
    source="other/1.png", answer="cat", confidence=0.98, familiarity=0.5, thumbnail="aGk="
)
UNKNOWNS = Unknowns(
    source="photos/other",
    known=100,
    unknown=50,
    unreadable=1,
    scores=(
        UnknownScore(
            name="familiarity",
            area_under_roc=wilson(90, 100),
            false_positive_rate=wilson(20, 100),
        ),
    ),
    threshold=0.25,
    known_refused=wilson(5, 100),
    unknown_refused=wilson(40, 50),
    open_set_accuracy=wilson(130, 150),
    passed=(PASSED,),
    sentence="Most are <refused>.",
)


def selective_text(finding: Selective) -> str:
    values = {"selective": selective(finding)}
    return render("selective_section.html.j2", values, purpose="The report")


def sets_text(finding: PredictionSets) -> str:
    values = {"prediction_sets": prediction_sets(finding)}
    return render("prediction_sets_section.html.j2", values, purpose="The report")


def unknowns_text(finding: Unknowns) -> str:
    return render("unknowns_section.html.j2", {"unknowns": unknowns(finding)}, purpose="The report")


def test_known_photos_that_are_refused_are_said_with_the_threshold() -> None:
    finding = Refusals(
        asked=0.05,
        threshold=0.26514,
        refused=wilson(5, 100),
        refused_right=4,
        answered_right=wilson(90, 95),
        sentence="5 % of <these> are refused.",
    )

    text = render("refusals_section.html.j2", {"refusals": refusals(finding)}, purpose="The report")

    assert "<p>5 % of &lt;these&gt; are refused.</p>" in text
    assert 'Below 0.2651 the answer is "unknown"' in text
    assert "a chance of at most 5\u00a0%" in text


def cells(text: str) -> list[list[str]]:
    """The rows of all tables, without markup."""
    rows = re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)
    return [
        [re.sub(r"<[^>]+>", "", cell).replace("\u00a0", " ") for cell in re.split(r"</t[hd]>", row)]
        for row in rows
    ]


def test_the_sentences_come_before_the_table() -> None:
    text = selective_text(SELECTIVE)
    assert text.index("Answers most.") < text.index("Too few.") < text.index("<table")


def test_each_precision_has_a_row() -> None:
    assert cells(selective_text(SELECTIVE))[1:] == [
        ["99 %", "0.8125", "80.0 % (77.4 to 82.4)", "99.5 % (98.7 to 99.8)", "800", ""],
        ["99.9 %", "none", "not promised", "", "", ""],
    ]


def test_a_confidence_that_nothing_reaches_has_no_precision() -> None:
    text = selective_text(dataclasses.replace(SELECTIVE, points=(NONE_ANSWERED,)))
    assert cells(text)[1][3] == "no answer"


def test_without_promises_there_is_the_curve_alone() -> None:
    text = selective_text(dataclasses.replace(SELECTIVE, points=()))
    assert "<svg" in text
    assert "<table" not in text
    assert "validation" not in text


def test_the_area_has_its_interval() -> None:
    assert "1.0\u00a0% (95\u00a0% interval 0.5 to 1.8)" in selective_text(SELECTIVE)


def test_the_curve_says_in_words_what_it_shows() -> None:
    assert (
        'aria-label="Risk-coverage curve. 50 % answered, 0.5\u00a0% of them wrong; 100 % answered, '
        '6.8\u00a0% of them wrong."'
    ) in risk_figure(SELECTIVE)


@pytest.mark.parametrize("risk", [0.0, 0.00001, 0.5, 1.0])
def test_any_risk_can_be_drawn(risk: float) -> None:
    flat = dataclasses.replace(SELECTIVE, curve=((1.0, risk, 0.5),), points=())
    assert risk_figure(flat).startswith("<svg ")


def test_the_same_curve_is_drawn_twice() -> None:
    assert risk_figure(SELECTIVE) == risk_figure(SELECTIVE)


def test_sizes_of_sets_are_a_table() -> None:
    assert [row[:3] for row in cells(sets_text(SETS))[1:]] == [
        ["0 classes", "0", "0.0 %"],
        ["1 class", "750", "75.0 %"],
        ["2 classes", "250", "25.0 %"],
    ]


def test_the_last_size_may_hold_larger_ones() -> None:
    text = sets_text(dataclasses.replace(SETS, sizes=(0,) * 10 + (1000,)))
    assert cells(text)[-1][:2] == ["10 classes or more", "1,000"]


def test_what_sets_reach_stands_beside_what_was_asked() -> None:
    text = sets_text(SETS).replace("\u00a0", " ")
    assert "with a chance of 90 %" in text
    assert "Here: 90.5 % (95 % interval 88.5 to 92.2), with 1.25 classes in a set (1.20 to" in text


def test_what_the_threshold_does_is_a_table() -> None:
    assert cells(unknowns_text(UNKNOWNS))[1:4] == [
        ["Unknown photos refused", "80 % (67 to 89)", ""],
        ["Known photos refused", "5.0 % (2.2 to 11.2)", ""],
        ["Open-set accuracy", "87 % (80 to 91)", ""],
    ]


def test_scores_are_a_table() -> None:
    assert cells(unknowns_text(UNKNOWNS))[5] == [
        "familiarity",
        "90 % (83 to 94)",
        "20 % (13 to 29)",
        "",
    ]


def test_photos_that_passed_are_shown() -> None:
    text = unknowns_text(UNKNOWNS)
    assert '<img src="data:image/jpeg;base64,aGk=" alt="Unknown photo, answered cat">' in text
    assert '<span class="file">other/1.png</span>' in text


def test_a_photo_without_a_picture_has_its_place() -> None:
    passed = (dataclasses.replace(PASSED, thumbnail=None),)
    assert "no picture" in unknowns_text(dataclasses.replace(UNKNOWNS, passed=passed))


def test_that_all_were_refused_is_said() -> None:
    text = unknowns_text(dataclasses.replace(UNKNOWNS, passed=()))
    assert "Every unknown photo was refused." in text


def test_without_a_threshold_there_are_the_scores_alone() -> None:
    plain = dataclasses.replace(
        UNKNOWNS, threshold=None, known_refused=None, unknown_refused=None, open_set_accuracy=None
    )
    assert "threshold" not in unknowns_text(plain)


def test_files_that_could_not_be_read_are_told() -> None:
    assert "1 file could not be read" in unknowns_text(UNKNOWNS)
    assert "could not" not in unknowns_text(dataclasses.replace(UNKNOWNS, unreadable=0))


def test_texts_are_escaped() -> None:
    assert "Most are &lt;refused&gt;." in unknowns_text(UNKNOWNS)
