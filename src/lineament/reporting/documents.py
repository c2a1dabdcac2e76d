"""Documents: parts of an artifact's JSON, of which an older version may not have all."""

from collections.abc import Mapping, Sequence


def part(document: Mapping[str, object], key: str) -> Mapping[str, object]:
    """A part of the document; empty where it is absent."""
    found = document.get(key)
    return found if isinstance(found, Mapping) else {}


def parts(document: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    """A list of parts of the document; empty where it is absent."""
    found = document.get(key)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def number(document: Mapping[str, object], key: str) -> int:
    """A count of the document; 0 where it is absent."""
    found = document.get(key)
    return found if isinstance(found, int) else 0


def listed(names: Sequence[str]) -> str:
    """Join names as one reads them.

    Example:
        >>> listed(["train", "validation", "test"])
        'train, validation and test'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
