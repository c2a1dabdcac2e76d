"""Figures as SVG that stands inside a page: its colours are the page's, its text stays text.

Matplotlib draws in marker colours that no figure uses otherwise; each is then replaced by a
variable of the page's style sheet, so one drawing reads well on light, on dark and on paper.
"""

import contextlib
import html
import io
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.report import Calibration
from lineament.core.extras import require
from lineament.measure.intervals import wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PURPOSE = "The report"
INK, MUTED, ACCENT = "#010203", "#010204", "#010205"  # markers: nearly black, never meant as such
VARIABLES = {INK: "var(--ink)", MUTED: "var(--muted)", ACCENT: "var(--accent)"}
RIGHT_RGB, WRONG_RGB = (0.18, 0.49, 0.87), (0.91, 0.42, 0.11)  # mid tones: seen on light and dark
POINTS_PER_INCH = 72  # matplotlib's SVG unit is the point
LABEL_LETTERS = 22  # longer names would leave no room for the matrix


def reliability_figure(calibration: Calibration, *, level: float) -> str:
    """Draw how often answers were right against how sure they were.

    Args:
        calibration: The bins, at least one.
        level: Confidence level of the bars, which are Wilson's intervals.

    Returns:
        One ``svg`` element. Both axes start at the same tenth, below everything that is drawn.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    bins = calibration.bins
    intervals = [
        wilson(round(each.accuracy * each.count), each.count, level=level) for each in bins
    ]
    confidence = np.array([each.confidence for each in bins])
    accuracy = np.array([each.accuracy for each in bins])
    low = np.array([each.low for each in intervals])
    high = np.array([each.high for each in intervals])
    start = np.floor(min(confidence.min(), low.min(), 0.9) * 10) / 10
    with _drawing("reliability"):
        figure, axes = _canvas(width=400, height=370, margins=(66, 20, 12, 54))
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
        ticks = _round_ticks(float(start))
        axes.set_xticks(ticks, [f"{tick * 100:.0f} %" for tick in ticks])
        axes.set_yticks(ticks, [f"{tick * 100:.0f} %" for tick in ticks])
        axes.set_xlabel("how sure the model was (mean confidence)")
        axes.set_ylabel("how often it was right")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        return _svg(figure, name="reliability", alt=_reliability_alt(calibration))


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
    labels = [_shortened(each) for each in classes]
    cell = max(9.0, 640 / len(classes))
    font = min(10.0, cell * 0.88)
    room = 14 + 0.58 * font * max(len(label) for label in labels)  # mean width of a letter: 0.58 em
    side = cell * len(classes)
    with _drawing(name):
        figure, axes = _canvas(
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
        return _svg(figure, name=name, alt=alt)


@contextlib.contextmanager
def _drawing(name: str) -> Iterator[None]:
    """Draw by matplotlib's own defaults, whatever the user's matplotlibrc says."""
    matplotlib = require("matplotlib", extra="report", purpose=PURPOSE)
    with matplotlib.rc_context(), warnings.catch_warnings():
        # Matplotlib measures the text; the browser draws it, with fonts that have the letters.
        warnings.filterwarnings(
            "ignore", message="(?s).*Glyph .* missing from", category=UserWarning
        )
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.hashsalt": name, "svg.fonttype": "none"})
        yield


def _canvas(
    *, width: float, height: float, margins: tuple[float, float, float, float]
) -> tuple["Figure", "Axes"]:
    """Give a transparent figure in points, with margins left, right, top and bottom."""
    from matplotlib.figure import Figure

    left, right, top, bottom = margins
    figure = Figure(figsize=(width / POINTS_PER_INCH, height / POINTS_PER_INCH))
    figure.patch.set_alpha(0)
    axes = figure.add_axes(
        (
            left / width,
            bottom / height,
            (width - left - right) / width,
            (height - top - bottom) / height,
        ),
        facecolor="none",
    )
    axes.tick_params(colors=MUTED, labelcolor=INK, labelsize=11.5)
    for spine in axes.spines.values():
        spine.set_color(MUTED)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(color=INK, fontsize=12.5)
    return figure, axes


def _svg(figure: "Figure", *, name: str, alt: str) -> str:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    canvas = FigureCanvasSVG(figure)
    canvas.print_svg(buffer, metadata=no_metadata)  # type: ignore[no-untyped-call]  # no stub
    text = buffer.getvalue()
    svg = text[text.index("<svg") :].strip()
    box = re.search(r'viewBox="0 0 ([0-9.]+) [0-9.]+"', svg)
    assert box is not None, "matplotlib's SVG states its view box"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{box.group()} role="img" aria-label="{html.escape(alt)}" '
        f'style="max-width:{float(box.group(1)):.0f}px">'
    )
    # The style element would hold for the whole page, and a page has each id once.
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]+>", lambda tag: _of_page(tag.group(), name), svg)
    return re.sub(r"<svg[^>]*>", lambda _: head, svg, count=1)


def _of_page(tag: str, name: str) -> str:
    """Give one tag its own ids and the page's colours."""
    for reference in (' id="', 'href="#', "url(#"):
        tag = tag.replace(reference, f"{reference}{name}-")
    for marker, variable in VARIABLES.items():
        tag = tag.replace(marker, variable)
    return tag


def _round_ticks(start: float) -> list[float]:
    """Whole percents from ``start`` to 1, 1 always among them."""
    step = next(step for step in (0.02, 0.05, 0.1, 0.2) if (1 - start) / step < 6.5)
    return [1 - i * step for i in range(7) if 1 - i * step > start - 1e-9]


def _reliability_alt(calibration: Calibration) -> str:
    points = "; ".join(
        f"{each.confidence * 100:.0f} % sure, {each.accuracy * 100:.0f} % right"
        for each in calibration.bins
    )
    return f"Reliability diagram. {points}."


def _shortened(name: str) -> str:
    """Leave out the middle of a long name: classes often differ at the end alone."""
    kept = (LABEL_LETTERS - 1) // 2
    return name if len(name) <= LABEL_LETTERS else f"{name[:kept]}…{name[-kept:]}"
