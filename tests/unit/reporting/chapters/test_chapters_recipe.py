"""The recipe is told from the run's card: how, what validation chose, what it cost."""

from collections.abc import Callable
from typing import Any

import pytest

from lineament.artifacts.run import ValidationFigures
from lineament.measure.intervals import wilson
from lineament.reporting.chapters.recipe import recipe
from lineament.reporting.trainings import Training

MakeTraining = Callable[..., Training]


def sentences(training: Training) -> Any:
    return recipe(training, {})["sentences"]


def test_fine_tuning_is_told_with_its_cost(make_training: MakeTraining) -> None:
    assert sentences(make_training()) == [
        "The backbone was fine-tuned with a new head: test_net, weights imagenet; photos are seen "
        "at 32 pixels (squash). Licence of the weights: MIT. Head: linear; seed 4.",
        "Validation photos chose epoch 2 of 3.",
        "Training took 90 s on a chip with 1 core.",
        "1,234 parameters, 1,000 of them trained.",
        "5 million multiply-adds per photo.",
    ]


@pytest.mark.parametrize(
    ("mode", "begins"),
    [
        ("head", "Only the head was trained, on features of a frozen backbone: test_net"),
        ("scratch", "All layers were trained from scratch: test_net"),
    ],
)
def test_modes_are_told_in_words(make_training: MakeTraining, mode: str, begins: str) -> None:
    assert sentences(make_training(mode=mode))[0].startswith(begins)


def test_weights_without_a_licence_have_no_such_sentence(make_training: MakeTraining) -> None:
    found = sentences(make_training(mode="scratch", backbone={"name": "my_net"}))

    assert found[0] == (
        "All layers were trained from scratch: my_net; photos are seen at 32 pixels (squash). "
        "Head: linear; seed 4."
    )


def test_validation_figure_is_said_to_be_no_test(make_training: MakeTraining) -> None:
    validation = ValidationFigures(
        photos=200, right=190, accuracy=wilson(190, 200), log_loss=0.1, log_loss_before=0.2
    )

    assert sentences(make_training(validation=validation))[1] == (
        "Validation photos chose epoch 2 of 3, with 95.0\u00a0% of 200 validation photos right "
        "(91.0 to 97.3). That figure chose the model, so it is no test."
    )


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        ({}, []),
        ({"seconds": 868.0}, ["Training took 14.5 minutes on a chip with 1 core."]),
        (
            {"parameters": 5, "trained": 5, "stopped": "patience"},
            ["5 parameters, all of them trained.", "It stopped early: patience."],
        ),
        ({"stopped": "epochs"}, []),
    ],
)
def test_cost_is_told_as_far_as_it_is_known(
    make_training: MakeTraining, cost: dict[str, object], told: list[str]
) -> None:
    assert sentences(make_training(training=cost))[2:] == told


def test_changed_settings_stand_apart_from_all(make_training: MakeTraining) -> None:
    found = recipe(make_training(), {"batch_size": 8})

    assert found["changed"] == [("batch size", "8")]
    assert found["all"] == [("mode", "finetune"), ("epochs", "3"), ("seed", "4")]
