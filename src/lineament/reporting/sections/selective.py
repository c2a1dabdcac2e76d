"""The section on answering only when sure: risk against coverage, and what became of promises."""

from lineament.artifacts.findings.selective import OperatingPoint, Selective
from lineament.measure.intervals import Interval
from lineament.reporting.drawing import ACCENT, CARD, MUTED, canvas, drawing, svg_text
from lineament.reporting.figures import PURPOSE
from lineament.reporting.numbers import NO_BREAK, digits, interval_texts, percent

NOISY = 0.05  # of the photos: the risk of fewer answers jumps, and must not set the scale
LEAST_TOP = 0.01  # of the risk axis, so that a model without mistakes has one
AREA_DIGITS = 2


def selective(finding: Selective) -> dict[str, object]:
    """Write and draw the section.

    Args:
        finding: What was found, at least one point of the curve.

    Returns:
        What the section's template names.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    return {
        "level": f"{finding.area.level * 100:g}{NO_BREAK}%",
        "area": _area(finding.area),
        "figure": risk_figure(finding),
        "sentences": [each.sentence for each in finding.points],
        "rows": [_row(each) for each in finding.points],
    }


def risk_figure(finding: Selective) -> str:
    """Draw the risk against the coverage, with the points that validation chose.

    Returns:
        One ``svg`` element.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    coverage = [each[0] for each in finding.curve]
    risk = [each[1] for each in finding.curve]
    chosen = [
        (each.answered.value, 1 - each.reached.value)
        for each in finding.points
        if each.answered is not None and each.reached is not None
    ]
    steady = [one for part, one in zip(coverage, risk, strict=True) if part >= NOISY]
    top = 1.1 * max(LEAST_TOP, *steady, *(each[1] for each in chosen))
    with drawing("risk-coverage", purpose=PURPOSE):
        figure, axes = canvas(width=440, height=330, margins=(66, 20, 12, 54))
        axes.set_xlim(0, 1)
        axes.set_ylim(0, top)
        axes.plot(coverage, risk, color=ACCENT, linewidth=1.8)
        axes.axhline(risk[-1], color=MUTED, linewidth=1, linestyle=(0, (5, 4)))
        for part, one in chosen:
            axes.plot(
                part,
                one,
                color=ACCENT,
                marker="o",
                markersize=7,
                markeredgecolor=CARD,
                markeredgewidth=1.5,
                clip_on=False,
                zorder=4,
            )
        axes.set_xticks([each / 5 for each in range(6)], [f"{each * 20} %" for each in range(6)])
        step = next(step for step in _steps() if top / step < 6)
        ticks = [place * step for place in range(int(top / step) + 1)]
        axes.set_yticks(ticks, [f"{each * 100:g} %" for each in ticks])
        axes.set_xlabel("photos that are answered, the surest first")
        axes.set_ylabel("wrong answers among them")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        return svg_text(figure, name="risk-coverage", alt=_alt(finding))


def _steps() -> list[float]:
    return [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2]


def _alt(finding: Selective) -> str:
    wanted = (0.5, 0.8, 0.9, 1.0)
    rows = [min(finding.curve, key=lambda row: abs(row[0] - part)) for part in wanted]
    points = "; ".join(
        f"{row[0] * 100:.0f} % answered, {percent(row[1])} of them wrong"
        for row in dict.fromkeys(rows)
    )
    return f"Risk-coverage curve. {points}."


def _area(area: Interval) -> tuple[str, str, str]:
    decimals = digits((area.high - area.low) * 100, most=AREA_DIGITS)
    return (
        percent(area.value, decimals=decimals),
        percent(area.low, decimals=decimals, unit=False),
        percent(area.high, decimals=decimals, unit=False),
    )


def _row(point: OperatingPoint) -> dict[str, object]:
    return {
        "asked": f"{point.precision * 100:g}{NO_BREAK}%",
        "confidence": "" if point.confidence is None else f"{point.confidence:.6g}",
        "answered": point.answered and _texts(point.answered),
        "reached": point.reached and _texts(point.reached),
        "answers": "" if point.reached is None else f"{point.reached.n:,}",
    }


def _texts(interval: Interval) -> str:
    value, low, high = interval_texts(interval, is_fraction=True)
    return f"{value} ({low} to {high})"
