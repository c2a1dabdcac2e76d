"""Figures of an evaluation: how far confidence can be trusted, and what is taken for what."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.findings.calibration import Calibration, Uncalibrated
from lineament.measure.calibration import ReliabilityBin
from lineament.measure.intervals import Interval, wilson
from lineament.reporting.drawing import (
    ACCENT,
    MUTED,
    RIGHT_RGB,
    WRONG_RGB,
    canvas,
    drawing,
    shortened,
    svg_text,
)

PURPOSE = "The report"


def reliability_figure(
    calibration: Calibration | Uncalibrated,
    *,
    level: float,
    name: str = "reliability",
    start: float | None = None,
) -> str:
    """Draw how often answers were right against how sure they were.

    Args:
        calibration: The bins, at least one.
        level: Confidence level of the bars, which are Wilson's intervals.
        name: Prefix of every id in the drawing; must differ between the figures of a page.
        start: Where both axes begin; ``None`` for `reliability_start` of the bins.

    Returns:
        One ``svg`` element.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    bins = calibration.bins
    intervals = _of_bins(bins, level)
    confidence = np.array([each.confidence for each in bins])
    accuracy = np.array([each.accuracy for each in bins])
    low = np.array([each.low for each in intervals])
    high = np.array([each.high for each in intervals])
    if start is None:
        start = reliability_start(bins, level=level)
    with drawing(name, purpose=PURPOSE):
        figure, axes = canvas(width=400, height=370, margins=(66, 20, 12, 54))
        axes.set_xlim(start, 1)
        axes.set_ylim(start, 1)
        axes.plot([start, 1], [start, 1], color=MUTED, linewidth=1, linestyle=(0, (5, 4)))
        axes.vlines(confidence, low, high, color=ACCENT, linewidth=1.5, alpha=0.55)
        axes.plot(
            confidence,
            accuracy,
            color=ACCENT,
            linestyle="none",
            marker="o",
            markersize=5.5,
            clip_on=False,
            zorder=4,
        )
        ticks = _round_ticks(start)
        axes.set_xticks(ticks, [f"{tick * 100:.0f} %" for tick in ticks])
        axes.set_yticks(ticks, [f"{tick * 100:.0f} %" for tick in ticks])
        axes.set_xlabel("how sure the model was (mean confidence)")
        axes.set_ylabel("how often it was right")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        return svg_text(figure, name=name, alt=_reliability_alt(bins))


def reliability_start(bins: Sequence[ReliabilityBin], *, level: float) -> float:
    """Give the tenth below everything that a reliability diagram shows, so that two can share it.

    Args:
        bins: At least one.
        level: Confidence level of the bars.

    Returns:
        0 to 0.9.
    """
    lowest = min(
        *(each.confidence for each in bins), *(each.low for each in _of_bins(bins, level)), 0.9
    )
    return math.floor(lowest * 10) / 10


def matrix_figure(
    shares: NDArray[np.float64], classes: Sequence[str], *, name: str, alt: str
) -> str:
    """Draw a matrix as a heat map: blue where truth and answer agree, orange elsewhere.

    Args:
        shares: How strong each cell is, ``float64 (C, C)``, 0 (nothing) to 1; row is the truth.
        classes: The ``C`` names.
        name: Prefix of every id in the drawing; must differ between the figures of a page.
        alt: What the figure shows, for those who do not see it.

    Returns:
        One ``svg`` element.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    labels = [shortened(each) for each in classes]
    cell = max(9.0, 640 / len(classes))
    font = min(10.0, cell * 0.88)
    room = 14 + 0.58 * font * max(len(label) for label in labels)  # mean width of a letter: 0.58 em
    side = cell * len(classes)
    with drawing(name, purpose=PURPOSE):
        figure, axes = canvas(
            width=room + 20 + side + 6,
            height=room + 20 + side + 6,
            margins=(room + 20, 6, room + 20, 6),
        )
        colours = np.empty((*shares.shape, 4))
        colours[..., :3] = WRONG_RGB
        colours[np.eye(len(shares), dtype=bool), :3] = RIGHT_RGB
        colours[..., 3] = shares
        axes.imshow(colours, interpolation="none", aspect="auto")
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        positions = np.arange(len(classes))
        axes.set_xticks(positions, labels, rotation=90, fontsize=font, parse_math=False)
        axes.set_yticks(positions, labels, fontsize=font, parse_math=False)
        axes.tick_params(length=0, pad=4)
        axes.set_xlabel("answer")
        axes.set_ylabel("truth")
        return svg_text(figure, name=name, alt=alt)


def _round_ticks(start: float) -> list[float]:
    """Whole percents from ``start`` to 1, 1 always among them."""
    step = next(step for step in (0.02, 0.05, 0.1, 0.2) if (1 - start) / step < 6.5)
    return [1 - i * step for i in range(7) if 1 - i * step > start - 1e-9]


def _of_bins(bins: Sequence[ReliabilityBin], level: float) -> list[Interval]:
    return [wilson(round(each.accuracy * each.count), each.count, level=level) for each in bins]


def _reliability_alt(bins: Sequence[ReliabilityBin]) -> str:
    points = "; ".join(
        f"{each.confidence * 100:.0f} % sure, {each.accuracy * 100:.0f} % right" for each in bins
    )
    return f"Reliability diagram. {points}."
