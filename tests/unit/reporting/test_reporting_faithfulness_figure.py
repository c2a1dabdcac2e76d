"""The curves of insertion and deletion, told apart without colour."""

import dataclasses
import re
import sys

import matplotlib
import pytest

from lineament.artifacts.findings.faithfulness import Faithful, Faithfulness
from lineament.core.errors import MissingExtraError
from lineament.measure.intervals import Interval
from lineament.reporting.faithfulness_figure import faithfulness_figures, legend


def area(value: float) -> Interval:
    return Interval(value=value, low=value - 0.1, high=value + 0.1, method="student", n=20)


def curves(title: str, insertion: float = 0.7, deletion: float = 0.2) -> Faithful:
    return Faithful(
        title=title,
        insertion=area(insertion),
        deletion=area(deletion),
        insertion_curve=(0.1, insertion, 0.9),
        deletion_curve=(0.9, deletion, 0.1),
    )


FINDING = Faithfulness(
    photos=20,
    seed=0,
    fractions=(0.0, 0.5, 1.0),
    methods=(curves("CAM"), curves("occlusion", 0.65, 0.25)),
    baselines=(curves("a blob", 0.5, 0.4), curves("noise", 0.4, 0.5)),
)


def test_insertion_and_deletion_are_a_figure_each_and_say_which_way_is_better() -> None:
    figures = faithfulness_figures(FINDING)
    assert [title for title, _ in figures] == [
        "Insertion: higher is better",
        "Deletion: lower is better",
    ]
    assert all(svg.startswith("<svg ") and svg.endswith("</svg>") for _, svg in figures)
    assert all(svg.count("<svg") == 1 for _, svg in figures)


def test_each_figure_says_its_areas_in_words() -> None:
    labels = [re.findall('aria-label="([^"]*)"', svg) for _, svg in faithfulness_figures(FINDING)]
    assert labels == [
        [
            "Curves of insertion over 20 photos; areas: CAM 0.70, occlusion 0.65, a blob 0.50, "
            "noise 0.40."
        ],
        [
            "Curves of deletion over 20 photos; areas: CAM 0.20, occlusion 0.25, a blob 0.40, "
            "noise 0.50."
        ],
    ]


def test_axes_are_named() -> None:
    (_, insertion), (_, deletion) = faithfulness_figures(FINDING)
    assert ">part of the photo shown</text>" in insertion
    assert ">part of the photo hidden</text>" in deletion
    assert ">mean probability of the answer</text>" in insertion


def test_last_tick_has_room_for_its_text() -> None:
    (_, svg), _ = faithfulness_figures(FINDING)
    width = float(re.findall('viewBox="0 0 ([0-9.]+)', svg)[0])
    centre = re.search(r'x="([0-9.]+)"[^>]*>100 %</text>', svg)
    assert centre is not None
    # Browsers set "100 %" of 11.5 points no wider than 40, and half of it stands right of the tick.
    assert width - float(centre.group(1)) > 20


def test_the_two_figures_share_no_id() -> None:
    one, other = (
        set(re.findall(r'\sid="([^"]*)"', svg)) for _, svg in faithfulness_figures(FINDING)
    )
    assert one
    assert not one & other


def test_lines_are_told_apart_without_colour() -> None:
    swatches = [re.sub(r"var\(--[a-z]+\)", "colour", swatch) for swatch, _ in legend(FINDING)]
    assert len(set(swatches)) == 4


def test_only_what_knows_nothing_is_broken() -> None:
    assert [("stroke-dasharray" in swatch, title) for swatch, title in legend(FINDING)] == [
        (False, "CAM"),
        (False, "occlusion"),
        (True, "a blob"),
        (True, "noise"),
    ]
    (_, svg), _ = faithfulness_figures(FINDING)
    assert svg.count("stroke-dasharray: ") == 2


def test_one_method_without_baselines_is_drawn() -> None:
    alone = dataclasses.replace(FINDING, methods=(curves("CAM"),), baselines=())
    (_, svg), _ = faithfulness_figures(alone)
    assert 'aria-label="Curves of insertion over 20 photos; areas: CAM 0.70."' in svg


def test_hostile_title_cannot_leave_its_attribute() -> None:
    hostile = dataclasses.replace(FINDING, methods=(curves('"><script>alert(1)</script>'),))
    for _, svg in faithfulness_figures(hostile):
        assert "<script" not in svg
        assert "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt; 0." in svg


def test_same_finding_is_the_same_drawing_whatever_matplotlib_was_told() -> None:
    before = faithfulness_figures(FINDING)
    with matplotlib.rc_context({"font.size": 40.0, "lines.linewidth": 9.0}):
        assert faithfulness_figures(FINDING) == before


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError) as caught:
        faithfulness_figures(FINDING)
    assert str(caught.value) == (
        "The report needs matplotlib, which is not installed.\n"
        "  fix: Install it with `pip install 'lineament[report]'`."
    )
