"""The section on robustness: accuracy against severity, one small figure per corruption."""

from collections.abc import Sequence

import numpy as np

from lineament.artifacts.findings.robustness import Robustness, Spoilt
from lineament.measure.intervals import Interval
from lineament.reporting.drawing import ACCENT, MUTED, canvas, drawing, svg_text
from lineament.reporting.numbers import NO_BREAK, counted, digits, interval_texts, percent

PURPOSE = "The report"
TITLES = {
    "noise": "Noise",
    "blur": "Blur",
    "darker": "Darker",
    "brighter": "Brighter",
    "contrast": "Less contrast",
    "jpeg": "JPEG compression",
    "occlusion": "Hidden square",
    "pixelate": "Coarse pixels",
}


def robustness(finding: Robustness) -> dict[str, object]:
    """Write and draw the section.

    Args:
        finding: What was found.

    Returns:
        What the section's template names.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    examples = dict(finding.examples)
    names = list(dict.fromkeys(each.corruption for each in finding.spoilt))
    groups = {name: [each for each in finding.spoilt if each.corruption == name] for name in names}
    return {
        "level": f"{finding.clean.level * 100:g}{NO_BREAK}%",
        "photos": counted(finding.photos, "photo"),
        "sentences": finding.sentences,
        "cards": [
            {
                "title": _title(name),
                "strip": examples.get(name),
                "alt": f"One photo at severity 1 to {len(groups[name])}: {_title(name).lower()}",
                "svg": severity_figure(groups[name], finding.clean, name=f"spoilt-{place}"),
            }
            for place, name in enumerate(names)
        ],
        "rows": [_row(each) for each in finding.spoilt],
    }


def severity_figure(severities: Sequence[Spoilt], clean: Interval, *, name: str) -> str:
    """Draw the accuracy at each severity, below the tiles of its example.

    Args:
        severities: Of one corruption, severity rising, at least one.
        clean: The accuracy on the photos as they are, drawn as a dashed line.
        name: Prefix of every id in the drawing; must differ between the figures of a page.

    Returns:
        One ``svg`` element.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    places = np.arange(1, len(severities) + 1)
    values = np.array([each.accuracy.value for each in severities])
    low = np.array([each.accuracy.low for each in severities])
    high = np.array([each.accuracy.high for each in severities])
    with drawing(name, purpose=PURPOSE):
        # No margins at the sides: each severity stands below its tile.
        figure, axes = canvas(width=420, height=150, margins=(0, 0, 8, 26))
        axes.set_xlim(0.5, len(severities) + 0.5)
        axes.set_ylim(0, 1)
        axes.axhline(clean.value, color=MUTED, linewidth=1, linestyle=(0, (5, 4)))
        axes.vlines(places, low, high, color=ACCENT, linewidth=2, alpha=0.45)
        axes.plot(
            places, values, color=ACCENT, linewidth=1.2, marker="o", markersize=5, clip_on=False
        )
        axes.set_xticks(
            places,
            [f"{each.severity}: {percent(each.accuracy.value, decimals=0)}" for each in severities],
        )
        axes.tick_params(labelsize=14)  # the page shows it at some three quarters of its size
        axes.set_yticks([])
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        return svg_text(figure, name=name, alt=_alt(severities, clean))


def _alt(severities: Sequence[Spoilt], clean: Interval) -> str:
    points = "; ".join(
        f"severity {each.severity}: {each.accuracy.value * 100:.0f} %" for each in severities
    )
    title = _title(severities[0].corruption)
    return f"{title}: accuracy as they are {clean.value * 100:.0f} %; {points}."


def _title(name: str) -> str:
    return TITLES.get(name, name.replace("_", " ").capitalize())


def _row(each: Spoilt) -> dict[str, object]:
    value, low, high = interval_texts(each.accuracy, is_fraction=True)
    decimals = digits((each.loss.high - each.loss.low) * 100, most=1)
    loss, least, most = (
        _signed(part * 100, decimals) for part in (each.loss.value, each.loss.low, each.loss.high)
    )
    return {
        "title": _title(each.corruption),
        "severity": each.severity,
        "accuracy": value,
        "limits": f"{low} to {high}",
        "loss": loss,
        "loss_limits": f"{least} to {most}",
    }


def _signed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")
