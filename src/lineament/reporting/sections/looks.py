"""The section on where a model looks: photos with their maps, and how far maps can be believed."""

import functools
from collections.abc import Callable, Sequence

from lineament.artifacts.explanation import Explanation
from lineament.artifacts.findings.faithfulness import Against, Faithful, Faithfulness
from lineament.artifacts.findings.galleries import BORDERLINE, RIGHT, SUREST, WRONG, Gallery, Shown
from lineament.artifacts.findings.hiding import Hiding
from lineament.artifacts.findings.localisation import Localisation
from lineament.artifacts.findings.sanity import SanityCheck
from lineament.measure.intervals import Interval
from lineament.reporting.faithfulness_figure import faithfulness_figures, legend
from lineament.reporting.numbers import counted, interval_texts, number, percent

Image = Callable[[str], str | None]  # a picture's file to what an ``img`` shows; ``None`` for none

KINDS = {
    SUREST: (
        "Most confident mistakes",
        "mistake",
        "Left the photo, then what spoke for the answer, then what spoke for the truth.",
    ),
    BORDERLINE: (
        "Between two classes",
        "such photo",
        "The two most probable classes are less than 20 points apart.",
    ),
    RIGHT: ("answered rightly", "photo", ""),
    WRONG: ("answered wrongly", "photo", ""),
}
AREA_DIGITS = 2


def looks(explanation: Explanation, *, image: Image) -> dict[str, object]:
    """Write and draw the section.

    Args:
        explanation: What was found.
        image: Gives what the source of an ``img`` is to be, by the name of a picture's file below
            the explanation's folder: a ``data:`` address, or the attribute that a script fills.

    Returns:
        What the section's template names.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    faithful, hidden = explanation.faithfulness, explanation.hiding
    whole = [each for each in explanation.galleries if each.class_name is None]
    names = dict.fromkeys(each.class_name for each in explanation.galleries if each.class_name)
    return {
        "method": explanation.method,
        "photos": counted(explanation.n_images, f"{explanation.split} photo"),
        "galleries": [_gallery(each, image) for each in whole],
        "classes": [
            {
                "name": name,
                "galleries": [
                    _gallery(each, image)
                    for each in explanation.galleries
                    if each.class_name == name
                ],
            }
            for name in names
        ],
        "n_classes": len(explanation.classes),
        "faithfulness": faithful and _faithfulness(faithful),
        "localisation": explanation.localisation and _localisation(explanation.localisation),
        "hiding": hidden and _hiding(hidden),
        "sanity": [_sanity(each) for each in explanation.sanity],
        "missing": _missing(explanation),
    }


def _gallery(gallery: Gallery, image: Image) -> dict[str, object]:
    title, noun, hint = KINDS[gallery.kind]
    n_shown = len(gallery.shown)
    told = counted(gallery.n_photos, noun)
    return {
        "title": title,
        "hint": hint,
        "count": told if n_shown == gallery.n_photos else f"{n_shown:,} of {told}",
        "photos": [_photo(each, gallery.kind, image) for each in gallery.shown],
    }


def _photo(shown: Shown, kind: str, image: Image) -> dict[str, object]:
    files = [(shown.photo, f"Photo of {shown.truth}"), (shown.overlay, f"For {shown.answer}")]
    if shown.truth_overlay is not None:
        files.append((shown.truth_overlay, f"For {shown.truth}"))
    answered = f"{shown.answer} {percent(shown.confidence)}"
    if shown.truth != shown.answer:
        also = f"truth {shown.truth} {percent(shown.truth_probability)}"
    elif kind == BORDERLINE:
        also = f"right; next {shown.second} {percent(shown.second_probability)}"
    else:
        also = ""
    return {
        "pictures": [{"source": image(file), "label": label} for file, label in files],
        "answered": answered,
        "is_right": shown.truth == shown.answer,
        "also": also,
        "sample": shown.sample,
    }


def _faithfulness(finding: Faithfulness) -> dict[str, object]:
    rows = [_faithful(each, "method") for each in finding.methods]
    rows += [_faithful(each, "knows nothing") for each in finding.baselines]
    return {
        "photos": counted(finding.photos, "photo"),
        "sentences": [each.sentence for each in finding.methods],
        "figures": faithfulness_figures(finding),
        "legend": legend(finding),
        "rows": rows,
        "against": [
            _against(method, each) for method in finding.methods for each in method.against
        ],
    }


def _faithful(each: Faithful, kind: str) -> dict[str, str]:
    seconds = each.seconds
    return {
        "title": each.title,
        "kind": kind,
        "insertion": _area(each.insertion),
        "deletion": _area(each.deletion),
        "seconds": "" if seconds is None else number(seconds * 1000, decimals=1),
    }


def _against(method: Faithful, each: Against) -> dict[str, object]:
    return {
        "title": method.title,
        "baseline": each.baseline,
        "insertion": _signed(each.insertion),
        "deletion": _signed(each.deletion),
        "verdict": "beats it" if each.beats else "does not beat it",
        "beats": each.beats,
    }


def _limits(interval: Interval, write: Callable[[float], str], *, unit: str = "") -> str:
    """A figure with its limits, each written in the same way."""
    return f"{write(interval.value)}{unit} ({write(interval.low)} to {write(interval.high)})"


def _area(interval: Interval) -> str:
    return _limits(interval, functools.partial(number, decimals=AREA_DIGITS))


def _signed(interval: Interval) -> str:
    return _limits(interval, lambda value: f"{value:+.{AREA_DIGITS}f}".replace("-", "−"))


def _localisation(finding: Localisation) -> dict[str, object]:
    return {
        "region": finding.region,
        "photos": counted(finding.photos, "photo"),
        "area": _share(finding.area),
        "rows": [
            {
                "title": each.title,
                "hits": _share(each.hits),
                "energy": _share(each.energy),
                "surplus": _points(each.surplus),
            }
            for each in finding.methods
        ],
        "sentences": [each.sentence for each in finding.methods],
    }


def _hiding(finding: Hiding) -> dict[str, object]:
    side = percent(finding.centre_fraction, decimals=0)
    return {
        "is_alarm": finding.is_alarm,
        "sentences": finding.sentences,
        "rows": [
            ("whole photos", _share(finding.whole)),
            (f"the middle hidden ({side} of each side)", _share(finding.centre_hidden)),
            ("all but the middle hidden", _share(finding.background_hidden)),
        ],
    }


def _sanity(check: SanityCheck) -> dict[str, object]:
    return {
        "title": check.title,
        "sentence": check.sentence,
        "rows": [(each.part, _signed(each.correlation), each.flat) for each in check.parts],
        "left_out": check.left_out,
    }


def _missing(explanation: Explanation) -> list[str]:
    """What nobody asked for, and the flag that does."""
    asked: Sequence[tuple[object, str, str]] = (
        (explanation.faithfulness, "Whether the maps are faithful", "--faithfulness 48"),
        (explanation.hiding, "Accuracy with the middle hidden", "--hiding 500"),
        (explanation.localisation, "How much of the maps lies on the thing", "--regions FILE"),
        (explanation.sanity, "Whether maps change when weights are random", "--sanity 50"),
    )
    return [
        f"{what} was not measured (`lineament explain` with `{flag}`)."
        for found, what, flag in asked
        if not found
    ]


def _share(interval: Interval) -> str:
    value, low, high = interval_texts(interval, is_fraction=True)
    return f"{value} ({low} to {high})"


def _points(interval: Interval) -> str:
    return _limits(interval, lambda value: f"{value * 100:+.1f}".replace("-", "−"), unit=" points")
