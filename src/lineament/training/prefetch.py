"""Prefetch: the next batches are made while the model works on this one."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import torch

T = TypeVar("T")


class Prefetch(Generic[T]):
    """Results of a function for the steps of a range, in order, computed ahead in one thread.

    An exception is raised where its result would have come. Whoever stops early, by `break`, an
    exception or Ctrl-C, waits at most for the one call that is under way.

    Torch computes with one thread there: with as many as the model has, both wait for one another
    at every operation (149 photos a second against 175 when fine-tuning on two cores). It also
    makes the same batches however many threads the model has.

    Args:
        function: Makes the result of a step.
        steps: The steps.
        ahead: How many results may be ready before they are asked for, at least 1.

    Attributes:
        waited_s: How long the consumer has waited for results, the first one included.

    Example:
        >>> squares = Prefetch(lambda step: step * step, range(2, 5))
        >>> list(squares)
        [4, 9, 16]
    """

    def __init__(self, function: Callable[[int], T], steps: range, *, ahead: int = 2) -> None:
        self._function = function
        self._steps = steps
        self._ahead = ahead
        self.waited_s = 0.0

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[T]:
        self.waited_s = 0.0
        # The pool's thread never waits for room in a queue: it is only given what may be made.
        # So it ends by itself, even if nobody closes this iterator before the interpreter exits.
        pool = ThreadPoolExecutor(
            1, "lineament-prefetch", initializer=torch.set_num_threads, initargs=(1,)
        )
        try:
            first, later = self._steps[: self._ahead], self._steps[self._ahead :]
            waiting = deque(pool.submit(self._function, step) for step in first)
            for step in later:
                result = self._take(waiting)
                waiting.append(pool.submit(self._function, step))
                yield result
            while waiting:
                yield self._take(waiting)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _take(self, waiting: deque[Future[T]]) -> T:
        is_first = self.waited_s == 0.0
        started = time.perf_counter()
        try:
            return waiting.popleft().result()
        finally:
            self.waited_s += time.perf_counter() - started
            if is_first:
                # Torch keeps a number per thread, and hands the last one that was set anywhere to
                # threads that come later: those are to have this thread's.
                torch.set_num_threads(torch.get_num_threads())
