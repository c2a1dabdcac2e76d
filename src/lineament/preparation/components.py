"""Components: which of many things are tied to each other, directly or through others."""

from collections.abc import Hashable, Iterable, Sequence


def components(count: int, ties: Iterable[tuple[int, int]]) -> list[int]:
    """Find connected components by union and find (Tarjan 1975).

    Args:
        count: How many things there are.
        ties: Pairs of their numbers, 0 to ``count - 1``.

    Returns:
        For each thing the lowest number in its component, which names the component.

    Example:
        >>> components(5, [(3, 1), (3, 4)])
        [0, 1, 2, 1, 1]
    """
    parents = list(range(count))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]  # halves the path, so that it stays short
            index = parents[index]
        return index

    for one, other in ties:
        left, right = root(one), root(other)
        parents[max(left, right)] = min(left, right)
    return [root(index) for index in range(count)]


def components_by_name(names: Sequence[Iterable[Hashable]]) -> list[int]:
    """Find what shares a name, directly or through others.

    Args:
        names: The names that each thing has; two things with one in common are tied.

    Returns:
        As `components`.

    Example:
        >>> components_by_name([["a"], [], ["a", "b"], ["b"]])
        [0, 1, 0, 0]
    """
    first: dict[Hashable, int] = {}
    ties = [
        (first.setdefault(name, index), index) for index, own in enumerate(names) for name in own
    ]
    return components(len(names), ties)
