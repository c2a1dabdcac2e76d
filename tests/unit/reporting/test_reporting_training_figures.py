import math
import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineament.reporting.drawing import ACCENT
from lineament.reporting.training_figures import (
    SMALL,
    Line,
    history_lines,
    line_of,
    lines_figure,
    power,
    swatch,
)

Rows = Callable[..., list[dict[str, float | None]]]


def line(*values: float | None, **fields: object) -> Line:
    points = tuple((float(place), value) for place, value in enumerate(values))
    return Line(label="loss", points=points, colour=ACCENT, **fields)  # type: ignore[arg-type]


def drawn(*lines: Line, over: str = "epoch", **options: object) -> str:
    return lines_figure(lines, name="f", over=over, of="loss", **options)  # type: ignore[arg-type]


def texts(svg: str) -> list[str]:
    return re.findall(r">([^<>]+)</text>", svg)


def test_lines_are_one_svg_in_the_colours_of_the_page() -> None:
    svg = drawn(line(0.7, 0.5))

    assert (svg.count("<svg"), svg.endswith("</svg>")) == (1, True)
    assert "var(--accent)" in svg
    assert "#0102" not in svg


def test_a_figure_says_in_words_where_lines_begin_and_end_and_what_was_kept() -> None:
    assert 'aria-label="loss over epoch. loss: 0.7 at 0, 0.5 at 1. Kept: 1."' in drawn(
        line(0.7, 0.5), kept=1
    )


def test_the_same_lines_give_the_same_bytes() -> None:
    assert drawn(line(0.7, 0.5), kept=1) == drawn(line(0.7, 0.5), kept=1)


def test_without_a_value_there_is_no_figure() -> None:
    assert drawn() == ""
    assert drawn(line(None, None)) == ""


def test_a_single_epoch_is_drawn() -> None:
    svg = drawn(line(None, 0.5, ringed=1), kept=1)

    assert "loss: 0.5 at 1, 0.5 at 1. Kept: 1." in svg
    assert "1" in texts(svg)


def test_values_that_are_no_numbers_are_crosses_and_leave_a_gap() -> None:
    whole, broken = drawn(line(0.7, 0.6, 0.5)), drawn(line(0.7, math.nan, 0.5))

    assert line(0.7, math.nan, math.inf, None).broken == (1.0, 2.0)
    assert "rgb(" not in whole
    assert broken.count("<use") == whole.count("<use")  # a cross in place of a point


def test_only_values_that_are_no_numbers_are_said_to_be_that() -> None:
    assert "loss over epoch. no finite value." in drawn(line(math.nan, math.inf))


def test_epochs_are_whole_numbers() -> None:
    svg = drawn(line(0.7, 0.5, 0.4))

    assert [each for each in texts(svg) if each in ("0.5", "1.5", "0", "1", "2")][:3] == [
        "0",
        "1",
        "2",
    ]


def test_a_wide_range_is_logarithmic_and_says_so() -> None:
    assert "loss, log scale" in texts(drawn(line(100.0, 0.01)))
    assert "loss" in texts(drawn(line(1.0, 0.5)))


def test_a_range_that_reaches_nought_is_not_logarithmic() -> None:
    assert "loss" in texts(drawn(line(100.0, 0.0)))


def test_what_is_known_by_its_shape_is_not_logarithmic() -> None:
    assert "loss" in texts(drawn(line(100.0, 0.01), may_be_log=False))


def test_fractions_are_percents_up_to_a_hundred() -> None:
    labels = texts(drawn(line(0.83, 1.0), is_fraction=True))

    assert {"80 %", "100 %"} <= set(labels)
    assert "105 %" not in labels


def test_regularisations_are_decades() -> None:
    tried = Line(label="loss", points=((1e-6, 0.1), (1.0, 0.2)), colour=ACCENT)

    assert {"1e-6", "0.01", "1"} <= set(texts(drawn(tried, over="regularisation")))


def test_a_regularisation_of_nought_has_its_place() -> None:
    tried = Line(label="loss", points=((0.0, 0.1), (1.0, 0.2)), colour=ACCENT)

    assert "loss: 0.1 at 0, 0.2 at 1" in drawn(tried, over="regularisation")


def test_nothing_is_drawn_below_nought_where_nothing_is() -> None:
    assert [each for each in texts(drawn(line(0.0))) if each.startswith(("-", "−"))] == []


def test_a_small_figure_leaves_its_unit_to_the_page() -> None:
    assert "loss" not in texts(drawn(line(0.7, 0.5), size=SMALL))


def test_points_come_in_the_order_of_their_places(losses: Rows) -> None:
    rows = losses(0.7, 0.5, 0.6)[::-1]

    assert line_of(rows, "validation_loss").points == ((0, 0.7), (1, 0.5), (2, 0.6))


def test_a_history_has_the_lines_of_its_columns(losses: Rows) -> None:
    assert [each.label for each in history_lines(losses(0.7, 0.5), "loss", kept=1)] == [
        "train",
        "validation",
    ]


def test_a_solved_head_has_a_cautious_line_too() -> None:
    row = {
        "regularisation": 0.1,
        "train_loss": 0.1,
        "validation_loss": 0.2,
        "validation_loss_cautious": 0.3,
    }

    assert [each.label for each in history_lines([row], "loss", kept=0.1)] == [
        "train",
        "validation, cautious",
        "validation",
    ]


def test_a_legend_has_the_colours_of_the_page() -> None:
    assert swatch(line(0.5, dashes=(4.0, 2.0), width=2.0)) == {
        "label": "loss",
        "colour": "var(--accent)",
        "dashes": "8 4",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (-0.25, "-0.25"),
        (12345.6, "12346"),
        (2e9, "2e9"),
        (math.inf, "inf"),
    ],
)
def test_numbers_of_any_size_are_short(value: float, text: str) -> None:
    assert power(value) == text


@settings(max_examples=30)
@given(st.lists(st.one_of(st.none(), st.floats(width=32), st.floats(0, 1)), min_size=1, max_size=6))
def test_any_history_is_drawn_or_has_nothing_to_draw(values: Sequence[float | None]) -> None:
    svg = drawn(line(*values, ringed=1), kept=1)

    assert bool(svg) == any(value is not None for value in values)
    assert "nan" not in re.sub(r"aria-label=\"[^\"]*\"", "", svg)
