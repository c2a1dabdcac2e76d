import base64
import io
import math
import re
from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.histograms import LayerValues
from lineament.reporting.drawing import RIGHT_RGB, WRONG_RGB
from lineament.reporting.layer_maps import HeatMap, heat_map, layer_label, layer_order, spread_out

Layer = Callable[..., LayerValues]
Layers = Callable[..., list[LayerValues]]


def drawn(rows: Sequence[LayerValues]) -> HeatMap:
    found = heat_map(rows, lambda row: row.rms, name="m", about="Gradients")
    assert found is not None
    return found


def pixels(map_: HeatMap) -> NDArray[np.uint8]:
    """The picture within a map, as it was made: its cells are of even size."""
    match = re.search(r"base64,([^\"]+)\"", map_.svg)
    assert match is not None
    with Image.open(io.BytesIO(base64.b64decode(match[1]))) as picture:
        return np.asarray(picture.convert("RGBA"))


def texts(svg: str) -> list[str]:
    return re.findall(r">([^<>]+)</text>", svg)


def test_larger_values_are_stronger(layer: Layer) -> None:
    cells = pixels(drawn([layer(1, "a", rms=0.01), layer(1, "b", rms=1.0)]))

    assert cells[0, 0, 3] < 30
    assert cells[-1, 0, 3] == 255
    np.testing.assert_allclose(cells[-1, 0, :3] / 255, RIGHT_RGB, atol=0.01)


def test_the_scale_names_the_least_above_nought_and_the_largest(layer: Layer) -> None:
    map_ = drawn([layer(1, "a", rms=2e-6), layer(1, "b", rms=0.0), layer(1, "c", rms=0.5)])

    assert (map_.low, map_.high) == ("2e-6", "0.5")
    assert (map_.has_nought, map_.has_broken) == (True, False)


def test_what_is_no_number_has_a_colour_of_its_own(layer: Layer) -> None:
    map_ = drawn([layer(1, "a", rms=math.nan), layer(2, "a", rms=1.0)])

    np.testing.assert_allclose(pixels(map_)[0, 0] / 255, (*WRONG_RGB, 1.0), atol=0.01)
    assert map_.has_broken


def test_nought_is_grey_and_not_empty(layer: Layer) -> None:
    cells = pixels(drawn([layer(1, "a", rms=0.0), layer(2, "a", rms=1.0)]))

    np.testing.assert_allclose(cells[0, 0] / 255, (0.5, 0.5, 0.5, 0.55), atol=0.01)


def test_what_was_not_measured_is_empty(layer: Layer) -> None:
    cells = pixels(drawn([layer(1, "b"), layer(2, "a"), layer(2, "b")]))

    assert cells[0, 0, 3] == 0
    assert cells[-1, 0, 3] > 0


def test_only_noughts_and_no_numbers_need_no_scale(layer: Layer) -> None:
    map_ = drawn([layer(1, "a", rms=0.0), layer(1, "b", rms=math.inf)])

    assert (map_.low, map_.high) == ("", "")


def test_a_quantity_that_no_layer_has_is_not_drawn(layer: Layer) -> None:
    rows = [layer(1, "a", "gradient")]

    assert heat_map(rows, lambda row: row.update_ratio, name="m", about="Steps") is None
    assert heat_map([], lambda row: row.rms, name="m", about="Gradients") is None


def test_few_layers_are_all_named(layers: Layers) -> None:
    said = texts(drawn(layers(30, 2)).svg)

    assert [each for each in said if each.startswith("stage")] == [f"stage{n}" for n in range(30)]


def test_of_many_layers_some_are_named_the_first_and_the_last_among_them(layers: Layers) -> None:
    said = [each for each in texts(drawn(layers(200, 1)).svg) if each.startswith("stage")]

    assert (said[0], said[-1], len(said)) == ("stage0", "stage199", 12)


def test_two_hundred_layers_take_no_more_room_than_thirty(layers: Layers) -> None:
    heights = [
        float(drawn(layers(n, 1)).svg.partition('viewBox="')[2].split('"')[0].split()[3])
        for n in (4, 30, 200)
    ]

    assert heights[0] < 120
    assert heights[1] == heights[2] < 460


def test_a_map_says_in_words_what_it_shows(layers: Layers) -> None:
    assert (
        'aria-label="Gradients of 3 layers. At epoch 2: stage0 1, stage2 0.01."'
        in drawn(layers(3, 2)).svg
    )


def test_hostile_names_stay_text(layer: Layer) -> None:
    svg = drawn([layer(1, "<script>$x_1$")]).svg

    assert "<script>" not in svg
    assert "&lt;script&gt;$x_1$" in svg


def test_layers_that_were_unfrozen_later_stand_where_they_are_in_the_network(
    layer: Layer,
) -> None:
    rows = [layer(1, "head"), layer(2, "input"), layer(2, "head")]

    assert layer_order(rows) == ("input", "head")


def test_a_layer_that_the_longest_epoch_lacks_is_not_lost(layer: Layer) -> None:
    rows = [layer(1, "a"), layer(1, "b"), layer(2, "c")]

    assert layer_order(rows) == ("a", "b", "c")


def test_no_rows_have_no_layers() -> None:
    assert layer_order([]) == ()


def test_names_are_told_without_what_all_have() -> None:
    assert layer_label("backbone.network.layer1.0.bn1.bias") == "layer1.0.bn1.bias"


@given(st.integers(0, 300), st.integers(1, 40))
def test_what_is_spread_out_is_in_order_with_both_ends(count: int, wanted: int) -> None:
    chosen = spread_out(count, wanted)

    assert len(chosen) == min(count, wanted)
    assert chosen == sorted(set(chosen))
    assert not chosen or chosen[0] == 0
    assert len(chosen) < 2 or chosen[-1] == count - 1


@settings(max_examples=30)
@given(st.lists(st.one_of(st.floats(min_value=0), st.just(math.nan)), min_size=1, max_size=4))
def test_any_sizes_are_drawn(layer: Layer, sizes: Sequence[float]) -> None:
    map_ = drawn([layer(1, str(place), rms=rms) for place, rms in enumerate(sizes)])

    assert map_.svg.endswith("</svg>")
