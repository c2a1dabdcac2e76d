"""The range test finds a rate that learns, and leaves a table and a figure of it."""

import csv
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lineament.artifacts.dataset import Dataset
from lineament.core.errors import ArtifactError, UsageError
from lineament.core.progress import Quiet
from lineament.training.find_rate import FIGURE, TABLE, find_rate
from lineament.training.fitting import estimate, rate_range
from lineament.training.fitting.learner import Learner
from lineament.training.fitting.rate_range import HIGHEST, LOWEST, RateRange
from lineament.training.recipe import TrainConfig
from lineament.training.train import train

SCRATCH = TrainConfig(
    mode="scratch", backbone="test_resnet", size_px=32, batch_size=10, threads=1, epochs=8
)


@pytest.fixture(scope="module", autouse=True)
def _quick_measurements() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimate, "PROBE_S", 0.0)
        yield


@pytest.fixture(scope="module")
def found(
    drawn_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[RateRange, Path]:
    out = tmp_path_factory.mktemp("rates") / "range"
    return find_rate(drawn_dataset, out, config=SCRATCH), out


def test_rates_rise_and_the_proposal_is_among_them(found: tuple[RateRange, Path]) -> None:
    rates = found[0].rates

    assert list(rates) == sorted(rates)
    assert LOWEST <= found[0].suggestion <= HIGHEST
    assert rates[0] == pytest.approx(LOWEST)


def test_training_at_the_proposal_learns(
    found: tuple[RateRange, Path], drawn_dataset: Dataset, tmp_path: Path
) -> None:
    config = dataclasses.replace(SCRATCH, learning_rate=found[0].suggestion)

    run = train(drawn_dataset, tmp_path / "run", config=config)

    with (run.root / "history.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    best = max(float(row["validation_accuracy"]) for row in rows)
    assert best >= 0.8


def test_table_and_figure_are_left(found: tuple[RateRange, Path]) -> None:
    result, out = found
    with (out / TABLE).open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))

    assert np.allclose([float(row["rate"]) for row in rows], result.rates)
    assert np.allclose([float(row["loss"]) for row in rows], result.losses)
    with Image.open(out / FIGURE) as figure:
        assert figure.width > 600
    assert sorted(path.name for path in out.iterdir()) == [TABLE, FIGURE]


def test_how_long_it_will_take_is_said_first(
    drawn_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []

    class Told(Quiet):
        def note(self, text: str) -> None:
            notes.append(text)

    monkeypatch.setattr(rate_range, "STEPS", 3)
    find_rate(drawn_dataset, tmp_path / "range", config=SCRATCH, progress=Told())

    assert re.fullmatch(r"3 steps in about \d+ s on 1 thread", notes[-1])


def test_threads_of_the_recipe_are_taken(
    drawn_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_range, "STEPS", 3)
    seen: list[int] = []
    step = Learner.step

    def stepping(self: Learner, *args: Any, **kwargs: Any) -> Any:
        seen.append(torch.get_num_threads())
        return step(self, *args, **kwargs)

    monkeypatch.setattr(Learner, "step", stepping)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        find_rate(drawn_dataset, tmp_path / "range", config=SCRATCH)
    finally:
        torch.set_num_threads(before)

    assert seen == [1, 1, 1]


def test_head_mode_has_no_rate(drawn_dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_rate(drawn_dataset, tmp_path / "range", config=TrainConfig())

    assert str(caught.value) == (
        "`--mode head` has no rate to find.\n  fix: Use `--mode finetune` or `--mode scratch`."
    )


def test_what_stands_there_is_not_overwritten(drawn_dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "range").mkdir()

    with pytest.raises(ArtifactError, match="exists; nothing was written"):
        find_rate(drawn_dataset, tmp_path / "range", config=SCRATCH)
