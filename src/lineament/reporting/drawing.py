"""Drawing: SVG that stands inside a page: its colours are the page's, its text stays text.

Matplotlib draws in marker colours that no figure uses otherwise; each is then replaced by a
variable of the page's style sheet, so one drawing reads well on light, on dark and on paper.
"""

import contextlib
import html
import io
import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lineament.core.extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Markers: nearly black, never meant as such.
INK, MUTED, ACCENT, CARD = "#010203", "#010204", "#010205", "#010206"
VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    ACCENT: "var(--accent)",
    CARD: "var(--card)",
}
RIGHT_RGB, WRONG_RGB = (0.18, 0.49, 0.87), (0.91, 0.42, 0.11)  # mid tones: seen on light and dark
POINTS_PER_INCH = 72  # matplotlib's SVG unit is the point
LABEL_LETTERS = 22  # longer names would leave no room for what they name


@contextlib.contextmanager
def drawing(name: str, *, purpose: str) -> Iterator[None]:
    """Draw by matplotlib's own defaults, whatever the user's matplotlibrc says.

    Args:
        name: Of the figure: what its ids are made from.
        purpose: What needs matplotlib, as the error begins.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    matplotlib = require("matplotlib", extra="report", purpose=purpose)
    with matplotlib.rc_context(), warnings.catch_warnings():
        # Matplotlib measures the text; the browser draws it, with fonts that have the letters.
        warnings.filterwarnings(
            "ignore", message="(?s).*Glyph .* missing from", category=UserWarning
        )
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.hashsalt": name, "svg.fonttype": "none"})
        yield


def canvas(
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
    axes.tick_params(which="both", colors=MUTED, labelcolor=INK, labelsize=11.5)
    for spine in axes.spines.values():
        spine.set_color(MUTED)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(color=INK, fontsize=12.5)
    return figure, axes


def svg_text(figure: "Figure", *, name: str, alt: str) -> str:
    """Write a figure as one ``svg`` element of the page.

    Args:
        figure: What `canvas` gave, drawn.
        name: Prefix of every id in the drawing; must differ between the figures of a page.
        alt: What the figure shows, for those who do not see it.
    """
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


def shortened(name: str) -> str:
    """Leave out the middle of a long name: classes often differ at the end alone."""
    kept = (LABEL_LETTERS - 1) // 2
    return name if len(name) <= LABEL_LETTERS else f"{name[:kept]}…{name[-kept:]}"
