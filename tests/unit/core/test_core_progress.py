"""Progress is told once per item and always ended."""

import pytest

from lineament.core.progress import QUIET, tracked


class Listener:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def start(self, task: str, total: int | None) -> None:
        self.heard.append(("start", task, total))

    def advance(self, steps: int = 1) -> None:
        self.heard.append(("advance", steps))

    def finish(self) -> None:
        self.heard.append("finish")

    def note(self, text: str) -> None:
        self.heard.append(("note", text))


def test_each_item_is_one_step_between_start_and_finish() -> None:
    listener = Listener()

    assert list(tracked("ab", listener, "reading", 2)) == ["a", "b"]
    assert listener.heard == [("start", "reading", 2), ("advance", 1), ("advance", 1), "finish"]


def test_an_item_counts_when_its_work_is_done_not_when_it_begins() -> None:
    listener = Listener()

    next(tracked("ab", listener, "reading", None))

    assert ("advance", 1) not in listener.heard


def test_error_in_the_items_still_ends_the_task() -> None:
    listener = Listener()

    with pytest.raises(ZeroDivisionError):
        list(tracked((1 // number for number in (1, 0)), listener, "dividing", 2))
    assert listener.heard[-1] == "finish"


def test_leaving_early_ends_the_task() -> None:
    listener = Listener()
    items = tracked("abc", listener, "reading", 3)
    next(items)
    items.close()  # type: ignore[attr-defined]  # a generator, promised only as an iterator

    assert listener.heard == [("start", "reading", 3), "finish"]


def test_quiet_accepts_every_event() -> None:
    QUIET.start("task", None)
    QUIET.advance(3)
    QUIET.note("text")
    QUIET.finish()
