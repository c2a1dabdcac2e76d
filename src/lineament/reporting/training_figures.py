"""Figures of trainings: lines over epochs, or over whatever else was tried."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lineament.reporting.drawing import (
    ACCENT,
    MUTED,
    VARIABLES,
    WRONG_RGB,
    canvas,
    drawing,
    svg_text,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

PURPOSE = "The page of curves"
Row = Mapping[str, float | None]

# Points: width and height, which a phone shows as they are, and the smaller ones of a side matter.
LARGE, SMALL = (400.0, 275.0), (270.0, 190.0)
MARGINS = (66.0, 16.0, 14.0, 48.0)
LOGARITHMIC = 30.0  # a span from which the small values would lie on the axis
MARKED_POINTS = 40  # more would make a band of the line
TRAIN = "#c2681f"  # beside the accent, on light and on dark

# What is drawn of a history. Several columns share axes where they are in one unit.
TITLES = {
    "validation_loss": "validation",
    "validation_loss_cautious": "validation, cautious",
    "validation_accuracy": "validation",
    "train_loss": "train",
    "train_accuracy": "train",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a figure.

    Attributes:
        label: What it is, for those who do not see it.
        points: Places and values, by place; no line is drawn through a value that is absent, and a
            cross at the upper edge stands for one that is no number.
        colour: As matplotlib takes it.
        dashes: Lengths of strokes and gaps in points; empty is a whole line.
        width: In points.
        ringed: The place whose point is ringed: what was kept; ``None`` where none is.
    """

    label: str
    points: tuple[tuple[float, float | None], ...]
    colour: str
    dashes: tuple[float, ...] = ()
    width: float = 1.8
    ringed: float | None = None

    @property
    def seen(self) -> tuple[tuple[float, float], ...]:
        """The points that have a place in the figure."""
        return tuple((x, y) for x, y in self.points if y is not None and math.isfinite(y))

    @property
    def broken(self) -> tuple[float, ...]:
        """Places whose value is no finite number."""
        return tuple(x for x, y in self.points if y is not None and not math.isfinite(y))


def line_of(
    history: Sequence[Row],
    column: str,
    *,
    colour: str = ACCENT,
    dashes: tuple[float, ...] = (),
    kept: float | None = None,
) -> Line:
    """Take a column of a history as a line over the history's first column.

    Args:
        history: Its rows.
        column: What is drawn.
        colour: As matplotlib takes it.
        dashes: As of `Line`.
        kept: The place that is ringed.
    """
    points = [(row[next(iter(row))], row.get(column)) for row in history]
    placed = [(x, y) for x, y in points if x is not None]
    return Line(
        label=TITLES.get(column, column.replace("_", " ")),
        points=tuple(sorted(placed, key=lambda point: point[0])),
        colour=colour,
        dashes=dashes,
        ringed=kept,
    )


def history_lines(history: Sequence[Row], measure: str, *, kept: float | None) -> tuple[Line, ...]:
    """The lines of a measure, train and validation, as far as the history has them.

    Args:
        history: Its rows.
        measure: ``loss`` or ``accuracy``.
        kept: The place that validation chose.
    """
    wanted = (
        line_of(history, f"train_{measure}", colour=TRAIN, dashes=(4, 1.8), kept=kept),
        line_of(history, f"validation_{measure}_cautious", dashes=(1, 1.4), kept=kept),
        line_of(history, f"validation_{measure}", kept=kept),
    )
    return tuple(line for line in wanted if any(y is not None for _, y in line.points))


def lines_figure(
    lines: Sequence[Line],
    *,
    name: str,
    over: str,
    of: str,
    kept: float | None = None,
    is_fraction: bool = False,
    may_be_log: bool = True,
    size: tuple[float, float] = LARGE,
) -> str:
    """Draw lines over epochs, or over tried values.

    Args:
        lines: What to draw; later ones lie above.
        name: Prefix of every id in the drawing; must differ between the figures of a page.
        over: What the horizontal axis is, such as ``epoch``.
        of: What the vertical axis is, with its unit.
        kept: The place that was chosen, marked; ``None`` where there is none to mark.
        is_fraction: Whether values are 0 to 1 and read as percent.
        may_be_log: Whether a wide range of values turns the vertical axis logarithmic.
        size: Width and height in points.

    Returns:
        One ``svg`` element; empty where no line has a value.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    places = sorted({x for line in lines for x, y in line.points if y is not None})
    values = [y for line in lines for _, y in line.seen]
    if not places:
        return ""
    with drawing(name, purpose=PURPOSE):
        figure, axes = canvas(width=size[0], height=size[1], margins=MARGINS)
        is_log = may_be_log and not is_fraction and _spans_decades(values)
        _scale(axes.yaxis, values, is_log=is_log, is_fraction=is_fraction)
        _scale_places(axes.xaxis, places, over=over)
        if kept is not None and places[0] <= kept <= places[-1]:
            axes.axvline(kept, color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
        for line in lines:
            _draw(axes, line)
        axes.set_xlabel(over)
        said = [of] if size == LARGE else []  # beside a small figure the page says it
        axes.set_ylabel(", ".join([*said, *["log scale"] * is_log]))
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        return svg_text(figure, name=name, alt=_alt(lines, over, of, kept))


def swatch(line: Line) -> dict[str, str]:
    """A line's entry in a legend, in the colours of the page."""
    return {
        "label": line.label,
        "colour": VARIABLES.get(line.colour, line.colour),
        "dashes": " ".join(f"{each * line.width:g}" for each in line.dashes),
    }


