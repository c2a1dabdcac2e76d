"""Isolation: a process apart, so that what dies in it does not take the study along."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import IO

from lineament.artifacts.watching import Watcher

Answer = Mapping[str, object]
MODULE = "lineament.workflow.studies.worker"


class WorkerDied(Exception):  # noqa: N818  # it is no mistake of ours
    """The worker's process ended in the middle of an order; the text says how."""


class Isolation:
    """A worker, started when it is needed, and again after it died.

    What it says within an order goes into the log that the order names; what it says outside of
    them, such as that it cannot start, is for the person who watches.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """See that a worker is there and has imported everything.

        Raises:
            WorkerDied: It did not come up.
        """
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        self._process = subprocess.Popen(
            # -P: a `torch.py` in the folder where someone works is not torch.
            [sys.executable, "-P", "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the study, which ends its worker itself
        )
        self._hear()

    @property
    def process_id(self) -> int | None:
        """Of the worker; ``None`` where there is none."""
        return None if self._process is None else self._process.pid

    def ask(self, order: Mapping[str, object], *, watcher: Watcher | None = None) -> Answer:
        """Give an order and wait for its answer.

        Args:
            order: What `lineament.workflow.studies.worker` is to do.
            watcher: Who is told of epochs, of an order that is watched; what it raises stops the
                run, and is raised here when the worker has stopped.

        Returns:
            ``said`` (``done`` or ``failed``) and what belongs to it.

        Raises:
            WorkerDied: The process ended instead.
        """
        self.start()
        self._say(order)
        stopped: Exception | None = None
        while True:
            answer = self._hear()
            if answer["said"] == "stopped" and stopped is not None:
                raise stopped
            if answer["said"] != "epoch":
                return answer
            row = answer["row"]
            assert isinstance(row, dict)  # our own worker
            try:
                if watcher is not None:
                    watcher.epoch(row, ())
            except Exception as error:
                stopped = error
            self._say({"go": stopped is None})

    def close(self) -> None:
        """End the worker, whatever it is doing."""
        if self._process is None:
            return
        self._process.kill()
        self._process.communicate()
        self._process = None

    def _say(self, message: Mapping[str, object]) -> None:
        # A process that ended closes the pipe; how it ended is said when its answer is awaited.
        with contextlib.suppress(BrokenPipeError):
            stream = self._stream("stdin")
            stream.write(json.dumps(message) + "\n")
            stream.flush()

    def _hear(self) -> Answer:
        line = self._stream("stdout").readline()
        if line.endswith("\n"):
            answer: Answer = json.loads(line)
            return answer
        assert self._process is not None
        code = self._process.wait()
        self.close()
        raise WorkerDied(ended(code))

    def _stream(self, name: str) -> IO[str]:
        assert self._process is not None
        stream: IO[str] | None = getattr(self._process, name)
        assert stream is not None
        return stream


def ended(code: int) -> str:
    """How a process ended, by its exit code; a negative one is that of a signal.

    Example:
        >>> ended(3)
        'the process ended with code 3'
        >>> ended(-9)
        'the process was killed (SIGKILL), as a system does that is out of memory'
    """
    if code >= 0 or os.name != "posix":
        return f"the process ended with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    cause = ", as a system does that is out of memory" if name == "SIGKILL" else ""
    return f"the process was killed ({name}){cause}"
