"""Who watches a training hears of its epochs, of its end, and of a training that failed."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.run import Run
from lineament.artifacts.watching import Beginning, Memory
from lineament.core.errors import UsageError
from lineament.training.recipe import TrainConfig
from lineament.training.train import train

HEAD = TrainConfig(backbone="test_resnet", weights="none", size_px=32)
SCRATCH = TrainConfig(
    mode="scratch", backbone="custom_cnn", widths=(8, 8), size_px=16, epochs=3, batch_size=16
)


class StopError(Exception):
    """What a watcher raises to end a training."""


class Diary:
    """Writes down what it is told; from an epoch on it has heard enough."""

    def __init__(self, *, enough: int | None = None) -> None:
        self.beginnings: list[Beginning] = []
        self.rows: list[Mapping[str, object]] = []
        self.layers: list[LayerValues] = []
        self.runs: list[Run] = []
        self.reasons: list[str] = []
        self.enough = enough

    def begin(self, beginning: Beginning) -> Memory:
        self.beginnings.append(beginning)
        return {"page": 7}

    def epoch(self, row: Mapping[str, object], layers: Sequence[LayerValues]) -> None:
        self.rows.append(row)
        self.layers += layers
        if self.enough is not None and row["epoch"] == self.enough:
            raise StopError("heard enough")

    def end(self, run: Run) -> None:
        self.runs.append(run)

    def fail(self, reason: str) -> None:
        self.reasons.append(reason)


def numbers(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


@pytest.mark.parametrize("config", [HEAD, SCRATCH], ids=["head", "scratch"])
def test_rows_that_are_told_are_those_of_the_history(
    config: TrainConfig, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    diary = Diary()

    run = train(drawn_dataset, tmp_path / "run", config=config, watcher=diary)

    assert len(diary.rows) > 1
    assert numbers(run.history()) == numbers(diary.rows)


def test_layers_that_are_told_are_those_of_the_run(drawn_dataset: Dataset, tmp_path: Path) -> None:
    diary = Diary()

    run = train(drawn_dataset, tmp_path / "run", config=SCRATCH, watcher=diary)

    assert run.layers() == tuple(diary.layers)
    assert {each.kind for each in diary.layers} == {"parameter", "gradient"}


def test_beginning_tells_what_is_trained_and_where(drawn_dataset: Dataset, tmp_path: Path) -> None:
    diary = Diary()

    run = train(drawn_dataset, tmp_path / "run", config=SCRATCH, watcher=diary)

    (beginning,) = diary.beginnings
    assert beginning.out == tmp_path / "run"
    assert beginning.configuration == SCRATCH.as_dict()
    assert beginning.dataset == run.card.dataset
    assert beginning.remembered == {}


def test_run_keeps_what_the_watcher_remembers_and_is_told_last(
    drawn_dataset: Dataset, tmp_path: Path
) -> None:
    diary = Diary()

    run = train(drawn_dataset, tmp_path / "run", config=SCRATCH, watcher=diary)

    assert run.card.tracking == {"page": 7}
    assert "tracking" not in run.card.provenance()
    assert [each.root for each in diary.runs] == [run.root]
    assert diary.reasons == []


def test_what_a_watcher_raises_ends_the_training_and_leaves_no_run(
    drawn_dataset: Dataset, tmp_path: Path
) -> None:
    diary = Diary(enough=1)

    with pytest.raises(StopError, match="heard enough"):
        train(drawn_dataset, tmp_path / "run", config=SCRATCH, watcher=diary)

    assert diary.reasons == ["heard enough"]
    assert not (tmp_path / "run").exists()


def test_resumed_training_gives_the_watcher_its_memory_back(
    drawn_dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(StopError):  # after the checkpoint of the first epoch
        train(drawn_dataset, tmp_path / "run", config=SCRATCH, watcher=Diary(enough=2))
    diary = Diary()

    train(drawn_dataset, tmp_path / "run", config=SCRATCH, resume=True, watcher=diary)

    assert diary.beginnings[0].remembered == {"page": 7}
    assert [row["epoch"] for row in diary.beginnings[0].history] == [0, 1]
    assert [row["epoch"] for row in diary.rows] == [2, 3]


def test_failed_training_is_told_with_its_reason(drawn_dataset: Dataset, tmp_path: Path) -> None:
    diary = Diary()
    config = dataclasses.replace(SCRATCH, learning_rate=1e30, clip_norm=None)

    with pytest.raises(UsageError):
        train(drawn_dataset, tmp_path / "run", config=config, watcher=diary)

    assert len(diary.reasons) == 1
    assert diary.reasons[0].startswith("Training diverged in epoch 1")
    assert diary.runs == []
