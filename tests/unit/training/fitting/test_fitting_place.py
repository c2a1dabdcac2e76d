"""Place: what is read from where a training is."""

import math

import pytest

from lineament.training.fitting.place import Place, Row


@pytest.mark.parametrize(
    ("losses", "idle"),
    [
        ([0.7], 0),  # judged at the start alone
        ([0.7, 9.4, 3.6, 2.2, 1.6, 1.2], 0),  # worse than the start, and falling all the way
        ([0.7, 0.5, 0.6, 0.8], 2),
        ([0.7, 0.5, 0.5], 1),  # as low is not lower
        ([0.7, math.nan, math.nan], 2),
        ([0.7, math.nan, 0.5, math.nan], 1),
    ],
)
def test_idle_epochs_are_counted_from_the_best_that_was_trained(
    losses: list[float], idle: int
) -> None:
    history: list[Row] = [
        {"epoch": epoch, "validation_loss": loss} for epoch, loss in enumerate(losses)
    ]

    assert Place(history=history).idle_epochs == idle
