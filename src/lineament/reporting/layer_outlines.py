"""Outlines of layers: how the values of a layer are spread, epoch behind epoch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.histograms import LayerValues
from lineament.reporting.drawing import ACCENT, CARD, WRONG_RGB, canvas, drawing, svg_text
from lineament.reporting.layer_maps import layer_order, spread_out
from lineament.reporting.training_figures import PURPOSE, power

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = NDArray[np.float64]

RIDGED_LAYERS, RIDGED_EPOCHS = 6, 8
RIDGE_WIDTH, RIDGE_STEP = 236.0, 19.0
OVERLAP = 1.9  # how many steps high a ridge is
FEWEST_BINS = 8
MIDDLE = 0.99  # part of the values that a ridge shows: single ones far out would squeeze the rest


def ridged_layers(rows: Sequence[LayerValues]) -> tuple[str, ...]:
    """A handful of the layers with many values, spread from input to output.

    Biases and norms have few values, and half of all layers are such.
    """
    order = layer_order(rows)
    if len(order) <= RIDGED_LAYERS:
        return order
    sizes = {row.layer: sum(row.counts) for row in rows}
    weights = [layer for layer in order if not layer.endswith("bias")] or list(order)
    middle = sorted(sizes[layer] for layer in weights)[len(weights) // 2]
    large = [layer for layer in weights if sizes[layer] >= middle]
    return tuple(large[each] for each in spread_out(len(large), min(len(large), RIDGED_LAYERS)))


def ridges(rows: Sequence[LayerValues], *, name: str, about: str) -> str:
    """Draw how the values of one layer are spread, an outline per epoch, the last one in front.

    Args:
        rows: One layer, one kind, by epoch.
        name: Prefix of every id in the drawing; must differ between the figures of a page.
        about: What the values are, for those who do not see it.

    Returns:
        One ``svg`` element; empty where there are no values.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    by_epoch = sorted(rows, key=lambda row: row.epoch)
    shown = [by_epoch[each] for each in spread_out(len(by_epoch), RIDGED_EPOCHS)]
    if not shown:
        return ""
    low, high = _shown_range(shown)
    steps = len(shown) - 1
    with drawing(name, purpose=PURPOSE):
        figure, axes = canvas(
            width=RIDGE_WIDTH,
            height=(steps + OVERLAP) * RIDGE_STEP + 38,
            margins=(32, 14, 4, 28),
        )
        axes.set_xlim(low, high)
        axes.set_ylim(-0.12, steps + OVERLAP)
        for place, row in enumerate(shown):
            _ridge(axes, row, base=float(steps - place), order=place)
        axes.set_yticks(range(steps, -1, -1), [str(row.epoch) for row in shown], fontsize=12)
        _name_places(axes)
        axes.tick_params(axis="y", length=0)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        return svg_text(figure, name=name, alt=_ridge_alt(about, shown))


def _ridge(axes: "Axes", row: LayerValues, *, base: float, order: int) -> None:
    zorder = 2.0 + order  # later epochs lie in front
    total = sum(row.counts)
    if not total:
        axes.text(
            0.02,
            base + 0.15,
            "no finite value",
            transform=axes.get_yaxis_transform(),
            color=WRONG_RGB,
            fontsize=11,
            zorder=2.0 + RIDGED_EPOCHS,  # no outline hides it
        )
        return
    if len(row.counts) == 1:  # all the same
        axes.vlines(row.low, base, base + OVERLAP * 0.9, color=ACCENT, linewidth=2, zorder=zorder)
        return
    heights = _smoother(row.counts)
    edges = np.linspace(row.low, row.high, len(heights) + 1)
    outline = base + heights / heights.max() * OVERLAP * 0.9
    xs = np.concatenate(([edges[0]], (edges[1:] + edges[:-1]) / 2, [edges[-1]]))
    ys = np.concatenate(([base], outline, [base]))
    inside = _neighbours(xs, *axes.get_xlim())
    xs, ys = xs[inside], ys[inside]
    axes.fill(xs, ys, facecolor=CARD, edgecolor=ACCENT, linewidth=1.2, zorder=zorder)


def _smoother(counts: Sequence[int]) -> FloatArray:
    """Put bins together until there are about twice the cube root of the values of them.

    With more, the outline of a small layer would show nothing but chance (the Rice rule).
    """
    heights, wanted = np.asarray(counts, dtype=np.float64), 2 * sum(counts) ** (1 / 3)
    while len(heights) % 2 == 0 and len(heights) / 2 >= max(FEWEST_BINS, wanted):
        heights = heights.reshape(-1, 2).sum(axis=1)
    return heights


def _neighbours(xs: FloatArray, low: float, high: float) -> slice:
    """The points within a range and one more on each side, where the outline crosses the edge."""
    first = max(0, int(np.searchsorted(xs, low)) - 1)
    return slice(first, int(np.searchsorted(xs, high, side="right")) + 1)


def _shown_range(rows: Sequence[LayerValues]) -> tuple[float, float]:
    """Where the middle of the values lies, in any of the epochs."""
    ends = [_middle(row) for row in rows if sum(row.counts)]
    low = min((each[0] for each in ends), default=0.0)
    high = max((each[1] for each in ends), default=0.0)
    room = (high - low) * 0.05 or abs(high) * 0.5 or 1.0
    return low - room, high + room


def _middle(row: LayerValues) -> tuple[float, float]:
    if len(row.counts) == 1:
        return row.low, row.high
    share = np.concatenate(([0.0], np.cumsum(row.counts) / sum(row.counts)))
    outside = (1 - MIDDLE) / 2
    low, high = np.interp((outside, 1 - outside), share, row.edges)
    return float(low), float(high)


def _name_places(axes: "Axes") -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10], min_n_ticks=2))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
    axes.tick_params(axis="x", labelsize=12)


def _ridge_alt(about: str, shown: Sequence[LayerValues]) -> str:
    spreads = "; ".join(
        f"epoch {row.epoch}: root mean square {row.rms:.3g}" for row in (shown[0], shown[-1])
    )
    return f"{about}. {spreads}."
