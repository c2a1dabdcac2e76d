import re
import sys

import matplotlib
import numpy as np
import pytest

from lineament.artifacts.findings.calibration import Calibration
from lineament.core.errors import MissingExtraError
from lineament.measure.calibration import ReliabilityBin
from lineament.reporting.figures import matrix_figure, reliability_figure, reliability_start

CALIBRATION = Calibration(
    expected_calibration_error=0.1,
    n_bins=2,
    bins=(
        ReliabilityBin(confidence=0.6, accuracy=0.5, count=20, low=0.5, high=0.7),
        ReliabilityBin(confidence=0.9, accuracy=1.0, count=20, low=0.8, high=1.0),
    ),
)


def _matrix(classes: list[str]) -> str:
    return matrix_figure(np.eye(len(classes)), classes, name="m", alt="a matrix")


def test_a_figure_is_one_svg_element() -> None:
    svg = reliability_figure(CALIBRATION, level=0.95)
    assert svg.startswith("<svg ")
    assert svg.endswith("</svg>")
    assert svg.count("<svg") == 1


def test_a_figure_says_in_words_what_it_shows() -> None:
    assert (
        'aria-label="Reliability diagram. 60 % sure, 50 % right; 90 % sure, 100 % right."'
        in reliability_figure(CALIBRATION, level=0.95)
    )


def test_both_axes_begin_at_the_tenth_below_everything() -> None:
    # 10 of 20 have an interval that begins at 30 %.
    assert reliability_start(CALIBRATION.bins, level=0.95) == pytest.approx(0.2)
    sure = ReliabilityBin(confidence=0.999, accuracy=1.0, count=10_000, low=0.99, high=1.0)
    assert reliability_start([sure], level=0.95) == 0.9


def test_two_diagrams_of_a_page_have_other_ids() -> None:
    one, other = (
        set(re.findall(r'\sid="([^"]*)"', reliability_figure(CALIBRATION, level=0.95, name=name)))
        for name in ("one", "other")
    )
    assert one
    assert not one & other


def test_text_stays_text() -> None:
    assert ">how often it was right</text>" in reliability_figure(CALIBRATION, level=0.95)


def test_colours_are_those_of_the_page() -> None:
    svg = reliability_figure(CALIBRATION, level=0.95)
    assert {"--ink", "--muted", "--accent"} <= set(re.findall(r"var\((--\w+)\)", svg))
    assert "#0102" not in svg


def test_the_same_figure_is_drawn_twice() -> None:
    assert reliability_figure(CALIBRATION, level=0.95) == reliability_figure(
        CALIBRATION, level=0.95
    )
    assert _matrix(["a", "b"]) == _matrix(["a", "b"])


def test_the_users_own_matplotlib_settings_change_nothing() -> None:
    plain = reliability_figure(CALIBRATION, level=0.95)
    with matplotlib.rc_context({"font.size": 30, "axes.grid": True, "svg.fonttype": "path"}):
        assert reliability_figure(CALIBRATION, level=0.95) == plain


def test_matplotlibs_settings_are_left_as_they_were() -> None:
    before = dict(matplotlib.rcParams)
    reliability_figure(CALIBRATION, level=0.95)
    assert dict(matplotlib.rcParams) == before


def test_pyplot_is_not_imported() -> None:
    loaded = sys.modules.pop("matplotlib.pyplot", None)
    reliability_figure(CALIBRATION, level=0.95)
    assert "matplotlib.pyplot" not in sys.modules
    if loaded is not None:
        sys.modules["matplotlib.pyplot"] = loaded


def test_nothing_about_the_day_or_the_program_is_written() -> None:
    assert "<metadata" not in reliability_figure(CALIBRATION, level=0.95)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("英国短毛猫", "英国短毛猫"),
        ("$x^2$", "$x^2$"),
        ("<script>", "&lt;script&gt;"),
        ('id="x" url(#y)', 'id="x" url(#y)'),
        ("Staffordshire Bull Terrier", "Staffordsh…ll Terrier"),
    ],
)
def test_a_class_name_is_written_as_it_is(name: str, written: str) -> None:
    assert f">{written}</text>" in _matrix([name, "b"])


def test_a_figure_whose_library_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError) as caught:
        reliability_figure(CALIBRATION, level=0.95)
    assert str(caught.value) == (
        "The report needs matplotlib, which is not installed.\n"
        "  fix: Install it with `pip install 'lineament[report]'`."
    )