def _draw(axes: "Axes", line: Line) -> None:
    xs = [x for x, _ in line.points]
    ys = [math.nan if y is None or not math.isfinite(y) else y for _, y in line.points]
    axes.plot(
        xs,
        ys,
        color=line.colour,
        linewidth=line.width,
        linestyle=(0, line.dashes) if line.dashes else "solid",
        marker="o" if len(line.seen) <= MARKED_POINTS else "",
        markersize=max(2.0, line.width * 1.7),
        clip_on=False,
        zorder=3,
    )
    at = [(x, y) for x, y in line.seen if x == line.ringed]
    if at:
        axes.plot(
            *at[0],
            color=line.colour,
            marker="o",
            markersize=10,
            markerfacecolor="none",
            markeredgewidth=1.6,
            clip_on=False,
            zorder=4,
        )
    axes.plot(
        line.broken,
        [1.0] * len(line.broken),
        transform=axes.get_xaxis_transform(),
        color=WRONG_RGB,
        linestyle="none",
        marker="x",
        markersize=8,
        markeredgewidth=2,
        clip_on=False,
        zorder=5,
    )


def _spans_decades(values: Sequence[float]) -> bool:
    return bool(values) and min(values) > 0 and max(values) / min(values) > LOGARITHMIC


def _scale(axis: "Axis", values: Sequence[float], *, is_log: bool, is_fraction: bool) -> None:
    """Give the vertical axis room for the values, and ticks that can be read."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes = axis.axes
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if is_log:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.3, high * 1.3)
        _name_decades(axis, low, high)
        return
    if is_fraction:  # whole tens, so that figures side by side look alike
        low = max(0.0, math.floor((low - 0.02) * 10) / 10)
        high = min(1.0, math.ceil((high + 0.02) * 10) / 10)
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.0f} %"))
    else:
        room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
        # The nought is worth seeing where it is near, and nothing is less than it.
        low = 0.0 if 0 <= low < max(high / 2, room) else low - room
        high += room
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
    axes.set_ylim(low, high)
    axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))


def _scale_places(axis: "Axis", places: Sequence[float], *, over: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes, low, high = axis.axes, places[0], places[-1]
    if _spans_decades(places) and over != "epoch":
        axes.set_xscale("log")
        axes.set_xlim(low / 1.6, high * 1.6)
        _name_decades(axis, low, high)
        return
    room = (high - low) * 0.03 or abs(high) * 0.5 or 0.5
    axes.set_xlim(low - room, high + room)
    axis.set_major_locator(
        MaxNLocator(7, steps=[1, 2, 5, 10], integer=over == "epoch", min_n_ticks=1)
    )
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))


def _name_decades(axis: "Axis", low: float, high: float) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    is_short = math.log10(high / low) < 2.5
    axis.set_major_locator(LogLocator(subs=(1.0, 3.0) if is_short else (1.0,), numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
    axis.set_minor_formatter(NullFormatter())


def power(value: float) -> str:
    """Write a number of any size shortly.

    Example:
        >>> power(0.0003), power(1e-7), power(30.0), power(2.4e6)
        ('0.0003', '1e-7', '30', '2e6')
    """
    if value == 0 or 1e-4 <= abs(value) < 1e5:
        return f"{value + 0.0:.3g}" if abs(value) < 100 else f"{value:.0f}"
    mantissa, _, exponent = f"{value:.0e}".partition("e")
    if not exponent:  # no finite number
        return mantissa
    return f"{mantissa}e{int(exponent)}"


def _alt(lines: Sequence[Line], over: str, of: str, kept: float | None) -> str:
    parts = []
    for line in lines:
        if not line.seen:
            continue
        (first, start), (last, end) = line.seen[0], line.seen[-1]
        parts.append(f"{line.label}: {start:.4g} at {first:g}, {end:.4g} at {last:g}")
    chosen = "" if kept is None else f" Kept: {kept:g}."
    return f"{of} over {over}. {'; '.join(parts) or 'no finite value'}.{chosen}"
