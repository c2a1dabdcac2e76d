"""Did you mean: the nearest known name to a misspelt one."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest of the known names.

    Args:
        word: What was written.
        known: What could have been meant.

    Returns:
        `` Did you mean `x`?`` with a leading space, or an empty string when nothing is near.

    Example:
        >>> did_you_mean("evalute", ["evaluate", "export"])
        ' Did you mean `evaluate`?'
        >>> did_you_mean("zzz", ["evaluate", "export"])
        ''
    """
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f" Did you mean `{by_lower[near[0]]}`?" if near else ""
