"""The table of epochs: what stands in its lines, and that a narrow terminal holds them."""

import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from lineament.artifacts.run import Run, RunCard
from lineament.artifacts.watching import Beginning
from lineament.cli.epochs import EpochTable
from lineament.core.progress import Quiet
from lineament.imaging.preprocess import Preprocessing

HEAD = [
    "       train              validation",
    "epoch     loss  accuracy     loss  accuracy     rate  seconds  img/s  wait",
]
START: dict[str, object] = {
    "epoch": 0,
    "train_loss": None,
    "train_accuracy": None,
    "validation_loss": 0.6931,
    "validation_accuracy": 0.5,
    "learning_rate": 0.0,
    "gradient_norm": None,
    "update_ratio": None,
    "size_px": 32,
    "seconds": 0.0,
    "images_per_second": None,
    "waiting_fraction": None,
}
TRAINED: dict[str, object] = {
    **START,
    "epoch": 1,
    "train_loss": 0.75926,
    "train_accuracy": 0.49047,
    "validation_loss": 0.4,
    "validation_accuracy": 1.0,
    "learning_rate": 7.06e-4,
    "gradient_norm": 2.4,
    "update_ratio": 0.01,
    "seconds": 1.796,
    "images_per_second": 116.92,
    "waiting_fraction": 0.0245,
}
TRIED: dict[str, object] = {
    "regularisation": 0.1,
    "train_loss": 0.0096,
    "train_accuracy": 1.0,
    "validation_loss": 0.0242,
    "validation_loss_cautious": 0.1303,
    "validation_accuracy": 0.983,
    "iterations": 12,
    "converged": True,
}


class Notes(Quiet):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


def said(*rows: Mapping[str, object], mode: str = "finetune") -> list[str]:
    """The lines of a table of these rows."""
    notes = Notes()
    table = EpochTable(notes)
    begin(table, mode)
    for row in rows:
        table.epoch(row, ())
    return notes.lines


def begin(
    table: EpochTable, mode: str = "finetune", history: tuple[Mapping[str, object], ...] = ()
) -> None:
    beginning = Beginning(
        out=Path("run"),
        configuration={"mode": mode},
        dataset={},
        remembered={},
        history=history,
    )
    assert table.begin(beginning) == {}


def run(chosen: Mapping[str, object], stopped: str = "epochs") -> Run:
    preprocessing = Preprocessing(
        size_px=32, fit="squash", interpolation="bicubic", mean=(0.5,) * 3, std=(0.5,) * 3
    )
    card = RunCard(
        mode="finetune",
        classes=("cat", "dog"),
        preprocessing=preprocessing,
        temperature=1.0,
        backbone={},
        recipe={},
        dataset={},
        seed=0,
        chosen=chosen,
        versions={},
        machine={},
        training={"stopped": stopped},
    )
    return Run(root=Path("run"), card=card)


def test_an_epoch_is_a_line_below_the_head() -> None:
    assert said(START, TRAINED) == [
        *HEAD,
        "    0                      0.6931     50.0%                                 best",
        "    1   0.7593     49.0%   0.4000    100.0%  7.1e-04      1.8    117    2%  best",
    ]


def test_the_head_is_said_once() -> None:
    lines = said(START, TRAINED, {**TRAINED, "epoch": 2})

    assert len(lines) == 5


def test_a_line_of_the_loop_fits_into_eighty_letters() -> None:
    long = {"train_loss": 123.4567, "seconds": 12345.67, "images_per_second": 9876.5}

    assert max(len(line) for line in said(START, TRAINED, {**TRAINED, "epoch": 300, **long})) == 80


def test_an_epoch_that_is_no_better_is_not_marked() -> None:
    worse = {**TRAINED, "epoch": 2, "validation_loss": 0.4}

    assert [line.endswith("best") for line in said(START, TRAINED, worse)[2:]] == [
        True,
        True,
        False,
    ]


def test_a_loss_that_is_no_number_is_written_and_never_the_best() -> None:
    broken = {**TRAINED, "validation_loss": math.nan, "train_loss": math.inf}

    assert said(START, broken)[-1] == (
        "    1      inf     49.0%      nan    100.0%  7.1e-04      1.8    117    2%"
    )


def test_a_solved_head_is_a_line_per_regularisation() -> None:
    assert said(TRIED, mode="head") == [
        "                train              validation",
        "regularisation     loss  accuracy     loss  cautious  accuracy  converged",
        "           0.1   0.0096    100.0%   0.0242    0.1303     98.3%        yes  best",
    ]


def test_the_best_head_is_that_of_the_least_cautious_loss() -> None:
    bolder = {**TRIED, "validation_loss": 0.01, "validation_loss_cautious": 0.2}

    assert [line.endswith("best") for line in said(TRIED, bolder, mode="head")[2:]] == [
        True,
        False,
    ]


def test_columns_that_nobody_knows_are_shown_with_their_names() -> None:
    assert said({"epoch": 1, "validation_loss": 0.5, "ease_of_use": 0.123456, "by": "me\n"}) == [
        "       validation",
        "epoch     loss  ease of use  by",
        "    1   0.5000       0.1235  me  best",
    ]


def test_the_best_of_a_training_that_goes_on_is_the_best_of_all_of_it() -> None:
    notes = Notes()
    table = EpochTable(notes)
    begin(table, history=(START, TRAINED))
    table.epoch({**TRAINED, "epoch": 2, "validation_loss": 0.5}, ())
    table.epoch({**TRAINED, "epoch": 3, "validation_loss": 0.3}, ())

    assert [line.endswith("best") for line in notes.lines[2:]] == [False, True]


def test_a_new_training_begins_a_new_table() -> None:
    notes = Notes()
    table = EpochTable(notes)
    for _ in range(2):
        begin(table)
        table.epoch(START, ())

    assert notes.lines[3:] == notes.lines[:3]


@pytest.mark.parametrize(
    ("stopped", "ending"),
    [
        ("epochs", ""),
        ("patience", "; no later one was better, so training ended"),
        ("time", "; the time was over"),
        ("interrupted", "; training was interrupted"),
    ],
)
def test_the_end_says_which_epoch_was_kept_and_why_it_ended(stopped: str, ending: str) -> None:
    notes = Notes()
    table = EpochTable(notes)
    begin(table)
    for row in (START, TRAINED, {**TRAINED, "epoch": 2}):
        table.epoch(row, ())
    table.end(run({"epoch": 1, "validation_loss": 0.4}, stopped))

    assert notes.lines[-1] == f"kept epoch 1 of 2{ending}"


def test_the_end_says_which_regularisation_was_kept_of_how_many() -> None:
    notes = Notes()
    table = EpochTable(notes)
    begin(table, "head")
    for strength in (1.0, 0.1, 0.01):
        table.epoch({**TRIED, "regularisation": strength}, ())
    table.end(run({"regularisation": 0.1, "validation_loss": 0.02}))

    assert notes.lines[-1] == "kept regularisation 0.1 of 3"


def test_a_training_that_was_resumed_when_all_was_done_still_says_what_was_kept() -> None:
    notes = Notes()
    table = EpochTable(notes)
    begin(table)
    table.end(run({"epoch": 4, "validation_loss": 0.4}))

    assert notes.lines == ["kept epoch 4"]


def test_a_run_that_says_nothing_of_its_choice_ends_in_silence() -> None:
    notes = Notes()
    table = EpochTable(notes)
    begin(table)
    table.end(run({}))
    table.fail("out of memory")

    assert notes.lines == []
