"""A part of a report made by hand: a small dataset, a run of a few bytes, figures as wanted."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.findings.calibration import Calibration
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.report import ClassFigures, ConfusedPair, EvaluationReport
from lineament.artifacts.run import Run, RunCard
from lineament.imaging.preprocess import Preprocessing
from lineament.measure.intervals import wilson
from lineament.reporting.story import Chapter, Part
from lineament.reporting.trainings import Training

Figures = Callable[..., EvaluationReport]

COUNTS: Mapping[str, object] = {
    "scanned": 100,
    "kept": 97,
    "rejected": 2,
    "left_out_by_balance": 0,
    "left_out_by_decision": 1,
    "rejected_by_reason": {"unreadable": 2},
    "per_class": {"cat": 50, "dog": 47},
    "per_split": {"train": 60, "validation": 17, "test": 20},
    "per_class_and_split": {
        "cat": {"train": 31, "validation": 9, "test": 10},
        "dog": {"train": 29, "validation": 8, "test": 10},
    },
}


def _figures(
    right: Mapping[str, tuple[int, int]] | None = None, **fields: object
) -> EvaluationReport:
    """Of classes by name, how many of how many photos are right."""
    given = {"cat": (9, 10), "dog": (7, 10)} if right is None else right
    n, n_right = sum(n for _, n in given.values()), sum(found for found, _ in given.values())
    accuracy = wilson(n_right, n)
    names = tuple(given)
    made = EvaluationReport(
        subject={"graph_sha256": "a1b2", "backbone": "test_net"},
        dataset={"path": "/data/ds", "fingerprint": "f00d"},
        split="test",
        n_images=n,
        n_right=n_right,
        n_groups=None,
        classes=names,
        headline={"accuracy": accuracy, "expected_calibration_error": accuracy},
        per_class=tuple(
            ClassFigures(
                name=name,
                precision=1.0,
                recall=found / of if of else 0.0,
                f1=1.0,
                support=of,
                recall_interval=wilson(found, of) if of else None,
            )
            for name, (found, of) in given.items()
        ),
        macro={},
        confusion=None,
        most_confused=(ConfusedPair(truth="dog", answer="cat", count=3, support=10),)
        if n_right < n
        else (),
        calibration=Calibration(expected_calibration_error=0.05, n_bins=15, bins=()),
        mistakes=(),
        warnings=(),
        seed=0,
        resamples=1000,
        environment={"lineament": "0.1.0"},
    )
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]  # as each test wants


@pytest.fixture
def figures() -> Figures:
    """Give ``figures({"cat": (9, 10)}, n_groups=3)``: an evaluation with these recalls."""
    return _figures


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(
        root=tmp_path / "ds",
        classes=("cat", "dog"),
        splits={"train": (), "validation": (), "test": ()},
        fingerprint="f00d",
        document={
            "source": "/photos",
            "config": {"near_duplicates": True, "group_by": None},
            "counts": COUNTS,
            "checks": {
                "test_photos_with_a_partner_in_train": {"duplicates": 0, "near": 0, "group": 0},
                "of_a_random_split": {"duplicates": 2.4, "near": 0.2, "group": 0.0},
                "groups": {"groups": 0},
            },
            "split": {"given": {}, "n_groups": 0, "warnings": []},
        },
    )


@pytest.fixture
def card() -> RunCard:
    return RunCard(
        mode="finetune",
        classes=("cat", "dog"),
        preprocessing=Preprocessing(
            size_px=32, fit="squash", interpolation="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3
        ),
        temperature=1.25,
        backbone={
            "name": "test_net",
            "tag": "imagenet",
            "licence": "MIT",
            "sha256": "c0ffee",
            "trained_on": "ImageNet-1k",
        },
        recipe={"mode": "finetune", "epochs": 3, "seed": 4},
        dataset={"fingerprint": "f00d", "photos": {"train": 60, "validation": 17, "test": 20}},
        seed=4,
        chosen={"epoch": 2},
        versions={"python": "3.11", "lineament": "0.1.0"},
        machine={"processor": "a chip", "cores": 1},
        training={"seconds": 90.0, "parameters": 1234, "trained": 1000, "multiply_adds": 5_000_000},
    )


@pytest.fixture
def make_training(card: RunCard, tmp_path: Path) -> Callable[..., Training]:
    """Give ``make_training(mode="head", ...)``: a run whose card says that."""

    def make(**fields: object) -> Training:
        stated = dataclasses.replace(card, **fields)  # type: ignore[arg-type]  # as wanted
        history = tuple({"epoch": float(epoch), "train_loss": 1.0} for epoch in (1, 2, 3))
        run = Run(root=tmp_path / "run", card=stated)
        return Training(name="run", run=run, history=history)

    return make


@pytest.fixture
def make_part(
    dataset: Dataset, figures: Figures, make_training: Callable[..., Training]
) -> Callable[..., Part]:
    """Give ``make_part(evaluation=..., training=..., **fields of Part)``."""

    def make(
        evaluation: EvaluationReport | None = None,
        training: Training | None = None,
        **fields: object,
    ) -> Part:
        predictions = Predictions(
            samples=(),
            classes=("cat", "dog"),
            probabilities=np.zeros((0, 2), dtype=np.float32),
            logits=np.zeros((0, 2), dtype=np.float32),
            labels=np.zeros(0, dtype=np.int64),
            groups=(),
        )
        chapter = Chapter(
            name="run",
            training=training or make_training(),
            evaluation=evaluation or figures(),
            predictions=predictions,
        )
        made = Part(
            name="ds", dataset=dataset, audit={}, chapter=chapter, commands=("lineament a",)
        )
        return dataclasses.replace(made, **fields)  # type: ignore[arg-type]  # as wanted

    return make
