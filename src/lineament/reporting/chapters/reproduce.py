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
        "is_same_data": card.dataset.get("fingerprint") == part.dataset.fingerprint,
        "trained_on": fact(card.dataset.get("fingerprint")),
        "machine": [(name.replace("_", " "), fact(value)) for name, value in card.machine.items()],
        "versions": [(name, fact(value)) for name, value in card.versions.items()],
    }
