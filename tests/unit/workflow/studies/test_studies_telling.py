"""What a study says while it runs and at its end, word for word."""

import dataclasses
from pathlib import Path

from lineament.artifacts.study import Study
from lineament.artifacts.study_row import StudyRow
from lineament.measure.intervals import wilson
from lineament.workflow.studies.telling import finished_text, plan_text, study_text

WAITING = StudyRow(
    name="sface-head-s0",
    configuration="sface-head",
    dataset="faces",
    recipe={"backbone": "sface", "mode": "head", "seed": 0},
    identity="abc",
    estimate_s=300.0,
)
DONE = dataclasses.replace(
    WAITING,
    status="done",
    seconds=42.0,
    validation_accuracy=0.75,
    validation_loss=0.5,
    validation_photos=8,
    test_accuracy=wilson(60, 80),
)
BROKEN = dataclasses.replace(
    WAITING, name="x-s0", configuration="x", status="broken", reason="No such weights.", seconds=1.0
)


def test_plan_is_aligned_and_summed() -> None:
    rows = [WAITING, dataclasses.replace(WAITING, name="x-s0", estimate_s=None)]

    assert plan_text(rows) == (
        "run            dataset  expected\n"
        "sface-head-s0  faces     5.0 min\n"
        "x-s0           faces           ?\n"
        "2 runs, about 5.0 min in all, without 1 that could not be measured"
    )


def test_finished_run_is_a_line_with_what_is_left() -> None:
    assert finished_text(DONE, [WAITING, WAITING], pace=0.5) == (
        "sface-head-s0: validation 75.0%, test 75.0% (64.5% to 83.2%), 42 s; 2 runs left, about "
        "5.0 min"
    )


def test_last_run_leaves_nothing() -> None:
    assert finished_text(BROKEN, [], pace=1.0) == "x-s0: broken: No such weights, 1 s"


def test_what_is_left_of_unmeasured_runs_is_their_number() -> None:
    left = dataclasses.replace(WAITING, estimate_s=None)

    assert finished_text(BROKEN, [left], pace=1.0) == (
        "x-s0: broken: No such weights, 1 s; 1 run left"
    )


def test_table_is_best_first_with_what_won_and_what_broke() -> None:
    worse = dataclasses.replace(
        DONE, name="a-s0", configuration="a", validation_accuracy=0.5, test_accuracy=wilson(20, 80)
    )
    second = dataclasses.replace(
        DONE, name="sface-head-s1", validation_accuracy=1.0, test_accuracy=wilson(70, 80)
    )
    trial = dataclasses.replace(DONE, name="search-001-s0", configuration="t", role="trial")
    rows = (BROKEN, worse, DONE, second, trial)
    study = Study(root=Path("s"), description="", plan={}, rows=rows)

    assert study_text(study) == (
        "faces         validation               test                     seeds  takes\n"
        "* sface-head  87.5% (75.0% to 100.0%)  81.2% (75.0% to 87.5%)       2   42 s\n"
        "  a           50.0%                    25.0%                        1   42 s\n"
        "  x           1 broken                                         0 of 1\n"
        "\n"
        "faces: sface-head has the highest accuracy on the validation photos, which choose (87.5%, "
        "mean of 2 seeds). On test it has 81.2% (75.0% to 87.5% by seed). sface-head-s1, the run "
        "of it to ship, has 87.5% on 80 test photos, 95% interval 78.5% to 93.1%. Of the 1 other "
        "configuration on faces none has an interval that overlaps this one.\n"
        "further trials of the search, in table.csv: 1 done\n"
        "broken: x-s0: No such weights."
    )
