"""The section on calibration: confidence against how often it is right, with its temperature."""

from collections.abc import Mapping

from lineament.artifacts.findings.calibration import Calibration, Uncalibrated
from lineament.measure.intervals import Interval
from lineament.reporting.figures import reliability_figure, reliability_start
from lineament.reporting.numbers import NO_BREAK, counted, digits, interval_texts, percent

TITLES = {
    "expected_calibration_error": "Expected calibration error",
    "log_loss": "Log loss (nats)",
    "brier": "Brier score",
}
FRACTIONS = ("expected_calibration_error",)


def calibration(finding: Calibration, headline: Mapping[str, Interval]) -> dict[str, object]:
    """Write and draw the section.

    Args:
        finding: What was found, at least one bin.
        headline: The report's leading figures: the shipped model's.

    Returns:
        What the section's template names.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    error = headline["expected_calibration_error"]
    before = finding.before
    n_photos = sum(each.count for each in finding.bins)
    return {
        "level": f"{error.level * 100:g}{NO_BREAK}%",
        "error": interval_texts(error, is_fraction=True),
        "grouped": error.n_groups is not None,
        "per_bin": counted(max(1, round(n_photos / finding.n_bins)), "photo"),
        "sentence": None if before is None else before.sentence,
        "figures": _figures(finding, level=error.level),
        "rows": [] if _is_plain(before) else _rows(before, headline),
        "bins": [
            {
                "range": f"{percent(each.low, unit=False)} to {percent(each.high)}",
                "confidence": percent(each.confidence),
                "accuracy": percent(each.accuracy, decimals=digits(100 / each.count, most=1)),
                "count": each.count,
            }
            for each in finding.bins
        ],
    }


def _is_plain(before: Uncalibrated | None) -> bool:
    return before is None or before.temperature == 1


def _figures(finding: Calibration, *, level: float) -> list[dict[str, str]]:
    before = finding.before
    if before is None or before.temperature == 1:
        return [{"title": "", "svg": reliability_figure(finding, level=level)}]
    start = min(reliability_start(each.bins, level=level) for each in (before, finding))
    plain = reliability_figure(before, level=level, name="reliability-before", start=start)
    return [
        {"title": "Without the temperature", "svg": plain},
        {
            "title": f"As it ships: temperature {before.temperature:.3g}",
            "svg": reliability_figure(finding, level=level, start=start),
        },
    ]


def _rows(before: Uncalibrated | None, headline: Mapping[str, Interval]) -> list[dict[str, str]]:
    """The figures of both, for as many as the report leads with."""
    return [
        {
            "title": title,
            "before": _text(getattr(before, name), is_fraction=name in FRACTIONS),
            "after": _text(headline[name], is_fraction=name in FRACTIONS),
        }
        for name, title in TITLES.items()
        if name in headline
    ]


def _text(interval: Interval, *, is_fraction: bool) -> str:
    value, low, high = interval_texts(interval, is_fraction=is_fraction)
    return f"{value} ({low} to {high})"
