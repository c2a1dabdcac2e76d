"""Verdict page: a comparison as one page: what to take, what each costs, what is told of pairs."""

from collections.abc import Mapping, Sequence

from lineament.artifacts.verdicts import ComparisonReport, Contender, Cost, Verdict
from lineament.measure.intervals import Interval
from lineament.reporting.numbers import (
    NO_BREAK,
    counted,
    interval_texts,
    percent,
    signed,
)
from lineament.reporting.pareto import PURPOSE, pareto_figure
from lineament.reporting.template import render

TEMPLATE = "verdicts.html.j2"
MATRIX_CONTENDERS = 12  # a wider table is not read
LISTED_PAIRS = 120  # beyond these nobody reads sentences; comparison.json has all of them
SHOWN_SEEDS = 6
COSTS = {
    "milliseconds": "ms per photo",
    "multiply_adds": "million multiply-adds",
    "parameters": "million parameters",
    "file_bytes": "file, MB",
    "training_s": "training, s",
}
# Longer names first: one may begin like another.
METHODS = {
    "group-tango": "Tango's score interval over groups",
    "tango": "Tango's score interval",
    "mcnemar": "McNemar's exact test",
    "sign-flip": "signs of the differences flipped",
}


def verdict_page(report: ComparisonReport) -> str:
    """Render a comparison as one HTML page that needs no script, no network and no other file.

    Args:
        report: Every figure that the page shows.

    Returns:
        The whole document; the same comparison gives the same bytes.

    Raises:
        MissingExtraError: Jinja2 or matplotlib is not installed.
    """
    return render(TEMPLATE, verdict_values(report), purpose=PURPOSE)


def verdict_values(report: ComparisonReport) -> dict[str, object]:
    """Give what the parts of a comparison's page show; errors as `verdict_page`."""
    contenders, best = report.contenders, report.contenders[0]
    known = {name for each in contenders for name in _costs(each.cost)}
    scale = _scale([each.accuracy for each in contenders])
    first = [each for each in report.verdicts if best.name in (each.first, each.second)]
    rest = [each for each in report.verdicts if each not in first]
    chosen = [each for each in rest if report.recommendation in (each.first, each.second)]
    others = [each for each in rest if each not in chosen]
    return {
        "report": report,
        "title": f"Comparison of {counted(len(contenders), 'model')}",
        "lead": f"Take {report.recommendation}",
        "sentence": _after_name(report),
        "about": _about(report),
        "level": f"{report.level * 100:g}{NO_BREAK}%",
        "pareto": pareto_figure(contenders, recommendation=report.recommendation),
        "costs": [name for name in COSTS if name in known],
        "cost_titles": COSTS,
        "scale": scale and f"{scale[0] * 100:.0f} to {scale[1] * 100:.0f}{NO_BREAK}%",
        "rows": [
            _row(place, each, scale, report.recommendation)
            for place, each in enumerate(contenders, 1)
        ],
        "seeded": any(len(each.seeds) > 1 for each in contenders),
        "matrix": _matrix(report) if len(contenders) <= MATRIX_CONTENDERS else None,
        "verdict_parts": [
            (f"Against the most accurate, {best.name}", first),
            (f"Against the recommended, {report.recommendation}", chosen),
        ],
        "others": others[:LISTED_PAIRS],
        "n_unlisted": max(0, len(others) - LISTED_PAIRS),
        "n_pairs": len(report.verdicts),
        "tests": sorted({_in_words(each.test) for each in report.verdicts}),
        "methods": sorted({_in_words(each.difference.method) for each in report.verdicts}),
        "facts": _facts(report),
        "counted": counted,
    }


def _in_words(method: str) -> str:
    """How a test or an interval is called in print.

    Example:
        >>> _in_words("mcnemar"), _in_words("group-tango with seeds")
        ("McNemar's exact test", "Tango's score interval over groups, with the seeds in it")
    """
    for name, words in METHODS.items():
        if method.startswith(name):
            return words + method.removeprefix(name).replace(
                " with seeds", ", with the seeds in it"
            )
    return method


def _after_name(report: ComparisonReport) -> str:
    """The sentence without the words that the lead already says."""
    said = f"Take {report.recommendation}: "
    text = report.sentence.removeprefix(said)
    return text[:1].upper() + text[1:] if text != report.sentence else text


def _about(report: ComparisonReport) -> str:
    groups = "" if report.n_groups is None else f" from {counted(report.n_groups, 'group')}"
    photos = counted(report.n_images, f"{report.split} photo")
    return (
        f"Every model answered the same {photos}{groups} of "
        f"{report.dataset.get('path') or 'a dataset'}, in "
        f"{counted(len(report.classes), 'class')}."
    )


