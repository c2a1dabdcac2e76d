"""The section on the gap: validation and test side by side, and what may lie between them."""

from lineament.artifacts.findings.gap import Gap
from lineament.measure.intervals import Interval
from lineament.reporting.numbers import (
    NO_BREAK,
    PERCENT_DIGITS,
    digits,
    interval_texts,
)


def gap(finding: Gap) -> dict[str, object]:
    """Write the section.

    Args:
        finding: What was found.

    Returns:
        What the section's template names.
    """
    return {
        "level": f"{finding.difference.level * 100:g}{NO_BREAK}%",
        "rows": [
            _row("Validation, which chose the model", finding.validation),
            _row("Test", finding.test),
        ],
        "difference": _points(finding.difference),
        "sentences": finding.sentences,
    }


def _row(title: str, interval: Interval) -> dict[str, str]:
    value, low, high = interval_texts(interval, is_fraction=True)
    return {
        "title": title,
        "value": value,
        "limits": f"{low} to {high}",
        "n": f"{interval.n:,}",
        "left": f"{interval.low * 100:.2f}%",
        "width": f"{(interval.high - interval.low) * 100:.2f}%",
        "dot": f"{interval.value * 100:.2f}%",
    }


def _points(difference: Interval) -> dict[str, str]:
    """The difference in points, with the digits that its interval supports."""
    decimals = digits((difference.high - difference.low) * 100, most=PERCENT_DIGITS)
    value, low, high = (
        _signed(each * 100, decimals)
        for each in (difference.value, difference.low, difference.high)
    )
    return {"value": f"{value}{NO_BREAK}points", "limits": f"{low} to {high}"}


def _signed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")
