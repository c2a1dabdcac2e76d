"""Promised: whether chance explains that a promise of validation was not kept."""

from math import hypot, sqrt

from lineament.artifacts.decisions import Decisions
from lineament.evaluation.wording import photos
from lineament.measure.intervals import Interval, two_sided_z


def of_chance(
    decisions: Decisions, coverage: float, reached: Interval, *, that_is: str = "less"
) -> str:
    """Say whether the chance that lies in the choice of a threshold explains a missed coverage.

    Args:
        decisions: The thresholds, with the photos that they were chosen on.
        coverage: How often was promised, 0 to 1.
        reached: How often it was on the measured photos, which is less.
        that_is: ``less``, or ``more`` where the sentence before speaks of the photos that miss.
    """
    n_units = decisions.photos if decisions.groups is None else decisions.groups
    # The coverage of a threshold from n photos is a Beta variable with nearly this deviation.
    of_choice = sqrt(coverage * (1 - coverage) / (n_units + 2))
    chance = hypot(two_sided_z(reached.level) * of_choice, reached.high - reached.value)
    basis = photos(decisions.photos, kind="validation")
    if decisions.groups is not None:
        basis += f" of {decisions.groups:,} groups"
    if coverage - reached.value <= chance:
        return (
            f"That is {that_is}, but a threshold that was chosen on {basis} may be off by so much "
            "by chance."
        )
    return (
        f"That is {that_is}, and more than the chance of {basis} explains: these photos are harder "
        "than those of validation."
    )
