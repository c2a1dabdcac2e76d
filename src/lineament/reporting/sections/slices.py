"""The section on slices: parts of the photos, weakest first, each against the others."""

import math
from collections.abc import Sequence

from lineament.artifacts.findings.slices import Slice, Slices
from lineament.measure.intervals import Interval
from lineament.reporting.numbers import NO_BREAK, digits, interval_texts

SHOWN = 40  # more rows are not read; all are in report.json
TELLING = 0.05  # up to this p-value a row is set off
FEWEST = 0.001  # smaller p-values are not told apart


def slices(finding: Slices) -> dict[str, object]:
    """Write the section.

    Args:
        finding: What was found.

    Returns:
        What the section's template names.
    """
    shown = finding.slices[:SHOWN]
    scale = _scale(shown)
    level = shown[0].accuracy.level if shown else 0.95
    return {
        "level": f"{level * 100:g}{NO_BREAK}%",
        "sentences": finding.sentences,
        "skipped": finding.skipped,
        "scale": f"−{scale:.0f} to {scale:.0f}",
        "rows": [_row(each, scale) for each in shown],
        "n_slices": len(finding.slices),
        "grouped": any(each.groups is not None for each in shown),
    }


def _scale(shown: Sequence[Slice]) -> float:
    """How many points the bars of differences reach to either side of 0: all of each interval."""
    ends = [abs(end) for each in shown for end in (each.difference.low, each.difference.high)]
    return max(1.0, math.ceil(max(ends, default=0) * 100))


def _row(each: Slice, scale: float) -> dict[str, object]:
    value, low, high = interval_texts(each.accuracy, is_fraction=True)
    return {
        "column": each.column,
        "value": each.value,
        "photos": f"{each.photos:,}",
        "groups": "" if each.groups is None else f"{each.groups:,}",
        "accuracy": value,
        "limits": f"{low} to {high}",
        "difference": _points(each.difference),
        "left": _place(each.difference.low, scale),
        "width": f"{(each.difference.high - each.difference.low) * 5000 / scale:.2f}%",
        "dot": _place(each.difference.value, scale),
        "within": None if each.within_classes is None else _points(each.within_classes),
        "p_value": _p_text(each.p_value),
        "telling": each.p_value < TELLING,
    }


def _place(difference: float, scale: float) -> str:
    """Where a difference lies between less and more, as a CSS length."""
    return f"{50 + difference * 5000 / scale:.2f}%"


def _points(difference: Interval) -> str:
    decimals = digits((difference.high - difference.low) * 100, most=1)
    value, low, high = (
        _signed(each * 100, decimals)
        for each in (difference.value, difference.low, difference.high)
    )
    return f"{value} ({low} to {high})"


def _signed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def _p_text(p_value: float) -> str:
    if p_value < FEWEST:
        return f"<{FEWEST}"
    return f"{p_value:.3f}" if p_value < 0.1 else f"{p_value:.2f}"
