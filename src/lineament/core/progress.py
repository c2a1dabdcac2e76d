"""Progress events: what long work says while it runs, to whoever listens."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """A listener; the command line draws bars, a library caller hears nothing by default."""

    def start(self, task: str, total: int | None) -> None:
        """A task of ``total`` steps begins; ``None`` when their number is not known."""

    def advance(self, steps: int = 1) -> None:
        """``steps`` of the running task are done."""

    def finish(self) -> None:
        """The running task has ended."""

    def note(self, text: str) -> None:
        """A sentence for the person who watches."""


class Quiet:
    """A `Progress` that says nothing."""

    def start(self, task: str, total: int | None) -> None:
        """Say nothing."""

    def advance(self, steps: int = 1) -> None:
        """Say nothing."""

    def finish(self) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""


QUIET = Quiet()


def tracked(items: Iterable[T], progress: Progress, task: str, total: int | None) -> Iterator[T]:
    """Pass items through, one step of progress each.

    Args:
        items: What is worked on.
        progress: Who listens.
        task: What the work is called, such as ``reading photos``.
        total: How many items there are, if known.

    Yields:
        The items, unchanged.

    Example:
        >>> list(tracked([1, 2], QUIET, "counting", 2))
        [1, 2]
    """
    progress.start(task, total)
    try:
        for item in items:
            yield item
            progress.advance()
    finally:
        progress.finish()


def duration(seconds: float) -> str:
    """Write a duration as a person says it.

    Example:
        >>> duration(42), duration(150), duration(5400)
        ('42 s', '2.5 min', '1.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
