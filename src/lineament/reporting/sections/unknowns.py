"""The sections on unknown photos: how well they are told, which pass, which known ones do not."""

from lineament.artifacts.findings.unknowns import PassedUnknown, Refusals, Unknowns
from lineament.measure.intervals import Interval
from lineament.reporting.numbers import NO_BREAK, counted, interval_texts, percent


def refusals(finding: Refusals) -> dict[str, object]:
    """Write the section on known photos that are refused.

    Args:
        finding: What was found.

    Returns:
        What the section's template names.
    """
    return {
        "sentence": finding.sentence,
        "threshold": f"{finding.threshold:.4g}",
        "asked": f"{finding.asked * 100:g}{NO_BREAK}%",
    }


def unknowns(finding: Unknowns) -> dict[str, object]:
    """Write the section.

    Args:
        finding: What was found, at least one score.

    Returns:
        What the section's template names.
    """
    outcomes = {
        "Unknown photos refused": finding.unknown_refused,
        "Known photos refused": finding.known_refused,
        "Open-set accuracy": finding.open_set_accuracy,
    }
    return {
        "level": f"{finding.scores[0].area_under_roc.level * 100:g}{NO_BREAK}%",
        "source": finding.source,
        "sentence": finding.sentence,
        "known": counted(finding.known, "known photo"),
        "unknown": counted(finding.unknown, "unknown photo"),
        "unreadable": finding.unreadable and counted(finding.unreadable, "file"),
        "threshold": None if finding.threshold is None else f"{finding.threshold:.4g}",
        "outcomes": [
            {"title": title, "value": _texts(interval)}
            for title, interval in outcomes.items()
            if interval is not None
        ],
        "scores": [
            {
                "name": score.name,
                "area": _texts(score.area_under_roc),
                "passed": _texts(score.false_positive_rate),
            }
            for score in finding.scores
        ],
        "passed": [_passed(each) for each in finding.passed],
    }


def _texts(interval: Interval) -> str:
    value, low, high = interval_texts(interval, is_fraction=True)
    return f"{value} ({low} to {high})"


def _passed(photo: PassedUnknown) -> dict[str, object]:
    return {
        "photo": photo,
        "confidence": percent(photo.confidence),
        "familiarity": None if photo.familiarity is None else f"{photo.familiarity:.2f}",
    }
