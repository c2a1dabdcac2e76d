"""Page: one self-contained HTML file from an evaluation report, and from nothing else."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from lineament.artifacts.report import ClassFigures, EvaluationReport
from lineament.measure.intervals import Interval
from lineament.reporting.figures import PURPOSE
from lineament.reporting.matrices import matrices
from lineament.reporting.numbers import (
    NO_BREAK,
    PERCENT_DIGITS,
    counted,
    digits,
    interval_texts,
    percent,
)
from lineament.reporting.sections.calibration import calibration
from lineament.reporting.sections.curves import curves
from lineament.reporting.sections.gap import gap
from lineament.reporting.sections.openings import openings
from lineament.reporting.sections.prediction_sets import prediction_sets
from lineament.reporting.sections.robustness import robustness
from lineament.reporting.sections.selective import selective
from lineament.reporting.sections.slices import slices
from lineament.reporting.sections.unknowns import refusals, unknowns
from lineament.reporting.template import render

Section = Callable[[Any], dict[str, object]]  # a finding to what its partial shows of it

TEMPLATE = "evaluation.html.j2"
UPRIGHT_CLASSES = 6  # up to here the names above a matrix need not be turned
UPRIGHT_LETTERS = 10
TABLED_CLASSES = 200  # a longer table is not read to its end; every class is in report.json

TITLES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_precision": "Macro precision",
    "macro_recall": "Macro recall",
    "macro_f1": "Macro F1",
    "cohen_kappa": "Cohen's kappa",
    "matthews_correlation": "Matthews correlation",
    "log_loss": "Log loss (nats)",
    "brier": "Brier score (0 to 2)",
    "expected_calibration_error": "Expected calibration error",
}
NOT_FRACTIONS = ("log_loss", "brier", "cohen_kappa", "matthews_correlation")
SUBJECT_FIRST = ("kind", "path", "backbone", "weights", "mode", "licence", "trained_on")
DATASET_FIRST = ("path", "fingerprint", "split")
METHODS = {
    "wilson": "Wilson",
    "group-wilson": "Wilson over groups",
    "score": "score",
    "bootstrap": "bootstrap",
    "wilson-bootstrap": "Wilson, variance by bootstrap",
    "wilson-group-bootstrap": "Wilson, variance by bootstrap of groups",
    "studentised-bootstrap": "bootstrap, studentised",
    "basic-bootstrap": "bootstrap, bias removed",
    "group-bootstrap": "bootstrap of groups",
    "studentised-group-bootstrap": "bootstrap of groups, studentised",
    "basic-group-bootstrap": "bootstrap of groups, bias removed",
}


def page(report: EvaluationReport) -> str:
    """Render a report as one HTML page that needs no script, no network and no other file.

    Args:
        report: Every figure that the page shows.

    Returns:
        The whole document; the same report gives the same bytes.

    Raises:
        MissingExtraError: Jinja2 or matplotlib is not installed.
    """
    return render(TEMPLATE, evaluation_values(report), purpose=PURPOSE)


def evaluation_values(
    report: EvaluationReport, *, cells_of: str | None = None
) -> dict[str, object]:
    """Give what the parts of an evaluation's page show.

    Args:
        report: Every figure.
        cells_of: What the names of the matrix's cells begin with, where they open the photos behind
            them; ``None`` where they are text.

    Returns:
        The values of ``evaluation_*.html.j2``.
    """
    accuracy = report.headline["accuracy"]
    place = {name: index for index, name in enumerate(report.classes)}
    return {
        "report": report,
        "cells_of": cells_of,
        "name": _subject_name(report.subject),
        "photos": counted(report.n_images, f"{report.split} photo"),
        "groups": None if report.n_groups is None else counted(report.n_groups, "group"),
        "grouped": accuracy.n_groups is not None,
        "level": _level(accuracy),
        "lead": evaluation_lead(report),
        "baseline": _baseline(report.per_class),
        "headline": [_headline_row(name, each) for name, each in report.headline.items()],
        "class_rows": _class_rows(report.per_class),
        "macro": {name: percent(value) for name, value in report.macro.items()},
        "matrices": matrices(report),
        "turned": len(report.classes) > UPRIGHT_CLASSES
        or max(len(each) for each in report.classes) > UPRIGHT_LETTERS,
        "pairs": [
            {
                "truth": pair.truth,
                "answer": pair.answer,
                "count": pair.count,
                "support": pair.support,
                "share": percent(pair.count / pair.support, decimals=0),
                "cell": cells_of and f"{cells_of}:{place[pair.truth]}:{place[pair.answer]}",
            }
            for pair in report.most_confused
        ],
        "mistakes": [
            {
                "mistake": each,
                "confidence": percent(each.confidence),
                "truth_probability": percent(each.truth_probability),
            }
            for each in report.mistakes
        ],
        "n_wrong": report.n_images - report.n_right,
        "subject": _facts(report.subject, SUBJECT_FIRST),
        "dataset": _facts(report.dataset, DATASET_FIRST),
        "environment": _facts(report.environment, ()),
        "counted": counted,
        **_sections(report),
    }


def _sections(report: EvaluationReport) -> dict[str, object]:
    """The values of each section that has a partial of its own; ``None`` leaves it out."""
    findings = {
        "curves": (curves, report.curves),
        "selective": (selective, report.selective),
        "prediction_sets": (prediction_sets, report.prediction_sets),
        "refusals": (refusals, report.refusals),
        "unknowns": (unknowns, report.unknowns),
        "slices": (slices, report.slices),
        "robustness": (robustness, report.robustness),
        "gap": (gap, report.gap),
        "openings": (openings, report.openings),
    }
    made: dict[str, object] = {
        name: None if finding is None else cast(Section, section)(finding)
        for name, (section, finding) in findings.items()
    }
    return {**made, "calibration": calibration(report.calibration, report.headline)}


def _subject_name(subject: Mapping[str, object]) -> str:
    kind, path = subject.get("kind", "model"), subject.get("path")
    return f"{kind} {path}" if path else f"{kind}"


def evaluation_lead(report: EvaluationReport) -> str:
    """Say how many photos were right, with the interval, in one line."""
    accuracy = report.headline["accuracy"]
    value, low, high = interval_texts(accuracy, is_fraction=True)
    return (
        f"{report.n_right:,} of {counted(report.n_images, f'{report.split} photo')} right: "
        f"accuracy {value} ({_level(accuracy)} interval {low} to {high})"
    )


def _level(interval: Interval) -> str:
    return f"{interval.level * 100:g}{NO_BREAK}%"


def _baseline(classes: Sequence[ClassFigures]) -> str:
    largest = max(classes, key=lambda each: each.support)
    share = percent(largest.support / sum(each.support for each in classes))
    return f"Always answering {largest.name} would be right on {share} of these photos."


def _headline_row(name: str, interval: Interval) -> dict[str, object]:
    is_fraction = name not in NOT_FRACTIONS
    value, low, high = interval_texts(interval, is_fraction=is_fraction)
    plain, bracket, seen = interval.method.partition(" (")
    return {
        "title": TITLES.get(name, name.replace("_", " ").capitalize()),
        "value": value,
        "low": low,
        "high": high,
        "bar": _bar(interval) if is_fraction else None,
        "method": METHODS.get(plain, plain) + bracket + seen,
        "n": f"{interval.n:,}",
        "n_groups": "" if interval.n_groups is None else f"{interval.n_groups:,}",
    }


def _bar(interval: Interval) -> dict[str, str]:
    """Places of an interval on a scale of 0 to 100 %, as CSS lengths."""
    return {
        "left": f"{interval.low * 100:.2f}%",
        "width": f"{(interval.high - interval.low) * 100:.2f}%",
        "dot": f"{interval.value * 100:.2f}%",
    }


def _class_rows(classes: Sequence[ClassFigures]) -> list[dict[str, object]]:
    """The classes, weakest recall first; those without photos last."""
    ranked = sorted(classes, key=lambda each: (each.support == 0, each.recall))
    intervals = [each.recall_interval for each in classes if each.recall_interval]
    # One number of decimals for the whole column: what the widest interval supports.
    decimals = digits(max(each.high - each.low for each in intervals) * 100, most=PERCENT_DIGITS)
    rows: list[dict[str, object]] = []
    for each in ranked[:TABLED_CLASSES]:
        interval = each.recall_interval
        rows.append(
            {
                "name": each.name,
                "support": f"{each.support:,}",
                "precision": percent(each.precision, decimals=decimals),
                "f1": percent(each.f1, decimals=decimals),
                "recall": percent(each.recall, decimals=decimals),
                "low": interval and percent(interval.low, decimals=decimals, unit=False),
                "high": interval and percent(interval.high, decimals=decimals, unit=False),
                "bar": interval and _bar(interval),
            }
        )
    return rows


def _facts(document: Mapping[str, object], first: Sequence[str]) -> list[tuple[str, str]]:
    names = [name for name in first if name in document]
    names += [name for name in document if name not in first]
    return [(name.replace("_", " "), _fact(document[name])) for name in names]


def _fact(value: object) -> str:
    if value is None or value == "":
        return "not stated"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(
            f"{str(key).replace('_', ' ')}: {_fact(each)}" for key, each in value.items()
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_fact(each) for each in value)
    return str(value)
