"""Workers: processes that compute for this one, where Python's lock would let a core stand idle.

Threads are enough where the time goes into compiled loops. Small photos are mostly Python, and
there a second thread brings nothing. The workers are plain `subprocess` children: `multiprocessing`
would run the user's own script again in each of them unless it is guarded, or fork a process that
has threads.
"""

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from lineament.core.executor import LocalExecutor

T = TypeVar("T")
R = TypeVar("R")

PROGRAM = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from lineament.core.workers import serve; serve()"
)


class ProcessExecutor:
    """Processes of this machine; they live as long as one `map` does.

    Args:
        workers: How many; ``None`` is one per core.

    Example:
        >>> list(ProcessExecutor(workers=2).map(abs, [-1, 2, -3]))
        [1, 2, 3]
    """

    def __init__(self, workers: int | None = None) -> None:
        self._threads = LocalExecutor(workers)

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Apply ``function`` to each item, at most a few items ahead of the reader."""
        with contextlib.ExitStack() as stack:
            idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
            for _ in range(self._threads.workers):
                idle.put(stack.enter_context(contextlib.closing(_Worker(function))))

            def call(item: T) -> R:
                worker = idle.get()
                try:
                    result: R = worker.call(item)
                    return result
                finally:
                    idle.put(worker)

            yield from self._threads.map(call, items)


class _Worker:
    """A child process that applies one function to whatever it is sent."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._send(sys.path)
        self._send(function)

    def call(self, item: object) -> Any:  # noqa: ANN401  # whatever the function gives
        """Send an item and wait for its result; an exception of the child is raised here."""
        self._send(item)
        assert self._process.stdout is not None
        try:
            succeeded, result = pickle.load(self._process.stdout)  # noqa: S301  # our own child
        except (EOFError, pickle.UnpicklingError) as error:
            code = self._process.wait()
            raise RuntimeError(f"a worker process ended with code {code}") from error
        if not succeeded:
            raise result
        return result

    def close(self) -> None:
        """End the child, which may be in the middle of an item that nobody waits for."""
        self._process.kill()
        self._process.communicate()

    def _send(self, message: object) -> None:
        assert self._process.stdin is not None
        # A child that ended closes the pipe; what it was is said when its result is read.
        with contextlib.suppress(BrokenPipeError):
            pickle.dump(message, self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()


def serve() -> None:
    """Be a worker: read a function and then items from stdin, write results to stdout."""
    warnings.simplefilter("ignore")  # a decoder's remark on a damaged file, which is named anyway
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent decides
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    questions = sys.stdin.buffer
    function = pickle.load(questions)  # noqa: S301  # our own parent
    while True:
        try:
            item = pickle.load(questions)  # noqa: S301
        except EOFError:  # the parent is done, or gone
            return
        try:
            answer: tuple[bool, object] = (True, function(item))
        except Exception as error:
            answer = (False, error)
        pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()