def _costs(cost: Cost) -> dict[str, str]:
    """Every cost that is known, as its column shows it."""
    found: dict[str, str] = {}
    if cost.milliseconds is not None:
        found["milliseconds"] = _three(cost.milliseconds.value)
    for name in ("multiply_adds", "parameters", "file_bytes"):
        value: int | None = getattr(cost, name)
        if value is not None:
            found[name] = _three(value / 1e6)
    if cost.training_s is not None:
        found["training_s"] = f"{cost.training_s:,.0f}"
    return found


def _three(value: float) -> str:
    """Three figures, thousands apart, never with an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3g}"


def _scale(intervals: Sequence[Interval]) -> tuple[float, float] | None:
    """Whole percents that hold all intervals: differences would be lost on 0 to 100."""
    low = int(min(each.low for each in intervals) * 100)
    high = -int(-max(each.high for each in intervals) * 100 // 1)
    return (low / 100, high / 100) if high > low else None


def _bar(interval: Interval, scale: tuple[float, float] | None) -> dict[str, str] | None:
    if scale is None:
        return None
    span = scale[1] - scale[0]
    return {
        "left": f"{(interval.low - scale[0]) / span * 100:.2f}%",
        "width": f"{(interval.high - interval.low) / span * 100:.2f}%",
        "dot": f"{(interval.value - scale[0]) / span * 100:.2f}%",
    }


def _row(
    place: int, each: Contender, scale: tuple[float, float] | None, recommendation: str
) -> dict[str, object]:
    accuracy, low, high = interval_texts(each.accuracy, is_fraction=True)
    balanced, balanced_low, balanced_high = interval_texts(each.balanced_accuracy, is_fraction=True)
    loss, loss_low, loss_high = interval_texts(each.log_loss, is_fraction=False)
    time = each.cost.milliseconds
    facts = [each.facts.get(name) for name in ("backbone", "mode")]
    seeds = [percent(value, unit=False) for value in each.by_seed]
    return {
        "place": place,
        "name": each.name,
        "is_taken": each.name == recommendation,
        "on_front": each.on_front,
        "about": ", ".join(str(fact) for fact in facts if fact),
        "accuracy": accuracy,
        "limits": f"{low} to {high}",
        "bar": _bar(each.accuracy, scale),
        "by_seed": ", ".join(seeds[:SHOWN_SEEDS])
        + (f" and {len(seeds) - SHOWN_SEEDS} more" if len(seeds) > SHOWN_SEEDS else ""),
        "balanced": f"{balanced} ({balanced_low} to {balanced_high})",
        "loss": f"{loss} ({loss_low} to {loss_high})",
        "costs": _costs(each.cost),
        "times": time and f"{_three(time.low)} to {_three(time.high)}",
    }


def _matrix(report: ComparisonReport) -> list[dict[str, object]]:
    """Each row's accuracy less each column's, in points."""
    by_pair: dict[tuple[str, str], tuple[float, Verdict]] = {}
    for each in report.verdicts:
        by_pair[each.first, each.second] = (each.difference.value, each)
        by_pair[each.second, each.first] = (-each.difference.value, each)
    names = [each.name for each in report.contenders]
    return [
        {
            "place": place,
            "name": name,
            "cells": [_cell(by_pair.get((name, other))) for other in names],
        }
        for place, name in enumerate(names, 1)
    ]


def _cell(found: tuple[float, Verdict] | None) -> dict[str, str]:
    if found is None:
        return {"text": "", "kind": "self", "said": ""}
    value, verdict = found
    # Equal accuracies have no sign, and what is told has one.
    told = "better" if value > 0 else "worse"
    return {
        "text": ("+" if value * 100 >= 0.05 else "") + signed(value * 100),
        "kind": told if verdict.differ else "none",
        "said": verdict.sentence,
    }


def _facts(report: ComparisonReport) -> list[tuple[str, str]]:
    facts: list[tuple[str, object]] = [
        ("dataset", report.dataset.get("path")),
        ("fingerprint", report.dataset.get("fingerprint")),
        ("split", report.split),
        ("seed of the resampling", report.seed),
        *(_words(report.environment)),
    ]
    return [(name, str(value)) for name, value in facts if value is not None]


def _words(document: Mapping[str, object]) -> list[tuple[str, object]]:
    return [(name.replace("_", " "), value) for name, value in document.items()]
