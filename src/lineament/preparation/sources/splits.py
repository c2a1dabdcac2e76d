"""Splits that a source gives: from its own words for them to train, validation and test."""

from collections.abc import Sequence

from lineament.core.errors import DataError
from lineament.preparation.sources.layout import SPLIT_FOLDERS


def given_splits(name: str, words: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Say which split each word of a source stands for.

    A single word, or several without one for ``train``, give no split: everything is divided anew.

    Args:
        name: The source, for error texts.
        words: What the source calls its parts, such as ``train`` and ``val``.

    Returns:
        Word to split (empty where it stands for none), and what a person should know about it.

    Raises:
        DataError: Words that stand for no split, or two that stand for the same one.

    Example:
        >>> given_splits("digits.npz", ["train", "val"])
        ({'train': 'train', 'val': 'validation'}, ())
        >>> given_splits("digits.npz", ["train"])
        ({'train': ''}, ())
    """
    if len(words) < 2:
        return dict.fromkeys(words, ""), ()
    splits = {word: SPLIT_FOLDERS.get(word.lower(), "") for word in words}
    unknown = [word for word in words if not splits[word]]
    if unknown:
        raise DataError(
            f"{name} has splits of names that are not known.",
            at=unknown,
            fix=f"Name its splits with some of {', '.join(sorted(SPLIT_FOLDERS))}.",
        )
    called: dict[str, list[str]] = {}
    for word, split in splits.items():
        called.setdefault(split, []).append(word)
    twice = [f"{', '.join(same)} ({split})" for split, same in called.items() if len(same) > 1]
    if twice:
        raise DataError(
            f"{name} has more than one part for the same split.",
            at=twice,
            fix="Keep one of them.",
        )
    if "train" not in called:
        note = f"{', '.join(words)} are divided anew: there is no `train` among the given splits."
        return dict.fromkeys(words, ""), (note,)
    return splits, ()
