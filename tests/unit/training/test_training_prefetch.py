"""What is made ahead comes in order, fails in its place, and ends when nobody wants more."""

import gc
import subprocess
import sys
import threading
import weakref

import pytest
import torch

from lineament.training.prefetch import Prefetch

SOON_S = 60.0  # far more than any of these waits takes, even on a busy machine

# The iterator is left open, in the middle, by a program that ends.
LEFT_OPEN = """
from lineament.training.prefetch import Prefetch
made = iter(Prefetch(lambda step: step, range(1000)))
print(next(made), next(made), flush=True)
raise SystemExit(7)
"""

# Ctrl-C while a result is being made, which takes until the program has noticed.
INTERRUPTED = """
import os, signal, threading
from lineament.training.prefetch import Prefetch
noticed = threading.Event()
def interrupt(*_):
    noticed.set()
    raise KeyboardInterrupt
signal.signal(signal.SIGINT, interrupt)
def make(step):
    if step == 2:
        os.kill(os.getpid(), signal.SIGINT)
        noticed.wait()
    return step
taken = []
try:
    for made in Prefetch(make, range(1000)):
        taken.append(made)
except KeyboardInterrupt:
    print("interrupted before the third:", taken == [0, 1][: len(taken)], flush=True)
"""


class Counted:
    """A function that counts its calls, and lets others wait for them."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self._changed = threading.Condition()

    def __call__(self, step: int) -> int:
        with self._changed:
            self.calls.append(step)
            self._changed.notify_all()
        return step * 10

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.calls) >= count, SOON_S)


def prefetching() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if "prefetch" in each.name]


@pytest.fixture(autouse=True)
def _ended() -> object:
    yield
    gc.collect()
    assert prefetching() == []


@pytest.mark.parametrize("ahead", [1, 2, 3, 50])
@pytest.mark.parametrize("steps", [range(0), range(1), range(3, 20), range(9, 2, -3)])
def test_results_come_in_the_order_of_the_steps(steps: range, ahead: int) -> None:
    assert list(Prefetch(lambda step: step * 10, steps, ahead=ahead)) == [
        step * 10 for step in steps
    ]


def test_every_step_is_made_once() -> None:
    made = Counted()

    list(Prefetch(made, range(100)))

    assert made.calls == list(range(100))


def test_two_are_made_while_the_first_is_worked_on() -> None:
    made = Counted()
    results = iter(Prefetch(made, range(100), ahead=2))

    assert next(results) == 0
    made.wait_for(3)  # would wait for ever if nothing were made ahead

    assert made.calls == [0, 1, 2]


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_slow_consumer_finds_no_more_than_was_allowed_ahead(ahead: int) -> None:
    made = Counted()

    for taken, _ in enumerate(Prefetch(made, range(40), ahead=ahead), start=1):
        made.wait_for(min(taken + ahead, 40))
        assert len(made.calls) <= taken + ahead


def test_slow_producer_is_waited_for() -> None:
    release = threading.Event()
    order: list[str] = []

    def make(step: int) -> int:
        assert release.wait(SOON_S)
        order.append(f"made {step}")
        return step

    results = Prefetch(make, range(1))
    threading.Timer(0.0, release.set).start()
    order += [f"got {step}" for step in results]

    assert order == ["made 0", "got 0"]
    assert results.waited_s > 0.0


def test_waiting_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 5.0, 10.0, 10.5, 20.0, 20.25])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    results = Prefetch(lambda step: step, range(3))

    list(results)

    assert results.waited_s == 5.75


def test_torch_has_one_thread_there_and_as_before_everywhere_else() -> None:
    before = torch.get_num_threads()
    elsewhere: list[int] = []
    torch.set_num_threads(3)
    try:
        ahead = list(Prefetch(lambda _: torch.get_num_threads(), range(5)))
        here = torch.get_num_threads()
        later = threading.Thread(target=lambda: elsewhere.append(torch.get_num_threads()))
        later.start()
        later.join(SOON_S)
    finally:
        torch.set_num_threads(before)

    assert ahead == [1] * 5
    assert (here, elsewhere) == (3, [3])


def test_each_pass_counts_anew() -> None:
    results = Prefetch(lambda step: step, range(3))

    assert list(results) == list(results) == [0, 1, 2]
    assert len(results) == 3


def fails_at_five(step: int) -> int:
    if step == 5:
        raise ValueError("step five")
    return step


def test_error_comes_in_its_place() -> None:
    taken: list[int] = []

    with pytest.raises(ValueError, match="step five"):
        taken.extend(Prefetch(fails_at_five, range(10), ahead=3))

    assert taken == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("wanted", [1, 2, 7])
def test_leaving_the_loop_ends_the_thread(wanted: int) -> None:
    made = Counted()

    for taken, _ in enumerate(Prefetch(made, range(10_000)), start=1):
        if taken == wanted:
            break
    gc.collect()

    assert prefetching() == []
    assert len(made.calls) <= wanted + 2


def test_error_of_the_consumer_ends_the_thread() -> None:
    made = Counted()

    def consume() -> None:
        for _ in Prefetch(made, range(10_000)):
            raise RuntimeError("the model")

    with pytest.raises(RuntimeError, match="the model"):
        consume()
    gc.collect()

    assert prefetching() == []
    assert len(made.calls) <= 3


@pytest.mark.parametrize(
    ("program", "said", "code"),
    [(LEFT_OPEN, "0 1\n", 7), (INTERRUPTED, "interrupted before the third: True\n", 0)],
    ids=["left open", "interrupted"],
)
def test_program_that_stops_in_the_middle_ends(program: str, said: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=SOON_S, check=False
    )

    assert (done.stdout, done.stderr, done.returncode) == (said, "", code)


def test_results_that_were_taken_are_not_kept() -> None:
    class Batch:
        pass

    alive: weakref.WeakSet[Batch] = weakref.WeakSet()
    most = 0

    def make(step: int) -> Batch:
        batch = Batch()
        alive.add(batch)
        return batch

    for batch in Prefetch(make, range(50), ahead=2):
        most = max(most, len(alive))
        del batch

    assert most <= 4  # those that wait, the one in hand, the one being handed over
