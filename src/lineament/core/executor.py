"""Executor: run one function over many items, here or on many machines, results in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

from lineament.core.errors import UsageError

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 4  # results waiting per worker: enough to keep workers busy, few enough to bound memory


class Executor(Protocol):
    """Where work runs. Results come in the order of the items, whatever finishes first."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Apply ``function`` to each item; an exception is raised at that item's place.

        ``function`` and items must be picklable (a module-level function, or a `functools.partial`
        of one), so that the same call can run on another machine.
        """


class LocalExecutor:
    """Threads of this process: decoding, resizing and inference all leave the interpreter lock.

    Args:
        workers: How many threads; ``None`` is one per core.

    Example:
        >>> list(LocalExecutor(workers=2).map(abs, [-1, 2, -3]))
        [1, 2, 3]
    """

    def __init__(self, workers: int | None = None) -> None:
        if workers is not None and workers < 1:
            raise UsageError(
                f"`workers` must be 1 or more, got {workers}.",
                fix="Leave it out for one worker per core.",
            )
        self.workers = workers or available_cores()

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Apply ``function`` to each item, at most a few items ahead of the reader."""
        waiting: deque[Future[R]] = deque()
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="lineament")
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= self.workers * AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def available_cores() -> int:
    """How many cores this process may use; containers allow fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
