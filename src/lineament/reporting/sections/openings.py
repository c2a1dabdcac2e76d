"""The section on openings: how often the photos had been measured before."""

from lineament.artifacts.findings.openings import Openings
from lineament.reporting.numbers import counted


def openings(finding: Openings) -> dict[str, object]:
    """Write the section.

    Args:
        finding: What the ledger says.

    Returns:
        What the section's template names.
    """
    return {
        "sentence": finding.sentence,
        "count": f"{counted(finding.evaluations, 'evaluation')} of "
        f"{counted(finding.models, 'model')}, the first on {finding.first[:10]}",
    }
