"""Pareto: accuracy against cost, and the front of those that nothing cheaper is as accurate as."""

import math
from collections.abc import Sequence

from lineament.artifacts.verdicts import Contender
from lineament.measure.intervals import Interval
from lineament.reporting.drawing import ACCENT, CARD, INK, MUTED, canvas, drawing, svg_text

PURPOSE = "The page of a comparison"
SIZE = (640.0, 380.0)
MARGINS = (62.0, 18.0, 16.0, 50.0)
LOGARITHMIC = 8.0  # a span of costs from which the cheap ones would lie on each other
SPACE = 0.08  # beside the outermost points, of the span
# The kinds of cost, in the order in which one is taken: the first that is known of all.
MEASURES = {
    "milliseconds": "milliseconds per photo",
    "multiply_adds": "million multiply-adds per photo",
    "parameters": "million parameters",
    "file_bytes": "megabytes of the file",
}


def cost_measure(contenders: Sequence[Contender]) -> str | None:
    """Name the kind of cost that the front is drawn over; ``None`` where none is known of all."""
    return next(
        (
            measure
            for measure in MEASURES
            if all(getattr(each.cost, measure) is not None for each in contenders)
        ),
        None,
    )


def pareto_figure(contenders: Sequence[Contender], *, recommendation: str) -> str:
    """Draw every contender with the interval of its accuracy and the spread of its cost.

    Args:
        contenders: In the order of the table: the number of a point is its place there.
        recommendation: The name of the one that is ringed.

    Returns:
        An ``svg`` element; empty where no kind of cost is known of all.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    measure = cost_measure(contenders)
    if measure is None:
        return ""
    costs = [_cost(each, measure) for each in contenders]
    with drawing("pareto", purpose=PURPOSE):
        from matplotlib.ticker import LogLocator, NullFormatter

        figure, axes = canvas(width=SIZE[0], height=SIZE[1], margins=MARGINS)
        front = sorted(
            (cost.value, each.accuracy.value * 100)
            for each, cost in zip(contenders, costs, strict=True)
            if each.on_front
        )
        axes.step(*zip(*front, strict=True), where="post", color=ACCENT, linewidth=1, alpha=0.6)
        for place, (each, cost) in enumerate(zip(contenders, costs, strict=True), 1):
            accuracy = each.accuracy
            x, y = cost.value, accuracy.value * 100
            colour = ACCENT if each.on_front else MUTED
            axes.plot([x, x], [accuracy.low * 100, accuracy.high * 100], color=colour, lw=1.2)
            axes.plot([cost.low, cost.high], [y, y], color=colour, lw=1.2)
            axes.plot([x], [y], "o", ms=15, mfc=CARD, mec=colour, mew=1.2, zorder=3)
            if each.name == recommendation:
                axes.plot([x], [y], "o", ms=21, mfc="none", mec=INK, mew=1.6, zorder=3)
            axes.annotate(
                *(str(place), (x, y)), ha="center", va="center", fontsize=9, color=INK, zorder=4
            )
        lows, highs = [each.low for each in costs], [each.high for each in costs]
        # A cost of 0 is no cost that was measured; a logarithm has no place for it.
        if min(lows) > 0 and max(highs) / min(lows) >= LOGARITHMIC:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())  # else powers, in black on any page
            spread = math.exp(SPACE * math.log(max(highs) / min(lows)))
            axes.set_xlim(min(lows) / spread, max(highs) * spread)
        else:
            spread = SPACE * (max(highs) - min(lows)) or max(highs) or 1.0
            axes.set_xlim(max(0.0, min(lows) - spread), max(highs) + spread)
        axes.set_xlabel(MEASURES[measure])
        axes.set_ylabel("accuracy, %")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        return svg_text(figure, name="pareto", alt=_alt(contenders, costs, measure))


def _cost(each: Contender, measure: str) -> Interval:
    value = getattr(each.cost, measure)
    if isinstance(value, Interval):
        return value
    in_millions = value / 1e6
    return Interval(
        value=in_millions, low=in_millions, high=in_millions, method="counted", n=each.accuracy.n
    )


def _alt(contenders: Sequence[Contender], costs: Sequence[Interval], measure: str) -> str:
    points = [
        f"{each.name} {each.accuracy.value * 100:.1f} % at {cost.value:.3g}"
        for each, cost in zip(contenders, costs, strict=True)
    ]
    return f"Accuracy against {MEASURES[measure]}: {'; '.join(points)}"
