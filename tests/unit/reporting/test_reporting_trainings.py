import math
from collections.abc import Callable
from pathlib import Path

import pytest

from lineament.artifacts.run import Run
from lineament.core.errors import ArtifactError, UsageError
from lineament.reporting.trainings import (
    Training,
    differing,
    kept_words,
    ranked,
    read_trainings,
    warnings_of,
)

Write = Callable[..., Run]
Rows = Callable[..., list[dict[str, object]]]


def only(run: Run) -> Training:
    (training,) = read_trainings([run])
    return training


def test_what_was_kept_is_what_validation_chose(write: Write) -> None:
    training = only(write())

    assert (training.axis, training.kept, training.tried) == ("epoch", 1, 2)
    assert training.kept_row["validation_loss"] == 0.4
    assert training.loss == pytest.approx(0.36)  # calibrated, as it ships
    assert kept_words(training) == "epoch 1 of 2"


def test_the_start_that_was_kept_is_epoch_0(write: Write, losses: Rows) -> None:
    assert kept_words(only(write(history=losses(0.3, 0.4, 0.5)))) == "epoch 0 of 2"


def test_of_a_solved_head_every_regularisation_counts(write: Write) -> None:
    rows = [{"regularisation": each, "validation_loss": 0.5 + each} for each in (1.0, 0.1, 0.0)]
    training = only(write(history=rows, mode="head"))

    assert (training.axis, training.tried) == ("regularisation", 3)
    assert kept_words(training) == "regularisation 0, of 3 tried"


def test_a_run_that_does_not_say_what_it_kept_still_says_what_it_tried(write: Write) -> None:
    training = only(write(chosen={}))

    assert (training.kept, training.kept_row, training.loss) == (None, {}, None)
    assert kept_words(training) == "one of 2 epochs"


def test_a_history_without_rows_is_no_obstacle(write: Write) -> None:
    training = only(write(history=[]))

    assert (training.axis, training.kept, training.tried) == ("row", None, 0)
    assert kept_words(training) == "what is not recorded"


def test_accuracy_has_the_interval_of_its_photos(write: Write) -> None:
    accuracy = only(write()).accuracy

    assert accuracy is not None
    assert (accuracy.value, accuracy.n, accuracy.method) == (0.8, 20, "wilson")


def test_accuracy_has_no_interval_where_the_photos_were_not_counted(write: Write) -> None:
    assert only(write(dataset={"photos": None})).accuracy is None


def test_a_run_is_named_by_its_folder(write: Write) -> None:
    assert only(write("emotion")).name == "emotion"


def test_runs_of_one_name_are_told_apart_by_the_folders_above(write: Write) -> None:
    runs = [write("a/run"), write("b/run")]

    assert [each.name for each in read_trainings(runs)] == ["a/run", "b/run"]


def test_folders_are_opened(write: Write) -> None:
    root = write("emotion").root

    assert [each.run.root for each in read_trainings([root])] == [root]


def test_no_run_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        read_trainings([])

    assert str(caught.value) == "There is no run to draw.\n  fix: Name at least one run."


def test_a_run_that_is_given_twice_is_refused(write: Write) -> None:
    run = write()
    again = run.root / ".." / run.root.name

    with pytest.raises(UsageError) as caught:
        read_trainings([run, again])

    assert str(caught.value) == (
        f"A run is given twice.\n  at:  {run.root}, {again}\n  fix: Name each run once."
    )


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        read_trainings([tmp_path])

    assert str(caught.value) == (
        f"{tmp_path} is not a run: it has no run.json.\n"
        "  fix: Name the folder of a run that Lineament wrote."
    )


def test_the_least_loss_comes_first_and_no_loss_last(write: Write, losses: Rows) -> None:
    runs = [
        write("none", chosen={}),
        write("worse", losses(0.7, 0.6)),
        write("better", losses(0.7, 0.2)),
        write("equal", losses(0.7, 0.2)),
    ]

    assert [each.name for each in ranked(read_trainings(runs))] == [
        "better",
        "equal",
        "worse",
        "none",
    ]


def test_only_what_differs_is_told(write: Write) -> None:
    runs = [
        write("a", recipe={"learning_rate": 0.001, "epochs": 3}),
        write("b", recipe={"learning_rate": 0.0003, "epochs": 3}),
    ]

    assert differing(read_trainings(runs)) == {"learning rate": ("0.001", "0.0003")}


def test_datasets_versions_and_fields_of_one_recipe_alone_differ(write: Write) -> None:
    runs = [
        write("a", recipe={"mixup": 0.2}),
        write("b", dataset={"fingerprint": "0123456789"}, versions={"torch": "2.15"}),
    ]

    assert differing(read_trainings(runs)) == {
        "dataset": ("pets (d3de4cc3)", "pets (01234567)"),
        "mixup": ("0.2", "not stated"),
        "torch (version)": ("2.14", "2.15"),
    }


def test_equal_trainings_differ_in_nothing(write: Write) -> None:
    assert differing(read_trainings([write("a"), write("b")])) == {}


def test_another_fold_is_another_judge(write: Write) -> None:
    first, second = read_trainings([write("a", recipe={"fold": 1}), write("b", recipe={"fold": 2})])

    assert first.judged_by != second.judged_by


def test_warnings_of_the_instruments_are_told(write: Write) -> None:
    assert warnings_of(only(write("a", training={"warnings": ["exploding"]}))) == ["exploding"]
    assert warnings_of(only(write("b"))) == []


def test_the_document_has_no_number_that_json_lacks(write: Write, losses: Rows) -> None:
    document = only(write(history=losses(0.7, math.nan, 0.5))).as_dict()

    assert document["kept"] == 2
    assert document["validation_loss"] == 0.5
    rows = document["history"]
    assert isinstance(rows, list)
    assert [row["validation_loss"] for row in rows] == [0.7, None, 0.5]
    assert rows[0]["train_loss"] is None
