"""Story: what a report tells of, taken from artifacts that stages left; and its document."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.explanation import Explanation
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.report import EvaluationReport
from lineament.artifacts.verdicts import ComparisonReport
from lineament.reporting.trainings import Training


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chapter:
    """One model.

    Attributes:
        name: What it is called.
        training: Its run, opened.
        evaluation: What was measured of it on the test split.
        predictions: The answers that were measured.
        changed: Settings of its training that are not the defaults.
        explanation: Where it looks; ``None`` where nobody asked.
        explanation_root: The folder with its photos.
    """

    name: str
    training: Training
    evaluation: EvaluationReport
    predictions: Predictions
    changed: Mapping[str, object] = dataclasses.field(default_factory=dict)
    explanation: Explanation | None = None
    explanation_root: Path | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """One task: a dataset and what was trained on it.

    Attributes:
        name: The dataset's name.
        dataset: The dataset.
        audit: What its ``audit.json`` says; empty where there is none.
        chapter: The model that is told in full: the only one, or the one to take.
        comparison: All of them on the same photos; ``None`` where there is one alone.
        commands: What makes all of this again, in order, one command line each.
    """

    name: str
    dataset: Dataset
    audit: Mapping[str, object]
    chapter: Chapter
    comparison: ComparisonReport | None = None
    commands: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Story:
    """The whole.

    Attributes:
        title: What is reported on: ``run NAME``, ``study NAME`` ...
        description: What it is for, in its owner's words; may be empty.
        parts: One per dataset.
    """

    title: str
    description: str
    parts: tuple[Part, ...]
