"""The local executor keeps order, raises in place and never runs far ahead."""

import threading
from collections.abc import Iterator

import pytest

from lineament.core.errors import UsageError
from lineament.core.executor import AHEAD, LocalExecutor, available_cores


def reciprocal(number: int) -> float:
    return 1 / number


def test_results_come_in_the_order_of_the_items_whatever_finishes_first() -> None:
    second_done = threading.Event()

    def work(item: str) -> str:
        if item == "first":
            assert second_done.wait(timeout=30)
        else:
            second_done.set()
        return item

    assert list(LocalExecutor(workers=2).map(work, ["first", "second"])) == ["first", "second"]


def test_exception_is_raised_at_its_items_place() -> None:
    results = LocalExecutor(workers=2).map(reciprocal, [1, 2, 0, 4])

    assert [next(results), next(results)] == [1.0, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_no_more_items_are_taken_than_the_look_ahead() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(1, 1000):
            taken = number
            yield number

    results = LocalExecutor(workers=2).map(reciprocal, items())
    for _ in range(5):
        next(results)

    assert taken <= 2 * AHEAD + 5


def test_endless_items_can_be_read_in_part() -> None:
    def forever() -> Iterator[int]:
        while True:
            yield 1

    results = LocalExecutor(workers=2).map(reciprocal, forever())

    assert [next(results) for _ in range(3)] == [1.0, 1.0, 1.0]


def test_leaving_early_ends_the_threads() -> None:
    others = set(threading.enumerate())  # another test's failure keeps its own threads alive
    results = LocalExecutor(workers=2).map(reciprocal, range(1, 100))
    next(results)
    started = set(threading.enumerate()) - others
    results.close()  # type: ignore[attr-defined]  # a generator, promised only as an iterator

    assert started
    assert not [each for each in started if each.is_alive()]


def test_nothing_in_gives_nothing_out() -> None:
    assert list(LocalExecutor(workers=1).map(reciprocal, [])) == []


@pytest.mark.parametrize("workers", [0, -1])
def test_fewer_than_one_worker_is_refused(workers: int) -> None:
    with pytest.raises(UsageError) as caught:
        LocalExecutor(workers=workers)

    assert str(caught.value) == (
        f"`workers` must be 1 or more, got {workers}.\n  fix: Leave it out for one worker per core."
    )


def test_default_is_one_worker_per_usable_core() -> None:
    assert LocalExecutor().workers == available_cores() >= 1
