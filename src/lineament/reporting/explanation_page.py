"""Explanation page: where a model looks, as one page that needs no script and no other file."""

import base64
from collections.abc import Callable

from lineament.artifacts.explanation import Explanation
from lineament.core.version import __version__
from lineament.reporting.figures import PURPOSE
from lineament.reporting.sections.looks import looks
from lineament.reporting.template import render

TEMPLATE = "explanation.html.j2"


def explanation_page(explanation: Explanation, *, photo: Callable[[str], bytes | None]) -> str:
    """Render an explanation as one HTML page that needs no network and no other file.

    Args:
        explanation: Every figure that the page shows.
        photo: Gives a picture by its file's name below the explanation's folder, as a JPEG.

    Returns:
        The whole document; the same arguments give the same bytes.

    Raises:
        MissingExtraError: Jinja2 or matplotlib is not installed.
    """

    def image(name: str) -> str | None:
        jpeg = photo(name)
        if jpeg is None:
            return None
        return f'src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"'

    values: dict[str, object] = {
        "version": __version__,
        "subject": str(explanation.subject.get("path") or "a model"),
        "dataset": str(explanation.dataset.get("path") or "a dataset"),
        "seed": explanation.seed,
        "lead": _lead(explanation),
        "looks": looks(explanation, image=image),
    }
    return render(TEMPLATE, values, purpose=PURPOSE)


def _lead(explanation: Explanation) -> str:
    """Whether the maps that are shown may be believed, in one line."""
    found = explanation.faithfulness
    if explanation.hiding is not None and explanation.hiding.is_alarm:
        return "Alarm: most of what the model can do survives with the middle of photos hidden"
    if found is None:
        return "What spoke for the answers; nobody measured whether the maps are faithful"
    if all(each.beats for each in found.methods[0].against):
        return "The maps mark what the model answers by"
    return "The maps shown here do not beat every map that knows nothing"
