"""The section on sets of classes: how often they hold the true one, and how large they are."""

from lineament.artifacts.findings.selective import PredictionSets
from lineament.measure.conformal import LARGEST_COUNTED
from lineament.reporting.numbers import NO_BREAK, interval_texts, percent


def prediction_sets(finding: PredictionSets) -> dict[str, object]:
    """Write the section.

    Args:
        finding: What was found.

    Returns:
        What the section's template names.
    """
    n_photos = sum(finding.sizes)
    return {
        "level": f"{finding.reached.level * 100:g}{NO_BREAK}%",
        "asked": f"{finding.asked * 100:g}{NO_BREAK}%",
        "threshold": f"{finding.threshold:.4g}",
        "reached": interval_texts(finding.reached, is_fraction=True),
        "mean_size": interval_texts(finding.mean_size, is_fraction=False),
        "sentence": finding.sentence,
        "sizes": [
            {
                "size": _size(size),
                "photos": f"{count:,}",
                "share": percent(count / n_photos),
                "width": f"{count / n_photos * 100:.2f}%",
            }
            for size, count in enumerate(finding.sizes)
        ],
    }


def _size(size: int) -> str:
    if size >= LARGEST_COUNTED:
        return f"{size} classes or more"
    return "1 class" if size == 1 else f"{size} classes"
