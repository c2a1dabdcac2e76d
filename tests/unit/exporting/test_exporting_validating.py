"""Validation photos are answered in float32 once, and others are measured by that."""

from pathlib import Path

import numpy as np
import pytest

from lineament.artifacts.bundle import read_bundle
from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import Run
from lineament.core.progress import QUIET
from lineament.exporting.config import ExportConfig
from lineament.exporting.validating import Validation
from lineament.runtime.engines import OnnxRuntimeEngine


@pytest.fixture(scope="module")
def validation(small_run: Run, small_bundle: Path) -> Validation:
    graph, card = read_bundle(small_bundle)
    return Validation(small_run, None, graph, card, progress=QUIET)


def test_exact_answers_cost_nothing(validation: Validation, small_run: Run) -> None:
    engine = OnnxRuntimeEngine(small_run.graph_path, name="m")
    found = validation.measured(
        validation.answers(engine), engine.title, "int8", ExportConfig(), kept=("a",)
    )

    assert (found.drop, found.agreement, found.largest_difference) == (0.0, 1.0, 0.0)
    assert (found.engine, found.kept, found.max_drop) == (engine.title, ("a",), 0.5)


def test_answers_that_are_all_one_class_cost_the_others(
    validation: Validation, drawn_dataset: Dataset
) -> None:
    labels = [each.class_name for each in drawn_dataset.samples("validation")]
    answers = np.tile(np.array([1, 0, 0], np.float32), (len(labels), 1))
    found = validation.measured(answers, "e", "int8", ExportConfig(), kept=())

    assert found.accuracy == pytest.approx(labels.count(sorted(set(labels))[0]) / len(labels))
    assert found.photos == len(labels)


def test_sample_is_spread_over_the_split(validation: Validation, drawn_dataset: Dataset) -> None:
    n = len(drawn_dataset.samples("validation"))

    assert len(validation.sample(4)) == 4
    assert len(validation.sample(10 * n)) == n
