"""Runs are compared over their seeds; validation alone chooses."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from lineament.artifacts.comparison import COLUMNS, Line, compared, sentence, winners
from lineament.artifacts.study_row import StudyRow
from lineament.measure.intervals import Interval


def interval(value: float) -> Interval:
    return Interval(
        value=value, low=value - 0.05, high=value + 0.05, method="wilson", n=200, n_groups=None
    )


def row(
    name: str,
    accuracy: float | None,
    *,
    seed: int = 0,
    loss: float = 0.5,
    test: float | None = None,
    **fields: object,
) -> StudyRow:
    made = StudyRow(
        name=f"{name}-s{seed}",
        configuration=name,
        dataset="faces",
        recipe={"backbone": "sface", "mode": "head", "seed": seed},
        identity=f"{name}{seed}",
        status="waiting" if accuracy is None else "done",
        validation_accuracy=accuracy,
        validation_loss=None if accuracy is None else loss,
        validation_photos=None if accuracy is None else 100,
        test_accuracy=None if test is None else interval(test),
        test_balanced_accuracy=None if test is None else interval(test - 0.01),
        seconds=10.0,
    )
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]


def winner(*rows: StudyRow) -> Line:
    return winners(compared(rows))["faces"]


def told(*rows: StudyRow) -> str:
    return sentence(winner(*rows), compared(rows))


def test_line_has_mean_and_range_over_the_seeds() -> None:
    line = compared([row("a", 0.5, seed=0, test=0.25), row("a", 1.0, seed=1, test=0.75)])[0]

    assert dict(zip(COLUMNS, line.cells(), strict=True)) == {
        "configuration": "a",
        "role": "grid",
        "dataset": "faces",
        "backbone": "sface",
        "mode": "head",
        "status": "done",
        "seeds": 2,
        "seeds_done": 2,
        "validation_accuracy": 0.75,
        "validation_accuracy_low": 0.5,
        "validation_accuracy_high": 1.0,
        "validation_loss": 0.5,
        "validation_loss_low": 0.5,
        "validation_loss_high": 0.5,
        "validation_photos": 100,
        "test_accuracy": 0.5,
        "test_accuracy_low": 0.25,
        "test_accuracy_high": 0.75,
        "test_balanced_accuracy": 0.49,
        "test_photos": 200,
        "best_run": "a-s1",
        "best_run_test_accuracy": 0.75,
        "best_run_interval_low": 0.7,
        "best_run_interval_high": 0.8,
        "multiply_adds": None,
        "seconds": 10.0,
    }


def test_status_counts_what_is_not_done() -> None:
    rows = [row("a", 0.5), row("a", None, seed=1), row("a", None, seed=2, status="broken")]

    assert compared(rows)[0].status == "1 broken, 1 waiting"


def test_configuration_without_a_finished_run_has_empty_cells() -> None:
    cells = dict(zip(COLUMNS, compared([row("a", None, seconds=None)])[0].cells(), strict=True))

    assert {name for name, cell in cells.items() if cell is not None} == {
        "configuration", "role", "dataset", "backbone", "mode", "status", "seeds", "seeds_done"
    }  # fmt: skip


def test_validation_chooses_whatever_test_says() -> None:
    assert winner(row("a", 0.8, test=0.9), row("b", 0.81, test=0.1)).configuration == "b"


def test_of_equal_accuracies_the_lower_loss_wins() -> None:
    assert winner(row("a", 0.8, loss=0.5), row("b", 0.8, loss=0.4)).configuration == "b"


def test_of_equals_the_first_wins() -> None:
    assert winner(row("a", 0.8), row("b", 0.8)).configuration == "a"


def test_mean_over_seeds_wins_over_one_lucky_seed() -> None:
    rows = [row("a", 0.7, seed=0), row("a", 0.9, seed=1), row("b", 0.85, seed=0)]

    assert winner(*rows).configuration == "b"


def test_trial_of_a_search_does_not_compete() -> None:
    rows = [row("a", 0.9, role="trial"), row("b", 0.8, role="chosen"), row("c", 0.7)]

    assert winner(*rows).configuration == "b"


def test_each_dataset_has_a_winner() -> None:
    lines = compared([row("a", 0.9), row("b", 0.1, dataset="birds"), row("c", None, dataset="x")])

    assert {name: line.configuration for name, line in winners(lines).items()} == {
        "faces": "a",
        "birds": "b",
    }


@given(st.permutations([row("a", 0.7, test=0.1), row("b", 0.9, test=0.2), row("c", 0.8)]))
def test_order_of_the_rows_does_not_matter_for_who_wins(rows: list[StudyRow]) -> None:
    assert winner(*rows).configuration == "b"


def test_sentence_says_who_won_by_what_and_what_is_left_open() -> None:
    rows = [
        row("a", 0.8, seed=0, test=0.7),
        row("a", 0.9, seed=1, test=0.8),
        row("b", 0.7, test=0.78),
        row("c", 0.6, test=0.4),
        row("d", None),
    ]

    assert told(*rows) == (
        "faces: a has the highest accuracy on the validation photos, which choose (85.0%, mean of "
        "2 seeds). On test it has 75.0% (70.0% to 80.0% by seed). a-s1, the run of it to ship, has "
        "80.0% on 200 test photos, 95% interval 75.0% to 85.0%. Of the 2 other configurations on "
        "faces 1 has an interval that overlaps this one: these test photos do not tell them apart."
    )


def test_sentence_of_one_seed_and_far_others() -> None:
    assert told(row("a", 0.8, test=0.7), row("b", 0.7, test=0.1)) == (
        "faces: a has the highest accuracy on the validation photos, which choose (80.0%, one "
        "seed). a-s0, the run of it to ship, has 70.0% on 200 test photos, 95% interval 65.0% to "
        "75.0%. Of the 1 other configuration on faces none has an interval that overlaps this one."
    )


def test_others_are_told_apart_by_intervals_not_by_figures() -> None:
    said = told(row("a", 0.9, test=0.7), row("b", 0.8, test=0.79), row("c", 0.7, test=0.61))

    assert said.endswith(
        "Of the 2 other configurations on faces 2 have intervals that overlap this one: these test "
        "photos do not tell them apart."
    )


def test_sentence_says_when_nothing_was_judged() -> None:
    assert told(row("a", 0.8), row("b", 0.7)) == (
        "faces: a has the highest accuracy on the validation photos, which choose (80.0%, one "
        "seed). It was not judged on test photos."
    )
