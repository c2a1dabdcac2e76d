"""Figure of faithfulness: how soon an answer appears and vanishes in the order of each map."""

from collections.abc import Sequence

from lineament.artifacts.findings.faithfulness import Faithful, Faithfulness
from lineament.reporting.drawing import ACCENT, INK, MUTED, canvas, drawing, svg_text
from lineament.reporting.figures import PURPOSE

# Methods in full lines, told apart by marks too; what knows nothing in broken grey ones.
MARKS = ("o", "s", "^", "D", "v")
DASHES = ((0, (6, 3)), (0, (1.5, 2)))


def faithfulness_figures(finding: Faithfulness) -> list[tuple[str, str]]:
    """Draw the curves of insertion and of deletion.

    Args:
        finding: At least one method.

    Returns:
        A title and one ``svg`` element each.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    insertion = [each.insertion_curve for each in (*finding.methods, *finding.baselines)]
    deletion = [each.deletion_curve for each in (*finding.methods, *finding.baselines)]
    return [
        ("Insertion: higher is better", _drawn(finding, insertion, "insertion", "shown")),
        ("Deletion: lower is better", _drawn(finding, deletion, "deletion", "hidden")),
    ]


def legend(finding: Faithfulness) -> list[tuple[str, str]]:
    """Say what each line is: a little drawing of it, and its title."""
    lines = [
        (_swatch(MARKS[index % len(MARKS)], ""), each.title)
        for index, each in enumerate(finding.methods)
    ]
    for index, each in enumerate(finding.baselines):
        dashes = " ".join(str(part) for part in DASHES[index % len(DASHES)][1])
        lines.append((_swatch("", dashes), each.title))
    return lines


def _drawn(finding: Faithfulness, curves: Sequence[Sequence[float]], name: str, verb: str) -> str:
    places = [*finding.methods, *finding.baselines]
    with drawing(name, purpose=PURPOSE):
        figure, axes = canvas(width=440, height=320, margins=(62, 28, 12, 54))
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        for index, (_, curve) in enumerate(zip(places, curves, strict=True)):
            number = index - len(finding.methods)
            if number < 0:
                axes.plot(
                    finding.fractions,
                    curve,
                    color=ACCENT if index == 0 else INK,
                    linewidth=1.9,
                    marker=MARKS[index % len(MARKS)],
                    markersize=4.5,
                    markevery=2,
                )
            else:
                dashes = DASHES[number % len(DASHES)]
                axes.plot(finding.fractions, curve, color=MUTED, linewidth=1.5, linestyle=dashes)
        ticks = [0, 0.25, 0.5, 0.75, 1]
        axes.set_xticks(ticks, [f"{tick * 100:.0f} %" for tick in ticks])
        axes.set_yticks(ticks, [f"{tick * 100:.0f} %" for tick in ticks])
        axes.set_xlabel(f"part of the photo {verb}")
        axes.set_ylabel("mean probability of the answer")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        return svg_text(figure, name=name, alt=_alt(finding, places, name))


def _alt(finding: Faithfulness, places: Sequence[Faithful], name: str) -> str:
    areas = ", ".join(f"{each.title} {getattr(each, name).value:.2f}" for each in places)
    return f"Curves of {name} over {finding.photos} photos; areas: {areas}."


def _swatch(mark: str, dashes: str) -> str:
    colour = "var(--muted)" if dashes else "var(--accent)" if mark == MARKS[0] else "var(--ink)"
    shape = {
        "o": '<circle cx="15" cy="5" r="3.4"/>',
        "s": '<rect x="11.8" y="1.8" width="6.4" height="6.4"/>',
        "^": '<path d="M15 1 L19 9 L11 9 Z"/>',
        "D": '<path d="M15 .6 L19.4 5 L15 9.4 L10.6 5 Z"/>',
        "v": '<path d="M15 9 L19 1 L11 1 Z"/>',
    }.get(mark, "")
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<svg class="swatch" viewBox="0 0 30 10" aria-hidden="true" fill="{colour}" '
        f'stroke="{colour}"><line x1="1" y1="5" x2="29" y2="5" stroke-width="2"{dashed}/>'
        f"{shape}</svg>"
    )
