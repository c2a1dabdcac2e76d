"""What trackers are told is what the training said, flat and without secrets of the machine."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.report import read_report
from lineament.measure.calibration import softmax
from lineament.tracking.contents import (
    configuration,
    curves,
    flat,
    judgement_in,
    judgement_of,
    layer_curves,
)


def answers_of(n_classes: int) -> Predictions:
    """One photo of each class, each answered with class 0."""
    logits = np.zeros((n_classes, n_classes), np.float32)
    logits[:, 0] = 1
    return Predictions(
        samples=tuple(f"{number}.jpg" for number in range(n_classes)),
        classes=tuple(f"class {number}" for number in range(n_classes)),
        probabilities=softmax(logits),
        logits=logits,
        labels=np.arange(n_classes),
        groups=("",) * n_classes,
    )


def test_split_is_a_group_of_its_curves() -> None:
    row = {"epoch": 3, "train_loss": 1.0, "validation_loss_cautious": 2.0, "learning_rate": 0.1}

    assert curves(row) == {
        "train/loss": 1.0,
        "validation/loss_cautious": 2.0,
        "learning_rate": 0.1,
    }


def test_empty_cells_and_texts_are_no_points() -> None:
    assert curves({"train_loss": None, "note": "x", "converged": True}) == {"converged": 1.0}


def test_gradients_have_no_ratio() -> None:
    layer = LayerValues(
        epoch=1, layer="a", kind="gradient", low=0, high=1, counts=(1,), rms=0.5, zero_fraction=0
    )
    parameter = dataclasses.replace(layer, kind="parameter", update_ratio=0.25)

    assert layer_curves([layer, parameter]) == {
        "gradient_rms/a": 0.5,
        "parameter_rms/a": 0.5,
        "update_ratio/a": 0.25,
    }


def test_settings_of_settings_are_joined_with_dots() -> None:
    nested = {"a": {"b": 1, "c": None}, "d": [1, {"e": "ö"}], "f": True}

    assert flat(nested) == {"a.b": 1, "a.c": None, "d": '[1, {"e": "ö"}]', "f": True}


def test_configuration_says_what_the_training_depended_on() -> None:
    told = configuration(
        {"epochs": 3}, {"name": "pets", "path": "/home/me"}, {"torch": "2"}, {"cores": 2}
    )

    assert told == {
        "epochs": 3,
        "dataset.name": "pets",
        "versions.torch": "2",
        "machine.cores": 2,
    }


def test_answers_are_judged() -> None:
    judgement = judgement_of(answers_of(2), split="validation")

    assert judgement.matrix is not None
    assert judgement.matrix.tolist() == [[1, 0], [1, 0]]
    assert judgement.figures == {
        "accuracy": 0.5,
        "balanced_accuracy": 0.5,
        "macro_f1": pytest.approx(1 / 3),
        "log_loss": pytest.approx(0.8133, abs=1e-4),
        "expected_calibration_error": pytest.approx(0.2311, abs=1e-4),
    }


def test_matrix_of_many_classes_is_left_out_and_their_figures_are_not() -> None:
    judgement = judgement_of(answers_of(101), split="validation")

    assert judgement.matrix is None
    assert len(judgement.class_rows) == 101


def test_figures_of_a_report_come_with_their_intervals(report: Path) -> None:
    judgement = judgement_in(read_report(report))

    assert judgement.split == "test"
    assert judgement.matrix is not None
    assert judgement.matrix.tolist() == [[1, 1], [0, 2]]
    assert judgement.figures["accuracy"] == 0.75
    assert judgement.figures["accuracy_low"] < 0.75 < judgement.figures["accuracy_high"]
