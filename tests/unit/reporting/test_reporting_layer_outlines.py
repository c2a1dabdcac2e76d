import math
import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineament.artifacts.histograms import LayerValues
from lineament.reporting.layer_outlines import ridged_layers, ridges

Layer = Callable[..., LayerValues]


def drawn(rows: Sequence[LayerValues]) -> str:
    return ridges(rows, name="r", about="parameters of conv1")


def texts(svg: str) -> list[str]:
    return re.findall(r">([^<>]+)</text>", svg)


def outlines(svg: str) -> int:
    return svg.count("fill: var(--card)")


def test_each_epoch_is_an_outline_with_its_number(layer: Layer) -> None:
    svg = drawn([layer(epoch) for epoch in (1, 2, 3)])

    assert outlines(svg) == 3
    assert {"1", "2", "3"} <= set(texts(svg))


def test_of_many_epochs_eight_are_shown_the_first_and_the_last_among_them(layer: Layer) -> None:
    svg = drawn([layer(epoch) for epoch in range(1, 101)])

    assert outlines(svg) == 8
    assert {"1", "100"} <= set(texts(svg))


def test_epochs_are_drawn_in_their_order_whatever_the_order_of_rows(layer: Layer) -> None:
    rows = [layer(epoch, counts=(epoch, 5, 1, 1)) for epoch in range(1, 5)]

    assert drawn(rows[::-1]) == drawn(rows)


def test_outlines_hide_what_is_behind_them_in_the_colour_of_the_card(layer: Layer) -> None:
    assert "fill: var(--card); stroke: var(--accent)" in drawn([layer(1)])


def test_values_that_are_all_the_same_are_one_stroke(layer: Layer) -> None:
    svg = drawn([layer(1, low=1.0, high=1.0, counts=(64,))])

    assert outlines(svg) == 0
    assert "stroke: var(--accent)" in svg
    assert "1" in texts(svg)


def test_a_layer_without_a_finite_value_says_so(layer: Layer) -> None:
    broken = layer(2, low=0.0, high=0.0, counts=(0,), rms=math.nan)

    assert "no finite value" in texts(drawn([layer(1), broken]))
    assert "no finite value" in texts(drawn([broken]))


def test_no_rows_are_no_figure() -> None:
    assert drawn([]) == ""


def test_single_values_far_out_do_not_squeeze_the_rest(layer: Layer) -> None:
    counts = [0] * 64
    counts[32], counts[63] = 10_000, 1
    svg = drawn([layer(1, low=-1000.0, high=1000.0, counts=counts)])

    assert "1000" not in texts(svg)


def test_the_outline_of_few_values_has_few_corners(layer: Layer) -> None:
    few, many = (drawn([layer(1, counts=np.full(64, n).tolist())]) for n in (1, 1000))

    corners = [
        len(re.findall(r"L ", path))
        for svg in (few, many)
        for path in re.findall(r'<path d="([^"]*)"[^>]*fill: var\(--card\)', svg)
    ]
    assert corners[0] < 15 < 60 < corners[1]


def test_a_figure_says_in_words_how_the_spread_changed(layer: Layer) -> None:
    assert (
        'aria-label="parameters of conv1. epoch 1: root mean square 0.1; '
        'epoch 2: root mean square 0.2."'
    ) in drawn([layer(1, rms=0.1), layer(2, rms=0.2)])


@pytest.mark.parametrize("count", [1, 4, 6])
def test_a_handful_of_layers_is_shown_as_it_is(count: int, layer: Layer) -> None:
    names = [f"layer{number}.bias" for number in range(count)]

    assert ridged_layers([layer(1, name) for name in names]) == tuple(names)


def test_of_many_layers_large_ones_are_shown_from_input_to_output(layer: Layer) -> None:
    rows = []
    for number in range(50):
        rows.append(layer(1, f"{number}.conv.weight", counts=(9000, 9000)))
        rows.append(layer(1, f"{number}.norm.weight", counts=(32, 32)))
        rows.append(layer(1, f"{number}.norm.bias", counts=(9000, 32)))
    chosen = ridged_layers(rows)

    assert len(chosen) == 6
    assert (chosen[0], chosen[-1]) == ("0.conv.weight", "49.conv.weight")
    assert all(name.endswith("conv.weight") for name in chosen)


def test_biases_are_shown_where_there_is_nothing_else(layer: Layer) -> None:
    rows = [layer(1, f"{number}.bias") for number in range(9)]

    assert len(ridged_layers(rows)) == 6


@settings(max_examples=30)
@given(
    st.floats(-1e30, 1e30),
    st.floats(0, 1e30),
    st.lists(st.integers(0, 10**9), min_size=2, max_size=64).filter(any),
)
def test_any_spread_is_drawn(layer: Layer, low: float, width: float, counts: list[int]) -> None:
    high = low + width
    svg = drawn([layer(1, low=low, high=high, counts=counts if high > low else (sum(counts),))])

    assert svg.endswith("</svg>")
    assert "nan" not in svg
