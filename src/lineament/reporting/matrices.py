"""The confusion matrix as a person reads it: shaded tables for few classes, heat maps for many."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.report import Confusion, EvaluationReport
from lineament.reporting.figures import matrix_figure
from lineament.reporting.numbers import percent, signed

NUMBERED_CLASSES = 20  # a matrix of more is read by its colours, and drawn as a heat map


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of a shaded table: its text, the strength of its colour (0 to 1), its CSS class."""

    text: str
    share: str
    kind: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matrix:
    """One form of the confusion matrix, ready for the page.

    Attributes:
        title: What its cells are.
        unit: In what unit.
        rows: A class name with its cells, per true class; empty where it is drawn.
        figure: One ``svg`` element; empty where it is a table.
        strongest_right: Text of the greatest cell on the diagonal.
        strongest_wrong: Text of the greatest cell off the diagonal.
    """

    title: str
    unit: str
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    figure: str
    strongest_right: str
    strongest_wrong: str


def matrices(report: EvaluationReport) -> list[Matrix]:
    """Give the counts, the fractions of each true class and the z-scores.

    Args:
        report: The report.

    Returns:
        Three matrices; none where the report holds no confusion matrix.

    Raises:
        MissingExtraError: The matrices are drawn and matplotlib is not installed.
    """
    if report.confusion is None:
        return []
    shown = []
    for name, title, unit, values, texts in _forms(report.confusion):
        shares = _shares(values)
        right = int(np.diag(values).argmax())
        wrong = int(np.where(np.eye(len(values), dtype=bool), -np.inf, values).argmax())
        drawn = len(report.classes) > NUMBERED_CLASSES
        shown.append(
            Matrix(
                title=title,
                unit=unit,
                rows=() if drawn else _rows(report.classes, shares, texts),
                figure=""
                if not drawn
                else matrix_figure(
                    shares,
                    report.classes,
                    name=name,
                    alt=f"Heat map of the confusion matrix of {len(report.classes)} classes, "
                    f"{title.lower()}. The most confused pairs are in the table below it.",
                ),
                strongest_right=texts[right][right],
                strongest_wrong=texts[wrong // len(values)][wrong % len(values)],
            )
        )
    return shown


def _rows(
    classes: tuple[str, ...], shares: NDArray[np.float64], texts: list[list[str]]
) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
    return tuple(
        (
            name,
            tuple(
                Cell(
                    text=text,
                    share=f"{shares[truth, answer]:.3f}",
                    kind="none"
                    if shares[truth, answer] == 0
                    else ("right" if truth == answer else "wrong"),
                )
                for answer, text in enumerate(row)
            ),
        )
        for truth, (name, row) in enumerate(zip(classes, texts, strict=True))
    )


def _forms(
    confusion: Confusion,
) -> Iterator[tuple[str, str, str, NDArray[np.float64], list[list[str]]]]:
    """Id, title, unit, values and texts of each form."""
    raw = np.array(confusion.raw, dtype=np.float64)
    empty = raw.sum(axis=1) == 0
    yield (
        "counts",
        "Counts",
        "photos",
        raw,
        [[f"{cell:,}" for cell in row] for row in confusion.raw],
    )
    yield (
        "fractions",
        "Of each true class",
        "percent of the row",
        np.array(confusion.row_normalised),
        [
            ["–" if none else percent(cell, decimals=0, unit=False) for cell in row]
            for row, none in zip(confusion.row_normalised, empty, strict=True)
        ],
    )
    yield (
        "scores",
        "Z-scores",
        "standard deviations from the mean cell",
        np.array(confusion.z_scored),
        [[signed(cell) for cell in row] for row in confusion.z_scored],
    )


def _shares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How strongly to colour each cell: right and wrong each against their own strongest.

    On one scale the mistakes of a good model would be invisible beside its diagonal; the root keeps
    single mistakes visible beside frequent ones.
    """
    positive = np.clip(values, 0, None)
    shares = np.zeros_like(positive)
    diagonal = np.eye(len(values), dtype=bool)
    for cells in (diagonal, ~diagonal):
        greatest = positive[cells].max(initial=0.0)
        if greatest > 0:
            shares[cells] = np.sqrt(positive[cells] / greatest)
    return shares
