"""A run holds what the instruments saw, the same when the training was interrupted."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.run import HISTOGRAMS, Run
from lineament.artifacts.watching import Nobody
from lineament.training.recipe import TrainConfig
from lineament.training.train import train

SCRATCH = TrainConfig(
    mode="scratch", backbone="custom_cnn", widths=(8, 8), size_px=16, epochs=3, batch_size=16
)


class Killed(BaseException):
    """What stands for a process that ends without a word."""


class Stopper(Nobody):
    """Ends a training in its second epoch, when the first one's checkpoint stands."""

    def epoch(self, row: Mapping[str, object], layers: Sequence[LayerValues]) -> None:
        if row["epoch"] == 2:
            raise Killed


@pytest.fixture(scope="module")
def whole(drawn_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(drawn_dataset, tmp_path_factory.mktemp("whole") / "run", config=SCRATCH)


def test_run_has_the_layers_of_every_epoch(whole: Run) -> None:
    assert {row.epoch for row in whole.layers()} == {1, 2, 3}
    assert {row.layer for row in whole.layers() if row.layer.startswith("head")} == {
        "head.weight",
        "head.bias",
    }


def test_history_says_how_far_steps_went(whole: Run) -> None:
    ratios = [row["update_ratio"] for row in whole.history()]

    assert ratios[0] is None
    assert all(ratio is not None and 0 < ratio < 0.15 for ratio in ratios[1:])


def test_card_says_that_nothing_is_wrong(whole: Run) -> None:
    assert whole.card.training["warnings"] == []


def test_interrupted_training_leaves_the_same_histograms(
    whole: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        train(drawn_dataset, tmp_path / "run", config=SCRATCH, watcher=Stopper())

    again = train(drawn_dataset, tmp_path / "run", config=SCRATCH, resume=True)

    assert (again.root / HISTOGRAMS).read_bytes() == (whole.root / HISTOGRAMS).read_bytes()


def test_head_on_frozen_features_has_no_layers_to_measure(
    drawn_dataset: Dataset, tmp_path: Path
) -> None:
    head = TrainConfig(backbone="test_resnet", weights="none", size_px=32)

    run = train(drawn_dataset, tmp_path / "run", config=head)

    assert run.layers() == ()
    assert not (run.root / HISTOGRAMS).exists()
