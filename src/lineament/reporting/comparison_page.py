"""Comparison page: several trainings on one page: their curves, what differs, what each reached."""

import dataclasses
from collections.abc import Sequence

from lineament.core.version import __version__
from lineament.reporting.numbers import counted, interval_texts
from lineament.reporting.template import render
from lineament.reporting.training_figures import PURPOSE, Line, line_of, lines_figure, swatch
from lineament.reporting.trainings import (
    Training,
    differing,
    fact,
    kept_words,
    ranked,
    warnings_of,
)

TEMPLATE = "trainings.html.j2"
# Told apart on light and on dark; the second time around the lines are dashed.
COLOURS = ("#2e7dde", "#d9661d", "#2a9c62", "#a05bd0", "#cf3f5f", "#1593a5")
DASHES: tuple[tuple[float, ...], ...] = ((), (4, 1.8))
COLOURED = len(COLOURS) * len(DASHES)  # more lines cannot be told apart
REST = "#8a9097"
REST_WIDTH = 0.9
MEASURES = (("loss", "validation loss (nats)"), ("accuracy", "validation accuracy"))


def comparison_page(trainings: Sequence[Training]) -> str:
    """Render the page of several runs.

    Args:
        trainings: Two or more.

    Raises:
        MissingExtraError: Jinja2 or matplotlib is not installed.
    """
    order = ranked(trainings)
    differs = differing(order)
    is_fair = len({each.judged_by for each in order}) == 1
    values: dict[str, object] = {
        "version": __version__,
        "lead": _lead(order, is_fair=is_fair),
        "title": counted(len(order), "training") + " compared",
        "is_fair": is_fair,
        "warnings": [(each.name, said) for each in order for said in warnings_of(each)],
        "groups": _groups(order),
        "reached": [_reached(each) for each in order],
        "n_photos": _photos(order),
        "fields": list(differs),
        "differs": [
            (each.name, [texts[place] for texts in differs.values()])
            for place, each in enumerate(order)
        ],
    }
    return render(TEMPLATE, values, purpose=PURPOSE)


def _lead(order: Sequence[Training], *, is_fair: bool) -> str:
    best = order[0]
    if best.loss is None:
        return "None of these trainings has a validation loss"
    if not is_fair:
        return "These trainings were judged on different photos"
    return f"{best.name} has the least validation loss: {best.loss:.4f}, {kept_words(best)}"


def _groups(order: Sequence[Training]) -> list[dict[str, object]]:
    """Figures of the trainings that go over the same thing: epochs, or regularisations."""
    axes = dict.fromkeys(each.axis for each in order if each.history)
    return [
        _group(axis, number, [each for each in order if each.axis == axis and each.history])
        for number, axis in enumerate(axes)
    ]


def _group(axis: str, number: int, trainings: Sequence[Training]) -> dict[str, object]:
    coloured = trainings[:COLOURED]
    n_others = len(trainings) - len(coloured)
    figures = []
    for measure, of in MEASURES:
        lines = [_line(each, place, measure) for place, each in enumerate(trainings)]
        svg = lines_figure(
            lines[::-1],  # the best one on top
            name=f"{measure}-{number}",
            over=axis.replace("_", " "),
            of=of,
            is_fraction=measure == "accuracy",
        )
        if svg:
            figures.append({"svg": svg, "is_broken": any(line.broken for line in lines)})
    legend = [
        {**swatch(_line(each, place, "loss")), "label": each.name}
        for place, each in enumerate(coloured)
    ]
    return {
        "axis": axis.replace("_", " "),
        "figures": figures,
        "legend": legend,
        "n_others": n_others,
        "rest": REST,
    }


def _line(training: Training, place: int, measure: str) -> Line:
    line = line_of(training.history, f"validation_{measure}")
    line = dataclasses.replace(line, label=training.name, ringed=training.kept)
    if place >= COLOURED:
        return dataclasses.replace(line, colour=REST, width=REST_WIDTH)
    dashes = DASHES[place // len(COLOURS)]
    return dataclasses.replace(line, colour=COLOURS[place % len(COLOURS)], dashes=dashes)


def _reached(training: Training) -> dict[str, str]:
    card, accuracy = training.run.card, training.accuracy
    value, low, high = ("", "", "")
    if accuracy is not None:
        value, low, high = interval_texts(accuracy, is_fraction=True)
    seconds = card.training.get("seconds")
    return {
        "name": training.name,
        "mode": card.mode,
        "backbone": fact(card.backbone.get("name")),
        "kept": kept_words(training),
        "loss": "" if training.loss is None else f"{training.loss:.4f}",
        "accuracy": value,
        "interval": f"{low} to {high}" if value else "",
        "seconds": f"{seconds:,.0f}" if isinstance(seconds, int | float) else "",
        "stopped": fact(card.training["stopped"]) if "stopped" in card.training else "",
    }


def _photos(order: Sequence[Training]) -> str:
    counts = {each.n_validation for each in order}
    known = counts.pop() if len(counts) == 1 else None
    return "" if known is None else counted(known, "validation photo")
