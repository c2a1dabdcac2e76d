"""The section on two classes: ROC, precision-recall and DET curves."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

from lineament.artifacts.findings.curves import BinaryCurves, Points
from lineament.measure.intervals import Interval
from lineament.reporting.drawing import ACCENT, CARD, MUTED, canvas, drawing, svg_text
from lineament.reporting.figures import PURPOSE
from lineament.reporting.numbers import NO_BREAK, interval_texts, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT, MARGINS = 330, 300, (72, 24, 10, 48)
DET_TICKS = (0.0001, 0.001, 0.01, 0.05, 0.2, 0.5, 0.8)
DASHES = (0, (5, 4))


def curves(finding: BinaryCurves) -> dict[str, object]:
    """Write and draw the section.

    Args:
        finding: What was found.

    Returns:
        What the section's template names.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    level = f"{finding.area_under_roc.level * 100:g}{NO_BREAK}%"
    rows = [
        ("Area under the ROC curve", finding.area_under_roc),
        ("Average precision", finding.average_precision),
        ("Equal error rate", finding.equal_error_rate),
    ]
    return {
        "positive": finding.positive,
        "level": level,
        "rows": [{"title": title, **_texts(interval)} for title, interval in rows],
        "figures": [
            {"title": "ROC", "figure": roc_figure(finding)},
            {"title": "Precision and recall", "figure": precision_recall_figure(finding)},
            {"title": "DET", "figure": det_figure(finding)},
        ],
    }


def roc_figure(finding: BinaryCurves) -> str:
    """Draw how many of either class pass, as one ``svg`` element; errors as `curves`."""
    alt = f"ROC curve. {_read(finding.roc, 'pass wrongly', 'are found')}."
    with drawing("roc", purpose=PURPOSE):
        figure, axes = canvas(width=WIDTH, height=HEIGHT, margins=MARGINS)
        _square(axes)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=DASHES)
        _plot(axes, finding.roc)
        axes.set_xlabel("others that pass wrongly")
        axes.set_ylabel("found")
        return svg_text(figure, name="roc", alt=alt)


def precision_recall_figure(finding: BinaryCurves) -> str:
    """Draw the precision against the recall, as one ``svg`` element; errors as `curves`."""
    points = finding.precision_recall
    alt = f"Precision-recall curve. {_read(points, 'found', 'of what passes is right')}."
    with drawing("precision-recall", purpose=PURPOSE):
        figure, axes = canvas(width=WIDTH, height=HEIGHT, margins=MARGINS)
        _square(axes)
        share = points[-1][1]  # where everything passes, precision is the share of the class
        axes.axhline(share, color=MUTED, linewidth=1, linestyle=DASHES)
        # Between two thresholds the precision is not on a straight line: steps, as the average.
        axes.step(
            [x for x, _ in points],
            [y for _, y in points],
            where="pre",
            color=ACCENT,
            linewidth=1.8,
            clip_on=False,
        )
        axes.set_xlabel("found (recall)")
        axes.set_ylabel("right among what passes")
        return svg_text(figure, name="precision-recall", alt=alt)


def det_figure(finding: BinaryCurves) -> str:
    """Draw either error on normal-deviate axes, as one ``svg`` element; errors as `curves`.

    Source: Martin et al. 1997, "The DET curve in assessment of detection task performance".
    """
    rate = finding.equal_error_rate.value
    points = [point for point in finding.det if all(0 < each < 1 for each in point)]
    alt = f"DET curve. Both errors are {percent(rate)} where they are equal."
    lowest = min([0.05, *(each for point in points for each in point)])
    start = max([each for each in DET_TICKS if each <= lowest], default=DET_TICKS[0])
    with drawing("det", purpose=PURPOSE):
        figure, axes = canvas(width=WIDTH, height=HEIGHT, margins=MARGINS)
        ticks = [each for each in DET_TICKS if each >= start]
        places = [_deviate(each) for each in ticks]
        ends = (places[0], places[-1])
        axes.set_xlim(*ends)
        axes.set_ylim(*ends)
        labels = [f"{each * 100:g}" for each in ticks]
        axes.set_xticks(places, labels)
        axes.set_yticks(places, labels)
        axes.plot(ends, ends, color=MUTED, linewidth=1, linestyle=DASHES)
        axes.plot(
            [_deviate(x) for x, _ in points],
            [_deviate(y) for _, y in points],
            color=ACCENT,
            linewidth=1.8,
        )
        if start <= rate <= DET_TICKS[-1]:
            axes.plot(
                _deviate(rate),
                _deviate(rate),
                color=ACCENT,
                marker="o",
                markersize=7,
                markeredgecolor=CARD,
                markeredgewidth=1.5,
                zorder=4,
            )
        axes.set_xlabel("others that pass wrongly, in %")
        axes.set_ylabel("missed, in %")
        _open(axes)
        return svg_text(figure, name="det", alt=alt)


def _deviate(rate: float) -> float:
    return NormalDist().inv_cdf(rate)


def _plot(axes: "Axes", points: Points) -> None:
    x, y = [point[0] for point in points], [point[1] for point in points]
    axes.plot(x, y, color=ACCENT, linewidth=1.8, clip_on=False)


def _square(axes: "Axes") -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    ticks, labels = _fifths()
    axes.set_xticks(ticks, labels)
    axes.set_yticks(ticks, labels)
    _open(axes)


def _open(axes: "Axes") -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _fifths() -> tuple[list[float], Sequence[str]]:
    return [each / 5 for each in range(6)], [f"{each * 20} %" for each in range(6)]


def _read(points: Points, across: str, up: str) -> str:
    """Some points of a curve as words, for those who do not see it."""
    rows = [min(points, key=lambda point: abs(point[0] - part)) for part in (0.01, 0.1, 0.5, 0.9)]
    return "; ".join(f"{percent(x)} {across}, {percent(y)} {up}" for x, y in dict.fromkeys(rows))


def _texts(interval: Interval) -> dict[str, str]:
    value, low, high = interval_texts(interval, is_fraction=True)
    return {"value": value, "low": low, "high": high}
