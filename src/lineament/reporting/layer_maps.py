"""Maps of layers: how large a quantity of each layer was at each epoch, drawn as a heat map."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.histograms import LayerValues
from lineament.reporting.drawing import (
    RIGHT_RGB,
    WRONG_RGB,
    canvas,
    drawing,
    shortened,
    svg_text,
)
from lineament.reporting.training_figures import PURPOSE, power

FloatArray = NDArray[np.float64]

LABEL_WIDTH = 124.0  # points, for the names of layers
NAMED_LAYERS = 30  # each has its name; of more, some
SOME_NAMES = 12
ROW_HEIGHT, MAP_HEIGHT = 15.0, 400.0
COLUMN_WIDTH, MAP_WIDTH = 34.0, 215.0
FAINT = 0.07  # of the smallest value, which must not look like none
NOUGHT_RGBA = (0.5, 0.5, 0.5, 0.55)


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeatMap:
    """A quantity of every layer over the epochs, drawn.

    Attributes:
        svg: One ``svg`` element.
        low: The least of the values that are above 0, as text; empty where there is none.
        high: The largest finite one.
        has_nought: Whether any value is exactly 0.
        has_broken: Whether any value is not finite.
    """

    svg: str
    low: str
    high: str
    has_nought: bool
    has_broken: bool


def layer_order(rows: Sequence[LayerValues]) -> tuple[str, ...]:
    """Every layer once, from input to output.

    Where layers were unfrozen one after another, the early epochs have some of them only: the
    longest epoch gives the order.
    """
    by_epoch: dict[int, dict[str, None]] = {}
    for row in rows:
        by_epoch.setdefault(row.epoch, {})[row.layer] = None
    longest = max(by_epoch.values(), key=len, default={})
    others = {layer: None for layers in by_epoch.values() for layer in layers}
    return tuple({**longest, **others})


def heat_map(
    rows: Sequence[LayerValues],
    value: Callable[[LayerValues], float | None],
    *,
    name: str,
    about: str,
) -> HeatMap | None:
    """Draw a quantity of each layer (a row) at each epoch (a column), on a logarithmic scale.

    Args:
        rows: Of one kind, parameters or gradients.
        value: The quantity, 0 or more; ``None`` where a layer has none.
        name: Prefix of every id in the drawing; must differ between the figures of a page.
        about: What the quantity is, for those who do not see it.

    Returns:
        The figure; ``None`` where no layer has the quantity.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    cells = {(row.layer, row.epoch): each for row in rows if (each := value(row)) is not None}
    if not cells:
        return None
    measured = {layer for layer, _ in cells}
    layers = [layer for layer in layer_order(rows) if layer in measured]
    epochs = sorted({epoch for _, epoch in cells})
    positive = [each for each in cells.values() if math.isfinite(each) and each > 0]
    low, high = min(positive, default=1.0), max(positive, default=1.0)
    colours = np.zeros((len(layers), len(epochs), 4))
    places = {epoch: place for place, epoch in enumerate(epochs)}
    for line, layer in enumerate(layers):
        for epoch, column in places.items():
            each = cells.get((layer, epoch))
            if each is not None:
                colours[line, column] = _colour(each, low, high)
    return HeatMap(
        svg=_heat_svg(colours, layers, epochs, name=name, alt=_heat_alt(about, layers, cells)),
        low=power(low) if positive else "",
        high=power(high) if positive else "",
        has_nought=any(each == 0 for each in cells.values()),
        has_broken=any(not math.isfinite(each) for each in cells.values()),
    )


def _colour(value: float, low: float, high: float) -> tuple[float, ...]:
    if not math.isfinite(value):
        return (*WRONG_RGB, 1.0)
    if value == 0:
        return NOUGHT_RGBA
    share = (
        1.0 if high == low else (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
    )
    return (*RIGHT_RGB, FAINT + (1 - FAINT) * share)


def _heat_svg(
    colours: FloatArray, layers: Sequence[str], epochs: Sequence[int], *, name: str, alt: str
) -> str:
    lines, columns = colours.shape[:2]
    height = min(MAP_HEIGHT, lines * ROW_HEIGHT)
    width = min(MAP_WIDTH, max(2, columns) * COLUMN_WIDTH)
    with drawing(name, purpose=PURPOSE):
        figure, axes = canvas(
            width=LABEL_WIDTH + width + 12, height=height + 44, margins=(LABEL_WIDTH, 12, 4, 40)
        )
        axes.imshow(colours, interpolation="none", aspect="auto")
        named = spread_out(lines, lines if lines <= NAMED_LAYERS else SOME_NAMES)
        axes.set_yticks(
            named,
            [shortened(layer_label(layers[each])) for each in named],
            fontsize=9.5,
            parse_math=False,
        )
        ticks = spread_out(columns, min(columns, 8))
        axes.set_xticks(ticks, [str(epochs[each]) for each in ticks])
        axes.tick_params(axis="y", length=0 if lines <= NAMED_LAYERS else 3)
        axes.set_xlabel("epoch")
        return svg_text(figure, name=name, alt=alt)


def _heat_alt(about: str, layers: Sequence[str], cells: Mapping[tuple[str, int], float]) -> str:
    last = max(epoch for _, epoch in cells)
    ends = [
        f"{layer_label(layer)} {power(cells[layer, last])}"
        for layer in dict.fromkeys((layers[0], layers[-1]))
        if (layer, last) in cells
    ]
    return f"{about} of {len(layers)} layers. At epoch {last}: {', '.join(ends) or 'none'}."


def layer_label(layer: str) -> str:
    """A layer's name without what all of a network's have.

    Example:
        >>> layer_label("backbone.network.layer1.0.conv1.weight"), layer_label("head.bias")
        ('layer1.0.conv1', 'head.bias')
    """
    return layer.removeprefix("backbone.network.").removesuffix(".weight")


def spread_out(count: int, wanted: int) -> list[int]:
    """At most so many of the first ``count`` numbers, evenly apart, with the first and last.

    Example:
        >>> spread_out(9, 3), spread_out(2, 5), spread_out(1, 3), spread_out(0, 3)
        ([0, 4, 8], [0, 1], [0], [])
    """
    n = min(count, wanted)
    return [round(place * (count - 1) / max(1, n - 1)) for place in range(n)]
