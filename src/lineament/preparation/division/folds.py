"""Folds for cross-validation: every photo is in one, units whole, each class in every fold.

Folds are parts of equal size that are made like a split (`placement`).
"""

from collections.abc import Sequence

from lineament.core.errors import DataError, UsageError
from lineament.preparation.division.grouping import Member, connected
from lineament.preparation.division.split import listed, place, too_few


def make_folds(members: Sequence[Member], n_folds: int, *, seed: int) -> dict[str, int]:
    """Put every photo in a fold.

    Args:
        members: The photos, in any order.
        n_folds: How many folds, 2 or more.
        seed: Chooses among equally good folds.

    Returns:
        Key to fold, 1 to ``n_folds``.

    Raises:
        UsageError: ``n_folds`` is below 2.
        DataError: Classes have fewer units than there are folds, or the units of several classes
            cannot be placed so that each class is in every fold; all such classes are named.

    Example:
        >>> photos = [Member(key=f"cat/{n}", class_name="cat") for n in range(10)]
        >>> sorted(make_folds(photos, 5, seed=0).values())
        [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    """
    if n_folds < 2:
        raise UsageError(
            f"`folds` must be 2 or more, got {n_folds}.", fix="Write for example `--folds 5`."
        )
    units = connected(members)
    few = too_few(units, n_folds)
    if few:
        are = "1 class has" if len(few) == 1 else f"{len(few)} classes have"
        fewer = max(min(few.values()), 1)
        raise DataError(
            f"{are} too few independent photos to be in {n_folds} folds; nothing was written.",
            at=[f"{name} (has {count}, needs {n_folds})" for name, count in few.items()],
            fix="Photos of one group or that are duplicates count as one. "
            + (f"Ask for at most {fewer} folds, add" if fewer > 1 else "Add")
            + " photos or leave these classes out.",
        )
    fractions = {str(fold): 1 / n_folds for fold in range(1, n_folds + 1)}
    sides, absent = place(units, fractions, seed=seed)
    if absent:
        raise DataError(
            f"The groups cannot be placed so that each class is in each of {n_folds} folds; "
            "nothing was written.",
            at=[f"{name} (not in {listed(folds)})" for name, folds in absent.items()],
            fix="Ask for fewer folds, add groups with photos of these classes, or leave these "
            "classes out.",
        )
    return {key: int(fold) for key, fold in sides.items()}
