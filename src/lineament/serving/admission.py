"""Admission: how much work and how many bytes may wait, so that a crowd is refused, not collapsed.

All of it is asked in the thread of the event loop, so it needs no lock.
"""

import contextlib
import math
import time
from collections.abc import Iterator

from lineament.serving.problems import ProblemError

BUSY, GONE_BY = 429, 503
RECENT = 0.05  # weight of the newest photo in the average of how long one takes
FIRST_GUESS_S = 0.1
LONGEST_WAIT_S = 60


class Admission:
    """Counts photos that are waited for and bytes that are held.

    Args:
        threads: Photos that are answered at once.
        queue: Photos that may wait beside them.
        max_bytes: Most that requests may hold together.
    """

    def __init__(self, *, threads: int, queue: int, max_bytes: int) -> None:
        self._threads, self._room = threads, threads + queue
        self._max_bytes = max_bytes
        self.photos = 0
        self.bytes = 0
        self._photo_s = FIRST_GUESS_S

    @contextlib.contextmanager
    def photos_admitted(self, count: int) -> Iterator[None]:
        """Admit photos for as long as the block lasts.

        Raises:
            ProblemError: There is no room for them now (429, with when to come again).
        """
        if self.photos + count > self._room:
            raise self._busy(f"{self.photos} photos are waiting already, and there is no room")
        self.photos += count
        try:
            yield
        finally:
            self.photos -= count

    def hold(self, size_bytes: int) -> None:
        """Hold so many more bytes; `give_back` them in the end.

        Raises:
            ProblemError: Requests hold too many already (429). Then these are not counted.
        """
        if self.bytes + size_bytes > self._max_bytes:
            raise self._busy("Other requests hold all the memory that there is for uploads")
        self.bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Count so many bytes less."""
        self.bytes -= size_bytes

    def took(self, seconds: float) -> None:
        """Learn how long a photo took."""
        self._photo_s += RECENT * (seconds - self._photo_s)

    def retry_after_s(self) -> int:
        """In how many seconds a crowd like this one will have been answered; at least 1."""
        return min(LONGEST_WAIT_S, max(1, math.ceil(self.photos * self._photo_s / self._threads)))

    def _busy(self, why: str) -> ProblemError:
        seconds = self.retry_after_s()
        return ProblemError(
            BUSY,
            f"{why}.",
            fix=f"Come again in {seconds} s.",
            headers={"retry-after": str(seconds)},
        )


class Deadline:
    """When it is too late to begin.

    Args:
        seconds: From now.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    def require_time(self) -> None:
        """Refuse to begin what nobody waits for any more.

        Raises:
            ProblemError: The time is over (503).
        """
        if time.monotonic() > self._until:
            raise ProblemError(
                GONE_BY,
                f"The photo was not begun within {self._seconds:g} s: there are too many others.",
                fix="Come again when there are fewer.",
                headers={"retry-after": "5"},
            )
