"""The chapter on making it again: the commands, the versions, and the hashes that tell it is."""

from lineament.reporting.story import Part
from lineament.reporting.trainings import fact


def reproduce(part: Part) -> dict[str, object]:
    """Write the chapter.

    Returns:
        What ``chapter_reproduce.html.j2`` names.
    """
    card, evaluation = part.chapter.training.run.card, part.chapter.evaluation
    hashes = [
        ("dataset", part.dataset.fingerprint),
        ("graph", fact(evaluation.subject.get("graph_sha256"))),
        ("weights it began with", fact(card.backbone.get("sha256"))),
    ]
    return {
        "commands": "\n".join(part.commands),
        "hashes": hashes,
        "timed": _timed(card.recipe.get("time_budget")),
        "is_same_data": card.dataset.get("fingerprint") == part.dataset.fingerprint,
        "trained_on": fact(card.dataset.get("fingerprint")),
        "machine": [(name.replace("_", " "), fact(value)) for name, value in card.machine.items()],
        "versions": [(name, fact(value)) for name, value in card.versions.items()],
    }


def _timed(budget: object) -> str | None:
    """Warn where the clock had a say, for then settings alone do not give the same hashes."""
    if not budget:
        return None
    return (
        f"Training had a time budget ({fact(budget)}): on a machine of another speed it may run "
        "for another number of epochs, and the graph has another hash."
    )
