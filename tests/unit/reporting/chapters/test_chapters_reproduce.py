"""How to make it again: commands in order, and the hashes that tell whether it came out."""

from collections.abc import Callable

from lineament.reporting.chapters.reproduce import reproduce
from lineament.reporting.story import Part
from lineament.reporting.trainings import Training


def test_commands_and_hashes_are_told(make_part: Callable[..., Part]) -> None:
    found = reproduce(make_part(commands=("lineament prepare a", "lineament train b")))

    assert found["commands"] == "lineament prepare a\nlineament train b"
    assert found["hashes"] == [
        ("dataset", "f00d"),
        ("graph", "a1b2"),
        ("weights it began with", "c0ffee"),
    ]
    assert found["is_same_data"] is True


def test_other_data_than_it_was_trained_on_is_said(
    make_part: Callable[..., Part], make_training: Callable[..., Training]
) -> None:
    other = make_training(dataset={"fingerprint": "beef", "photos": {}})

    found = reproduce(make_part(training=other))

    assert (found["is_same_data"], found["trained_on"]) == (False, "beef")


def test_time_budget_may_give_other_hashes(
    make_part: Callable[..., Part], make_training: Callable[..., Training]
) -> None:
    timed = make_training(recipe={"time_budget": "20m"})

    assert reproduce(make_part(training=timed))["timed"] == (
        "Training had a time budget (20m): on a machine of another speed it may run for another "
        "number of epochs, and the graph has another hash."
    )


def test_without_a_time_budget_nothing_is_said_of_the_clock(make_part: Callable[..., Part]) -> None:
    assert reproduce(make_part())["timed"] is None
