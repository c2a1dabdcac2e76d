"""Interruption: the first Ctrl-C asks the loop to finish, the second one leaves at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from lineament.core.progress import Progress


class Interruption:
    """Whether the loop was asked to finish."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def heeded(progress: Progress) -> Iterator[Interruption]:
    """Take the first Ctrl-C within the block as a wish to finish, and say so.

    Where signals cannot be taken (another thread than the main one), Ctrl-C is left as it was.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: FrameType | None) -> None:
        interruption.asked = True
        signal.signal(signal.SIGINT, before)
        progress.note("finishing with what there is; press Ctrl-C again to leave at once")

    signal.signal(signal.SIGINT, ask)
    try:
        yield interruption
    finally:
        if signal.getsignal(signal.SIGINT) is ask:
            signal.signal(signal.SIGINT, before)
