"""The first Ctrl-C asks, the second one is as it was before."""

import os
import signal
import threading

import pytest

from lineament.core.progress import QUIET
from lineament.training.fitting.interruption import heeded


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_first_one_is_a_wish() -> None:
    with heeded(QUIET) as interruption:
        assert not interruption.asked
        press()
        assert interruption.asked


def test_second_one_leaves() -> None:
    with heeded(QUIET):
        press()
        with pytest.raises(KeyboardInterrupt):
            press()


def test_afterwards_it_is_as_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    with heeded(QUIET):
        assert signal.getsignal(signal.SIGINT) is not before

    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_nothing_is_touched() -> None:
    seen = []

    def work() -> None:
        with heeded(QUIET) as interruption:
            seen.append((interruption.asked, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == [(False, signal.getsignal(signal.SIGINT))]
